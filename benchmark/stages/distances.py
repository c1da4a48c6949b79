"""The compare stage: a block of distances, and which of its pairs have none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

SECONDS = 3600.0
"""Limit for one block."""
BAD = {1: "distances are not finite", 2: "distances are negative", 3: "distances of a and b are not those of b and a"}
"""What can be wrong with the distance of a pair, by the code that stored blocks mark it with."""
_NOT_FINITE, _NEGATIVE, _LOPSIDED = BAD
_ROUNDING = 1e-3
"""Of the largest distance of a block: how far below 0 rounding may take a distance, and how far apart two orders."""


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
    if rows and columns:
        found = ask_distances(
            lambda: recognizer.distances(
                np.stack([cast(NDArray[Any], templates[index]) for index in rows]),
                np.stack([cast(NDArray[Any], templates[task.split + index]) for index in columns]),
            ),
            (len(rows), len(columns)),
            task.plugin,
        )
        if isinstance(found, Crash):
            return found
        matrix[np.ix_(rows, columns)] = found
        codes[np.ix_(rows, columns)] = _value_codes(found)
    if task.inputs[: task.split] == task.inputs[task.split : 2 * task.split]:
        square = codes[:, : task.split]
        square[_lopsided(matrix[:, : task.split], square)] = _LOPSIDED
    if not codes.any():
        return Payload({}, {"distances": matrix})
    matrix[codes > 0] = np.nan
    return Payload({}, {"distances": matrix, "bad": codes})


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
    same = np.isclose(square, square.T, rtol=_ROUNDING, atol=1e-5, equal_nan=True)
    return np.asarray(known & ~(same & same.T), dtype=np.bool_)
