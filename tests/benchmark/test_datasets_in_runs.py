"""What a run says and keeps of its dataset: what was passed over, what it is called, and why there are no rates."""

from __future__ import annotations

import json
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from narrowed import present

from deid_bench.benchmark.planning.loaded_dataset import load_dataset
from deid_bench.benchmark.records.record import load_record, record_bytes
from deid_bench.benchmark.results.distances_file import DISTANCES_NAME, read
from deid_bench.benchmark.submission.recompute import recompute
from deid_bench.cli import main
from deid_bench.datasets.folder import FLAT
from deid_bench.datasets.images import read_image, write_png
from deid_bench.plugins.entries import registry


@pytest.fixture
def hands(tmp_path: Path) -> Path:
    """The toy hands as a folder of a user's own, with a text file, a hidden one and a copy."""
    root = tmp_path / "secret place" / "my hands"
    for each in load_dataset(f"toy-hands:folder={tmp_path / 'drawn'},identities=5", 0, 1, None).samples:
        target = root / each.identity / each.path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(each.path.read_bytes())
    (root / "notes.txt").write_text("hello")
    (root / ".DS_Store").write_text("")
    return root


def run(out: Path, dataset: str, *more: str, code: int = 0) -> Path:
    arguments = ["run", "--out", str(out), "--backend", "serial", "-m", "toy_noise", "--dataset", dataset]
    toy = ["--analyzer", "toy_analyzer", "--recognizer", "toy_recognizer"]
    toy += [] if "--protocol" in more else ["--protocol", "palm-paper/1.0"]
    assert main([*arguments, *toy, *more]) == code
    (found,) = out.glob("*/run.json")
    return found


