"""Which methods of a column can be told apart: all pairs at once, as rank ranges and as letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...benchmark.metrics.metric import Metric
from ...benchmark.metrics.values import Undefined
from ...benchmark.statistics.comparison import MIN_RANKED_IDENTITIES, RankRange
from ...benchmark.statistics.uncertainty import LEVEL, Replicates

MAX_LETTERED = 60
"""With more methods the letters say less than the rank ranges do, and take longer than the page."""
LETTERS = "abcdefghijklmnopqrstuvwxyz"

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a method stands in one column."""

    ranks: RankRange
    letters: str
    """Methods that share a letter do not differ significantly; empty where there are too many methods or letters."""


def standings(methods: Mapping[str, Replicates | Undefined], metric: Metric) -> dict[str, Standing]:
    """The rank ranges of `comparison.rank_ranges`, for hundreds of methods, with letters.

    Args:
        methods: replicates by method, all of the same draws.
        metric: decides what is better.

    Returns:
        By method, best first place first; empty with fewer than two methods or too few identities.
    """
    ranked = {name: each for name, each in methods.items() if isinstance(each, Replicates)}
    if len(ranked) < 2 or min(each.clusters for each in ranked.values()) < MIN_RANKED_IDENTITIES:
        return {}
    if len({(each.resampled.size, each.left_out.size) for each in ranked.values()}) != 1:
        return {}
    better = _better(list(ranked.values()), metric)
    above, below = better.sum(axis=0), better.sum(axis=1)
    places = [RankRange(1 + int(a), len(ranked) - int(b)) for a, b in zip(above, below, strict=True)]
    order = sorted(range(len(places)), key=lambda index: (places[index].best, places[index].worst))
    letters = _letters(better | better.T, order)
    names = list(ranked)
    return {names[index]: Standing(places[index], letters[index]) for index in order}


def _better(methods: Sequence[Replicates], metric: Metric) -> NDArray[np.bool_]:
    """[i, j]: i is significantly better than j, Holm-corrected over all pairs."""
    target = None if metric.aim is None else metric.aim / metric.scale
    estimates = np.array([each.estimate for each in methods])
    resampled = np.stack([each.resampled for each in methods])
    if target is not None:
        estimates, resampled = np.abs(estimates - target), np.abs(resampled - target)
    first, second = np.triu_indices(len(methods), 1)
    differences = estimates[first] - estimates[second]
    clusters = np.array([each.clusters for each in methods])
    p = _p_values(differences, _spreads(resampled)[first, second], np.minimum(clusters[first], clusters[second]))
    told = (_holm(p) <= 1 - LEVEL) & (differences != 0)
    wins = told & ((differences > 0) == (metric.better == "higher"))
    better = np.zeros((len(methods), len(methods)), dtype=bool)
    better[first[wins], second[wins]] = True
    loses = told & ~wins
    better[second[loses], first[loses]] = True
    return better


def _spreads(resampled: Matrix) -> Matrix:
    """Standard deviations of all differences of rows, (methods, methods); resamples without a number are left out."""
    rows = resampled[:, ~np.isnan(resampled).any(axis=0)]
    rows = rows - rows.mean(axis=1, keepdims=True) if rows.shape[1] else rows
    products = rows @ rows.T / max(rows.shape[1], 1)
    own = np.diag(products)
    spreads = np.sqrt(np.maximum(own[:, None] + own[None, :] - 2 * products, 0.0))
    for index in np.flatnonzero(np.isnan(resampled).any(axis=1)):  # each pair by itself, as when two are compared
        spreads[index] = spreads[:, index] = np.nanstd(resampled - resampled[index], axis=1)
    return np.asarray(spreads, dtype=np.float64)


def _p_values(differences: Matrix, spreads: Matrix, clusters: NDArray[np.int64]) -> Matrix:
    """Two-sided p-values as `comparison.difference` defines them."""
    from scipy.special import stdtr

    least = 2.0 ** (1 - clusters.astype(np.float64))
    widened = spreads * np.sqrt(clusters / (clusters - 1))
    with np.errstate(divide="ignore", invalid="ignore"):
        found = 2 * stdtr(clusters - 1, -np.abs(differences) / widened)
    found = np.maximum(np.where(widened > 0, found, 0.0), least)
    return np.where(differences == 0, 1.0, found)


def _holm(p: Matrix) -> Matrix:
    order = np.argsort(p, kind="stable")
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)), 1.0)
    return corrected


def _letters(differ: NDArray[np.bool_], order: Sequence[int]) -> list[str]:
    """Letters of the groups that do not differ (Piepho, J. Comput. Graph. Stat. 13(2), 2004: insert and absorb)."""
    nothing = [""] * len(order)
    if len(order) > MAX_LETTERED:
        return nothing
    groups = [(1 << len(order)) - 1]  # bit i: method i belongs to the group
    for a, b in zip(*np.nonzero(np.triu(differ)), strict=True):
        first, second = 1 << int(a), 1 << int(b)
        both = first | second
        split = {
            part for each in groups for part in ((each & ~first, each & ~second) if each & both == both else (each,))
        }
        groups = [each for each in split if not any(each & other == each for other in split if other != each)]
        if len(groups) > len(LETTERS):
            return nothing
    groups.sort(key=lambda each: [place for place, index in enumerate(order) if each >> index & 1])
    named = list(zip(LETTERS, groups, strict=False))
    return ["".join(letter for letter, each in named if each >> index & 1) for index in range(len(order))]
