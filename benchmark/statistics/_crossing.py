"""Where a weighted count of sorted comparisons reaches a level, for all rows of weights at once.

A row's weight of a comparison is a product of two entries of the row, so the weight below a cut is a quadratic form
in the row: with the comparisons below the cut counted by pair of clusters, all rows cost one matrix product. Some
cuts tell in which short block each row reaches its level, and only this block is looked at one by one. All weights
are whole numbers; the result is exact, not an approximation.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..storage import spilled
from ..storage.spilled import Spilled

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Distances = NDArray[np.float32] | NDArray[np.float64]
Codes = NDArray[np.int32] | NDArray[np.int64]

BLOCKS = 32
"""Cuts of one round."""
SHORT = 4096
"""Blocks up to this length are searched one by one."""
ROUNDS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Comparisons sorted by distance, with the columns whose weights they multiply."""

    distances: Distances | Spilled[np.float32]
    """(n,) rising."""
    code: Codes | Spilled[np.int32]
    """(n,) for each what `code_of` makes of its columns and of whether it is genuine."""
    columns: int

    def genuine(self, low: int = 0, high: int | None = None) -> NDArray[np.bool_]:
        """Whether both sides are of one identity, of the comparisons in [low, high)."""
        return self.code[low:high] >= self.columns**2

    def first(self, low: int = 0, high: int | None = None) -> Indices:
        """Column of one side, of the comparisons in [low, high)."""
        return self.code[low:high].astype(np.intp) // self.columns % self.columns

    def second(self, low: int = 0, high: int | None = None) -> Indices:
        """Column of the other side; `columns - 1` holds ones and stands for 'the same cluster, count it once'."""
        return self.code[low:high].astype(np.intp) % self.columns

    def parts(self) -> Iterator[tuple[int, int]]:
        """Ranges of comparisons that can be held in memory: one where the table itself is."""
        size = self.distances.size
        step = spilled.HELD if isinstance(self.distances, Spilled) else max(size, 1)
        return ((at, min(at + step, size)) for at in range(0, max(size, 1), step))

    def distance(self, place: int) -> float:
        """Of one comparison."""
        return float(self.distances[place : place + 1][0])

    def mean(self) -> float:
        """Of all distances; there has to be one."""
        if not isinstance(self.distances, Spilled):
            return float(self.distances.mean(dtype=np.float64))
        sums = (float(self.distances[low:high].sum(dtype=np.float64)) for low, high in self.parts())
        return math.fsum(sums) / self.distances.size

    def search(self, wanted: NDArray[Any], side: Literal["left", "right"]) -> Indices:
        """`numpy.searchsorted` in the distances."""
        if isinstance(self.distances, Spilled):
            return self.distances.search(wanted, side).astype(np.intp)
        return np.searchsorted(self.distances, wanted, side)


def code_of(genuine: ArrayLike, first: ArrayLike, second: ArrayLike, columns: int) -> NDArray[np.int64]:
    """One number for the columns of a comparison and whether it is genuine; `Table` reads it.

    Args:
        genuine: whether both sides are of one identity.
        first: cluster of one side, below `columns - 1`.
        second: cluster of the other.
        columns: one more than there are clusters.

    Returns:
        Below 2 columns².
    """
    a, b = np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
    # Both sides of one cluster: counted as often as the cluster, not as its square.
    partner = np.where(a == b, columns - 1, b)
    return np.asarray(np.asarray(genuine, dtype=np.int64) * columns**2 + a * columns + partner)


@dataclass(frozen=True, slots=True, eq=False)
class Reached:
    """By row: the tied comparisons [start, stop) with which the level is reached, and the weights up to there."""

    start: Indices
    """Number of comparisons when the level is never reached."""
    impostor_before: Floats
    impostor_after: Floats
    genuine_before: Floats
    genuine_after: Floats


def totals(table: Table, rows: Floats, low: int, high: int) -> tuple[Floats, Floats]:
    """Weights of the impostor and of the genuine comparisons in [low, high), by row.

    Args:
        table: comparisons.
        rows: (rows, columns) weights, the last column ones.
        low: first comparison.
        high: behind the last comparison.

    Returns:
        Two arrays (rows,).
    """
    n = table.columns
    sums = np.zeros(2 * n * n)
    for at in range(low, high, spilled.HELD):
        sums += np.bincount(table.code[at : min(at + spilled.HELD, high)], minlength=2 * n * n)
    counts = sums.reshape(2, n, n)
    return quadratic(counts[0], rows), quadratic(counts[1], rows)


def quadratic(counts: Floats, rows: Floats) -> Floats:
    """row @ counts @ row for every row; quick where only the last column is occupied.

    Args:
        counts: (columns, columns).
        rows: (rows, columns).

    Returns:
        (rows,).
    """
    single = rows @ counts[:, -1]
    if not counts[:, :-1].any():
        return np.asarray(single * rows[:, -1])
    return np.asarray(np.einsum("rc,rc->r", rows @ counts[:, :-1], rows[:, :-1]) + single * rows[:, -1])


@dataclass(frozen=True, slots=True, eq=False)
class Cuts:
    """Weights up to some cuts, by row."""

    edges: Indices
    """(cuts,) rising places in the table that part no tied comparisons."""
    sums: Floats
    """(cuts, 2, rows) impostor and genuine weights before each cut."""