def test_what_is_passed_over_is_said_and_kept(hands: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = run(tmp_path / "out", f"folder:path={hands}")
    assert "folder:name=my hands: passed over 1 hidden, 1 other file type (.txt)" in capsys.readouterr().out
    record = load_record(path)
    assert record.dataset.passed_over == {"hidden": 1, "other file type (.txt)": 1}
    toy = ["--protocol", "palm-paper/1.0", "--analyzer", "toy_analyzer", "--recognizer", "toy_recognizer"]
    assert main(["plan", "-m", "toy_noise", "--dataset", f"folder:path={hands}", "--out", str(tmp_path), *toy]) == 0
    assert "passed over 1 hidden, 1 other file type (.txt)" in capsys.readouterr().out
    assert main(["data", "verify", f"folder:path={hands}"]) == 0
    said = capsys.readouterr().out
    assert "passed over  2" in said
    assert "notes.txt" in said
    assert main(["data", "verify", f"folder:path={hands}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["passed_names"]["hidden"] == [".DS_Store"]


def test_a_limit_that_leaves_nobody_out_is_none(hands: Path, tmp_path: Path) -> None:
    spec = f"folder:path={hands}"
    assert [load_dataset(spec, limit, 1, None).limited for limit in (0, 4, 5, 6)] == [False, True, False, False]
    path = run(tmp_path / "out", spec, "--limit", "300")
    record = load_record(path)
    assert not record.dataset.limited
    # What an older version marked is made again.
    marked = record.model_copy(update={"dataset": record.dataset.model_copy(update={"limited": True})})
    path.write_bytes(record_bytes(marked))
    shutil.rmtree(tmp_path / "out" / ".store" / "cells")
    assert load_record(run(tmp_path / "out", spec)).dataset == record.dataset


def test_a_path_is_a_dataset_and_is_written_nowhere(
    hands: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    path = run(out, str(hands))
    capsys.readouterr()
    record = load_record(path)
    assert record.dataset.spec == "folder:name=my hands"
    assert record.dataset.params["name"] == "my hands"
    assert "path" not in record.dataset.params
    written = [each for each in out.rglob("*") if each.is_file() and ".store" not in each.parts]
    assert len(written) > 3
    for each in written:
        assert b"secret place" not in each.read_bytes(), each
    assert run(tmp_path / "named", f"folder:path={hands},name=cohort A").parent.name.startswith(
        "toy_noise__folder-name-cohort-A__"
    )
    assert load_record(next((tmp_path / "named").glob("*/run.json"))).digest == record.digest


def test_a_flat_folder_gives_quality_and_drift_and_says_why_no_rates(
    hands: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flat = tmp_path / "flat"
    flat.mkdir()
    for number, each in enumerate(sorted(hands.glob("*/*.png"))):
        (flat / f"{number}.png").write_bytes(each.read_bytes())
    for protocol in ("palm-paper/1.0", "palm/1.0", "palm/2.0"):
        path = run(tmp_path / protocol.replace("/", "-"), str(flat), "--protocol", protocol)
        record = load_record(path)
        assert record.dataset.no_rates == FLAT
        assert present(record.value("psnr")).value is not None
        assert present(record.value("drift_roi")).value is not None
        for metric in ("rr", "dir", "eer", "rank1_with_source"):
            value = present(record.value(metric, "toy_recognizer"))
            assert (value.value, value.reason) == (None, FLAT)
        assert any(FLAT in alarm for alarm in record.alarms)
        assert all(row.distances["toy_recognizer"] is not None for row in record.samples)
    assert "quality and drift alone; no attacker was tried" in capsys.readouterr().out


def test_without_rates_every_number_of_distances_is_there_with_the_reason(hands: Path, tmp_path: Path) -> None:
    """Those, and no others, that the same images give where it is known who is who; records of before may lack some."""
    flat = tmp_path / "flat"
    flat.mkdir()
    for number, each in enumerate(sorted(hands.glob("*/*.png"))[:6]):
        (flat / f"{number}.png").write_bytes(each.read_bytes())
    own = ["--metric", f"{Path(__file__).parents[1] / 'my_metrics.py'}:OwnRatio", "--attacks", "none"]
    for seeds in ("1", "2"):
        rated, bare = (
            load_record(run(tmp_path / f"{name}-{seeds}", str(place), *own, "--seeds", seeds))
            for name, place in (("rated", hands), ("bare", flat))
        )
        absent = {each.metric: (each.value, each.reason) for each in bare.values if each.recognizer}
        assert absent.keys() == {each.metric for each in rated.values if each.recognizer}
        assert set(absent.values()) == {(None, FLAT)}
        assert {"linkability", "d_sys", "singling_out"} <= absent.keys()
    path = next((tmp_path / "bare-1").glob("*/run.json"))
    record, distances = load_record(path), read(path.parent / DISTANCES_NAME)
    before = record.model_copy(update={"values": [each for each in record.values if each.metric != "linkability"]})
    for held, words in ((record, []), (before, ["values (that linkability are not among them)"])):
        again = recompute(held, distances)
        assert {verdict.outcome for verdict in again.verdicts if verdict.recognizer} == {"equal"}
        assert [said for said in again.words if "linkability" in said] == words


def test_three_images_of_nobody_known_need_no_split(hands: Path, tmp_path: Path) -> None:
    """A protocol that parts people, and attackers that learn on some of them, ask for more people than there are."""
    for number, each in enumerate(sorted(hands.glob("*/*.png"))[:3]):
        (tmp_path / "flat").mkdir(exist_ok=True)
        (tmp_path / "flat" / f"{number}.png").write_bytes(each.read_bytes())
    record = load_record(run(tmp_path / "out", str(tmp_path / "flat"), "--protocol", "palm/2.0"))
    assert record.attacks is None
    assert present(record.value("psnr")).value is not None


@pytest.mark.usefixtures("registry_as_before")
def test_a_flat_folder_of_faces_needs_no_queries(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    registry().add_file(Path(__file__).parent / "face_world.py")
    flat = tmp_path / "flat"
    flat.mkdir()
    for number, each in enumerate(load_dataset(f"toy-faces:folder={tmp_path / 'drawn'}", 0, 1, None).samples):
        (flat / f"{number}.png").write_bytes(each.path.read_bytes())
    words = ["run", "-m", "toy_same", "-d", f"folder:path={flat},modality=face", "--protocol", "face/1.1"]
    words += ["--analyzer", "toy_face_analyzer", "-r", "toy_face_recognizer", "--backend", "serial"]
    assert main([*words, "--out", str(tmp_path / "out")]) == 0
    assert "no attacker was tried" in capsys.readouterr().out
    (path,) = (tmp_path / "out").glob("*/run.json")
    record = load_record(path)
    assert record.attacks is None
    assert (record.counts.done, record.dataset.no_rates) == (24, FLAT)
    assert main([*words, "--attacks", "basic", "--out", str(tmp_path / "attacked")]) == 2
    assert "expected a dataset that supports rates of recognition" in capsys.readouterr().err


def test_nothing_measured_ends_with_1(tmp_path: Path) -> None:
    for person in "ab":
        for number in range(2):
            target = tmp_path / "black" / person / f"{number}.png"
            target.parent.mkdir(parents=True, exist_ok=True)
            image = np.zeros((96, 80, 3), np.uint8)
            image[0, 0] = ord(person) + number
            target.write_bytes(write_png(image))
    run(tmp_path / "out", str(tmp_path / "black"), code=1)


def test_own_pictures_stand_on_own_boards_when_their_owner_says_so(hands: Path, tmp_path: Path) -> None:
    kept = run(tmp_path / "kept", f"folder:path={hands}")
    assert not (kept.parent / "previews").exists()
    shown = run(tmp_path / "shown", f"folder:path={hands},show=true")
    assert list((shown.parent / "previews").glob("*.jpg"))
    assert b"data:image/jpeg" in (tmp_path / "shown" / "board.html").read_bytes()
    assert not load_record(shown).dataset.redistributable


def test_a_folder_of_the_other_modality_is_told_what_to_type(
    hands: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(hands, tmp_path / "plain")
    for spec, typed in (
        (str(hands), f"'folder:path={hands},modality=face'"),
        (f"folder:path={tmp_path / 'plain'},name=mine", f"folder:path={tmp_path / 'plain'},name=mine,modality=face"),
    ):
        assert main(["plan", "-m", "blurring", "-p", "face/1.1", "-d", spec, "-o", str(tmp_path)]) == 2
        said = capsys.readouterr().err
        assert f"is a palm dataset; face/1.1 needs a face one; if its images show faces, say so: --dataset {typed}" in (
            said
        )
        (given,) = shlex.split(typed)
        assert load_dataset(given, 0, 1, None).info.modality == "face"
    faces = f"folder:path={tmp_path / 'plain'},modality=face"
    assert main(["plan", "-m", "blurring", "-p", "palm/1.0", "-d", faces, "-o", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert f"palms, say so: --dataset folder:path={tmp_path / 'plain'},modality=palm" in said
    assert main(["plan", "-m", "blurring", "-p", "face/1.1", "-d", "palm-mini", "-o", str(tmp_path)]) == 2
    assert "needs a face one\n" in capsys.readouterr().err


def test_a_name_of_a_dataset_is_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "palm-mini").mkdir()
    assert load_dataset("palm-mini", 0, 1, None).plugin.name == "palm-mini"


def test_a_file_under_two_identities_is_an_alarm_and_a_line(
    hands: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, *_, last = sorted(hands.glob("*/*.png"))
    (last.parent / "wrong.png").write_bytes(first.read_bytes())
    names = [each.relative_to(hands).as_posix() for each in (last.parent / "wrong.png", first)]
    note = f"the same file under two identities, one of which is probably wrong: 1 ({' = '.join(names)})"
    assert note in load_record(run(tmp_path / "out", str(hands))).alarms
    arguments = ["-m", "identity", "-d", str(hands), "--analyzer", "toy_analyzer", "-r", "toy_recognizer"]
    assert main(["plan", *arguments, "-o", str(tmp_path / "out")]) == 0
    assert note in capsys.readouterr().out
    loaded = load_dataset(str(flat(hands, tmp_path / "flat")), 0, 1, None)
    assert not any("two identities" in each for each in loaded.notes)


def test_one_person_under_two_forms_of_a_name_is_an_alarm_and_a_line(
    hands: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = sorted(each for each in hands.iterdir() if each.is_dir())
    for each, name in zip(folders, ("Jos\u00e9", "Jose\u0301", "Zo\u00eb", "Zo\u00eb\u200b"), strict=False):
        each.rename(hands / name)
    note = (
        "identities whose names differ only in case, blanks or the form of their characters, and are probably one "
        "person: 2 ('Jose\\u0301' = 'José', 'Zoë' = 'Zoë\\u200b')"
    )
    assert set(load_dataset(str(hands), 0, 1, None).notes) == {note}
    assert note in load_record(run(tmp_path / "out", str(hands))).alarms
    capsys.readouterr()
    main(["data", "verify", str(hands)])
    assert note in capsys.readouterr().out
    table = hands / "who.csv"
    files = [each.relative_to(hands).as_posix() for each in sorted(hands.glob("*/*.png"))]
    lines = [f"{name},{'Ann' if number % 2 else 'ann'}" for number, name in enumerate(files)]
    table.write_text("\n".join(["file,identity", *lines]), encoding="utf-8")
    (said,) = load_dataset(f"folder:path={hands},manifest=who.csv", 0, 1, None).notes
    assert "probably one person: 1 (" in said


def flat(hands: Path, folder: Path) -> Path:
    """The same images in one folder, where nobody is said to be somebody."""
    folder.mkdir()
    for number, each in enumerate(sorted(hands.glob("*/*.png"))):
        (folder / f"{number}.png").write_bytes(each.read_bytes())
    return folder


def test_the_notes_of_a_dataset_are_alarms_that_verify_expects(hands: Path, tmp_path: Path) -> None:
    first = sorted(hands.glob("*/*.png"))[0]
    (first.parent / "copy.png").write_bytes(first.read_bytes())
    path = run(tmp_path / "out", str(hands))
    record = load_record(path)
    (note,) = record.dataset.notes
    assert "byte-equal" in note
    assert record.alarms[0] == note
    found = recompute(record, read((path.parent / DISTANCES_NAME).read_bytes()))
    assert not found.problems


@pytest.mark.parametrize(
    ("sessions", "said"),
    [
        ("1122", "of one session are 10 of 30 pairs of images of one identity"),
        ("1111", "of one session are all 30 pairs of images of one identity"),
        ("1234", ""),
        ("", ""),
    ],
)
def test_pairs_of_one_session_are_an_alarm(sessions: str, said: str, hands: Path) -> None:
    """Light, skin and background are the same there, so that people are found more easily than on another day."""
    lines = ["file,identity,session"]
    for person in sorted(each for each in hands.iterdir() if each.is_dir() and not each.name.startswith(".")):
        images = sorted(person.glob("*.png"))[:3]
        for number in range(4):
            copy = person / f"more{number}.png"
            pixels = read_image(images[0]).copy()
            pixels[:8, : 8 + number] = 40 * number
            copy.write_bytes(write_png(pixels))
            lines.append(f"{copy.relative_to(hands)},{person.name},{sessions[number] if sessions else ''}")
    (hands / "who.csv").write_text("\n".join(lines) + "\n")
    notes = load_dataset(f"folder:path={hands},manifest=who.csv", 0, 1, None).notes
    told = [each for each in notes if "session" in each]
    assert [each.partition(":")[0] for each in told] == ([said] if said else [])


@pytest.mark.parametrize("name", ["./nofolder", "photoz/", "/nowhere/at/all", "~/no such folder"])
def test_a_path_where_nothing_is_is_no_misspelled_dataset(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "-m", "blurring", "--dataset", name]) == 2
    err = " ".join(capsys.readouterr().err.split())
    assert f"there is no folder {name}" in err
    assert "did you mean" not in err
