"""The blocks of a distance matrix that compare tasks make, joined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..planning.tasks import Task
from ..records.failures import FIRST
from ..stages.distances import BAD
from ..storage import spilled
from ..storage.store import Payload
from .tiles import Grid, Tiled


@dataclass(slots=True)
class BadPairs:
    """Pairs of one matrix that a recogniser gave no proper distance of."""

    total: int = 0
    """Pairs of the matrix; within one set each counts once."""
    counts: Counter[str] = field(default_factory=Counter)
    """By what is wrong with them."""
    first: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    """The first of each kind, as (row, column)."""

    def take(self, codes: NDArray[np.uint8], row: int, column: int, *, within: bool) -> None:
        """Count the pairs of a block whose corner lies at (row, column)."""
        seen = np.triu(codes) if within else codes
        for code, reason in BAD.items():
            rows, columns = np.nonzero(seen == code)
            if len(rows):
                self.counts[reason] += len(rows)
                named = self.first.setdefault(reason, [])
                places = zip(rows[:FIRST].tolist(), columns[:FIRST].tolist(), strict=True)
                named += [(row + a, column + b) for a, b in places][: FIRST - len(named)]


def join_blocks(
    tasks: Sequence[Task],
    read: Callable[[Task], Payload | None],
    shape: tuple[int, int],
    bad: BadPairs | None = None,
    large: bool = False,
) -> Grid:
    """The blocks one below the other; NaN where one could not be computed.

    Where a set is compared with itself, a block starts at its own first column (see `tasks.compare_tasks`), and what
    is missing on its left is the mirror image of the blocks above.

    Args:
        tasks: of `compare_tasks`, all of them.
        read: what each left in the store.
        shape: of the whole.
        bad: takes down the pairs without a proper distance, which are NaN as well.
        large: whether what is too much for memory stays in the store and is read from there.

    Returns:
        (rows, columns) float32.
    """
    tiled = Tiled(tasks, read, shape)
    stays = large and tiled.size > spilled.HELD
    matrix = np.full((0, 0) if stays else shape, np.nan, np.float32)
    if bad is not None:
        bad.total = shape[1] * (shape[1] + 1) // 2 if tiled.within else tiled.size
    for start, first, part in tiled.parts():
        if part is not None and bad is not None and "bad" in part.arrays:
            bad.take(part.arrays["bad"], start, first, within=tiled.within)
        if not stays and part is not None:
            stop = start + len(part.arrays["distances"])
            matrix[start:stop, first:] = part.arrays["distances"]
            if tiled.within:
                matrix[stop:, start:stop] = matrix[start:stop, stop:].T
    return tiled if stays else matrix
