"""`deid-bench data register`, `status` and `verify`: what is found out about a folder, and what is remembered."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
from narrowed import present

from deid_bench.cli import main
from deid_bench.datasets.base import DatasetError
from deid_bench.datasets.layouts.registration_audit import Survey, survey
from deid_bench.datasets.layouts.registrations import find_registration, registration_file
from deid_bench.datasets.manifest import manifest_digest
from deid_bench.datasets.published.iitd import Iitd
from deid_bench.datasets.published.lfw import Lfw
from deid_bench.datasets.published.rest import Rest

IITD = [f"{hand} Hand/00{subject}_{n}.JPG" for hand in ("Left", "Right") for subject in (1, 2, 3) for n in (1, 2)]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Calls the command line, with nobody there to answer: exit code, standard output, error stream."""
    monkeypatch.setattr("sys.stdin", io.StringIO())

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main([str(each) for each in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def row(run: Callable[..., tuple[int, str, str]], name: str) -> dict[str, Any]:
    code, out, _ = run("data", "status", "--json")
    shown: dict[str, Any] = next(each for each in json.loads(out) if each["name"] == name)
    return shown | {"code": code}


def found(root: Path, loader: Any = Iitd, parts: Any = ("original",), **options: Any) -> Survey:
    return survey(loader(**options), root, parts)


# ------------------------------------------------------------------------------------------------ the round trip


def test_register_use_change_verify(
    run: Callable[..., tuple[int, str, str]], build: Callable[[Iterable[str]], Path]
) -> None:
    root = build([*IITD, "Segmented/Left/001_1.bmp", "Segmented/Right/001_1.bmp"])
    assert row(run, "iitd")["state"] == "not registered"
    code, out, _ = run("data", "register", "iitd", root, "--accept-licence", "--quiet")
    assert (code, out) == (0, "")
    assert row(run, "iitd")["state"] == "registered"
    assert {part: each["images"] for part, each in row(run, "iitd")["parts"].items()} == {
        "original": 12,
        "segmented": 2,
    }

    dataset = Iitd()
    dataset.prepare()
    assert len(dataset.samples()) == 12
    known = present(find_registration("iitd"))
    assert known.parts["original"].manifest == manifest_digest(dataset.samples())
    assert known.files["Left Hand/001_1.JPG"].sha256 == dataset.samples()[0].sha256
    segmented = Iitd(images="segmented")
    segmented.prepare()
    assert len(segmented.samples()) == 2
    code, out, _ = run("data", "verify", "iitd", "--hashes-only")
    assert code == 0
    assert "images       not looked at" in out
    assert "passed over" not in out

    victim = root / "Left Hand" / "001_2.JPG"
    shutil.copyfile(root / "Left Hand" / "002_1.JPG", victim)
    assert (row(run, "iitd")["state"], row(run, "iitd")["changed"], row(run, "iitd")["code"]) == ("changed", 1, 1)
    code, out, _ = run("data", "verify", "iitd")
    assert "images       not looked at" in out
    assert "passed over" not in out
    code, out, _ = run("data", "verify", "iitd", "--json")
    data = json.loads(out)
    assert (code, data["changed"], data["missing"], data["new"]) == (1, ["Left Hand/001_2.JPG"], [], [])
    with pytest.raises(DatasetError, match=r"1 new or changed and 0 missing files.*data verify iitd"):
        Iitd().prepare()

    victim.unlink()
    assert json.loads(run("data", "verify", "iitd", "--json")[1])["missing"] == ["Left Hand/001_2.JPG"]
    with pytest.raises(DatasetError, match="0 new or changed and 1 missing"):
        Iitd().prepare()
    code, _, _ = run("data", "register", "iitd", root, "--quiet")  # the terms were accepted before
    assert code == 0
    Iitd().prepare()
    shutil.rmtree(root)
    assert "is gone" in row(run, "iitd")["text"]


def test_a_changed_file_of_the_same_size_and_time_is_found_by_verify_alone(
    run: Callable[..., tuple[int, str, str]], build: Callable[[Iterable[str]], Path]
) -> None:
    root = build(["Left Hand/001_1.bmp", "Left Hand/001_2.bmp", "Right Hand/001_1.bmp"])
    run("data", "register", "iitd", root, "--accept-licence", "--quiet")
    victim = root / "Left Hand" / "001_1.bmp"
    before = victim.stat()
    victim.write_bytes(victim.read_bytes()[:-1] + b"\x7f")
    os.utime(victim, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert row(run, "iitd")["state"] == "registered"
    from deid_bench import files

    files._hashes.clear()  # as in a new process
    assert json.loads(run("data", "verify", "iitd", "--json")[1])["changed"] == ["Left Hand/001_1.bmp"]


def test_files_that_were_copied_back_are_no_change(
    run: Callable[..., tuple[int, str, str]], build: Callable[[Iterable[str]], Path]
) -> None:
    root = build(IITD)
    run("data", "register", "iitd", root, "--accept-licence", "--quiet")
    os.utime(root / "Left Hand" / "001_1.JPG", ns=(1, 1))
    assert row(run, "iitd")["state"] == "changed"
    Iitd().prepare()  # its bytes are the same
    assert run("data", "verify", "iitd", "--hashes-only")[0] == 0
    assert row(run, "iitd")["state"] == "registered"


def test_new_files_are_said_too(
    run: Callable[..., tuple[int, str, str]], build: Callable[[Iterable[str]], Path], put: Callable[[Path, int], None]
) -> None:
    root = build(IITD)
    run("data", "register", "iitd", root, "--accept-licence", "--quiet")
    put(root / "Left Hand" / "004_1.JPG", 99)
    assert json.loads(run("data", "verify", "iitd", "--json", "--hashes-only")[1])["new"] == ["Left Hand/004_1.JPG"]
    with pytest.raises(DatasetError, match="1 new or changed"):
        Iitd().prepare()


def test_known_files_are_not_read_again(
    run: Callable[..., tuple[int, str, str]], build: Callable[[Iterable[str]], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = build(IITD)
    run("data", "register", "iitd", root, "--accept-licence", "--quiet")
    monkeypatch.setattr("deid_bench.datasets.layouts.tree.file_sha256", lambda path: pytest.fail(f"{path} was read"))
    Iitd().prepare()


def test_left_out_images_are_registered_with_the_others(
    run: Callable[..., tuple[int, str, str]], build: Callable[[Iterable[str]], Path]
) -> None:
    root = build([f"p{n}_{hand}_1.jpg" for n in (121, 122) for hand in "lr"])
    assert run("data", "register", "rest", root, "--accept-licence", "--quiet")[0] == 0
    for drop, count in (("122", 2), ("none", 4)):
        dataset = Rest(drop=drop)
        dataset.prepare()
        assert len(dataset.samples()) == count


def test_a_pattern_of_the_users_own_is_remembered(
    run: Callable[..., tuple[int, str, str]], build: Callable[[Iterable[str]], Path]
) -> None:
    root = build(["links/1.a.jpg", "links/1.b.jpg", "rechts/1.a.jpg"])
    assert run("data", "register", "iitd", root, "--accept-licence", "--quiet")[0] == 2
    spec = r'iitd:pattern="(?P<hand>l|r)\w+/(?P<subject>\d+)\.(?P<sample>\w)\.jpg"'
    assert run("data", "register", spec, root, "--accept-licence", "--quiet")[0] == 0
    dataset = Iitd()
    dataset.prepare()
    assert [s.sample_id for s in dataset.samples()] == ["1-left/a", "1-left/b", "1-right/a"]
    assert run("data", "verify", "iitd", "--hashes-only")[0] == 0


# ------------------------------------------------------------------------------------------------ the terms


def test_terms_are_shown_once_and_remembered(
    run: Callable[..., tuple[int, str, str]], build: Callable[[Iterable[str]], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = build(IITD)
    code, _, err = run("data", "register", "iitd", root)  # nobody there to answer
    assert code == 3
    assert "non-commercial research" in err
    assert "--accept-licence" in err
    assert find_registration("iitd") is None
    assert run("data", "register", "iitd", root, "--accept-licence")[0] == 0
    first = present(find_registration("iitd")).terms_accepted
    code, _, err = run("data", "register", "iitd", root)
    assert code == 0
    assert "non-commercial" not in err
    assert present(find_registration("iitd")).terms_accepted == first

    data = json.loads(registration_file("iitd").read_text())
    data["terms"]["sha256"] = "0" * 64  # accepted were other terms
    registration_file("iitd").write_text(json.dumps(data))
    assert run("data", "register", "iitd", root)[0] == 3
    monkeypatch.setenv("DEID_BENCH_ACCEPT_LICENCES", "wilor, iitd")
    assert run("data", "register", "iitd", root)[0] == 0


def test_ntu_pi_shows_its_own_terms(
    run: Callable[..., tuple[int, str, str]], build: Callable[[Iterable[str]], Path]
) -> None:
    _, _, err = run("data", "register", "ntu-pi", build(["1-L1-Class1.jpg"]))
    assert "forensic" in err
    assert "No storage in a cloud" in err


# ------------------------------------------------------------------------------------------------ the report


def test_counts_are_compared_with_the_published_ones(build: Callable[[Iterable[str]], Path]) -> None:
    part = found(build(IITD)).parts["original"]
    assert (part.record.images, part.record.identities, part.record.subjects) == (12, 6, 3)
    assert part.differences == (
        "12 images here, 2601 published",
        "6 identities here, 460 published",
        "3 subjects here, 230 published",
    )


def test_what_is_missing(build: Callable[[Iterable[str]], Path]) -> None:
    whole = [f"{hand} Hand/{n:03d}_1.JPG" for hand in ("Left", "Right") for n in (1, 2, 3, 5, 6)]
    part = found(build([name for name in whole if name != "Right Hand/002_1.JPG"])).parts["original"]
    assert part.one_handed == ("002",)
    assert part.absent == ("4",)
    assert "right" not in str(part.differences)


def test_a_stray_large_number_is_no_numbering_and_costs_no_memory(build: Callable[[Iterable[str]], Path]) -> None:
    root = build([*IITD, "Left Hand/3000000_1.JPG"])
    tracemalloc.start()
    try:
        part = found(root).parts["original"]
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert part.record.subjects == 4
    assert part.absent == ()
    assert peak < 30_000_000


def test_a_missing_hand_folder(build: Callable[[Iterable[str]], Path]) -> None:
    part = found(build(name for name in IITD if name.startswith("Left"))).parts["original"]
    assert "left hands only" in part.differences
    assert part.one_handed == ()


def test_identities_that_lack_images(build: Callable[[Iterable[str]], Path]) -> None:
    from deid_bench.datasets.published.orl import Orl

    part = found(build([*(f"s1/{n}.pgm" for n in range(1, 11)), "s2/1.pgm"]), Orl).parts["original"]
    assert part.short == {"s2": 1}


def test_double_damaged_and_extra_files(
    run: Callable[..., tuple[int, str, str]], build: Callable[[Iterable[str]], Path]
) -> None:
    root = build([*IITD, "notes.png"])
    shutil.copyfile(root / "Left Hand" / "001_1.JPG", root / "Right Hand" / "002_2.JPG")
    shutil.copyfile(root / "Left Hand" / "003_1.JPG", root / "Left Hand" / "003_2.JPG")
    (root / "Left Hand" / "002_1.JPG").write_bytes(b"no image")
    (root / "readme.txt").touch()
    code, out, _ = run("data", "register", "iitd", root, "--accept-licence", "--json")
    data = json.loads(out)
    assert code == 1
    assert data["twins"] == [["Left Hand/001_1.JPG", "Right Hand/002_2.JPG"]]
    assert data["copies"] == [["Left Hand/003_1.JPG", "Left Hand/003_2.JPG"]]
    assert list(data["unreadable"]) == ["Left Hand/002_1.JPG"]
    assert data["extra"] == ["notes.png"]
    assert data["ignored"] == {"other file type (.txt)": 1}
    code, out, _ = run("data", "register", "iitd", root)
    for words in ("unreadable: 1", "same file under two identities: 1", "same file twice: 1", "extra files: 1"):
        assert words in out
    assert "differs: 12 images here, 2601 published (2,601 in most papers" in out


def test_two_files_for_one_image_are_not_registered(
    run: Callable[..., tuple[int, str, str]], build: Callable[[Iterable[str]], Path]
) -> None:
    code, _, err = run(
        "data", "register", "iitd", build(["Left Hand/001_1.JPG", "Left Hand/001_1.png"]), "--accept-licence"
    )
    assert code == 2
    assert "one file for each image" in err
    assert find_registration("iitd") is None


# ------------------------------------------------------------------------------------------------ archives


def test_archives_are_known_by_the_published_digest(
    run: Callable[..., tuple[int, str, str]],
    build: Callable[[Iterable[str]], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    root = build(["lfw/AJ_Cook/AJ_Cook_0001.jpg"])
    archive = tmp_path / "lfw.tgz"
    archive.write_bytes(b"archive")
    arguments = ("data", "register", "lfw", root, "--accept-licence", "--archive", archive)
    code, _, err = run(*arguments)
    assert code == 2
    assert "a17d05bd522c52d84eca14327a23d494" in err
    monkeypatch.setitem(Lfw.layout.archives, "original", (hashlib.md5(b"archive").hexdigest(),))
    code, out, _ = run(*arguments)
    assert code == 0
    assert hashlib.sha256(b"archive").hexdigest() in out
    assert present(find_registration("lfw")).archives["lfw.tgz"]["sha256"] == hashlib.sha256(b"archive").hexdigest()
    assert run(*arguments[:-1], tmp_path / "gone.tgz")[0] == 2


def test_sets_without_published_digests_take_no_archive(
    run: Callable[..., tuple[int, str, str]], build: Callable[[Iterable[str]], Path], tmp_path: Path
) -> None:
    code, _, err = run("data", "register", "iitd", build(IITD), "--accept-licence", "--archive", tmp_path / "x.7z")
    assert code == 2
    assert "no digest of its archives is published" in err


# ------------------------------------------------------------------------------------------------ mistakes


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["palm-mini", "."], "needs no registration"),
        (["iitt", "."], "did you mean 'iitd'"),
        (["iitd:root=x", "."], "root= and PATH are the same thing"),
        (["iitd", "/nowhere/at/all", "--accept-licence"], "expected a folder"),
    ],
)
def test_mistakes_are_said_in_one_line(
    run: Callable[..., tuple[int, str, str]], arguments: list[str], words: str
) -> None:
    code, _, err = run("data", "register", *arguments)
    assert code == 2
    assert words in err


def test_a_damaged_registration_says_what_to_do(
    run: Callable[..., tuple[int, str, str]], build: Callable[[Iterable[str]], Path]
) -> None:
    root = build(IITD)
    run("data", "register", "iitd", root, "--accept-licence", "--quiet")
    for text in ("{", "[]", '{"format": "other/1"}'):
        registration_file("iitd").write_text(text)
        with pytest.raises(DatasetError, match="register again"):
            Iitd().prepare()
        assert row(run, "iitd")["state"] == "damaged"
    assert run("data", "register", "iitd", root, "--accept-licence", "--quiet")[0] == 0
    Iitd().prepare()


def test_a_data_folder_that_cannot_be_written(
    run: Callable[..., tuple[int, str, str]],
    build: Callable[[Iterable[str]], Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("DEID_BENCH_DATA", str(tmp_path / "file"))
    code, _, err = run("data", "register", "iitd", build(IITD), "--accept-licence", "--quiet")
    assert code == 2
    assert "DEID_BENCH_DATA" in err


def test_a_run_on_an_unregistered_set_says_how_to_get_it(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    code, _, err = run("run", "-m", "blurring", "-d", "iitd", "--out", tmp_path / "out", "--quiet")
    assert code == 2
    assert "Database_Palm.htm" in err
    assert "deid-bench data register iitd PATH" in err


def test_status_knows_every_dataset(run: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = run("data", "status")
    assert code == 0
    for name in ("iitd", "polyu-cf", "rest", "zhou", "ntu-pi", "tongji", "mpd", "casia", "hands-11k", "xjtu-up"):
        assert any(line.startswith(f"{name} ") and "not registered" in line for line in out.splitlines())
    for name in ("orl", "palm-mini", "folder", "lfw"):
        assert any(line.startswith(f"{name} ") for line in out.splitlines())
