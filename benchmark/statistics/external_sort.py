"""Sorting more numbers than memory holds: sorted runs in scratch files, merged range by range."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from ..storage import spilled
from ..storage.spilled import Spilled

Whole = NDArray[np.uint64]


def sorted_parts(parts: Iterable[Whole]) -> Iterator[Whole]:
    """The same numbers in rising order.

    Args:
        parts: as they come, of any length.

    Yields:
        Parts of at most about `spilled.HELD`. Scratch files hold the numbers once meanwhile.

    Raises:
        StoreError: a scratch file cannot be written.
    """
    runs: list[Spilled[np.uint64]] = []
    buffer, filled = np.empty(spilled.HELD, np.uint64), 0
    for part in parts:
        while part.size:
            taken = min(buffer.size - filled, part.size)
            buffer[filled : filled + taken] = part[:taken]
            part, filled = part[taken:], filled + taken
            if filled == buffer.size:
                runs.append(_run(buffer))
                filled = 0
    last = buffer[:filled].copy()
    del buffer
    runs.append(_run(last))
    del last
    yield from _merged(runs)


def _run(numbers: Whole) -> Spilled[np.uint64]:
    numbers.sort()
    run = Spilled(np.uint64)
    run.append(numbers)
    return run


def _merged(runs: list[Spilled[np.uint64]]) -> Iterator[Whole]:
    seen = np.sort(np.concatenate([each.seen for each in runs]))
    # A run has at most one step more in a range than the range has of its numbers seen.
    bounds = seen[:: max(1, spilled.HELD // 2 // spilled.STEP)][1:]
    starts = [0] * len(runs)
    for bound in [*bounds, None]:
        pieces = []
        for index, run in enumerate(runs):
            stop = run.size if bound is None else int(run.search(np.array([bound]), "right")[0])
            pieces.append(run[starts[index] : stop])
            starts[index] = stop
        part = np.concatenate(pieces)
        del pieces
        part.sort()
        yield part
