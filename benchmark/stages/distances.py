"""The compare stage: a block of distances, and which of its pairs have none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from ...plugins.entries import PluginRef
from ...recognizers.base import Recognizer
from ..planning.tasks import Task
from ..storage.store import Payload
from .answers import matrix as block_of
from .guard import Crash, guarded, step
from .inputs import Context, Made, load_plugin
from .templates import template
from .twice import looked_at

SECONDS = 3600.0
"""Limit for one block."""
BAD = {1: "distances are not finite", 2: "distances are negative", 3: "distances of a and b are not those of b and a"}
"""What can be wrong with the distance of a pair, by the code that stored blocks mark it with."""
CORNER = 2
"""So many rows and columns of some blocks of a process are computed once more by themselves."""
ALONE_OTHERS = (
    "the distances of a few pairs, asked for by themselves, are not those in their block: "
    "they depend on more than the two templates"
)
ALONE_FAILS = "the distances of a few pairs, asked for by themselves, fail, though those of their block do not"
_NOT_FINITE, _NEGATIVE, _LOPSIDED = BAD
_ROUNDING = 1e-3
"""Of the largest distance of a block: how far below 0 rounding may take a distance, and how far apart two
askings, in either order."""
_ROUNDING_OF_ORDER = 1e-5
"""Of the largest distance of a block: how far apart rounding may take two orders of a pair beyond `_ROUNDING` of it."""


def compare(tasks: Sequence[Task], context: Context) -> list[Made]:
    """Carry out compare tasks."""
    recognizer = load_plugin(tasks[0].plugin)
    if isinstance(recognizer, Crash):
        return [recognizer for _ in tasks]
    return [_compare_one(task, cast(Recognizer, recognizer), context) for task in tasks]


def _compare_one(task: Task, recognizer: Recognizer, context: Context) -> Made:
    """A block of distances; rows and columns without a template are NaN, and so are pairs without a proper distance."""
    templates = [template(item, context.store) for item in task.inputs]
    rows = [index for index, each in enumerate(templates[: task.split]) if each is not None]
    columns = [index for index, each in enumerate(templates[task.split :]) if each is not None]
    matrix = np.full((task.split, len(templates) - task.split), np.nan, dtype=np.float32)
    codes = np.zeros(matrix.shape, np.uint8)
    if not rows or not columns:
        return Payload({}, {"distances": matrix})
    a = np.stack([cast(NDArray[Any], templates[index]) for index in rows])
    b = np.stack([cast(NDArray[Any], templates[task.split + index]) for index in columns])
    some, others = a[-CORNER:].copy(), b[:CORNER].copy()  # the recogniser may write into its own
    ask = partial(_ask, recognizer, task.plugin)
    found = ask(a, b)
    if isinstance(found, Crash):
        return found
    matrix[np.ix_(rows, columns)] = found
    codes[np.ix_(rows, columns)] = _value_codes(found)
    own = task.inputs[: task.split] == task.inputs[task.split : 2 * task.split]
    if own:
        square = codes[:, : task.split]
        square[_lopsided(matrix[:, : task.split], square)] = _LOPSIDED
    # Where pairs of the block are told to be lopsided, its corner need not say so again.
    turned = own and not (codes == _LOPSIDED).any()
    looked_at(task.plugin, "distances", partial(_corner_fault, found, some, others, ask, turned))
    if not codes.any():
        return Payload({}, {"distances": matrix})
    matrix[codes > 0] = np.nan
    return Payload({}, {"distances": matrix, "bad": codes})


def _ask(recognizer: Recognizer, of: PluginRef | None, a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float32] | Crash:
    return ask_distances(lambda: recognizer.distances(a, b), (len(a), len(b)), of)


def _corner_fault(
    block: NDArray[np.float32],
    some: NDArray[Any],
    others: NDArray[Any],
    ask: Callable[[NDArray[Any], NDArray[Any]], NDArray[np.float32] | Crash],
    turned: bool,
) -> str | None:
    """How the distances of a few pairs differ by themselves from those in their block, as `looked_at` wants it.

    Last rows, first columns: of a set compared with itself these are pairs of two images. Equal templates are left out,
    because their distance is rounding alone, of which a root or an angle makes much.

    Args:
        block: distances of all rows and columns.
        some, others: templates of its last rows and of its first columns.
        ask: gives distances.
        turned: whether those of others and some are asked for, too.
    """
    corner = block[-len(some) :, : len(others)]
    told = np.isfinite(corner) & [[not np.array_equal(one, other) for other in others] for one in some]
    if not told.any():
        return None
    largest = float(np.max(np.abs(block), where=np.isfinite(block), initial=0.0))

    def fault(again: NDArray[np.float32] | Crash, words: str) -> str:
        if isinstance(again, Crash):
            return f"{ALONE_FAILS} ({again.reason})"
        return words if (told & ~np.isclose(corner, again, rtol=0.0, atol=_ROUNDING * largest)).any() else ""

    found = fault(ask(some.copy(), others.copy()), ALONE_OTHERS)
    if not found and turned:
        back = ask(others.copy(), some.copy())
        found = fault(back if isinstance(back, Crash) else back.T, BAD[_LOPSIDED])
    # One that is the whole block does not show whether distances depend on the rest of it.
    return found if found or corner.size < block.size else None


def ask_distances(call: Callable[[], Any], shape: tuple[int, int], of: PluginRef | None) -> NDArray[np.float32] | Crash:
    """The block as the recogniser gives it; what is no matrix of real numbers of this shape is the recogniser's bug."""

    def ask() -> NDArray[np.float32]:
        with step("distances"):
            return block_of(call(), shape)

    return guarded(ask, SECONDS, of=of)


def _value_codes(found: NDArray[np.float32]) -> NDArray[np.uint8]:
    finite = np.isfinite(found)
    codes = np.zeros(found.shape, np.uint8)
    codes[~finite] = _NOT_FINITE
    largest = float(np.max(np.abs(found), where=finite, initial=0.0))
    codes[finite & (found < -_ROUNDING * largest)] = _NEGATIVE
    return codes


def _lopsided(square: NDArray[np.float32], codes: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Pairs whose two orders give two distances, so that neither can be taken for both."""
    known = np.isfinite(square) & (codes == 0)
    known &= known.T
    largest = float(np.max(np.abs(square), where=known, initial=0.0))
    same = np.isclose(square, square.T, rtol=_ROUNDING, atol=_ROUNDING_OF_ORDER * largest, equal_nan=True)
    return np.asarray(known & ~(same & same.T), dtype=np.bool_)
