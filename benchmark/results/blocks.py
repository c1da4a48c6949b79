"""The blocks of a distance matrix that compare tasks make, joined."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..planning.tasks import Task
from ..records.failures import FIRST
from ..stages.distances import BAD
from ..storage.store import Payload
from .cell import Matrix


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
    tasks: Sequence[Task], parts: Iterable[Payload | None], columns: int, bad: BadPairs | None = None
) -> Matrix:
    """The blocks one below the other; NaN where one could not be computed.

    Where a set is compared with itself, a block starts at its own first column (see `tasks.compare_tasks`), and what
    is missing on its left is the mirror image of the blocks above.

    Args:
        tasks: of `compare_tasks`, all of them.
        parts: what each left in the store.
        columns: of the whole.
        bad: takes down the pairs without a proper distance, which are NaN as well.

    Returns:
        (rows, columns) float32.
    """
    matrix = np.full((sum(task.split for task in tasks), columns), np.nan, np.float32)
    within = bool(tasks) and is_within(tasks[0])
    if bad is not None:
        bad.total = columns * (columns + 1) // 2 if within else matrix.size
    start = 0
    for task, part in zip(tasks, parts, strict=True):
        stop = start + task.split
        first = columns - (len(task.inputs) - task.split)
        if part is not None:
            matrix[start:stop, first:] = part.arrays["distances"]
            if bad is not None and "bad" in part.arrays:
                bad.take(part.arrays["bad"], start, first, within=within)
        if first:
            matrix[start:stop, :first] = matrix[:first, start:stop].T
        start = stop
    return matrix


def is_within(task: Task) -> bool:
    """Whether a compare task is of a set with itself."""
    return task.inputs[: task.split] == task.inputs[task.split : 2 * task.split]
