"""A run on people of known groups tells its numbers by group, in record, terminal and board, and names small groups."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from narrowed import present

from deid_bench.benchmark.planning.loaded_dataset import load_dataset
from deid_bench.benchmark.records.record import RunRecord, load_record
from deid_bench.cli import main
from deid_bench.datasets.palm_mini import PalmMini
from deid_bench.reports.board.card import sections
from deid_bench.reports.leaderboard.by_group import group_lines


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on 24 toy people: 13 tall, 11 short; two of them from the moon, of one it is not known."""
    root = tmp_path_factory.mktemp("groups")
    samples = load_dataset(f"toy-hands:folder={root / 'drawn'},identities=24,samples=2", 0, 1, None).samples
    hands = root / "hands"
    hands.mkdir()
    with (hands / "who.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "identity", "size", "home"])
        for each in samples:
            (hands / each.path.name).write_bytes(each.path.read_bytes())
            number = int(each.path.name[:2])
            home = "moon" if number < 2 else "" if number == 2 else "earth"
            writer.writerow([each.path.name, each.identity, "tall" if number < 13 else "short", home])
    arguments = ["run", "--out", str(root / "out"), "--backend", "serial", "-m", "toy_noise", "--quiet"]
    arguments += ["-d", f"folder:path={hands},manifest=who.csv,groups=size+home"]
    assert main([*arguments, "--analyzer", "toy_analyzer", "--recognizer", "toy_recognizer"]) == 0
    (path,) = (root / "out").glob("*/run.json")
    return path


@pytest.fixture
def record(made: Path) -> RunRecord:
    return load_record(made)


def test_groups_are_counted_and_small_ones_named(record: RunRecord) -> None:
    groups = {(each.kind, each.group): each for each in present(record.groups).groups}
    assert groups["size", "tall"].people == 13
    assert groups["size", "short"].images == 22
    assert groups["size", "tall"].reason is None
    assert groups["home", "moon"].people == 2
    assert "fewer than 10 people" in present(groups["home", "moon"].reason)
    assert not any(each.group == "moon" for each in present(record.groups).numbers)


def test_numbers_of_groups_make_up_the_whole(record: RunRecord) -> None:
    for metric, recognizer in (("ssim", None), ("psnr", None), ("rr", "toy_recognizer")):
        told = {
            each.group: each
            for each in present(record.groups).numbers
            if (each.kind, each.metric, each.recognizer) == ("size", metric, recognizer)
        }
        assert set(told) == {"short", "tall"}
        mean = sum(each.value * each.n for each in told.values()) / sum(each.n for each in told.values())
        assert mean == pytest.approx(present(record.value(metric, recognizer)).value)
        for each in told.values():
            assert present(each.interval).low <= each.value <= present(each.interval).high


def test_numbers_of_a_group_are_those_of_its_rows(record: RunRecord) -> None:
    rows = [row.measures["ssim"] for row in record.samples if int(row.sample_id[:2]) < 13]
    (tall,) = (each for each in present(record.groups).numbers if (each.group, each.metric) == ("tall", "ssim"))
    assert tall.value == pytest.approx(np.mean([present(each) for each in rows]))


def test_differences_are_tested(record: RunRecord) -> None:
    tests = {(each.kind, each.metric): each for each in present(record.groups).tests}
    assert ("home", "ssim") not in tests  # one rated group: nothing to compare
    assert 0 < tests["size", "ssim"].p <= tests["size", "ssim"].p_holm <= 1
    assert (tests["size", "skipped"].spread, tests["size", "skipped"].p) == (0, 1)


def test_tables_tell_them(record: RunRecord) -> None:
    text = "\n".join(group_lines(record))
    assert "by size: short (11 people), tall (13 people)" in text
    assert "moon (2 people): fewer than 10 people: named, not rated" in text
    card = dict(sections(record))
    assert dict(card["By size"])["groups"] == "by size: short (11 people), tall (13 people)"
    assert "By home" in card


def test_rendered_palms_know_their_skin() -> None:
    tones = {each.subject: each.groups["skin"] for each in PalmMini().samples()}
    assert len(tones) == 12
    assert set(tones.values()) <= {"light", "medium", "dark"}


def test_where_nobody_knows_who_takes_part_no_group_has_a_number(made: Path, tmp_path: Path) -> None:
    """An analyzer that runs out of memory on large pictures does not say that it finds fewer tall people."""
    faulty = f"{Path(__file__).parents[1] / 'faulty.py'}:FaultyAnalyzer"
    hands = made.parents[2] / "hands"
    arguments = ["run", "--out", str(tmp_path / "out"), "--backend", "serial", "-m", "toy_noise", "--quiet"]
    arguments += ["-d", f"folder:path={hands},manifest=who.csv,groups=size+home", "--attacks", "none"]
    assert main([*arguments, "--analyzer", faulty, "--recognizer", "toy_recognizer"]) == 1
    (path,) = (tmp_path / "out").glob("*/run.json")
    groups = present(load_record(path).groups)
    assert groups.groups
    assert all("the detector fell over" in (each.reason or "") for each in groups.groups)
    assert groups.numbers == []
    assert groups.tests == []


def test_labels_that_were_changed_are_read_again(
    made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are in no digest, and counts of groups may stay: everybody changes places."""
    hands = tmp_path / "hands"
    shutil.copytree(made.parents[2] / "hands", hands)
    arguments = ["run", "--out", str(tmp_path / "out"), "--backend", "serial", "-m", "toy_noise", "--quiet"]
    arguments += ["-d", f"folder:path={hands},manifest=who.csv,groups=size+home", "--attacks", "none"]
    arguments += ["--analyzer", "toy_analyzer", "--recognizer", "toy_recognizer"]
    assert main(arguments) == 0
    (path,) = (tmp_path / "out").glob("*/run.json")
    first = load_record(path)
    assert main(arguments) == 0
    assert load_record(path).host == first.host  # answered from the store
    table = hands / "who.csv"
    lines = [line.split(",") for line in table.read_text().splitlines()]
    people = {line[1]: line[2] for line in lines[1:]}
    turned = dict(zip(people, reversed(people.values()), strict=True))
    table.write_text("\n".join(",".join([*line[:2], turned.get(line[1], line[2]), *line[3:]]) for line in lines) + "\n")
    assert main(arguments) == 0
    second = load_record(path)
    assert second.digest == first.digest
    counts = [[(each.group, each.people, each.images) for each in present(record.groups).groups]
              for record in (first, second)]  # fmt: skip
    assert counts[0] == counts[1]
    assert present(second.groups).numbers != present(first.groups).numbers
    # So is what is passed over.
    (hands / "notes.txt").write_text("hello")
    assert main([each for each in arguments if each != "--quiet"]) == 0
    assert "passed over 1 other file type (.txt)" in capsys.readouterr().out
    assert load_record(path).dataset.passed_over == {"other file type (.txt)": 1}


def test_a_person_is_in_one_group_of_a_kind(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hands = tmp_path / "hands"
    shutil.copytree(made.parents[2] / "hands", hands)
    table = hands / "who.csv"
    lines = table.read_text().splitlines()
    lines[1] = lines[1].replace("tall", "short")
    table.write_text("\n".join(lines) + "\n")
    arguments = ["run", "--out", str(tmp_path / "out"), "-m", "toy_noise", "--analyzer", "toy_analyzer"]
    arguments += ["--recognizer", "toy_recognizer", "-d", f"folder:path={hands},manifest=who.csv,groups=size"]
    assert main(arguments) == 2
    assert "expected one size for a person" in capsys.readouterr().err
