"""Intervals: closed forms, degenerate data, and coverage by simulation."""

from __future__ import annotations

import importlib.util
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest, norm
from scipy.stats import t as student

from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.benchmark.statistics.bootstrap_replicates import mean_replicates, share_replicates
from deid_bench.benchmark.statistics.bootstrap_scores import Clustered
from deid_bench.benchmark.statistics.uncertainty import (
    MAX_LEFT_OUT,
    Draws,
    Interval,
    Replicates,
    draw_clusters,
    effective_trials,
    interval,
    percentile,
    split_rows,
    wilson,
)


def drawn(clusters: int, resamples: int = 400, seed: int = 0) -> Draws:
    draws = draw_clusters(clusters, resamples, seed)
    assert isinstance(draws, Draws)
    return draws


def bounds(found: Interval | Undefined) -> tuple[float, float]:
    assert isinstance(found, Interval), found
    return found.low, found.high


@pytest.mark.parametrize(("hits", "trials"), [(0, 24), (1, 96), (48, 96), (95, 96), (96, 96), (3, 7)])
def test_wilson_equals_scipy(hits: int, trials: int) -> None:
    expected = binomtest(hits, trials).proportion_ci(0.95, method="wilson")
    assert bounds(wilson(hits / trials, trials)) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_wilson_refuses_percent_and_no_trials() -> None:
    with pytest.raises(ValueError, match="divide percentages"):
        wilson(50.0, 10)
    with pytest.raises(ValueError, match="level"):
        wilson(0.5, 10, level=95)
    assert isinstance(wilson(0.5, 0), Undefined)


def test_draws_hold_data_resamples_and_jackknife() -> None:
    draws = drawn(30, 50)
    assert draws.weights.shape == (1 + 50 + 30, 30)
    assert (draws.weights[0] == 1).all()
    assert (draws.weights[1:51].sum(axis=1) == 30).all()
    assert ((draws.weights[51:] == 0).sum(axis=0) == 1).all()
    assert ((draws.weights[51:] == 0).sum(axis=1) == 1).all()


def test_draws_repeat_with_the_seed_and_leave_the_global_state_alone() -> None:
    state: Any = np.random.get_state()  # noqa: NPY002 - to see that nobody touches it
    before = state[1].copy()
    assert (drawn(12, 20, 3).weights == drawn(12, 20, 3).weights).all()
    assert not (drawn(12, 20, 3).weights == drawn(12, 20, 4).weights).all()
    state = np.random.get_state()  # noqa: NPY002
    assert (state[1] == before).all()


def test_strata_are_drawn_for_themselves() -> None:
    strata = np.array(["dev"] * 8 + ["eval"] * 20)
    draws = draw_clusters(28, 100, strata=strata)
    assert isinstance(draws, Draws)
    assert (draws.weights[1:101, :8].sum(axis=1) == 8).all()
    assert (draws.weights[1:101, 8:].sum(axis=1) == 20).all()


def test_many_clusters_are_left_out_in_groups() -> None:
    draws = drawn(MAX_LEFT_OUT + 50, 1)
    left_out = draws.weights[2:]
    assert left_out.shape[0] == MAX_LEFT_OUT
    assert ((left_out == 0).sum(axis=0) == 1).all()


def test_multinomial_moments() -> None:
    weights = drawn(20, 20_000).weights[1:20_001]
    assert weights.mean(axis=0) == pytest.approx(np.ones(20), abs=0.04)
    assert weights.var(axis=0) == pytest.approx(np.full(20, 0.95), abs=0.06)


@pytest.mark.parametrize("clusters", [0, 1, 4])
def test_too_few_identities_have_no_interval(clusters: int) -> None:
    found = draw_clusters(clusters)
    assert isinstance(found, Undefined)
    assert "identities" in found.reason


def test_a_statistic_of_few_clusters_has_no_interval_though_the_data_have_many() -> None:
    draws = drawn(30)
    scores = Clustered(np.array([0.1, 0.2, 0.4, 0.8]), np.array([0, 0, 1, 2]))
    assert isinstance(interval(mean_replicates(scores, draws)), Undefined)


def test_equal_values_have_no_interval() -> None:
    found = interval(mean_replicates(Clustered(np.full(20, 0.7), np.arange(20)), drawn(20)))
    assert isinstance(found, Undefined)
    assert "varies" in found.reason


def test_too_many_undefined_resamples() -> None:
    values = np.r_[np.full(30, np.nan), np.arange(70.0)]
    found = interval(Replicates(1.0, values, np.arange(20.0), 20))
    assert isinstance(found, Undefined)
    assert "30 of 100" in found.reason
    assert isinstance(interval(Replicates(1.0, values[25:], np.arange(20.0), 20)), Interval)


def test_undefined_passes_through() -> None:
    assert interval(Undefined("why")) == Undefined("why")
    draws = drawn(10)
    rows = np.full(draws.weights.shape[0], np.nan)
    assert isinstance(split_rows(rows, draws, 10), Undefined)
    with pytest.raises(ValueError, match="one value per row"):
        split_rows(rows[1:], draws, 10)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_a_share_at_its_bound_counts_each_identity_once(value: float) -> None:
    identity = np.repeat(np.arange(24), 4)
    found = share_replicates(Clustered(np.full(96, value), identity), drawn(24))
    assert isinstance(found, Replicates)
    assert effective_trials(found) == pytest.approx(24)
    low, high = bounds(interval(found))
    plain = bounds(wilson(value, 24))
    assert high - low > plain[1] - plain[0]  # Student's quantile is a little larger
    assert high - low == pytest.approx(plain[1] - plain[0], rel=0.15)
    assert (low if value == 0 else high) == value


