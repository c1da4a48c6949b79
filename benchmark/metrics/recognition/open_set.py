"""Open-set identification after ISO/IEC 19795-1:2021: searches of people who may not be in the gallery.

A search returns a candidate list: the entries that are nearer than a limit, the R nearest at most. A mated search is
one of somebody who has an entry, a non-mated search one of somebody who has none.

- FPIR, false-positive identification rate: share of non-mated searches that return a candidate.
- FNIR, false-negative identification rate: share of mated searches that do not return the own entry: it is not among
  the R nearest, or not nearer than the limit.

Both belong to a size of gallery N, a length of lists R and a limit T. Of distances given here infinity stands for what
a search does not return at any limit, such as a template that could not be made.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..values import Undefined

TARGETS = {"1": 0.01, "0_1": 0.001}
"""Limits of the FPIR by the end of a name, as those of the FMR are named."""


def allowed_positives(target: float, searches: float) -> int:
    """How many non-mated searches may return a candidate.

    Raises:
        ValueError: the target is out of range.
    """
    if not 0.0 < target < 1.0:
        raise ValueError(f"expected an FPIR above 0 and below 1, got {target!r}; 0.01 is 1 %")
    return math.floor(target * searches + 1e-9)


def limit_at_fpir(nearest: ArrayLike, target: float) -> float | Undefined:
    """The laxest limit at which the FPIR is at most a target: the distance of the first search that is one too many.

    Entries nearer than it are candidates. An FPIR below 1/n cannot be measured with n non-mated searches.

    Args:
        nearest: (n,) distance of each non-mated search to its nearest entry.
        target: of the FPIR, above 0 and below 1.

    Returns:
        A distance, or why there is none.

    Raises:
        ValueError: a distance is NaN, or the target is out of range.

    >>> limit_at_fpir([0.4, 0.7, 0.8, 0.9], 0.25)
    0.7
    """
    distances = _distances(nearest)
    allowed = allowed_positives(target, distances.size)
    if allowed < 1:
        needed = math.ceil(1 / target - 1e-9)
        return Undefined(f"FPIR {target * 100:g} % needs at least {needed} non-mated searches, got {distances.size}")
    return float(np.sort(distances)[allowed])


def fpir(nearest: ArrayLike, limit: float) -> float | Undefined:
    """Share of non-mated searches that return a candidate.

    Args:
        nearest: (n,) as in `limit_at_fpir`.
        limit: nearer entries are candidates.

    >>> fpir([0.4, 0.7, 0.8, 0.9], 0.7)
    0.25
    """
    distances = _distances(nearest)
    return float(np.mean(distances < limit)) if distances.size else Undefined("no non-mated search")


def fnir(own: ArrayLike, limit: float) -> float | Undefined:
    """Share of mated searches that do not return the own entry.

    Args:
        own: (n,) distance of each to its own entry; infinity where that is not among the R nearest.
        limit: nearer entries are candidates.

    >>> fnir([0.1, 0.2, math.inf, 0.7], 0.7)
    0.5
    """
    distances = _distances(own)
    return float(np.mean(distances >= limit)) if distances.size else Undefined("no mated search")


def listed(own: ArrayLike, ranks: ArrayLike, length: int) -> NDArray[np.float64]:
    """Distances to own entries as lists of a length return them: infinity beyond.

    Args:
        own: (n,) distances.
        ranks: (n,) of the own entry, 1 is the nearest; 0 where it was not found.
        length: R.

    >>> listed([0.1, 0.2, 0.3], [1, 6, 0], 5).tolist()
    [0.1, inf, inf]
    """
    places = np.asarray(ranks)
    return np.where((places >= 1) & (places <= length), np.asarray(own, np.float64), np.inf)


def _distances(values: ArrayLike) -> NDArray[np.float64]:
    distances = np.asarray(values, np.float64)
    if np.isnan(distances).any():
        raise ValueError("expected distances or infinity, got NaN; a search that returns nothing is at infinity")
    return distances
