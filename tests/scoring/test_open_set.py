"""Open-set identification against its definition, and its intervals against resamples that are written out."""

from __future__ import annotations

import doctest
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deid_bench.benchmark.metrics.recognition import open_set
from deid_bench.benchmark.metrics.recognition.open_set import fnir, fpir, limit_at_fpir, listed
from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.benchmark.statistics.open_set import Searches, fnir_replicates, fpir_replicates
from deid_bench.benchmark.statistics.uncertainty import Draws, Interval, Replicates, draw_clusters, interval

distances = st.lists(st.sampled_from([0.1, 0.2, 0.3, 0.4, math.inf]), min_size=1, max_size=30)


def laxest(nearest: list[float], target: float) -> list[float]:
    """Of the limits that can be told apart, those that keep to the target, the laxest last."""
    limits = sorted({*nearest, math.inf})
    return [each for each in limits if sum(value < each for value in nearest) <= target * len(nearest) + 1e-9]


@settings(max_examples=100, deadline=None)
@given(distances, distances, st.sampled_from([0.05, 0.1, 0.25, 0.5]))
def test_rates_are_those_of_the_definition(own: list[float], nearest: list[float], target: float) -> None:
    limit = limit_at_fpir(nearest, target)
    if target * len(nearest) < 1 - 1e-9:
        assert isinstance(limit, Undefined)
        assert f"at least {math.ceil(1 / target)} non-mated searches, got {len(nearest)}" in limit.reason
        return
    assert limit == laxest(nearest, target)[-1]
    assert isinstance(limit, float)
    assert fpir(nearest, limit) == sum(value < limit for value in nearest) / len(nearest)
    assert fnir(own, limit) == sum(not value < limit for value in own) / len(own)


def test_what_is_beyond_the_list_is_not_returned() -> None:
    own = listed([0.1, 0.1, 0.1], [5, 6, 0], 5)
    assert own.tolist() == [0.1, math.inf, math.inf]
    assert fnir(own, math.inf) == pytest.approx(2 / 3)
    assert isinstance(fnir([], 1.0), Undefined)
    assert isinstance(fpir([], 1.0), Undefined)
    with pytest.raises(ValueError, match="NaN"):
        fnir([math.nan], 1.0)
    with pytest.raises(ValueError, match="FPIR above 0"):
        limit_at_fpir([0.1], 1.0)


def test_resamples_set_the_limit_anew() -> None:
    rng = np.random.default_rng(0)
    people = 12
    cluster = np.repeat(np.arange(people), 10)
    mated = Searches(np.round(rng.random(cluster.size), 2), cluster)
    non_mated = Searches(np.round(0.3 + rng.random(cluster.size), 2), cluster)
    mated.distances[:7] = np.inf
    draws = draw_clusters(people, 60, 1)
    assert isinstance(draws, Draws)
    found = fnir_replicates(mated, non_mated, 0.05, draws)
    assert isinstance(found, Replicates)
    limit = limit_at_fpir(non_mated.distances, 0.05)
    assert isinstance(limit, float)
    assert found.estimate == fnir(mated.distances, limit)
    for row, rate in zip(draws.weights[1:61], found.resampled, strict=True):
        times = row[cluster].astype(int)
        limit = limit_at_fpir(np.repeat(non_mated.distances, times), 0.05)
        assert isinstance(limit, float)
        assert rate == pytest.approx(fnir(np.repeat(mated.distances, times), limit))
    positives = fpir_replicates(mated, non_mated, 0.05, draws)
    assert isinstance(positives, Replicates)
    assert positives.resampled == pytest.approx(1 - found.resampled)
    within = interval(found)
    assert isinstance(within, Interval)
    assert (within.method, within.low < found.estimate < within.high) == ("wilson-clustered", True)
    assert isinstance(fnir_replicates(mated, non_mated, 0.001, draws), Undefined)


def test_examples() -> None:
    assert doctest.testmod(open_set).failed == 0
