"""Arrays that plug-ins hand over: what is something else than it looks is refused by name, the rest becomes our own.

NumPy has arrays that look like numbers and are not, or not all of them: masked ones, whose entries may stand for
nothing, arrays of objects, and classes derived from `ndarray`, which may compute in a way of their own. Taken for plain
numbers each of them would give a result that nobody has meant. And a plain one may lie in memory that its owner writes
into again, or that several results share: it is copied when it is handed over.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

_PLAIN = (np.ndarray, np.memmap)


def oddity(answer: object) -> str:
    """What kind of array an answer is, where it is none of plain numbers; empty where it is, and for what is no array.

    Args:
        answer: anything; arrays in a list or tuple are looked at as well.
    """
    if isinstance(answer, list | tuple):
        return next((odd for each in answer if isinstance(each, np.ndarray) and (odd := oddity(each))), "")
    if not isinstance(answer, np.ndarray):
        return ""
    if isinstance(answer, np.ma.MaskedArray):
        return "a masked array (numpy.ma), whose masked entries are no numbers"
    if type(answer) not in _PLAIN:
        return f"a {type(answer).__name__}, which is a kind of array of its own"
    return "an array of objects" if answer.dtype.hasobject else ""


def own_array(answer: Any, expected: str) -> NDArray[Any]:
    """An answer as a plain array that nobody else holds.

    Args:
        answer: an array, or what NumPy makes one of.
        expected: in half a sentence, for the message.

    Raises:
        ValueError: it is an array of another kind.
        Exception: whatever NumPy raises for what is no array at all.
    """
    found = answer if isinstance(answer, np.ndarray | list | tuple) else np.asanyarray(answer)
    odd = oddity(found)
    if odd:
        raise ValueError(f"expected {expected}, got {odd}")
    return np.array(found, order="C")


def own_image(output: Any) -> Any:
    """An image as one that nobody else writes into; everything else as it is."""
    return np.array(output, order="C") if type(output) in _PLAIN and not output.dtype.hasobject else output


def sharing(outputs: Any) -> bool:
    """Whether results of one call lie in the same memory, so that writing one has changed another."""
    arrays = [each for each in outputs if isinstance(each, np.ndarray) and each.size]
    bounds = sorted(np.lib.array_utils.byte_bounds(each) for each in arrays)
    return any(low < end for (_, end), (low, _) in itertools.pairwise(bounds))
