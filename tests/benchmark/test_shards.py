"""Parts of a plan, worked on one by one, and the ordinary run that finishes from what they made."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from narrowed import present

from deid_bench.benchmark.engine.backends import serial
from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.planning.plan_file import PlanError, PlanFile, Shard, plan_data, read_plan
from deid_bench.benchmark.planning.tasks import Stage
from deid_bench.benchmark.records.record import load_record
from deid_bench.benchmark.storage.store import Store
from deid_bench.cli import main

FAULTY = Path(__file__).parents[1] / "faulty.py"
CELLS_IN_A_TEXT = json.dumps({**plan_data(PlanFile(RunOptions(methods=("identity",)), (), "out", {})), "cells": "ab"})
PER_IMAGE = set(Stage) - {Stage.COMPARE}


@pytest.fixture
def write_plan(
    toy_arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[Path, list[str]]]:
    """Writes a plan; returns its file and the arguments of the run that it is of."""

    def make(*options: str, blank: int = 0) -> tuple[Path, list[str]]:
        toys = [each for each in toy_arguments if each != "--quiet"]
        for name in {"--analyzer"} & set(options):  # which takes one value
            del toys[toys.index(name) : toys.index(name) + 2]
        arguments = [*toys, *options]
        arguments = [f"{each},blank={blank}" if each.startswith("toy-hands:") else each for each in arguments]
        capsys.readouterr()
        assert main(["plan", *arguments, "--out", str(tmp_path / "out"), "--json"]) == 0
        plan = tmp_path / "plan.json"
        plan.write_text(capsys.readouterr().out)
        return plan, arguments

    return make


def work(plan: Path, shard: str) -> int:
    return main(["work", str(plan), "--shard", shard, "--backend", "serial", "--quiet"])


def objects(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (out / ".store" / "objects").rglob("*.zip")}


def numbers(out: Path) -> list[dict[str, Any]]:
    return [load_record(path).model_dump(exclude={"host"}) for path in sorted(out.rglob("run.json"))]


@pytest.mark.parametrize(
    ("options", "blank"),
    [(("-m", "toy_noise", "-m", "masking", "--seeds", "2"), 0), (("-m", "other"), 4)],
    ids=["two methods", "donors"],
)
def test_parts_make_the_store_of_a_whole_run(
    write_plan: Callable[..., tuple[Path, list[str]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    blank: int,
) -> None:
    """Also of a method that needs another person's image, while some of these show no hand."""
    plan, arguments = write_plan(*options, blank=blank)
    run = ["run", *arguments, "--backend", "serial", "--quiet"]
    assert main([*run, "--out", str(tmp_path / "whole")]) == 0
    for number in (3, 1, 2):
        assert work(plan, f"{number}/3") == 0
    real = serial.SerialBackend.run
    stages: set[str] = set()

    def watch(self: Any, chunks: Any) -> Any:
        stages.update(task.stage for chunk in chunks for task in chunk)
        return real(self, chunks)

    monkeypatch.setattr(serial.SerialBackend, "run", watch)
    assert main([*run, "--out", str(tmp_path / "out")]) == 0
    assert not stages & PER_IMAGE
    assert numbers(tmp_path / "out") == numbers(tmp_path / "whole")
    assert objects(tmp_path / "out") == objects(tmp_path / "whole")


