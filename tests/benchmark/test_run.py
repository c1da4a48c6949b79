"""Whole runs in the toy world: numbers, resuming, back-ends, misbehaving methods."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from narrowed import present

from deid_bench.benchmark.planning.cells import RunOptions, _slug, make_cells
from deid_bench.benchmark.records.record import RunRecord, load_record
from deid_bench.benchmark.run import Execution, run
from deid_bench.benchmark.storage.store import StoreError
from deid_bench.plugins.entries import PluginError


def numbers(record: RunRecord) -> dict[str, Any]:
    """Everything of a record but the host's facts."""
    return record.model_dump(exclude={"host"})


def run_one(options: Any, out: Path, **execution: Any) -> RunRecord:
    outcomes = run(options, Execution(out=out, backend=execution.pop("backend", "serial"), **execution))
    assert len(outcomes) == 1
    return outcomes[0].record


def value(record: RunRecord, metric: str, recognizer: str | None = None) -> float:
    found = record.value(metric, recognizer)
    assert found is not None, metric
    assert found.value is not None, found.reason
    return found.value


def test_identity_is_never_rejected_and_masking_always(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    unchanged = run_one(toy_options("identity"), tmp_path / "out")
    masked = run_one(toy_options("masking:color=grey"), tmp_path / "out")
    assert value(unchanged, "rr", "toy_recognizer") == 0
    assert value(unchanged, "rank1_with_source", "toy_recognizer") == 100
    assert value(unchanged, "ssim") == 1
    assert present(unchanged.value("psnr")).value is None
    assert "infinite" in present(present(unchanged.value("psnr")).reason) or "identical" in present(
        present(unchanged.value("psnr")).reason
    )
    assert value(masked, "rr", "toy_recognizer") == 100
    assert value(masked, "ssim") < 0.9


def test_the_same_command_answers_from_the_store(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    options, execution = toy_options("toy_noise"), Execution(out=tmp_path / "out", backend="serial")
    first = run(options, execution)[0]
    second = run(options, execution)[0]
    assert not first.from_store
    assert second.from_store
    assert first.record == second.record


def test_a_lost_record_is_rebuilt_without_any_task(
    toy_options: Callable[..., RunOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deid_bench.benchmark.engine.backends import serial

    options, execution = toy_options("toy_noise"), Execution(out=tmp_path / "out", backend="serial")
    first = run(options, execution)[0]
    (first.folder / "run.json").unlink()

    def refuse(self: Any, chunks: Any) -> None:
        raise AssertionError("finished work was computed again")

    monkeypatch.setattr(serial.SerialBackend, "run", refuse)
    assert numbers(run(options, execution)[0].record) == numbers(first.record)


def test_serial_and_process_give_the_same_bytes(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    options = toy_options("toy_noise")
    records = [
        run_one(options, tmp_path / "a", backend="serial"),
        run_one(options, tmp_path / "b", backend="process", jobs=2),
    ]
    assert numbers(records[0]) == numbers(records[1])
    stores = [
        {path.name: path.read_bytes() for path in (tmp_path / name / ".store" / "objects").rglob("*.zip")}
        for name in ("a", "b")
    ]
    assert stores[0] == stores[1]
    assert len(stores[0]) > 50


def test_numbers_do_not_depend_on_the_order_of_the_samples(
    toy_options: Callable[..., RunOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deid_bench.plugins.entries import Kind, registry

    options = toy_options("toy_noise")
    straight = run_one(options, tmp_path / "a")
    toy_hands = registry().entries(Kind.DATASET)["toy-hands"].load()
    ordered = toy_hands.samples
    monkeypatch.setattr(toy_hands, "samples", lambda self: ordered(self)[::-1])
    backwards = run_one(options, tmp_path / "b")
    assert backwards.digest == straight.digest
    for each in straight.values:
        other = present(backwards.value(each.metric, each.recognizer))
        assert other.n == each.n
        if each.value is None:
            assert other.value is None
        else:
            assert other.value == pytest.approx(each.value, rel=1e-9, abs=1e-9), each.metric


def test_seeds_make_versions(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    record = run_one(toy_options("toy_noise", repetitions=3), tmp_path / "out")
    assert record.repetitions == 3
    assert record.counts.planned == 54
    assert len({(row.sample_id, row.repetition) for row in record.samples}) == 54


def test_a_run_that_is_too_large_to_hold_has_the_same_numbers(
    toy_options: Callable[..., RunOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is scored is compared, it is read from the store, and sorted in scratch files."""
    options = toy_options("toy_noise", repetitions=3)
    held = run_one(options, tmp_path / "held")
    monkeypatch.setattr("deid_bench.benchmark.planning.comparisons.KEPT", 100)
    monkeypatch.setattr("deid_bench.benchmark.planning.comparisons.COMPARE_ROWS", 4)
    monkeypatch.setattr("deid_bench.benchmark.planning.tasks.COMPARE_ROWS", 4)
    monkeypatch.setattr("deid_bench.benchmark.storage.spilled.HELD", 20)
    large = run_one(options, tmp_path / "large")
    assert [(each.metric, each.recognizer) for each in large.values] == [
        (each.metric, each.recognizer) for each in held.values
    ]
    for each, other in zip(held.values, large.values, strict=True):
        if each.metric.startswith(("d_prime", "dprime", "dir")) and each.value is not None:
            assert other.value == pytest.approx(each.value, rel=1e-9)  # sums in another order
        else:
            assert other == each
    assert large.curves == held.curves
    assert large.samples == held.samples
    assert held.distances_file is not None
    assert held.distances_file.sha256
    assert large.distances_file is not None
    assert "none were kept" in (large.distances_file.reason or "")


def test_a_deterministic_method_is_run_once(toy_options: Callable[..., RunOptions]) -> None:
    cells = make_cells(toy_options("masking", "toy_noise", repetitions=3), 1)
    assert [each.repetitions for each in cells] == [1, 3]


def test_another_root_seed_is_another_cell(toy_options: Callable[..., RunOptions]) -> None:
    first, second = (make_cells(toy_options("toy_noise", root_seed=seed), 1)[0] for seed in (0, 1))
    assert first.digest != second.digest
    sample = first.dataset.samples[0]
    assert first.seed(sample, 0) != second.seed(sample, 0)
    assert first.seed(sample, 0) != first.seed(sample, 1)


def test_missing_hands_are_skipped_and_counted(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    record = run_one(toy_options("toy_noise", dataset="blank=4"), tmp_path / "out")
    assert record.counts.skipped == 4
    assert record.counts.done == 14
    assert record.counts.reasons["original: nothing bright"] == 4
    assert sum(row.status == "skipped" for row in record.samples) == 4


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("wrong_shape", "shape (95, 80, 3)"),
        ("wrong_dtype", "dtype float32"),
        ("not_a_number", "NaN"),
        ("wrong_count", "results for 1 image"),
        ("not_an_image", "returned str"),
    ],
)
def test_bad_output_is_a_failure_that_counts(
    toy_options: Callable[..., RunOptions], tmp_path: Path, method: str, reason: str
) -> None:
    record = run_one(toy_options(method), tmp_path / "out")
    assert record.counts.failed == 18
    assert any(reason in each for each in record.counts.reasons), record.counts.reasons
    # Scored as if the originals had been published.
    assert value(record, "rr", "toy_recognizer") == 0
    assert value(record, "rank1_with_source", "toy_recognizer") == 100
    assert value(record, "failure_rate") == 100
    assert value(record, "survival") == 0
    assert present(record.value("ssim")).value is None


@pytest.mark.parametrize("backend", ["serial", "process"])
@pytest.mark.parametrize("method", ["raises_on_some", "hangs_on_some", "refuses_some"])
def test_one_bad_image_costs_itself(
    toy_options: Callable[..., RunOptions], tmp_path: Path, method: str, backend: str
) -> None:
    record = run_one(toy_options(method), tmp_path / "out", backend=backend, jobs=2, seconds_per_image=0.3)
    assert 0 < record.counts.failed < 18
    assert record.counts.failed + record.counts.done == 18
    assert record.counts.retry == (0 if method == "refuses_some" else record.counts.failed)
    assert 0 < value(record, "failure_rate") < 100


def test_a_worker_that_dies_costs_its_image(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    record = run_one(toy_options("dies_on_some"), tmp_path / "out", backend="process", jobs=2)
    assert 0 < record.counts.failed < 18
    assert any("worker process died" in each for each in record.counts.reasons)
    raised = run_one(toy_options("raises_on_some"), tmp_path / "out", backend="process", jobs=2)
    assert record.counts.failed == raised.counts.failed


def test_failures_are_tried_again(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    execution = Execution(out=tmp_path / "out", backend="serial")
    run(toy_options("raises_on_some"), execution)
    assert not run(toy_options("raises_on_some"), execution)[0].from_store
    run(toy_options("refuses_some"), execution)
    assert run(toy_options("refuses_some"), execution)[0].from_store


def test_a_corrupt_image_is_skipped_with_its_reason(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    options = toy_options("masking")
    make_cells(options, 1)
    path = tmp_path / "hands" / "02_1.png"
    path.write_bytes(path.read_bytes()[:100])
    record = run_one(options, tmp_path / "out")
    assert record.counts.skipped == 1
    assert any("unreadable image" in each for each in record.counts.reasons)
    assert record.counts.done == 17


def test_a_damaged_object_is_made_again(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    options = toy_options("toy_noise")
    first = run(options, Execution(out=tmp_path / "out", backend="serial"))[0]
    for index, path in enumerate(sorted((tmp_path / "out" / ".store" / "objects").rglob("*.zip"))):
        if index % 5 == 0:
            path.write_bytes(path.read_bytes()[:-20])
    (first.folder / "run.json").unlink()
    second = run(options, Execution(out=tmp_path / "out", backend="serial"))[0]
    third = run(options, Execution(out=tmp_path / "out", backend="serial"))[0]
    assert numbers(third.record) == numbers(first.record)
    assert second.record.digest == first.record.digest


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_read_only_folder_is_refused(
    toy_options: Callable[..., RunOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    options = toy_options("masking")
    make_cells_before = make_cells(options, 1)

    def locked(self: Any, *arguments: Any, **keywords: Any) -> None:
        raise OSError(number, os.strerror(number))

    # Tests may run as root, who may write anywhere; so the file system's answer is given here.
    monkeypatch.setattr(Path, "mkdir", locked)
    monkeypatch.setattr(Path, "write_bytes", locked)
    monkeypatch.setattr("deid_bench.benchmark.run.make_cells", lambda *_: make_cells_before)
    with pytest.raises(StoreError, match=r"may not be written; choose another folder with --out"):
        run(options, Execution(out=tmp_path / "out", backend="serial"))


def test_a_file_in_the_place_of_the_folder_is_refused(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    out = tmp_path / "taken"
    out.write_text("x")
    with pytest.raises(StoreError, match="choose another folder"):
        run(toy_options("masking"), Execution(out=out, backend="serial"))


def test_a_full_disk_stops_the_run_and_keeps_what_is_done(
    toy_options: Callable[..., RunOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = toy_options("toy_noise")
    real, written = os.fsync, []

    def full_after_thirty(descriptor: int) -> None:
        written.append(descriptor)
        if len(written) > 30:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", full_after_thirty)
    with pytest.raises(StoreError, match="disk is full"):
        run(options, Execution(out=tmp_path / "out", backend="serial"))
    monkeypatch.undo()
    objects = list((tmp_path / "out" / ".store" / "objects").rglob("*.zip"))
    assert len(objects) == 30
    assert not list((tmp_path / "out").rglob("run.json"))
    assert run_one(options, tmp_path / "out").counts.done == 18


def test_one_identity_only_is_refused(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one identity only"):
        run_one(toy_options("masking", dataset="identities=1"), tmp_path / "out")


def test_one_sample_each_is_refused(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="one image of each identity"):
        run_one(toy_options("masking", dataset="samples=1"), tmp_path / "out")


def test_the_strict_protocol_needs_people_on_both_sides(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least two in each part"):
        run_one(toy_options("masking", dataset="identities=3", protocol="palm/1.0"), tmp_path / "out")


def test_the_strict_protocol_measures_on_the_eval_part_alone(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    record = run_one(toy_options("toy_noise", dataset="identities=8", protocol="palm/1.0"), tmp_path / "out")
    evaluated = 8 - round(0.34 * 8)
    assert present(record.value("rr", "toy_recognizer")).n == evaluated * 3
    assert present(record.value("rr_cross", "toy_recognizer")).n == evaluated * 3 * 2
    pairs = evaluated * 3 * (evaluated * 3 - 1) // 2
    assert present(record.value("eer", "toy_recognizer")).n == pairs


def test_scores_file_holds_the_distances_behind_the_numbers(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    outcome = run(toy_options("toy_noise"), Execution(out=tmp_path / "out", backend="serial"))[0]
    with np.load(outcome.folder / "scores.npz", allow_pickle=False) as scores:
        own, threshold = scores["own_0"], value(outcome.record, "eer_threshold", "toy_recognizer")
        assert 100 * np.mean(own > threshold) == pytest.approx(value(outcome.record, "rr", "toy_recognizer"))
        assert len(scores["genuine_0"]) == 6 * 3
        assert len(scores["impostor_0"]) == 18 * 17 // 2 - 18


def test_a_wrong_parameter_shows_before_any_work(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    with pytest.raises(PluginError, match="strength should be in"):
        run_one(toy_options("toy_noise:strength=-3"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def _start(arguments: list[str], folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-P", "-m", "deid_bench", *arguments]
    # Where the tests run in the background, Ctrl-C is ignored, and children inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    finally:
        signal.signal(signal.SIGINT, before)


def _wait_for_objects(out: Path, count: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if len(list((out / ".store").rglob("*.zip"))) >= count:
            return
        time.sleep(0.01)
    raise AssertionError(f"the run ended or stood still: {process.communicate()}")


@pytest.mark.parametrize("stop", [signal.SIGKILL, signal.SIGINT])
def test_a_stopped_run_goes_on_where_it_was(
    toy_options: Callable[..., RunOptions],
    toy_arguments: list[str],
    toy_plugin_arguments: list[str],
    tmp_path: Path,
    stop: signal.Signals,
) -> None:
    out = tmp_path / "out"
    slow = tmp_path / "slow.py"
    slow.write_text(
        "import time\n"
        "from deid_bench.deidentifiers.base import MethodInfo\n"
        "class Slow:\n"
        "    info = MethodInfo(name='slow', version='1', modality=('palm',), description='Slow')\n"
        "    def deidentify(self, batch):\n"
        "        time.sleep(0.3 * len(batch))\n"
        "        return [255 - request.image for request in batch]\n"
    )
    arguments = [*toy_plugin_arguments, "run", "--method", f"{slow}:Slow", "--out", str(out), *toy_arguments]
    process = _start(arguments, tmp_path)
    _wait_for_objects(out, 20, process)
    process.send_signal(stop)
    said = process.communicate(timeout=30)
    assert process.returncode == (130 if stop == signal.SIGINT else -signal.SIGKILL), said
    assert not list(out.rglob("run.json"))
    before = {path: path.stat().st_mtime_ns for path in (out / ".store" / "objects").rglob("*.zip")}

    again = _start(arguments, tmp_path)
    assert again.wait(timeout=60) == 0
    assert {path: path.stat().st_mtime_ns for path in before} == before
    resumed = load_record(next(out.rglob("run.json")))
    whole = run_one(toy_options(f"{slow}:Slow"), tmp_path / "whole")
    assert numbers(resumed) == numbers(whole)


def test_a_file_that_vanishes_or_changes_is_tried_again(
    toy_options: Callable[..., RunOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import deid_bench.benchmark.run as module

    options, out = toy_options("masking"), tmp_path / "out"
    cells = make_cells(options, 1)
    gone, changed = tmp_path / "hands" / "00_0.png", tmp_path / "hands" / "00_1.png"
    kept, other = gone.read_bytes(), changed.read_bytes()
    gone.unlink()
    changed.write_bytes(kept)
    with monkeypatch.context() as patch:
        patch.setattr(module, "make_cells", lambda *_: cells)
        record = run_one(options, out)
    assert record.counts.skipped == record.counts.retry == 2
    assert any("has changed since" in each for each in record.counts.reasons)
    assert any("cannot read the image" in each for each in record.counts.reasons)
    gone.write_bytes(kept)
    changed.write_bytes(other)
    assert run_one(options, out).counts.done == 18


def test_distances_that_depend_on_the_order_of_a_pair_are_refused(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    (outcome,) = run(toy_options("identity", recognizers=("lopsided",)), Execution(out=tmp_path, backend="serial"))
    assert not outcome.record.complete
    assert any("distances of a and b are not those of b and a" in each for each in outcome.record.alarms)
    eer = outcome.record.value("eer", "lopsided")
    assert eer is not None
    assert eer.value is None


@pytest.mark.parametrize("text", ["手" * 100, "a" * 100, "ä/b" * 50, "👋🏽" * 40, "-" * 80])
def test_names_of_folders_are_bounded_in_bytes(text: str) -> None:
    assert len(_slug(text).encode()) <= 60
    assert _slug(text) == _slug(text).encode().decode()
