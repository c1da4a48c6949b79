"""Metrics that are added to finished records are those that a run with them gives."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from narrowed import present

from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.records.record import RunRecord, Value, load_record, record_bytes
from deid_bench.benchmark.records.replicates import load_replicates
from deid_bench.benchmark.rescore import rescore, write_rescored
from deid_bench.benchmark.run import Execution, run
from deid_bench.benchmark.submission.consistency import header_problems
from deid_bench.benchmark.submission.pack import record_digest
from deid_bench.cli import main
from deid_bench.plugins.specs import as_specs

FILE = Path(__file__).parents[1] / "my_metrics.py"
EDGE, RATIO = (f"{FILE}:{name}" for name in ("EdgeLoss", "OwnRatio"))
FAULTY = Path(__file__).parents[1] / "faulty_metrics.py"
TIRED = Path(__file__).parents[1] / "changes_later.py"
TOY = "toy_recognizer"


def one(options: RunOptions, out: Path) -> tuple[RunRecord, Path]:
    (outcome,) = run(options, Execution(out=out, backend="serial"))
    return outcome.record, outcome.folder / "run.json"


def test_it_is_the_record_that_a_run_with_the_metrics_gives(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    plain, path = one(toy_options("toy_noise", repetitions=2), tmp_path / "out")
    with_them, other = one(toy_options("toy_noise", repetitions=2, metrics=(EDGE, RATIO)), tmp_path / "out")
    found = rescore(path, as_specs((EDGE, RATIO), "metrics"))
    assert found.missing == {}
    assert found.record.digest == with_them.digest != plain.digest
    assert found.name == other.parent.name
    for each in with_them.values:
        assert found.record.value(each.metric, each.recognizer) == each
    assert [row.measures for row in found.record.samples] == [row.measures for row in with_them.samples]
    assert found.record.metrics == with_them.metrics
    assert {each.metric for each in found.fresh} == {"edge_loss", "own_ratio"}
    written = write_rescored(found, tmp_path / "more")
    assert load_record(written) == found.record
    assert set(load_replicates(written.parent)) == set(load_replicates(other.parent))
    assert (written.parent / "distances.npz").read_bytes() == path.with_name("distances.npz").read_bytes()


def test_what_is_wrong_with_a_metric_is_told_as_in_a_run(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    names = ("FailsOnSome", "ReplacesMedian", "ReplacesMedianOfDistances")
    metrics = (*(f"{FAULTY}:{name}" for name in names), f"{TIRED}:Counts")
    median = np.median
    _, path = one(toy_options("toy_noise"), tmp_path / "out")
    in_a_run, _ = one(toy_options("toy_noise", metrics=metrics), tmp_path / "out")
    found = rescore(path, as_specs(metrics, "metrics"))
    assert np.median is median
    assert found.missing == {}
    told = {each.by: (each.outcome, each.reason) for each in in_a_run.failures if each.stage == "metric"}
    assert set(told) == {"fails_on_some", "replaces_median", "replaces_median_of_distances", "counts"}
    assert sorted(map(repr, found.record.failures)) == sorted(map(repr, in_a_run.failures))
    assert sorted(found.record.alarms) == sorted(in_a_run.alarms)
    for each in in_a_run.values:
        if each.metric != "counts":  # which counts how often it was asked
            assert found.record.value(each.metric, each.recognizer) == each


def test_another_record_of_the_same_digest_is_not_written_over(
    toy_options: Callable[..., RunOptions], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record, path = one(toy_options("toy_noise"), tmp_path / "out")
    shutil.copytree(tmp_path / "out", tmp_path / "other")
    other = tmp_path / "other" / path.parent.name / "run.json"
    values = [each.model_copy(update={"n": each.n + 1}) if each.metric == "psnr" else each for each in record.values]
    as_if_written(other, record.model_copy(update={"values": values}))
    words = ["score", str(path), str(other), "--metric", RATIO, "--out", str(tmp_path / "more")]
    assert main(words) == 1
    said = capsys.readouterr()
    assert said.out.count("written:") == 1
    assert "holds a record of the same digest with other numbers" in said.err
    assert main(["score", str(path), "--metric", RATIO, "--out", str(tmp_path / "more")]) == 0


def test_a_metric_that_crashes_now_keeps_no_number_of_before(
    toy_options: Callable[..., RunOptions], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.py"
    mine.write_text(FILE.read_text())
    metric = f"{mine}:EdgeLoss"
    record, path = one(toy_options("toy_noise", metrics=(metric,)), tmp_path / "out")
    assert present(record.value("edge_loss")).value is not None
    raises = "if int(np.asarray(original, np.int64).sum()) % 2: raise ValueError('odd')"
    body = "        first, second ="
    mine.write_text(FILE.read_text().replace(body, f"        {raises}\n{body}", 1))
    words = ["score", str(path), "--metric", metric, "--out", str(tmp_path / "more")]
    assert main(words) == 1
    assert "withheld" in capsys.readouterr().out
    (written,) = (tmp_path / "more").glob("*/run.json")
    found = load_record(written)
    assert present(found.value("edge_loss")).value is None
    crashed = next(each for each in found.failures if each.stage == "metric")
    having = sum("edge_loss" in row.measures for row in found.samples)
    assert (crashed.outcome, having) == ("crashed", len(found.samples) - crashed.count)
    assert ("edge_loss", "") not in load_replicates(written.parent)


def as_if_written(path: Path, record: RunRecord) -> None:
    """In place of a record another one, as an older version would have left it: nothing beside it speaks against it."""
    path.write_bytes(record_bytes(record))
    path.with_name("replicates.npz").unlink()
    shutil.rmtree(path.parents[1] / ".store" / "cells")


def test_a_record_of_an_older_scoring_keeps_a_digest_that_fits(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    record, path = one(toy_options("toy_noise"), tmp_path / "out")
    older = record.model_copy(update={"score_version": 2, "digest": record_digest(record, 2)})
    as_if_written(path, older)
    assert header_problems(older) == []
    for metrics in ((), (RATIO,)):
        assert header_problems(rescore(path, as_specs(metrics, "metrics")).record) == []


def test_what_cannot_be_computed_says_why_and_the_rest_is(
    toy_options: Callable[..., RunOptions], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, path = one(toy_options("toy_noise"), tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / ".store")
    assert main(["score", str(tmp_path / "out"), "--metric", EDGE, "--metric", RATIO, "--json"]) == 1
    (record,) = json.loads(capsys.readouterr().out)["records"]
    assert "not in the results folder's store" in record["missing"]["edge_loss"]
    assert [each["metric"] for each in record["values"]] == ["own_ratio"]
    path.with_name("distances.npz").unlink()
    assert main(["score", str(path), "--metric", RATIO]) == 1
    assert "cannot be computed anew" in capsys.readouterr().err


def test_without_a_metric_changed_numbers_are_told(
    toy_options: Callable[..., RunOptions], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record, path = one(toy_options("toy_noise"), tmp_path / "out")
    assert main(["score", str(path)]) == 0
    assert "every number is what it was" in capsys.readouterr().out
    values = [each.model_copy(update={"value": 12.5}) if each.metric == "dir" else each for each in record.values]
    as_if_written(path, record.model_copy(update={"values": values}))
    found = rescore(path, ())
    assert [each.metric for each in found.fresh] == ["dir"]
    assert found.record.value("dir", TOY) == record.value("dir", TOY)
    assert found.record.digest == record.digest


def test_a_number_that_this_version_does_not_give_is_absent_and_what_cannot_be_computed_is_named(
    toy_options: Callable[..., RunOptions], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record, path = one(toy_options("toy_noise"), tmp_path / "out")
    lost = next(each for each in record.values if each.value is None and each.recognizer == TOY)
    told = [each.model_copy(update={"value": 12.5, "n": 9}) if each == lost else each for each in record.values]
    told = [each for each in told if each.metric != "fd_alexnet"]
    told += [Value(metric="rank1_worst", recognizer=TOY, value=50.0, n=9), Value(metric="fd_alexnet", value=3.0, n=9)]
    as_if_written(path, record.model_copy(update={"values": told}))
    found = rescore(path, ())
    assert {each.metric for each in found.fresh} == {lost.metric, "rank1_worst"}
    assert found.record.value(lost.metric, TOY) == lost
    worst = present(found.record.value("rank1_worst", TOY))
    assert (worst.value, worst.reason) == (None, "this version gives no such number")
    assert "fd_alexnet" in [each.metric for each in found.kept]
    assert {each.metric for each in found.kept} <= {"fd_alexnet", "kd_alexnet"}
    assert present(found.record.value("fd_alexnet")).value == 3.0
    assert main(["score", str(path)]) == 0
    said = capsys.readouterr().out
    assert "(this version gives no such number)" in said
    assert "kept, as it takes more than the record to compute them anew: " in said
    assert main(["score", str(path), "--json"]) == 0
    (plain,) = json.loads(capsys.readouterr().out)["records"]
    assert {"metric": "fd_alexnet", "recognizer": None} in plain["kept"]
    written = write_rescored(found, tmp_path / "more")
    assert all(
        present(found.record.value(metric, name or None)).value is not None
        for metric, name in load_replicates(written.parent)
    )
    assert rescore(written, ()).fresh == []


def test_a_folder_that_takes_nothing_ends_with_four_and_the_numbers_are_told(
    toy_options: Callable[..., RunOptions], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, path = one(toy_options("toy_noise"), tmp_path / "out")
    (tmp_path / "file").touch()
    words = ["score", str(path), "--metric", RATIO, "--out", str(tmp_path / "file" / "more")]
    assert main(words) == 4
    said = capsys.readouterr()
    assert "toy_noise on toy-hands" in said.out
    assert "written:" not in said.out
    assert "a file stands where a folder is needed" in said.err
    assert main([*words, "--json"]) == 4
    assert len(json.loads(capsys.readouterr().out)["records"]) == 1


@pytest.mark.parametrize(("arguments", "said"), [(["nowhere"], "no file or folder"), ([], "RESULTS")])
def test_mistakes_end_with_two(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", *(str(tmp_path / each) for each in arguments)]) == 2
    assert said in capsys.readouterr().err