def test_effective_trials_know_clusters() -> None:
    """Wholly alike within identities: as many as identities. Independent: about as many as images."""
    rng = np.random.default_rng(0)
    identity = np.repeat(np.arange(200), 4)
    alike = (rng.random(200) < 0.4)[identity].astype(float)
    single = (rng.random(800) < 0.4).astype(float)
    draws = drawn(200, 2000)
    for values, expected in ((alike, 200), (single, 800)):
        found = share_replicates(Clustered(values, identity), draws)
        assert isinstance(found, Replicates)
        assert effective_trials(found) == pytest.approx(expected, rel=0.2)


def test_effective_trials_are_of_shares_only() -> None:
    found = mean_replicates(Clustered(np.arange(20.0), np.arange(20)), drawn(20))
    assert isinstance(found, Replicates)
    with pytest.raises(ValueError, match="share"):
        effective_trials(found)


def test_interval_of_a_mean_is_close_to_students() -> None:
    """One image an identity: Student's interval is exact there."""
    values = np.random.default_rng(1).normal(5, 2, 40)
    found = interval(mean_replicates(Clustered(values, np.arange(40)), drawn(40, 4000)))
    half = 2.0227 * values.std(ddof=1) / math.sqrt(40)
    assert bounds(found) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.12)


def test_interval_follows_skewness() -> None:
    values = np.random.default_rng(2).exponential(1, 60)
    replicates = mean_replicates(Clustered(values, np.arange(60)), drawn(60, 4000))
    assert isinstance(replicates, Replicates)
    (low, high), plain = bounds(interval(replicates)), percentile(replicates)
    assert high - values.mean() > values.mean() - low
    assert low > plain.low
    assert high > plain.high


@pytest.mark.parametrize(("bias", "pulls"), [(0.0, [0]), (0.3, [0]), (0.0, [-1, -1, 2]), (-0.2, [1, 1, 1, -3])])
def test_interval_is_the_corrected_quantile(bias: float, pulls: list[int]) -> None:
    """Resamples on the quantiles of a standard normal: the interval's ends are the corrected normal deviates."""
    grid = norm.ppf((np.arange(40_001) + 0.5) / 40_001)
    left_out = np.tile(-np.array(pulls, float), 12)
    found = interval(Replicates(bias, grid, left_out, clusters=12))
    cubes, squares = 12 * sum(p**3 for p in pulls), 12 * sum(p**2 for p in pulls)
    skew = cubes / (6 * squares**1.5) if squares else 0.0
    z = student.ppf(0.975, 11) * math.sqrt(12 / 11)
    expected = [bias + (bias + side) / (1 - skew * (bias + side)) for side in (-z, z)]
    assert bounds(found) == pytest.approx(expected, abs=0.01)


def test_times_changes_the_unit() -> None:
    found = wilson(0.25, 40)
    assert isinstance(found, Interval)
    percent = found.times(100.0)
    assert bounds(percent) == pytest.approx((100 * found.low, 100 * found.high))
    assert (percent.level, percent.method) == (found.level, found.method)


def test_interval_grows_with_the_level() -> None:
    values = np.random.default_rng(3).normal(size=30)
    replicates = mean_replicates(Clustered(values, np.arange(30)), drawn(30, 1000))
    widths = [high - low for low, high in (bounds(interval(replicates, level)) for level in (0.5, 0.9, 0.95, 0.99))]
    assert widths == sorted(widths)
    assert widths[0] < widths[-1]


# ------------------------------------------------------------------------------------------------ coverage


NUMBERS = {
    *("eer", "eer_threshold", "fnmr_at_fmr_1", "d_prime", "rr", "dir", "rr_cross", "dir_cross"),
    *("mean", "survival", "failure_rate"),
}


def load_study() -> Any:
    path = Path(__file__).with_name("coverage_study.py")
    spec = importlib.util.spec_from_file_location("coverage_study", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["coverage_study"] = module
    spec.loader.exec_module(module)
    return module


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    """Nominal 95 %: the quick version of the study, 60 identities of 4 samples with effects of the identity.

    With 100 rounds the standard error is 2.2 %; the full study has the exact table. One test, not one per number: the
    numbers come from the same simulated data.
    """
    study = load_study()
    truth = study.true_values(batches=30, identities=120)
    found = study.study(60, 100, 200, truth, {"chosen": interval, "percentile": percentile})
    assert {number for number, _ in found} == NUMBERS
    assert all(rounds >= 95 for *_, rounds in found.values())
    held = {number: found[number, "chosen"][1] for number in NUMBERS}
    assert {number: share for number, share in held.items() if share < 0.90} == {}
    assert 0.93 <= np.mean([*held.values()]) <= 0.98
    # Why shares do not get plain percentiles: hardly any event, hardly any spread.
    assert found["failure_rate", "percentile"][1] < 0.9
