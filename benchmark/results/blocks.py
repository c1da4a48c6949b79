"""The blocks of a distance matrix that compare tasks make, joined."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from ..planning.tasks import Task
from .cell import Matrix
from ..storage.store import Payload


def join_blocks(tasks: Sequence[Task], parts: Iterable[Payload | None], columns: int) -> Matrix:
    """The blocks one below the other; NaN where one could not be computed.

    Where a set is compared with itself, a block starts at its own first column (see `tasks.compare_tasks`), and what
    is missing on its left is the mirror image of the blocks above.

    Args:
        tasks: of `compare_tasks`, all of them.
        parts: what each left in the store.
        columns: of the whole.

    Returns:
        (rows, columns) float32.
    """
    matrix = np.full((sum(task.split for task in tasks), columns), np.nan, np.float32)
    start = 0
    for task, part in zip(tasks, parts, strict=True):
        stop = start + task.split
        first = columns - (len(task.inputs) - task.split)
        if part is not None:
            matrix[start:stop, first:] = part.arrays["distances"]
        if first:
            matrix[start:stop, :first] = matrix[:first, start:stop].T
        start = stop
    return matrix
