"""Numbers by groups of people: what they are, how sure they are, and whether they differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from narrowed import present
from numpy.typing import NDArray
from scipy import stats

from deid_bench.benchmark.statistics.grouping import difference_p, mean_of, mean_rows_of, permuted_labels
from deid_bench.benchmark.statistics.uncertainty import People, draw_clusters


def test_the_mean_of_a_group_is_that_of_its_images() -> None:
    people = People(np.array([3.0, 10.0, 0.0]), np.array([2.0, 4.0, 0.0]))
    assert mean_of(people, np.array([0, 1])) == 13 / 6
    assert np.isnan(mean_of(people, np.array([2])))


def test_rows_are_those_of_the_group_alone() -> None:
    draws = present(draw_clusters(8, 50, 1))
    people = People(np.random.default_rng(0).normal(size=8), np.arange(1.0, 9.0))
    members = np.array([1, 3, 4])
    for row, weights in zip(mean_rows_of(people, members, draws), draws.weights, strict=True):
        count = sum(int(weights[m]) * people.count[m] for m in members)
        expected = sum(int(weights[m]) * people.total[m] for m in members) / count if count else np.nan
        assert row == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize("seed", range(5))
def test_two_groups_agree_with_the_permutation_test_of_scipy(seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=24)
    labels = permuted_labels(np.repeat([0, 1], [14, 10]).tolist())
    centre = values.mean()

    def spread(a: NDArray[Any], b: NDArray[Any], axis: int = -1) -> Any:
        return a.shape[axis] * (a.mean(axis) - centre) ** 2 + b.shape[axis] * (b.mean(axis) - centre) ** 2

    groups = (values[:14], values[14:])
    other = stats.permutation_test(groups, spread, n_resamples=4999, alternative="greater", vectorized=True, rng=seed)
    assert difference_p(values, np.ones(24), labels) == pytest.approx(other.pvalue, abs=0.04)


def test_chance_is_told_from_difference() -> None:
    rng = np.random.default_rng(3)
    labels = permuted_labels(np.repeat([0, 1, 2], 15).tolist(), permutations=999)
    same = [difference_p(rng.normal(size=45), np.ones(45), labels) for _ in range(200)]
    assert np.mean(np.array(same) < 0.05) < 0.1
    assert stats.kstest(same, "uniform").pvalue > 0.001
    far = rng.normal(size=45) + np.repeat([0, 0, 4], 15)
    assert difference_p(far, np.ones(45), labels) == 1 / 1000


def test_equal_numbers_are_no_difference() -> None:
    labels = permuted_labels([0] * 12 + [1] * 12, permutations=99)
    assert difference_p(np.full(24, 0.1) * 3, np.full(24, 3.0), labels) == 1.0
