"""The mean place of methods over several datasets, with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .standings import MIN_RANKED_IDENTITIES, Direction
from .uncertainty import LEVEL, Replicates


@dataclass(frozen=True, slots=True)
class MeanRank:
    """Where a method stands on average."""

    value: float
    """Mean over the datasets of 1 + the number of methods that are better + half of those that are equal."""
    low: float
    """Of the interval: nominally 95 %, percentiles over resampled identities."""
    high: float
    places: tuple[float, ...]
    """The place on each dataset."""


def mean_ranks(
    datasets: Sequence[Mapping[str, Replicates]], better: Direction, target: float | None = None
) -> dict[str, MeanRank]:
    """Mean places of the methods that every dataset has a number of.

    In every draw of identities the methods are ranked anew on each dataset, and the places averaged; the datasets
    themselves are not drawn, so that the interval speaks of other people and not of other datasets.

    Args:
        datasets: for each the replicates of the methods, all of the same draws.
        better: which way is better.
        target: best value, where `better` is `target`.

    Returns:
        By method, best first; empty with fewer than two datasets or methods, with fewer identities than places are
        given for, or where the replicates of a dataset are not of the same draws.
    """
    common = [name for name in datasets[0] if all(name in each for each in datasets)] if datasets else []
    if len(datasets) < 2 or len(common) < 2:
        return {}
    used = [[each[name] for name in common] for each in datasets]
    if min(one.clusters for some in used for one in some) < MIN_RANKED_IDENTITIES:
        return {}
    if any(len({one.resampled.size for one in some}) != 1 for some in used):
        return {}
    draws = min(some[0].resampled.size for some in used)
    places = [_places(np.array([[one.estimate] for one in some]), better, target)[:, 0] for some in used]
    drawn = [_places(np.stack([one.resampled[:draws] for one in some]), better, target) for some in used]
    resampled = np.mean(drawn, axis=0)
    tail = 100 * (1 - LEVEL) / 2
    low, high = np.percentile(resampled, (tail, 100 - tail), axis=1)
    found = {
        name: MeanRank(
            float(np.mean([each[index] for each in places])),
            float(low[index]),
            float(high[index]),
            tuple(float(each[index]) for each in places),
        )
        for index, name in enumerate(common)
    }
    return dict(sorted(found.items(), key=lambda item: item[1].value))


def _places(values: NDArray[np.float64], better: Direction, target: float | None) -> NDArray[np.float64]:
    """Places, (methods, draws), from values of that shape; equal ones share their mean, NaN stands last."""
    from scipy.stats import rankdata

    badness = values if better == "lower" else -values if better == "higher" else np.abs(values - (target or 0.0))
    return np.asarray(rankdata(np.where(np.isnan(badness), np.inf, badness), axis=0), dtype=np.float64)