def cut(table: Table, rows: Floats, start: int = 0, stop: int | None = None, base: Floats | None = None) -> Cuts:
    """Weights up to evenly spread cuts; those over the whole table serve every level that is looked for.

    Args:
        table: comparisons.
        rows: (rows, columns) weights, the last column ones.
        start: first cut.
        stop: last cut; None: behind the last comparison.
        base: (2, rows) weights before `start`; None: nothing.

    Returns:
        The cuts.
    """
    edges = _edges(table, start, table.distances.size if stop is None else stop)
    sums = np.zeros((edges.size, 2, rows.shape[0]))
    if base is not None:
        sums[0] = base
    for k in range(1, edges.size):
        sums[k] = sums[k - 1] + totals(table, rows, int(edges[k - 1]), int(edges[k]))
    return Cuts(edges, sums)


def first_reaching(table: Table, rows: Floats, level: tuple[Floats, Floats, Floats], cuts: Cuts) -> Reached:
    """The first distance at which a * impostor weight + b * genuine weight, both up to it, is at least c.

    Args:
        table: comparisons.
        rows: (rows, columns) weights, the last column ones.
        level: a and b, at least 0, and c, above 0; each (rows,).
        cuts: of the whole table.

    Returns:
        Where it is, by row.
    """
    a, b, c = level
    for turn in range(ROUNDS):
        edges, sums = cuts.edges, cuts.sums
        reached = a * sums[:, 0] + b * sums[:, 1] >= c
        block = np.where(reached.any(axis=0), np.argmax(reached, axis=0), edges.size - 1).clip(min=1)
        longest = int((edges[block] - edges[block - 1]).max())
        low, high = int(block.min()) - 1, int(block.max())
        if longest <= SHORT or turn == ROUNDS - 1 or (low, high) == (0, edges.size - 1):
            break
        cuts = cut(table, rows, int(edges[low]), int(edges[high]), sums[low])
    return _search(table, rows, level, cuts, block)


def _edges(table: Table, start: int, stop: int) -> Indices:
    """Cuts between `start` and `stop` that part no tied comparisons."""
    wanted = np.linspace(start, stop, min(BLOCKS, max(1, (stop - start) // 64)) + 1).round().astype(np.intp)
    inner = wanted[1:-1]
    there = [table.distances[each : each + 1] for each in inner]
    moved = table.search(np.concatenate(there), "left") if there else inner
    edges = np.unique(np.concatenate([[start], moved, [stop]]))
    return edges[(edges >= start) & (edges <= stop)].astype(np.intp)


def _search(table: Table, rows: Floats, level: tuple[Floats, Floats, Floats], cuts: Cuts, block: Indices) -> Reached:
    edges, sums = cuts.edges, cuts.sums
    count = rows.shape[0]
    begin = np.full(count, table.distances.size, np.intp)
    before, after = np.empty((2, count)), np.empty((2, count))
    for row in range(count):
        k = int(block[row])
        low, high = int(edges[k - 1]), int(edges[k])
        at = _within(table, rows[row], (low, high), sums[k - 1, :, row], tuple(float(part[row]) for part in level))
        if at is None:
            before[:, row] = after[:, row] = sums[k, :, row]
        else:
            begin[row], before[:, row], after[:, row] = at
    return Reached(begin, before[0], after[0], before[1], after[1])


def _within(
    table: Table, row: Floats, block: tuple[int, int], base: Floats, level: tuple[float, ...]
) -> tuple[int, Floats, Floats] | None:
    """Where in the block the level is reached, and the weights before and after the tied comparisons there."""
    low, high = block
    a, b, c = level
    weights = row[table.first(low, high)] * row[table.second(low, high)]
    sums = np.zeros((2, high - low + 1))
    genuine = table.genuine(low, high)
    np.cumsum(np.where(genuine, 0.0, weights), out=sums[0, 1:])
    np.cumsum(np.where(genuine, weights, 0.0), out=sums[1, 1:])
    sums += base[:, None]
    reached = a * sums[0, 1:] + b * sums[1, 1:] >= c
    if not reached.size or not reached[-1]:
        return None
    ties = table.distances[low:high]
    value = ties[int(np.argmax(reached))]
    left, right = np.searchsorted(ties, value, side="left"), np.searchsorted(ties, value, side="right")
    return low + int(left), sums[:, left].copy(), sums[:, right].copy()


def last_counted(table: Table, row: Floats, end: int) -> int | None:
    """The last comparison before `end` that has a weight in this row, or None.

    Args:
        table: comparisons.
        row: (columns,) weights.
        end: behind the last comparison to look at.

    Returns:
        Its place.
    """
    step = 32
    while end > 0:
        low = max(0, end - step)
        found = np.flatnonzero((row[table.first(low, end)] > 0) & (row[table.second(low, end)] > 0))
        if found.size:
            return low + int(found[-1])
        end, step = low, 2 * step
    return None


def next_counted(table: Table, row: Floats, place: int) -> int | None:
    """The first comparison of a larger distance than that at `place` that has a weight in this row, or None.

    Args:
        table: comparisons.
        row: (columns,) weights.
        place: of a comparison.

    Returns:
        Its place.
    """
    start = int(table.search(table.distances[place : place + 1], "right")[0])
    step, size = 32, table.distances.size
    while start < size:
        high = min(size, start + step)
        found = np.flatnonzero((row[table.first(start, high)] > 0) & (row[table.second(start, high)] > 0))
        if found.size:
            return start + int(found[0])
        start, step = high, 2 * step
    return None
