"""What reports are given: densities, histograms and separations of distances, curves in normal deviates."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from narrowed import present
from scipy.stats import norm

from deid_bench.benchmark.metrics.privacy.diversity import overlap
from deid_bench.benchmark.metrics.recognition.decidability import d_prime
from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.benchmark.readings.distributions import NoDistances, density, distributions, histogram_edges, shares
from deid_bench.benchmark.readings.trade_off import TradeOff, deviates
from deid_bench.benchmark.records.record import Interval


def test_densities_hold_one_and_follow_the_sample() -> None:
    values = np.random.default_rng(2).normal(0.4, 0.05, 5000)
    grid = np.linspace(0, 1, 400)
    found = density(values, grid)
    assert np.trapezoid(found, grid) == pytest.approx(1, abs=0.01)
    truth = np.exp(-0.5 * ((grid - 0.4) / 0.05) ** 2) / (0.05 * np.sqrt(2 * np.pi))
    assert np.abs(found - truth).max() < 0.05 * truth.max()


@pytest.mark.parametrize("values", [np.zeros(1), np.zeros(50), np.array([0.0, 0.0, 0.0, 1.0])])
def test_densities_of_few_or_equal_distances_are_finite(values: Any) -> None:
    grid = np.linspace(-1, 2, 400)
    assert np.trapezoid(density(values, grid), grid) == pytest.approx(1, abs=0.02)
    edges = histogram_edges(values, float(values.min()), float(values.max()))
    assert np.histogram(values, edges)[0].sum() == values.size


def test_separation_and_overlap_are_those_of_the_metrics() -> None:
    rng = np.random.default_rng(3)
    genuine, impostor, own = rng.normal(0.2, 0.05, 300), rng.normal(0.6, 0.05, 900), rng.normal(0.5, 0.1, 40)
    made = distributions([("genuine", genuine), ("impostor", impostor), ("own", own), ("versions", np.zeros(0))], 0.4)
    found = {each.kind: each for each in made.kinds}
    assert list(found) == ["genuine", "impostor", "own"]
    for kind, values in (("genuine", genuine), ("own", own)):
        assert (found[kind].d_prime, found[kind].overlap) == (d_prime(values, impostor), overlap(values, impostor))
    assert isinstance(found["impostor"].d_prime, Undefined)
    assert isinstance(distributions([("own", own)], None).kinds[0].overlap, Undefined)
    assert made.grid[0] < min(genuine.min(), own.min()) < impostor.max() < made.grid[-1]
    assert found["own"].peak == found["own"].density.max()


def test_no_distance_is_a_reason() -> None:
    with pytest.raises(NoDistances, match="no distance"):
        distributions([("genuine", np.zeros(0)), ("impostor", np.zeros(0))], None)


def test_shares_are_of_each_kind_in_common_bins() -> None:
    near, far = np.array([0.0, 0.1, 0.1]), np.array([0.9, 1.0, np.nan, np.inf])
    found = present(
        shares([("near", near), ("none", np.zeros(0)), ("far", far)], 2, lambda ends: (min(ends), max(ends)))
    )
    assert (found.low, found.high) == (0.0, 1.0)
    assert found.kinds == (("near", 3, (1.0, 0.0)), ("far", 2, (0.0, 1.0)))


def test_a_trade_off_is_placed_in_normal_deviates() -> None:
    within = Interval(low=-1.0, high=50.0, level=0.95, method="m")
    line = TradeOff((0.0, 0.5), (1.0, 0.16), (0.1, 0.2), within, (0.01, 0.02))
    np.testing.assert_allclose(line.points, [norm.ppf([0.01, 0.5]), norm.ppf([0.98, 0.16])])
    np.testing.assert_allclose(present(line.mark), norm.ppf([0.1, 0.2]))
    np.testing.assert_allclose(line.ends, norm.ppf([0.02, 0.5]), atol=1e-12)
    assert deviates((0.2, 0.9), ceiling=0.5) == pytest.approx(norm.ppf([0.2, 0.5]), abs=1e-12)
    bare = TradeOff(line.fmr, line.fnmr, None, None, line.finest)
    assert (bare.mark, bare.ends) == (None, [])
