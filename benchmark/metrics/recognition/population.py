"""Many distances of one kind, in a form that rates can be read from: all of them in order, or a fine histogram.

`Collector` takes distances tile by tile. While they fit the budget it keeps them, four bytes each, and gives
`Ordered`, which is exact. Beyond, it gives a `Sketch`, which replaces every distance by the centre of its bin: none is
moved by more than half a bin, so a rate at threshold t lies between the exact rates at t minus and t plus half a bin,
and the EER is off by at most the share of comparisons in the bins next to the crossing. Mean and variance stay exact.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..values import as_scores

BUDGET = 512 * 2**20
"""Bytes for a collector's distances, sorting included, before it turns to a histogram: 67 million distances."""
BINS = 2**20
_BLOCK = 2**20

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Ordered:
    """All distances, rising."""

    steps: Floats
    """(n,) float32 or float64."""
    half_bin: float = 0.0
    """How far a distance may have been moved: not at all."""

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


class Sketch:
    """Counts of distances in bins of equal width; the range grows with the distances, by doubling the width.

    Args:
        low: lower edge of the first bin.
        high: upper edge of the last one, above `low`.
        bins: how many, even.
    """

    def __init__(self, low: float, high: float, bins: int = BINS) -> None:
        if not (math.isfinite(low) and math.isfinite(high) and low < high) or bins < 2 or bins % 2:
            raise ValueError(f"expected low < high and an even number of bins, got {low}, {high} and {bins}")
        self._low = low
        self._width = (high - low) / bins
        self._counts = np.zeros(bins, np.int64)
        self._sums: list[tuple[float, float]] = []
        self._centre: float | None = None
        self._rising: tuple[Floats, NDArray[np.int64]] | None = None
        self.size = 0

    @property
    def half_bin(self) -> float:
        """How far a distance may have been moved."""
        return self._width / 2

    def add(self, values: ArrayLike) -> None:
        """Count distances.

        Raises:
            ValueError: a distance is not finite.
        """
        scores = as_scores(values, "sketched")
        for at in range(0, scores.size, _BLOCK):
            self._add(scores[at : at + _BLOCK])

    def _add(self, scores: NDArray[np.float64]) -> None:
        while float(scores.max()) >= self._low + self._width * self._counts.size:
            self._widen(upwards=True)
        while float(scores.min()) < self._low:
            self._widen(upwards=False)
        bins = ((scores - self._low) / self._width).astype(np.intp)
        np.minimum(bins, self._counts.size - 1, out=bins)  # a quotient may be rounded up
        self._counts += np.bincount(bins, minlength=self._counts.size)
        if self._centre is None:
            self._centre = float(scores.mean())
        apart = scores - self._centre
        self._sums.append((float(apart.sum()), float(np.square(apart).sum())))
        self.size += scores.size
        self._rising = None

    def _widen(self, *, upwards: bool) -> None:
        half = self._counts.size // 2
        merged = np.zeros_like(self._counts)
        merged[:half] = self._counts.reshape(half, 2).sum(axis=1)
        if not upwards:
            merged = np.roll(merged, half)
            self._low -= self._width * self._counts.size
        self._counts, self._width = merged, 2 * self._width

    def _in_order(self) -> tuple[Floats, NDArray[np.int64]]:
        if self._rising is None:
            filled = np.flatnonzero(self._counts)
            centres = self._low + (filled + 0.5) * self._width
            self._rising = centres, np.concatenate([[0], np.cumsum(self._counts[filled])])
        return self._rising

    @property
    def steps(self) -> Floats:
        """Centres of the bins that hold something, rising."""
        return self._in_order()[0]

    def at_most(self, thresholds: ArrayLike) -> NDArray[np.int64]:
        """How many are at most each threshold, in the shape of the thresholds."""
        centres, below = self._in_order()
        return np.asarray(below[np.searchsorted(centres, np.asarray(thresholds, np.float64), side="right")], np.int64)

    def place(self, rank: int) -> float:
        """The distance with `rank` others before it."""
        centres, below = self._in_order()
        return float(centres[np.searchsorted(below, rank, side="right") - 1])

    def moments(self) -> tuple[float, float]:
        """Mean and population variance, of the distances as they came."""
        if self._centre is None:
            return math.nan, math.nan
        apart = math.fsum(each for each, _ in self._sums) / self.size
        power = math.fsum(each for _, each in self._sums) / self.size
        return self._centre + apart, max(power - apart * apart, 0.0) if self.steps.size > 1 else 0.0


Population = Ordered | Sketch
Distances = ArrayLike | Ordered | Sketch


class Collector:
    """Takes distances tile by tile, in bounded memory.

    Args:
        budget: bytes that may be held before the distances turn into a histogram.
        bins: of that histogram.
    """

    def __init__(self, budget: int = BUDGET, bins: int = BINS) -> None:
        self._budget = budget
        self._bins = bins
        self._held: list[NDArray[np.float32]] = []
        self._bytes = 0
        self._sketch: Sketch | None = None

    def add(self, values: NDArray[np.floating[Any]]) -> None:
        """Take distances; they are kept in single precision, in which recognisers give them.

        Raises:
            ValueError: a distance is not finite.
        """
        if not values.size:
            return
        scores = np.array(values, np.float32).ravel()
        if not np.isfinite(scores).all():
            as_scores(values, "collected")
        if self._sketch is None:
            self._held.append(scores)
            self._bytes += 2 * scores.nbytes  # sorting needs them a second time
            if self._bytes > self._budget:
                self._turn()
        else:
            self._sketch.add(scores)

    def _turn(self) -> None:
        low = min(float(each.min()) for each in self._held)
        high = max(float(each.max()) for each in self._held)
        room = max(0.05 * (high - low), 1e-6 * max(abs(low), abs(high), 1.0))
        self._sketch = Sketch(low - room, high + room, self._bins)
        while self._held:
            self._sketch.add(self._held.pop())

    def finish(self) -> Population:
        """What was collected; the collector is empty afterwards."""
        if self._sketch is not None:
            return self._sketch
        found = np.concatenate(self._held) if self._held else np.empty(0, np.float32)
        self._held, self._bytes = [], 0
        found.sort()
        return Ordered(found)


def as_population(values: Distances, name: str) -> Population:
    """Distances in a form that rates can be read from.

    Raises:
        ValueError: a distance is not finite.
    """
    return values if isinstance(values, Ordered | Sketch) else Ordered.of(values, name)


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
