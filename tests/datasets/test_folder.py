"""Folders of images, CSV manifests, and the digest of what is in them."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deid_bench.datasets.base import Dataset, DatasetError, Sample
from deid_bench.datasets.folder import Folder
from deid_bench.datasets.images import write_png
from deid_bench.datasets.manifest import alike_names, check_samples, file_sha256, manifest_digest


def put(path: Path, seed: int = 0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(write_png(np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)))


@pytest.fixture
def people(tmp_path: Path) -> Path:
    for number, name in enumerate(["p2/10.png", "p2/9.png", "p10/a.png", "p1/session2/b.png", "p1/session1/b.PNG"]):
        put(tmp_path / name, number)
    return tmp_path


def listed(root: Path, *arguments: Any, **options: Any) -> list[Sample]:
    folder = Folder(str(root), *arguments, **options)
    folder.prepare()
    return list(folder.samples())


def test_sub_folders_are_identities_in_natural_order(people: Path) -> None:
    samples = listed(people)
    assert [s.sample_id for s in samples] == [
        "p1/session1/b.PNG",
        "p1/session2/b.png",
        "p2/9.png",
        "p2/10.png",
        "p10/a.png",
    ]
    assert [s.identity for s in samples] == [s.subject for s in samples] == ["p1", "p1", "p2", "p2", "p10"]
    assert all(s.image().shape == (16, 16, 3) and s.sha256 == file_sha256(s.path) for s in samples)
    assert isinstance(Folder(str(people)), Dataset)


def test_what_is_no_sample_is_counted(people: Path) -> None:
    (people / "p1" / "notes.txt").touch()
    (people / "p1" / ".thumb.png").touch()
    (people / ".cache").mkdir()
    put(people / "stray.png")
    (people / "p3").symlink_to(people / "p2", target_is_directory=True)
    folder = Folder(str(people))
    folder.prepare()
    assert len(folder.samples()) == 5
    assert folder.ignored == {"other file type (.txt)": 1, "hidden": 2, "outside a sub-folder": 1, "linked folder": 1}


def test_damaged_files_stay_samples(people: Path) -> None:
    (people / "p1" / "broken.png").write_bytes(b"")
    assert "p1/broken.png" in [s.sample_id for s in listed(people)]


def test_names_outside_the_allowed_letters_get_unique_ids(tmp_path: Path) -> None:
    for name in ("Jürgen/hand 1.png", "Jürgen/hand+1.png", "plain/x.png"):
        put(tmp_path / name)
    samples = listed(tmp_path)
    check_samples(samples)
    assert {s.identity for s in samples} == {"Jürgen", "plain"}
    assert "plain/x.png" in {s.sample_id for s in samples}


def test_prepare_is_idempotent_and_says_how_far_it_is(people: Path) -> None:
    calls = []
    folder = Folder(str(people))
    with pytest.raises(DatasetError, match="call prepare"):
        folder.samples()
    folder.prepare(jobs=3, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(n, 5) for n in range(1, 6)]
    before = folder.samples()
    put(people / "p9" / "new.png")
    folder.prepare()
    assert folder.samples() == before


def test_modality_belongs_to_the_instance(people: Path) -> None:
    face = Folder(str(people), modality="face")
    assert (face.info.modality, Folder(str(people)).info.modality, Folder.info.modality) == ("face", "palm", "palm")
    assert not face.info.redistributable


def test_manifest_says_who_is_who(people: Path) -> None:
    (people / "who.csv").write_text(
        "\ufefffile, identity, hand, session, subject, note\n"
        "p2/9.png, alice-l, left, 2024, alice, x\n"
        '"p10/a.png", bob, , , , "a, b"\n',
        encoding="utf-8",
    )
    first, second = listed(people, "who.csv", groups="note")
    assert (first.identity, first.hand, first.session, first.subject) == ("alice-l", "left", "2024", "alice")
    assert (second.identity, second.hand, second.session, second.subject) == ("bob", None, None, "bob")
    assert (first.groups, second.groups) == ({"note": "x"}, {"note": "a, b"})
    assert listed(people, str(people / "who.csv"), groups="note") == [first, second]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file\np2/9.png\n", "add identity"),
        ("file;identity\np2/9.png;a\n", "add file and identity .* not by ';'"),
        ("", "add file and identity"),
        ("file,identity,identity\np2/9.png,a,b\n", "expected each column once, got .'identity'. twice"),
        ("file,identity\np2/9.png,a,b\n", "line 2: expected 2 cells, got 3"),
        ('file,identity\np2/9.png,"a\np10/a.png,b\n', "line 2: .* a quote that is not closed"),
        ('file,identity\np2/9.png,"a"b\n', "line 2: .* followed by more text"),
        ('file,identity\np2/9.png,"a\nb"\n', "line 2: expected cells of one line"),
        ("file,identity\n", "expected images"),
        ("file,identity\n../secret.png,a\n", "line 2: expected a path inside"),
        ("file,identity\n/etc/passwd,a\n", "line 2: expected a path inside"),
        ("file,identity\np2/9.png,a\ngone.png,a\n", "line 3: expected an existing file"),
        ("file,identity\np2/9.png,a\np2/9.png,b\n", "line 3: expected each file once"),
        ("file,identity\np2/9.png,\n", "line 2: expected a file and an identity"),
        ("file,identity\np2/9.png\n", "line 2: expected 2 cells, got 1; leave a cell empty by its comma"),
        ("file,identity,subject\np2/9.png,a\n", "line 2: expected 3 cells, got 2"),
        (f"file,identity\np2/9.png,a\n{'9' * 5000},a\n", "line 3: expected an existing file"),
        (f"file,identity\np2/9.png,{'a' * 200_000}\n", "line 2: .* a cell of more than 131,072 characters"),
        ("file,identity,hand\np2/9.png,a,both\n", "expected hand left, right or empty"),
    ],
)
def test_bad_manifests_are_refused(people: Path, text: str, message: str) -> None:
    put(people.parent / "secret.png")
    (people / "who.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DatasetError, match=message):
        listed(people, "who.csv")


@pytest.mark.parametrize("lines", ["p2/9.png,a,S0\np2/10.png,a,S1\n", "p2/9.png,a,S0\np2/10.png,a,\n"])
def test_an_identity_is_of_one_subject(people: Path, lines: str) -> None:
    (people / "labels.csv").write_text(f"file,identity,subject\n{lines}")
    with pytest.raises(DatasetError, match=r"one subject for an identity.*'a' is of 'S0' \(p2/9.png\) and of"):
        Folder(str(people), manifest="labels.csv").prepare()


def test_an_identity_is_of_one_hand(people: Path) -> None:
    (people / "labels.csv").write_text("file,identity,hand\np2/9.png,a,left\np2/10.png,a,\np10/a.png,a,right\n")
    with pytest.raises(
        DatasetError, match=r"one hand for an identity.*'a' is a left hand \(p2/9.png\) and a right one"
    ):
        listed(people, "labels.csv")
    (people / "labels.csv").write_text("file,identity,hand\np2/9.png,a,left\np2/10.png,a,\np10/a.png,b,right\n")
    assert [each.hand for each in listed(people, "labels.csv")] == ["left", None, "right"]


def test_names_that_are_probably_one_are_found(tmp_path: Path) -> None:
    def alike_in(*names: str) -> dict[str, str]:
        return alike_names([Sample(str(n), name, name, tmp_path, "00") for n, name in enumerate(names)])

    assert alike_in("José", "Jose", "Jose\u0301", "José 2") == {"'Jose\\u0301'": "'José'"}
    assert alike_in("Anna", "anna", "ANNA") == {"'anna'": "'Anna'", "'ANNA'": "'Anna'"}
    assert alike_in("a b", "a  b", " a b", "ab") == {"'a  b'": "'a b'", "' a b'": "'a b'"}
    assert alike_in("Zoë", "Zoë\u200b") == {"'Zoë\\u200b'": "'Zoë'"}
    assert alike_in("1", "01", "1.0", "p-1", "p1") == {}
    shared = [Sample(each, each, who, tmp_path, "00") for each, who in (("l", "Ann"), ("r", "ann"))]
    assert alike_names(shared) == {"'ann'": "'Ann'"}


def test_a_manifest_that_is_no_text_is_refused(people: Path) -> None:
    with pytest.raises(DatasetError, match="expected a CSV file"):
        listed(people, "none.csv")
    with pytest.raises(DatasetError, match="UTF-8 CSV"):
        listed(people, "p2/9.png")


def test_a_link_out_of_the_folder_costs_itself_alone(people: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "x.png"
    put(outside)
    (people / "p1" / "x.png").symlink_to(outside)
    folder = Folder(str(people))
    folder.prepare()
    assert len(folder.samples()) == 5
    assert folder.ignored == {"link that leads out of the folder": 1}
    (people / "who.csv").write_text("file,identity\np1/x.png,a\np2/9.png,b\n")
    table = Folder(str(people), "who.csv")
    table.prepare()
    assert [each.sample_id for each in table.samples()] == ["p2/9.png"]
    assert table.ignored["manifest line: link that leads out of the folder"] == 1


def test_folders_without_images_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="got none"):
        listed(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DatasetError, match=r"1 other file type \(\.txt\)"):
        listed(tmp_path)
    put(tmp_path / "flat.png")
    with pytest.raises(DatasetError, match="expected a folder"):
        listed(tmp_path / "gone")
    with pytest.raises(DatasetError, match="expected a folder"):
        listed(tmp_path / "flat.png")


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="palm or face"):
        Folder("x", modality="iris")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="path"):
        Folder("")


def test_digest_depends_on_content_and_labels_alone(people: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    samples = listed(people)
    digest = manifest_digest(samples)
    shuffled = random.Random(0).sample(samples, len(samples))
    assert manifest_digest(shuffled) == digest
    moved = [replace(s, path=tmp_path_factory.getbasetemp() / s.path.name) for s in samples]
    assert manifest_digest(moved) == digest
    changes: tuple[dict[str, Any], ...] = (
        {"sample_id": "other"},
        {"identity": "other"},
        {"subject": "other"},
        {"hand": "left"},
        {"session": "2"},
        {"sha256": "0" * 64},
    )
    for change in changes:
        assert manifest_digest([replace(samples[0], **change), *samples[1:]]) != digest


def test_digest_format_is_frozen(tmp_path: Path) -> None:
    sample = Sample("a/1.png", "a", "ä", tmp_path, "00", session=None, hand="left")
    assert manifest_digest([sample]) == "0d7172420c6520f9808717d7ce6b3bc28eff7d3edfe74cfe896834fc6bf52cd0"


def test_file_digest_follows_the_file(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"abc")
    assert file_sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    path.write_bytes(b"abcd")
    assert file_sha256(path).startswith("88d4266f")
    with pytest.raises(DatasetError, match="readable"):
        file_sha256(tmp_path / "gone")


@pytest.mark.parametrize("name", ["", "a b", "../a", "/a", "a//b", "a/./b", "ä"])
def test_sample_ids_must_serve_as_file_names(tmp_path: Path, name: str) -> None:
    with pytest.raises(DatasetError, match="sample ids"):
        check_samples([Sample(name, "a", "a", tmp_path, "00")])


def test_sample_lists_must_be_unique_and_not_empty(tmp_path: Path) -> None:
    sample = Sample("a", "a", "a", tmp_path, "00")
    check_samples([sample])
    with pytest.raises(DatasetError, match="twice"):
        check_samples([sample, sample])
    with pytest.raises(DatasetError, match="at least one"):
        check_samples([])
