"""Many distances of one kind, in a form that rates can be read from: all of them, in order."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ...storage.spilled import Spilled
from ..values import as_scores

_BLOCK = 2**20
MAX_BINS = 100
"""Most bins of a histogram that a number is made of, however many distances there are."""

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

    def below(self, thresholds: ArrayLike) -> NDArray[np.int64]:
        """How many are smaller than each threshold, in the shape of the thresholds."""
        return search(self.steps, thresholds, "left")

    def place(self, rank: int) -> float:
        """The distance with `rank` others before it."""
        return float(self.steps[rank])

    def first(self, reached: Callable[[float], bool]) -> float:
        """The smallest distance that has reached something that all larger ones have reached as well, or infinity."""
        low, high = 0, self.size
        while low < high:
            middle = (low + high) // 2
            if reached(float(self.steps[middle])):
                high = middle
            else:
                low = middle + 1
        return float(self.steps[low]) if low < self.size else math.inf

    def largest_below(self, t: float) -> float | None:
        """The largest distance below t."""
        at = int(self.below(t))
        return float(self.steps[at - 1]) if at else None

    def smallest_above(self, t: float) -> float | None:
        """The smallest distance above t."""
        at = int(self.at_most(t))
        return float(self.steps[at]) if at < self.size else None

    def rising(self) -> Iterator[Floats]:
        """All of them, in order, in parts."""
        yield self.steps

    def moments(self) -> tuple[float, float]:
        """Mean and population variance."""
        return moments(self.steps)


@dataclass(frozen=True, slots=True, eq=False)
class Rest:
    """Distances that are too many for memory: those in a scratch file but some. It answers as `Ordered` does."""

    whole: Spilled[np.float32]
    """Rising."""
    removed: NDArray[np.float32]
    """(k,) rising; each stands in `whole` and is none of these distances."""

    @property
    def size(self) -> int:
        """Number of distances."""
        return self.whole.size - self.removed.size

    def at_most(self, thresholds: ArrayLike) -> NDArray[np.int64]:
        """How many are at most each threshold, in the shape of the thresholds."""
        return search(self.whole, thresholds, "right") - search(self.removed, thresholds, "right")

    def below(self, thresholds: ArrayLike) -> NDArray[np.int64]:
        """How many are smaller than each threshold, in the shape of the thresholds."""
        return search(self.whole, thresholds, "left") - search(self.removed, thresholds, "left")

    def place(self, rank: int) -> float:
        """The distance with `rank` others before it."""
        return self.first(lambda t: int(self.at_most(t)) > rank)

    def first(self, reached: Callable[[float], bool]) -> float:
        """The smallest distance that has reached something that all larger ones have reached as well, or infinity."""
        low, high = 0, self.whole.size
        while low < high:
            middle = (low + high) // 2
            if reached(float(self.whole.at(middle))):
                high = middle
            else:
                low = middle + 1
        return self._from(low, math.inf)

    def largest_below(self, t: float) -> float | None:
        """The largest distance below t."""
        count = int(self.below(t))
        return self.place(count - 1) if count else None

    def smallest_above(self, t: float) -> float | None:
        """The smallest distance above t."""
        found = self._from(int(search(self.whole, t, "right")), math.inf)
        return found if math.isfinite(found) else None

    def _from(self, place: int, otherwise: float) -> float:
        """The first distance from a place in the file on that is one of these."""
        while place < self.whole.size:
            t = float(self.whole.at(place))
            if int(self.at_most(t)) > int(self.below(t)):
                return t
            place = int(search(self.whole, t, "right"))
        return otherwise

    def rising(self) -> Iterator[NDArray[np.float32]]:
        """All of them, in order, in parts."""
        # Which of equal distances is removed is all the same: the first ones.
        first = np.searchsorted(self.removed, self.removed, "left")
        places = search(self.whole, self.removed, "left") + np.arange(self.removed.size) - first
        for at in range(0, self.whole.size, _BLOCK):
            part = self.whole[at : at + _BLOCK]
            low, high = np.searchsorted(places, [at, at + part.size])
            yield np.delete(part, places[low:high] - at)

    def moments(self) -> tuple[float, float]:
        """Mean and population variance."""
        if not self.size:
            return math.nan, math.nan
        mean = math.fsum(float(part.sum(dtype=np.float64)) for part in self.rising()) / self.size
        if self.place(0) == self.place(self.size - 1):
            return mean, 0.0
        squares = (float(np.square(part.astype(np.float64) - mean).sum()) for part in self.rising())
        return mean, math.fsum(squares) / self.size


Population = Ordered | Rest
Distances = ArrayLike | Population


def as_population(values: Distances, name: str) -> Population:
    """Distances in a form that rates can be read from.

    Raises:
        ValueError: a distance is not finite.
    """
    return values if isinstance(values, Ordered | Rest) else Ordered.of(values, name)


def histogram(population: Population, edges: NDArray[np.float64]) -> NDArray[np.int64]:
    """`numpy.histogram` of distances: how many lie between two edges each, those on the last edge among them."""
    upto = np.append(population.below(edges[:-1]), population.at_most(edges[-1:]))
    return np.diff(upto)


def search(
    steps: Floats | Spilled[np.float32], thresholds: ArrayLike, side: Literal["left", "right"]
) -> NDArray[np.int64]:
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
        wanted = np.where(outwards, np.nextafter(rounded, end), rounded)
    if isinstance(steps, Spilled):
        return steps.search(wanted, side)
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