def test_a_part_looks_at_its_own_samples_alone(
    write_plan: Callable[..., tuple[Path, list[str]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, _ = write_plan("-m", "toy_noise")
    assert main(["work", str(plan), "--shard", "2/6", "--backend", "serial", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["samples"], row["images"], row["made"], row["problems"]) == (3, 3, 3, [])
    # find, de-identify, find again, measure, two templates
    assert len(objects(tmp_path / "out")) == 3 * 6
    assert not list((tmp_path / "out").rglob("run.json"))


def test_what_goes_wrong_in_a_part_is_said_and_tried_again(
    write_plan: Callable[..., tuple[Path, list[str]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, _ = write_plan("-m", "raises_on_some")
    codes = [work(plan, f"{number}/6") for number in range(1, 7)]
    assert 1 in codes
    assert "no luck with this one" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "blank", "said"),
    [
        (("-m", "refuses_some"), 0, r"failed of 18 images \(method: too dark\)"),
        (
            ("-m", "toy_noise", "-r", f"{FAULTY}:Faulty:fault=align"),
            0,
            r"embed crashed for (\d+) of 18 de-identified images",
        ),
        (("-m", "toy_noise"), 18, "no image was de-identified: 18 skipped, 0 failed"),
    ],
    ids=["a method that refuses", "a recogniser that crashes", "nothing to see"],
)
def test_a_part_is_as_complete_as_a_run_of_it(
    write_plan: Callable[..., tuple[Path, list[str]]],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    blank: int,
    said: str,
) -> None:
    plan, arguments = write_plan(*options, blank=blank)
    assert work(plan, "1/1") == 1
    (line,) = [each for each in capsys.readouterr().err.splitlines() if each]
    told = present(re.search(said, line))
    run = ["run", *arguments, "--backend", "serial", "--quiet", "--out", str(tmp_path / "whole")]
    assert main(run) == 1
    assert told[0] in capsys.readouterr().err
    record = numbers(tmp_path / "whole")[0]
    crashed = [each["count"] for each in record["failures"] if each["about"] == "de-identified images"]
    assert not told.groups() or crashed == [int(told[1])], "as many as the record says"


def test_a_part_of_several_in_which_nothing_is_found_is_done(write_plan: Callable[..., tuple[Path, list[str]]]) -> None:
    plan, _ = write_plan("-m", "toy_noise", blank=18)
    assert work(plan, "1/3") == 0


def test_what_a_part_passed_over_is_counted(
    write_plan: Callable[..., tuple[Path, list[str]]], capsys: pytest.CaptureFixture[str]
) -> None:
    plan, _ = write_plan("-m", "toy_noise", blank=4)
    assert main(["work", str(plan), "--shard", "1/1", "--backend", "serial"]) == 0
    assert "18 samples, 14 of 14 images made, 4 skipped" in capsys.readouterr().out


def test_a_part_without_the_weights_ends_before_any_work(
    write_plan: Callable[..., tuple[Path, list[str]]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan, _ = write_plan("-m", "masking", "--analyzer", "mediapipe_hands")
    monkeypatch.setenv("DEID_BENCH_OFFLINE", "1")
    monkeypatch.setenv("DEID_BENCH_CACHE", str(tmp_path / "empty"))
    monkeypatch.delenv("DEID_BENCH_WEIGHTS", raising=False)
    assert work(plan, "1/2") == 3
    assert "palm_detection" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_part_of_other_code_or_images_ends_before_any_work(
    write_plan: Callable[..., tuple[Path, list[str]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, _ = write_plan("-m", "toy_noise")
    image = tmp_path / "hands" / "00_0.png"
    image.write_bytes((tmp_path / "hands" / "00_1.png").read_bytes())
    assert work(plan, "1/2") == 2
    assert "other results than the plan was made for" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "shard",
    ["0/2", "3/2", "1", "a/b", "1/2/3", "-1/2", "", "1/" + "9" * 5000, "1" * 5000 + "/2", "1/2\n", "١/٢"],
    ids=lambda shard: ascii(shard)[:12],
)
def test_an_impossible_part_is_refused(shard: str) -> None:
    with pytest.raises(PlanError, match="expected --shard I/N"):
        Shard.parse(shard)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"format": "deid-bench-plan/1", "toolkit": "0.0.0"}', CELLS_IN_A_TEXT]
)
def test_what_is_no_plan_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(PlanError, match=r"plan anew|deid-bench plan"):
        read_plan(path)


def _plan_with(path: tuple[str, ...], value: object) -> str:
    """A plan whose field at this place is another."""
    made = PlanFile(RunOptions(methods=("identity",), protocol="palm/1.0"), (), "/out", {"cell": "0" * 64})
    data = json.loads(json.dumps(plan_data(made)))
    place = data
    for each in path[:-1]:
        place = place[each]
    place[path[-1]] = value
    return json.dumps(data)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("options.quality", "huge"),
        ("options.attacks", None),
        ("options.attack", "none"),
        ("options.protocol", 5),
        ("options.protocol", "a\0.toml"),
        ("options.methods", "blurring"),
        ("options.methods", []),
        ("options.methods", [3]),
        ("options.metrics", None),
        ("options.limit", "3"),
        ("options.limit", -1),
        ("options.repetitions", 0),
        ("options.repetitions", 10**9),
        ("options.repetitions", True),
        ("options.root_seed", "0"),
        ("options.root_seed", 0.0),
        ("out", None),
        ("out", ""),
        ("out", "a\0b"),
        ("plugins", "a.py"),
        ("cells", {}),
        ("cells", None),
        ("cells", {"cell": ["0" * 64]}),
        ("cells", {"cell": "zz"}),
    ],
    ids=str,
)
def test_a_field_of_a_plan_that_makes_no_sense_is_named(
    place: str, value: object, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "plan.json"
    path.write_text(_plan_with(tuple(place.split(".")), value))
    assert work(path, "1/2") == 2
    said = capsys.readouterr().err
    assert f"plan.json: {place}" in said
    assert said.endswith("; plan anew\n")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"x": ' + "9" * 5000 + "}"], ids=["deep", "a long number"])
def test_a_plan_that_no_reader_can_hold_is_refused(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plan.json").write_text(text)
    assert work(tmp_path / "plan.json", "1/2") == 2
    assert "plan.json is no plan" in capsys.readouterr().err


def test_a_plan_reads_as_it_was_written(tmp_path: Path) -> None:
    """Also with names that are no Unicode, which file systems allow."""
    path, odd = tmp_path / "plan.json", "/out/\udcff"
    path.write_text(_plan_with(("out",), odd))
    found = read_plan(path)
    assert found.out == odd
    assert found.options == RunOptions(methods=("identity",), protocol="palm/1.0")


def test_a_plan_says_what_a_run_takes(
    write_plan: Callable[..., tuple[Path, list[str]]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan, arguments = write_plan("-m", "toy_noise")
    (row,) = json.loads(plan.read_text())["rows"]
    assert (row["images"], row["comparisons"]) == (18, 2 * (18 * 17 // 2) + 18 * 18)
    assert row["untimed_tasks"] == 18 * 6 + 3
    assert row["core_seconds"] == 0
    out = ["--out", str(tmp_path / "out"), "--backend", "serial"]
    assert main(["run", *arguments, *out, "--quiet"]) == 0
    capsys.readouterr()
    other = [each if each != "toy_noise" else "toy_noise:strength=9" for each in arguments]
    assert main(["run", *other, *out, "--dry-run", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["stages"]["analyze originals"] == {"tasks": 18, "stored": 18}
    assert row["untimed_tasks"] == 18  # of the method with this parameter; the rest is of known kinds
    assert row["core_seconds"] > 0
    stored = [path.stat().st_size for path in Store(tmp_path / "out" / ".store").root.rglob("*.zip")]
    assert 0 < row["image_bytes"] < 18 * max(stored) * 2
    assert main(["run", *other, *out, "--dry-run"]) == 0
    assert "18 de-identified images" in " ".join(capsys.readouterr().out.split())
    assert len(list((tmp_path / "out").rglob("run.json"))) == 1
