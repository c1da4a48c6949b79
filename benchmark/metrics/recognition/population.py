"""Many distances of one kind, in a form that rates can be read from: all of them, in order."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..values import as_scores

_BLOCK = 2**20

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Ordered:
    """All distances, rising."""

    steps: Floats
    """(n,) float32 or float64."""

    @staticmethod
    def of(values: ArrayLike, name: str) -> Ordered:
        """Sorted copy; float32 stays float32.

        Raises:
            ValueError: a distance is not finite.
        """
        scores = np.asarray(values)
        if scores.dtype != np.float32:
            return Ordered(np.sort(as_scores(scores, name)))
        if not np.isfinite(scores).all():
            as_scores(scores, name)  # says how many are not
        return Ordered(np.sort(scores, axis=None))

    @property
    def size(self) -> int:
        """Number of distances."""
        return int(self.steps.size)

    def at_most(self, thresholds: ArrayLike) -> NDArray[np.int64]:
        """How many are at most each threshold, in the shape of the thresholds."""
        return search(self.steps, thresholds, "right")

    def place(self, rank: int) -> float:
        """The distance with `rank` others before it."""
        return float(self.steps[rank])

    def moments(self) -> tuple[float, float]:
        """Mean and population variance."""
        return moments(self.steps)


Distances = ArrayLike | Ordered


def as_population(values: Distances, name: str) -> Ordered:
    """Distances in a form that rates can be read from.

    Raises:
        ValueError: a distance is not finite.
    """
    return values if isinstance(values, Ordered) else Ordered.of(values, name)


def search(steps: Floats, thresholds: ArrayLike, side: Literal["left", "right"]) -> NDArray[np.int64]:
    """`numpy.searchsorted` by the thresholds' exact values, without a copy of single precision steps in double.

    Args:
        steps: (n,) rising.
        thresholds: any shape.
        side: `left` counts the steps below each threshold, `right` those at most as large.

    Returns:
        In the shape of the thresholds.
    """
    wanted = np.asarray(thresholds, np.float64)
    if steps.dtype == np.float32:
        with np.errstate(over="ignore"):
            rounded = wanted.astype(np.float32)
        # To the next step that may exist on the safe side: below for `right`, above for `left`.
        outwards = rounded > wanted if side == "right" else rounded < wanted
        end = np.float32(-np.inf if side == "right" else np.inf)
        return np.searchsorted(steps, np.where(outwards, np.nextafter(rounded, end), rounded), side).astype(np.int64)
    return np.searchsorted(steps, wanted, side).astype(np.int64)


def moments(values: Floats) -> tuple[float, float]:
    """Mean and population variance in double precision, in blocks; NaN of nothing.

    The variance of equal values is exactly 0, where rounding of the mean would leave a trace.
    """
    if not values.size:
        return math.nan, math.nan
    blocks = [values[at : at + _BLOCK] for at in range(0, values.size, _BLOCK)]
    mean = math.fsum(float(block.sum(dtype=np.float64)) for block in blocks) / values.size
    if values.min() == values.max():
        return mean, 0.0
    squares = (float(np.square(block.astype(np.float64) - mean).sum()) for block in blocks)
    return mean, math.fsum(squares) / values.size
