"""Arrays that plug-ins hand over: what is something else than it looks is refused by name, the rest becomes our own.

NumPy has arrays that look like numbers and are not, or not all of them: masked ones, whose entries may stand for
nothing, arrays of objects, and classes derived from `ndarray`, which may compute in a way of their own. Taken for plain
numbers each of them would give a result that nobody has meant. And a plain one may lie in memory that its owner writes
into again, or that several results share: it is copied when it is handed over.
"""

from __future__ import annotations

import itertools
import os
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


def not_finite(array: NDArray[Any]) -> str:
    """How many entries are NaN or infinite, and where the first one is; empty where none is."""
    nan, infinite = np.isnan(array), np.isinf(array)
    if not (nan.any() or infinite.any()):
        return ""
    counts = " and ".join(
        f"{count} {kind}" for count, kind in ((nan.sum(), "NaN"), (infinite.sum(), "infinite")) if count
    )
    first = np.argwhere(nan | infinite)[0].tolist()
    return f"{counts} of {array.size}, the first at {first}"


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
    """Whether results of one call lie in the same memory or file, so that writing one has changed another."""
    arrays = [each for each in outputs if isinstance(each, np.ndarray) and each.size]
    bounds = sorted(np.lib.array_utils.byte_bounds(each) for each in arrays)
    files = [file for each in arrays if (file := _file_of(each))]
    return len(set(files)) < len(files) or any(low < end for (_, end), (low, _) in itertools.pairwise(bounds))


def _file_of(array: NDArray[Any]) -> str:
    """The file that an array lies in; empty where in memory. Each memory map of a file has addresses of its own."""
    base: Any = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap) and base.filename:
            return os.path.realpath(base.filename)
        base = base.base
    return ""
