"""What stands in a record beside the plain numbers: intervals, alarms, quality levels, diversity."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from narrowed import present

from deid_bench.benchmark.metrics.catalogue import METRICS
from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.records.record import Counts, RunRecord, Value
from deid_bench.benchmark.run import Execution, run
from deid_bench.benchmark.scoring.alarms import alarms
from deid_bench.benchmark.stages.measure import region_box
from deid_bench.benchmark.statistics.uncertainty import draw_clusters


def run_one(options: Any, out: Path) -> RunRecord:
    return run(options, Execution(out=out, backend="serial"))[0].record


def value(record: RunRecord, metric: str, recognizer: str | None = None) -> Value:
    found = record.value(metric, recognizer)
    assert found is not None, metric
    return found


def test_intervals_hold_their_number_and_stay_in_range(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    record = run_one(toy_options("toy_noise:strength=30", dataset="identities=10"), tmp_path / "out")
    with_interval = [each for each in record.values if each.interval]
    assert {"rr", "dir", "eer", "rank1_with_source", "ssim", "survival", "rr_cross"} <= {
        each.metric for each in with_interval
    }
    for each in with_interval:
        metric, interval = METRICS[each.metric], each.interval
        assert present(interval).low <= present(each.value) + 1e-9, each.metric
        assert present(interval).high >= present(each.value) - 1e-9, each.metric
        assert present(interval).low < present(interval).high or metric.unit != "%", each.metric
        if metric.low is not None:
            assert present(interval).low >= metric.low - 1e-9, each.metric
        if metric.high is not None:
            assert present(interval).high <= metric.high + 1e-9, each.metric


def test_a_rate_at_its_bound_is_not_certain(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    record = run_one(toy_options("identity", dataset="identities=10"), tmp_path / "out")
    rate = value(record, "rr", "toy_recognizer")
    assert rate.value == 0
    assert present(rate.interval).low == pytest.approx(0, abs=1e-9)
    assert present(rate.interval).high > 5


def test_four_identities_give_no_interval_and_an_alarm(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    record = run_one(toy_options("toy_noise", dataset="identities=4"), tmp_path / "out")
    assert all(each.interval is None for each in record.values)
    assert any("no intervals" in each for each in record.alarms)


@pytest.mark.parametrize(
    ("metric", "number", "n", "words"),
    [
        ("dir", 140.0, 100, "further off than impostors"),
        ("eer", 25.0, 100, "hardly recognises anybody"),
        ("rr_cross", 90.0, 12, "only 12 comparisons"),
    ],
)
def test_implausible_numbers_raise_an_alarm(metric: str, number: float, n: int, words: str) -> None:
    counts = Counts(planned=100, done=100, failed=0, skipped=0, reasons={})
    draws = draw_clusters(20)
    found = alarms([Value(metric=metric, recognizer="r", value=number, n=n)], counts, draws)
    assert len(found) == 1
    assert words in found[0]
    assert alarms([Value(metric=metric, recognizer="r", value=19.0, n=100)], counts, draws) == []


def test_many_skipped_images_raise_an_alarm() -> None:
    counts = Counts(planned=100, done=80, failed=0, skipped=20, reasons={})
    assert "skipped" in alarms([], counts, draw_clusters(20))[0]


def test_basic_says_what_it_left_out(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    record = run_one(toy_options("toy_noise"), tmp_path / "out")
    assert record.quality == "basic"
    assert "--quality basic" in present(value(record, "lpips_vgg").reason)
    assert record.value("fd_vgg16") is None


@pytest.mark.usefixtures("lpips_weights")
def test_full_replaces_basic_and_answers_for_it(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    execution = Execution(out=tmp_path / "out", backend="serial")
    basic = run(toy_options("toy_noise"), execution)[0]
    full = run(toy_options("toy_noise", quality="full"), execution)[0]
    assert not full.from_store
    assert full.folder == basic.folder
    for each in basic.record.values:
        if each.value is not None:
            assert value(full.record, each.metric, each.recognizer).value == each.value
    assert 0 < present(value(full.record, "lpips_alex").value) < 2
    assert value(full.record, "lpips_paper").value == value(full.record, "lpips_vgg").value
    # The toy images are below 161 px a side, where the paper's evaluation enlarges them.
    assert value(full.record, "psnr_paper").value != value(full.record, "psnr").value
    assert value(full.record, "ms_ssim_paper").value is not None
    assert present(value(full.record, "fd_vgg16").value) > 0
    assert "rank-deficient" in present(value(full.record, "fd_vgg16").reason)
    assert present(value(full.record, "floor_keypoints_2d").value) >= 0
    assert run(toy_options("toy_noise"), execution)[0].from_store


@pytest.mark.parametrize("quality", ["basic", "full"])
def test_lacking_weights_are_a_reason_not_an_error(
    toy_options: Callable[..., RunOptions], tmp_path: Path, quality: str
) -> None:
    record = run_one(toy_options("toy_noise", quality=quality), tmp_path / "out")
    assert "unavailable: weights lpips-alex" in present(value(record, "lpips_alex").reason)
    assert "unavailable: weights fid-inception" in present(value(record, "fid").reason)
    assert "unavailable: weights lpips-alex" in present(value(record, "fd_alexnet").reason)
    assert record.counts.failed == record.counts.retry == 0
    assert record.complete


def test_versions_of_one_image_are_compared(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    options = toy_options("toy_noise:strength=120", dataset="identities=8", repetitions=3)
    outcome = run(options, Execution(out=tmp_path / "out", backend="serial"))[0]
    assert value(outcome.record, "dprime_diversity", "toy_recognizer").n == 24 * 3
    assert 0 <= present(value(outcome.record, "overlap_diversity", "toy_recognizer").value) <= 100
    with np.load(outcome.folder / "scores.npz", allow_pickle=False) as scores:
        assert len(scores["versions_0"]) == 24 * 3
        assert len(scores["own_0"]) == 24 * 3


def test_one_version_has_no_diversity(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    record = run_one(toy_options("toy_noise"), tmp_path / "out")
    assert record.value("dprime_diversity", "toy_recognizer") is None


def test_linking_among_ten_is_measured_where_there_are_ten(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    record = run_one(toy_options("identity", dataset="identities=12"), tmp_path / "out")
    assert value(record, "linkability", "toy_recognizer").value == pytest.approx(100)
    assert present(value(record, "d_sys", "toy_recognizer").value) > 0.9
    assert present(value(record, "eer_effective", "toy_recognizer").value) < 5
    small = run_one(toy_options("identity", dataset="identities=5"), tmp_path / "small")
    assert "needs 10 identities" in present(value(small, "linkability", "toy_recognizer").reason)


def test_the_regions_own_quality_is_lower_than_the_whole_images(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    record = run_one(toy_options("blurring"), tmp_path / "out")
    assert present(value(record, "psnr_region").value) < present(value(record, "psnr").value)
    assert present(value(record, "ssim_region").value) < present(value(record, "ssim").value)
    # The box around the toy palm is below the 161 px that MS-SSIM needs.
    assert "161 px" in present(value(record, "ms_ssim_region").reason)


def test_the_regions_box_is_the_smallest_one() -> None:
    region = np.zeros((20, 30), bool)
    region[4, 7] = region[9, 21] = True
    rows, columns = present(region_box(region))
    assert (rows.start, rows.stop, columns.start, columns.stop) == (4, 10, 7, 22)
    assert region_box(np.zeros((5, 5), bool)) is None
    assert region_box(None) is None


@pytest.mark.usefixtures("lpips_weights")
def test_sets_are_also_compared_on_the_region(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    record = run_one(toy_options("blurring", quality="full"), tmp_path / "out")
    assert present(value(record, "fd_vgg16_region").value) > present(value(record, "fd_vgg16").value) > 0
    silent = run_one(toy_options("toy_noise", quality="full"), tmp_path / "out")
    assert "does not say" in present(value(silent, "fd_vgg16_region").reason)
    assert silent.counts.retry == 0


def test_an_attacker_may_enrol_de_identified_images(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    untouched = run_one(toy_options("identity", dataset="identities=10"), tmp_path / "a")
    originals = present(value(untouched, "eer", "toy_recognizer").value)
    assert value(untouched, "eer_deidentified", "toy_recognizer").value == pytest.approx(originals)
    noisy = run_one(toy_options("toy_noise:strength=250", dataset="identities=10"), tmp_path / "b")
    found = value(noisy, "eer_deidentified", "toy_recognizer")
    assert present(found.value) > originals
    assert found.interval is not None
    assert found.n == 30 * 29 // 2


def test_several_versions_draw_on_two_levels(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    """Identities and, within them, versions: with many versions the interval is still that of few identities."""
    once, often = (
        run_one(toy_options("toy_noise:strength=60", dataset="identities=10", repetitions=count), tmp_path / str(count))
        for count in (1, 4)
    )
    for metric in ("ssim", "dir"):
        recognizer = "toy_recognizer" if metric == "dir" else None
        few, many = (value(record, metric, recognizer) for record in (once, often))
        assert many.n == 4 * few.n
        assert present(many.interval).low <= present(many.value) <= present(many.interval).high
        width = [present(each.interval).high - present(each.interval).low for each in (few, many)]
        assert 0.2 * width[0] < width[1] < 2 * width[0]


def test_two_levels_have_one_column_per_version() -> None:
    from types import SimpleNamespace

    from deid_bench.benchmark.scoring.numbers import draw_units

    def version(sample: str, identity: str, repetition: int) -> Any:
        return SimpleNamespace(
            sample=SimpleNamespace(sample_id=sample, identity=identity),
            repetition=repetition,
            deidentify=SimpleNamespace(digest=f"{sample}#{repetition}"),
        )

    place = {f"id{index}": index for index in range(6)}
    draws = present(draw_clusters(6, resamples=50))
    single = draw_units(draws, [version(f"s{index}", f"id{index}", 0) for index in range(6)], place)
    assert single.levels is None
    assert single.column["s3#0"] == 3
    double = draw_units(draws, [version(f"s{i}", f"id{i}", k) for i in range(6) for k in range(3)], place)
    assert double.column["s3#1"] == 10
    weights = present(double.levels).weights
    assert weights.shape == (draws.weights.shape[0], 18)
    assert (weights[0] == 1).all()
    # A resample takes as many versions of a palm as the palm's own count says.
    np.testing.assert_array_equal(weights.reshape(-1, 6, 3).sum(axis=2), 3 * draws.weights)
    assert draw_units(Undefined("too few"), [version("s0", "id0", 1)], place).levels is None
