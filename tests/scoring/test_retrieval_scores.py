"""Ranks before a gallery, and thresholds at a false match rate on resamples, against plain loops."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from narrowed import present
from numpy.typing import NDArray
from single_pairs import sort_pairs

from deid_bench.benchmark.metrics.recognition.error_rates import fnmr_at_fmr
from deid_bench.benchmark.metrics.recognition.identification import identify, rank_hits, target_hits
from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.benchmark.statistics.bootstrap_scores import cut_pairs, fmr_threshold_rows, fnmr_rows


def searched(seed: int, ties: bool) -> tuple[NDArray[Any], list[str], list[str]]:
    rng = np.random.default_rng(seed)
    table = rng.random((12, 30))
    gallery = [f"i{each}" for each in rng.permutation(np.arange(30) % 9)]
    return (table.round(1) if ties else table), [f"i{each % 9}" for each in range(12)], gallery


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("rank", [1, 3, 5])
def test_rank_hits_are_the_characteristic(ties: bool, rank: int) -> None:
    table, probes, gallery = searched(rank, ties)
    found = present(identify(table, probes, gallery))
    hits = present(rank_hits(table, probes, gallery, rank))
    assert hits.mean() == pytest.approx(found.cmc[rank - 1])


def test_a_probe_without_a_mate_has_no_rank() -> None:
    table, probes, gallery = searched(1, False)
    hits = present(rank_hits(table, [*probes[:-1], "nobody"], gallery, 1))
    assert np.isnan(hits).tolist() == [False] * 11 + [True]
    assert isinstance(rank_hits(table, ["nobody"] * 12, gallery, 1), Undefined)
    assert isinstance(rank_hits(np.zeros((0, 30)), [], gallery, 1), Undefined)


@pytest.mark.parametrize("rank", [1, 3, 9])
def test_target_hits_by_sorting(rank: int) -> None:
    table, _, gallery = searched(rank, False)
    expected = []
    for row in table:
        order = list(dict.fromkeys(gallery[column] for column in np.argsort(row)))
        expected.append(bool({"i2", "i5"} & set(order[:rank])))
    assert present(target_hits(table, gallery, {"i2", "i5"}, rank)).tolist() == expected
    assert isinstance(target_hits(table, gallery, {"elsewhere"}, rank), Undefined)


def test_a_tie_with_the_nearest_target_is_a_chance() -> None:
    table = np.array([[0.5, 0.5, 0.5, 0.9]])
    assert present(target_hits(table, ["a", "b", "target", "c"], {"target"}, 1)).tolist() == [pytest.approx(1 / 3)]
    assert present(target_hits(table, ["a", "b", "target", "c"], {"target"}, 2)).tolist() == [pytest.approx(2 / 3)]


@pytest.mark.parametrize("target", [0.1, 0.02])
def test_threshold_rows_are_those_of_repeated_data(target: float) -> None:
    rng = np.random.default_rng(4)
    probes, gallery = np.repeat(np.arange(6), 3), np.arange(10)
    rows, columns = np.indices((18, 10)).reshape(2, -1)
    genuine = probes[rows] == gallery[columns]
    distances = (rng.random(180) - 0.3 * genuine).round(2)
    pairs = sort_pairs(distances, genuine, probes[rows], gallery[columns], 10)
    weights = np.vstack([np.ones(10), rng.multinomial(10, np.full(10, 0.1), size=20)]).astype(float)
    found = fmr_threshold_rows(pairs, weights, target, cut_pairs(pairs, weights))
    (rates,) = fnmr_rows(pairs, weights, [target])
    for row, threshold, rate in zip(weights, found, rates, strict=True):
        a, b = probes[rows], gallery[columns]
        times = np.where(a == b, row[a], row[a] * row[b]).astype(int)
        point = fnmr_at_fmr(
            np.repeat(distances[genuine], times[genuine]), np.repeat(distances[~genuine], times[~genuine]), (target,)
        )[0]
        if point.threshold is None:
            assert np.isnan(threshold)
        else:
            assert threshold == point.threshold
            assert rate == pytest.approx(point.fnmr)
