"""Means over images told by groups of people: bootstrap rows for intervals, and a test by permuting people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .uncertainty import Draws, People

PERMUTATIONS = 4999
SEED = 20250408

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]


def mean_of(people: People, members: Indices) -> float:
    """Mean over the images of some clusters; NaN where they have none."""
    count = people.count[members].sum()
    return float(people.total[members].sum() / count) if count else float("nan")


def mean_rows_of(people: People, members: Indices, draws: Draws) -> Floats:
    """The same on the data, on every resample and on every jackknife set; NaN where a resample has no image."""
    weights = draws.weights[:, members].astype(np.float64)
    count = weights @ people.count[members]
    total = weights @ people.total[members]
    return np.asarray(np.divide(total, count, out=np.full(len(count), np.nan), where=count > 0))


def permuted_labels(labels: Sequence[int], seed: int = SEED, permutations: int = PERMUTATIONS) -> NDArray[np.int64]:
    """(1 + permutations, people): the groups as they are, then shuffled among the people."""
    given = np.asarray(labels, dtype=np.int64)
    rng = np.random.default_rng(seed)
    return np.vstack([given, rng.permuted(np.tile(given, (permutations, 1)), axis=1)])


def difference_p(total: Floats, count: Floats, labels: NDArray[np.int64]) -> float:
    """How rarely chance sets groups as far apart as they are.

    The distance is the sum of squared differences between the groups' means and the mean of all, weighted by images; it
    is compared with that of random assignments of whole people to groups of the same sizes.

    Args:
        total: (people,) sum of the numbers of each person's images.
        count: (people,) how many these are.
        labels: of `permuted_labels`.

    Returns:
        0..1, never 0: the data themselves count as one of the assignments.
    """
    centre = total.sum() / count.sum()
    spread = np.zeros(len(labels))
    for group in range(int(labels.max()) + 1):
        there = labels == group
        images = there @ count
        sums = there @ (total - centre * count)
        spread += np.divide(sums**2, images, out=np.zeros_like(spread), where=images > 0)
    # What is equal but for rounding counts as equal.
    reached = spread >= spread[0] - 1e-9 * max(spread[0], 1e-300)
    return float(np.count_nonzero(reached) / len(labels))
