"""Failures outside the method's own stage never become privacy numbers."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deid_bench.benchmark.compute import _take_down_pairs
from deid_bench.benchmark.planning.cell_tasks import NOBODY_ELSE
from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.planning.loaded_dataset import load_dataset
from deid_bench.benchmark.planning.tasks import Stage, Task
from deid_bench.benchmark.protocols import ProtocolError
from deid_bench.benchmark.records.failures import MOST_REASONS, OTHERS, told_apart
from deid_bench.benchmark.records.record import RunRecord
from deid_bench.benchmark.results.acquired import acquired
from deid_bench.benchmark.results.blocks import BadPairs
from deid_bench.benchmark.results.cell import Distances
from deid_bench.benchmark.results.distances_file import PairDistances, read
from deid_bench.benchmark.results.ledger import Ledger
from deid_bench.benchmark.results.tiles import whole
from deid_bench.benchmark.run import Execution, Outcome, run
from deid_bench.benchmark.scoring.cell import score_results
from deid_bench.benchmark.storage.store import Payload
from deid_bench.benchmark.submission.recompute import rebuild, recompute
from deid_bench.cli import main
from deid_bench.datasets.images import read_image, write_png
from deid_bench.plugins.entries import Kind, PluginRef, Spec

FAULTY = Path(__file__).parents[1] / "faulty.py"
HEALTHY = "toy_recognizer"
RULES = ("--protocol", "palm-paper/1.0")


def recognizer(fault: str) -> str:
    return f"{FAULTY}:Faulty:fault={fault}"


def run_one(options: Any, out: Path) -> Outcome:
    (outcome,) = run(options, Execution(out=out, backend="serial"))
    return outcome


def numbers(record: RunRecord, name: str) -> dict[str, float | None]:
    return {each.metric: each.value for each in record.values if each.recognizer == name}


def spec_of(record: RunRecord) -> str:
    return next(each.spec for each in record.recognizers if each.spec != HEALTHY)


@pytest.mark.parametrize("fault", ["align", "checkpoint", "raises", "wrong shape", "lengths", "words", "unspeakable"])
def test_a_recogniser_that_crashes_has_no_numbers(
    toy_options: Callable[..., RunOptions], tmp_path: Path, fault: str
) -> None:
    outcome = run_one(toy_options("identity", recognizers=(recognizer(fault), HEALTHY)), tmp_path / "out")
    record = outcome.record
    name = spec_of(record)
    assert set(numbers(record, name).values()) == {None}
    value = record.value("rr", name)
    assert value is not None
    assert "withheld" in (value.reason or "")
    assert "crashed" in (value.reason or "")
    assert not [each for each in record.curves if each.recognizer == name]
    assert any(each.startswith(name) and "crashed" in each for each in record.alarms)
    assert record.counts.retry
    assert not record.complete
    assert {each.outcome for each in record.failures if each.by == name} == {"crashed"}
    # The other recogniser is as it is alone.
    alone = run_one(toy_options("identity"), tmp_path / "alone").record
    assert numbers(record, HEALTHY) == numbers(alone, HEALTHY)
    # Distances and ledger together give the record again.
    found = recompute(record, read(outcome.folder / "distances.npz"))
    assert found.problems == []
    assert [each for each in found.verdicts if each.outcome == "different"] == []


def test_what_crashes_on_de_identified_images_leaves_the_numbers_about_originals(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    analyzer = f"{FAULTY}:FaultyAnalyzer:fault=nowhere"
    options = toy_options(f"{FAULTY}:Blackens", recognizers=(recognizer("dark"),), analyzer=analyzer)
    record = run_one(options, tmp_path / "out").record
    found = numbers(record, spec_of(record))
    about_originals = {"eer", "eer_threshold", "d_prime"}
    assert all(found[metric] is not None for metric in about_originals)
    assert {metric for metric, value in found.items() if value is not None} <= about_originals | {
        "fnmr_at_fmr_10", "fnmr_at_fmr_1", "fnmr_at_fmr_0_1"
    }  # fmt: skip


def test_a_recogniser_without_distances_of_black_images_rejects_them_alone(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    method = f"{FAULTY}:Blackens"
    faults = [recognizer("zero by zero"), recognizer("nowhere")]
    options = toy_options(method, recognizers=tuple(faults), analyzer=f"{FAULTY}:FaultyAnalyzer:fault=nowhere")
    record = run_one(options, tmp_path / "out").record
    broken, healthy = (each.spec for each in record.recognizers)
    black = sum(1 for row in record.samples if (row.distances[healthy] or 0) > 1e-6)
    assert 0 < black < 18
    value = record.value("rr", broken)
    assert value is not None
    assert value.value == pytest.approx(100 * black / 18)
    assert value.n == 18
    assert any("distances are not finite" in each and f"({black * 18} of 324 pairs)" in each for each in record.alarms)
    assert not record.complete
    assert record.counts.retry == 0


def test_no_distance_to_itself_is_no_rejection(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    outcome = run_one(toy_options("identity", recognizers=(recognizer("itself"),)), tmp_path / "out")
    name = spec_of(outcome.record)
    found = numbers(outcome.record, name)
    assert found["eer"] is not None
    assert found["rr"] in (None, 0.0)
    assert any("not finite" in each for each in outcome.record.alarms)


@pytest.mark.parametrize(
    ("fault", "words"),
    [("one image", "not finite"), ("infinite", "not finite"), ("negative", "negative"), ("lopsided", "of b and a")],
)
def test_bad_pairs_are_named_and_cost_themselves(
    toy_options: Callable[..., RunOptions], tmp_path: Path, fault: str, words: str
) -> None:
    record = run_one(toy_options("identity", recognizers=(recognizer(fault),)), tmp_path / "out").record
    name = spec_of(record)
    (failure, *_) = [each for each in record.failures if each.stage == "compare"]
    assert words in failure.reason
    assert 0 < failure.count < failure.total
    assert failure.first
    assert " x " in failure.first[0]
    found = numbers(record, name)
    assert found["rr"] in (None, 0.0)
    assert not record.complete


def test_a_number_that_no_proper_distance_is_left_for_says_so(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    record = run_one(toy_options("identity", recognizers=(recognizer("no distances"),)), tmp_path / "out").record
    name = spec_of(record)
    assert set(numbers(record, name).values()) == {None}
    for each in record.values:
        if each.recognizer == name:
            assert "distances are not finite (" in (each.reason or ""), each.metric


def test_an_analyzer_that_crashes_on_originals_leaves_no_number(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    options = toy_options("identity", analyzer=f"{FAULTY}:FaultyAnalyzer", attacks="A1,A4,A8")
    record = run_one(options, tmp_path / "out").record
    assert 0 < record.counts.skipped < 18
    assert record.attacks is not None
    assert {each.status for each in record.attacks.rows} == {"not run"}
    assert all("the detector fell over" in each.reason for each in record.attacks.rows)
    assert not [number for row in record.attacks.rows for number in row.values]
    assert record.attacks.worst == []
    assert {each.value for each in record.values} == {None}
    assert all("the detector fell over" in (each.reason or "") for each in record.values)
    assert not record.complete


def test_an_analyzer_that_crashes_on_de_identified_images_leaves_the_originals(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    options = toy_options(f"{FAULTY}:Blackens", analyzer=f"{FAULTY}:FaultyAnalyzer:fault=again")
    record = run_one(options, tmp_path / "out").record
    survival = record.value("survival")
    assert survival is not None
    assert survival.value is None
    assert not [each for each in record.values if each.metric.startswith(("drift_", "psnr")) and each.value is not None]
    # A crash is not a hand that was not found.
    seen = [row.survived for row in record.samples if row.status == "done"]
    assert None in seen
    lost = sum(count for why, count in record.counts.reasons.items() if why.startswith("detector: no hand found"))
    assert lost == seen.count(False)


def test_a_run_without_a_single_image_ends_with_one(
    toy_arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*toy_arguments[:2], *RULES, "--recognizer", HEALTHY, "--quiet", "--backend", "serial"]
    spec = f"{FAULTY}:FaultyAnalyzer:fault=nothing"
    code = main(["run", "--method", "masking", "--analyzer", spec, "--out", str(tmp_path / "out"), *arguments])
    assert code == 1
    assert "no image was de-identified: 18 skipped" in capsys.readouterr().err


def test_the_terminal_says_in_one_line_what_crashed(
    toy_arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*toy_arguments[:4], *RULES, "--quiet", "--backend", "serial", "--out", str(tmp_path / "out")]
    code = main(["run", "--method", "identity", "--recognizer", recognizer("align"), *arguments])
    err = capsys.readouterr().err
    assert code == 1
    assert len(err.splitlines()) == 1
    assert "embed crashed for" in err
    assert "run.json" in err
    assert "align fell over \\u001b[31mbadly" in err


def test_weights_that_cannot_be_had_end_the_run_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DEID_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DEID_BENCH_OFFLINE", "1")
    monkeypatch.delenv("DEID_BENCH_WEIGHTS", raising=False)
    out = tmp_path / "out"
    arguments = ["run", "-m", "masking", "-d", "palm-mini:setting=controlled", "--limit", "2", *RULES]
    assert main([*arguments, "--out", str(out)]) == 3
    assert "palm_detection" in capsys.readouterr().err
    assert not list(tmp_path.rglob("*.zip"))


# ------------------------------------------------------------------------------------------------ any pairs


@pytest.fixture(scope="module")
def unchanged(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunRecord, PairDistances]:
    """The method that changes nothing, before a recogniser that never errs."""
    from deid_bench.benchmark.planning.cells import RunOptions

    folder = tmp_path_factory.mktemp("unchanged")
    options = RunOptions(
        methods=("identity",),
        datasets=(f"toy-hands:folder={folder / 'hands'}",),
        analyzer="toy_analyzer",
        recognizers=(HEALTHY,),
        protocol="palm-paper/1.0",
    )
    outcome = run_one(options, folder / "out")
    return outcome.record, read(outcome.folder / "distances.npz")


def without(distances: Distances, seed: int, share: float) -> Distances:
    """Some pairs have no distance; images keep at least one."""
    rng = np.random.default_rng(seed)
    made = []
    for each in (distances.originals, distances.deidentified, distances.versions):
        gone = rng.random(each.shape) < share
        if each is not distances.deidentified:
            gone |= gone.T
        gone[:, -1] &= False
        made.append(np.where(gone, np.nan, whole(each)).astype(np.float32))
    return Distances(made[0], made[1], made[2], {})


@settings(max_examples=12)
@given(st.integers(0, 10**6), st.sampled_from([0.003, 0.02, 0.1, 0.5]))
def test_pairs_without_distances_never_make_a_rejection(
    unchanged: tuple[RunRecord, PairDistances], seed: int, share: float
) -> None:
    record, found = unchanged
    spoiled = without(found.distances[HEALTHY], seed, share)
    setting, results = rebuild(record, replace(found, distances={HEALTHY: spoiled}))
    scored = score_results(setting, results)
    values = {each.metric: each.value for each in scored.values.values if each.recognizer == HEALTHY}
    assert values["rr"] in (None, 0.0)
    assert values["rank1_with_source"] in (None, 100.0)


@given(st.integers(0, 10**6), st.floats(0, 1))
def test_who_is_compared_has_all_distances(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    square = rng.random((7, 7)).astype(np.float32)
    square[rng.random((7, 7)) < share] = np.nan
    square = (square + square.T) / np.float32(2)
    oblong = np.where(rng.random((5, 7)) < share, np.nan, 1).astype(np.float32)
    found = acquired(Distances(square, oblong, np.full((5, 5), np.nan, np.float32), {}))
    kept = np.flatnonzero(found.originals)
    block = square[np.ix_(kept, kept)]
    assert np.isfinite(block[~np.eye(len(kept), dtype=bool)]).all()
    assert not found.versions.any()
    assert (found.images == np.isfinite(oblong).any(axis=1)).all()


def test_a_template_that_could_not_be_had_takes_nobody_with_it() -> None:
    square = np.ones((4, 4), np.float32)
    square[2] = square[:, 2] = np.nan
    oblong = np.ones((4, 4), np.float32)
    oblong[:, 2] = oblong[1] = np.nan
    found = acquired(Distances(square, oblong, square, {}))
    assert found.originals.tolist() == [True, True, False, True]
    assert found.images.tolist() == [True, True, True, True]  # the second is known among the versions


def test_one_reason_is_one_line(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    """Blocks of pairs fail among originals, of versions and originals, and among versions."""
    outcome = run_one(toy_options("identity", recognizers=(recognizer("raises"),)), tmp_path / "out")
    crashed = [each for each in outcome.record.failures if each.stage == "compare"]
    assert len(crashed) > 1
    (said,) = [each for each in outcome.record.alarms if "compare crashed" in each]
    blocks = sum(each.count for each in crashed)
    assert f"compare crashed for {blocks} of {blocks} blocks of pairs (distances: ArithmeticError: no)" in said


def test_an_align_without_an_answer_is_aligns_fault(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    record = run_one(toy_options("identity", recognizers=(recognizer("no crop"),)), tmp_path / "out").record
    reasons = {each.reason for each in record.failures if each.stage == "embed"}
    assert reasons == {"align: ValueError: expected (H, W, 3) uint8 or a Failure, got NoneType"}


def test_masked_distances_are_none(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    record = run_one(toy_options("identity", recognizers=(recognizer("masked"),)), tmp_path / "out").record
    assert set(numbers(record, spec_of_all(record)).values()) == {None}
    assert any("a masked array" in each for each in record.alarms)


def spec_of_all(record: RunRecord) -> str:
    (only,) = record.recognizers
    return only.spec


def test_reasons_beyond_those_told_apart_are_counted_together() -> None:
    reasons = [f"reason {number}" for number in range(100)] + ["often"] * 5
    told = told_apart(reasons)
    assert len(set(told.values())) == MOST_REASONS
    assert (told["often"], told["reason 99"]) == ("often", OTHERS)
    assert told_apart(reversed(reasons)) == told
    assert told_apart(reasons[:MOST_REASONS]) == {each: each for each in reasons[:MOST_REASONS]}


def test_what_is_taken_down_in_parts_is_counted_of_all_of_them() -> None:
    ledger = Ledger({})
    tasks = [Task(Stage.ANALYZE, f"{number:064x}", f"s{number}") for number in range(3)]
    for each in tasks:  # one at a time, as a part of a dataset is worked on
        ledger.add("analyze", "a", "originals", [each], {each.digest: "no hand" if each is not tasks[1] else None})
    for first in (0, 2):
        bad = BadPairs()
        bad.total, bad.counts["NaN"], bad.first["NaN"] = 10, 4, [(first, first + 1)]
        ledger.add_pairs("r", "originals", bad, (list("abcd"), list("abcd")))
    found = {each.stage: each for each in ledger.failures()}
    assert (found["analyze"].count, found["analyze"].total, found["analyze"].first) == (2, 3, ["s0", "s2"])
    assert (found["compare"].count, found["compare"].total) == (8, 20)
    assert found["compare"].first == ["a x b", "c x d"]


def test_an_analyzer_that_falls_over_leaves_a_record_where_a_method_takes_others_images(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    """That nobody else can be taken is what came of the crash, and no word about the dataset."""
    samples = load_dataset(toy_options("other").specs("datasets")[0], 0, 1, None).samples
    mine = [each for each in samples if each.subject == samples[0].subject]
    seen = "+".join(hashlib.sha256(read_image(each.path).tobytes()).hexdigest()[:8] for each in mine)
    options = toy_options("toy_noise", "other", analyzer=f"{FAULTY}:SeesSome:seen={seen}")
    first, second = run(options, Execution(out=tmp_path / "out", backend="serial"))
    assert not first.record.complete
    counts = second.record.counts
    assert (counts.done, counts.skipped, second.record.complete) == (0, len(samples), False)
    assert sum(NOBODY_ELSE in reason for reason in counts.reasons) == 1
    assert any("the detector fell over" in reason for reason in counts.reasons)
    assert all(each.value is None for each in second.record.values if each.recognizer)


def test_a_method_that_takes_others_images_needs_others(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    for number in range(4):
        target = tmp_path / "hands" / ("left" if number < 2 else "right")
        target.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(number).integers(0, 256, (64, 64, 3), np.uint8)
        (target / f"{number}.png").write_bytes(write_png(pixels))
    lines = [f"left/{number}.png,left,anna" if number < 2 else f"right/{number}.png,right,anna" for number in range(4)]
    (tmp_path / "hands" / "who.csv").write_text("\n".join(["file,identity,subject", *lines]) + "\n")
    options = toy_options("other", datasets=(f"folder:path={tmp_path / 'hands'},manifest=who.csv",))
    with pytest.raises(ProtocolError, match=r"other needs another person's image; .* has images of one person only"):
        run(options, Execution(out=tmp_path / "out", backend="serial"))


def test_pairs_of_attacks_without_a_distance_are_in_the_ledger() -> None:
    plugin = PluginRef(Kind.RECOGNIZER, Spec("odd"))
    tasks = [Task(Stage.COMPARE, str(number) * 64, "odd", plugin=plugin) for number in range(2)]
    distances = np.ones((2, 3), np.float32)
    made = {
        tasks[0].digest: Payload({}, {"distances": distances}),
        tasks[1].digest: Payload({}, {"distances": distances, "bad": np.array([[0, 1, 0], [0, 0, 2]], np.uint8)}),
    }
    ledger: Ledger = Ledger({})
    executor: Any = SimpleNamespace(read=lambda task: made[task.digest])
    for task in tasks:
        _take_down_pairs(task, {plugin: "odd"}, executor, ledger)
    found = {(each.about, each.outcome, each.reason, each.count, each.total) for each in ledger.failures()}
    assert found == {
        ("attacks", "not acquired", "distances are not finite", 1, 12),
        ("attacks", "not acquired", "distances are negative", 1, 12),
    }
    assert all(each.impairs for each in ledger.failures())
