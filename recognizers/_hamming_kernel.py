"""The compiled inner loop of `binary_matching`. Importing it imports numba: do so on first use only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from numba import njit
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

U32Array = NDArray[np.uint32]
Function = TypeVar("Function", bound=Callable[..., Any])


def _compiled(function: Function) -> Function:
    """Compile without the interpreter's lock; keep the machine code on disk where there is a writable place for it."""
    try:
        return cast(Function, njit(nogil=True, cache=True)(function))
    except RuntimeError:  # neither the package's folder nor the user's cache folder can be written
        return cast(Function, njit(nogil=True)(function))


def _popcount(typing_context: Any, word: Any) -> Any:
    def emit(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    if not isinstance(word, types.Integer):
        return None
    return word(word), emit


popcount = cast(Callable[[Any], Any], intrinsic(_popcount))
"""Number of set bits of an integer; one machine instruction, for whole vectors where the processor has it."""


@_compiled
def _shift_columns(codes: U32Array, dx: int, shifted: U32Array) -> None:
    for p in range(codes.shape[0]):
        for r in range(32):
            if dx >= 0:
                shifted[p, r] = codes[p, r] << np.uint32(dx)
            else:
                shifted[p, r] = codes[p, r] >> np.uint32(-dx)


@_compiled
def _count_differences(window: U32Array, rows: U32Array, first: int, counts: U32Array) -> None:
    """counts[j] = differing bits between `window` (P, 32) and the 32 rows of `rows` (P, 32 + 2 S, W) from `first` on.

    Eight rows at a time: the loop over j is the one that becomes vector code, and it should seldom touch `counts`.
    """
    counts[:] = 0
    for p in range(window.shape[0]):
        for r in range(0, 32, 8):
            q = first + r
            a0, a1, a2, a3 = window[p, r], window[p, r + 1], window[p, r + 2], window[p, r + 3]
            a4, a5, a6, a7 = window[p, r + 4], window[p, r + 5], window[p, r + 6], window[p, r + 7]
            b0, b1, b2, b3 = rows[p, q], rows[p, q + 1], rows[p, q + 2], rows[p, q + 3]
            b4, b5, b6, b7 = rows[p, q + 4], rows[p, q + 5], rows[p, q + 6], rows[p, q + 7]
            for j in range(counts.shape[0]):
                low = popcount(a0 ^ b0[j]) + popcount(a1 ^ b1[j]) + popcount(a2 ^ b2[j]) + popcount(a3 ^ b3[j])
                high = popcount(a4 ^ b4[j]) + popcount(a5 ^ b5[j]) + popcount(a6 ^ b6[j]) + popcount(a7 ^ b7[j])
                counts[j] += low + high


@_compiled
def _best_over_rows(window: U32Array, rows: U32Array, width: int, counts: U32Array, best: NDArray[np.float64]) -> None:
    """Lower `best` to the normalised distance of the best row shift; `width` columns overlap.

    Rows that leave the overlap are zero on both sides: `rows` is padded with zeros, `window` is cleared as it goes.
    """
    planes = window.shape[0]
    shift = (rows.shape[1] - 32) // 2
    other = window.copy()
    _count_differences(window, rows, shift, counts[0])
    area = planes * 32 * width
    for j in range(best.shape[0]):
        best[j] = min(best[j], counts[0, j] / area)
    for dy in range(1, shift + 1):
        window[:, 32 - dy] = 0
        other[:, dy - 1] = 0
        _count_differences(window, rows, shift + dy, counts[0])
        _count_differences(other, rows, shift - dy, counts[1])
        area = planes * (32 - dy) * width
        for j in range(best.shape[0]):
            best[j] = min(best[j], min(counts[0, j], counts[1, j]) / area)


@_compiled
def tile_distances(a: U32Array, b: U32Array, distances: NDArray[np.float64]) -> None:
    """Mean over groups of planes of the smallest normalised Hamming distance over all shifts.

    Args:
        a: (A, G, P, 32) codes, one word a row, column c in bit c.
        b: (G, P, 32 + 2 S, W) codes of W templates, side by side, with S rows of zeros above and below.
        distances: (A, W), written.
    """
    groups, planes, padded, width = b.shape
    shift = (padded - 32) // 2
    window = np.empty((planes, 32), np.uint32)
    rows = np.empty((planes, padded, width), np.uint32)
    counts = np.empty((2, width), np.uint32)
    best = np.empty(distances.shape, np.float64)
    every = np.uint32(0xFFFFFFFF)
    distances[:] = 0.0
    for g in range(groups):
        best[:] = 1.0
        for dx in range(-shift, shift + 1):
            mask = every << np.uint32(dx) if dx >= 0 else every >> np.uint32(-dx)
            for p in range(planes):
                for r in range(padded):
                    for j in range(width):
                        rows[p, r, j] = b[g, p, r, j] & np.uint32(mask)
            for i in range(a.shape[0]):
                _shift_columns(a[i, g], dx, window)
                _best_over_rows(window, rows, 32 - abs(dx), counts, best[i])
        distances += best
    distances /= groups
