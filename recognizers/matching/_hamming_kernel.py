"""The compiled inner loop of `binary_matching`. Importing it imports numba: do so on first use only.

Sixteen templates lie side by side in a vector, and the counts of all row shifts stay in registers as the rows pass.
Three words go through a full adder, so that two population counts do for three, and the sum of the three is the XOR of
two sums that are made once for each template. Rows that a shift pushes out are counted against rows of zeros and taken
back from the start. Nothing is pruned: see `docs/performance.md` for what that could save.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar, cast

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit
from numba.core import cgutils as untyped
from numba.core import types
from numba.extending import intrinsic
from numpy.typing import NDArray

LANES = 16
"""Templates in a vector."""
SIDE = 32
TRIPLES = SIDE // 3
SCALED_SHIFT = 4
"""Up to this shift, distances have a common denominator that float64 holds exactly with many planes."""

U32Array = NDArray[np.uint32]
F64Array = NDArray[np.float64]
Function = TypeVar("Function", bound=Callable[..., Any])

cgutils = cast(Any, untyped)

_WORD = ir.IntType(32)
_LANES = ir.VectorType(_WORD, LANES)
_FLOATS = ir.VectorType(ir.DoubleType(), LANES)


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


class _Emitter:
    """Writes the vector code of one call: all row shifts of one column shift of one probe against 16 templates."""

    def __init__(self, builder: Any, shift: int, keys: Any, rows: Any, start: Any) -> None:
        self.builder = builder
        self.shift = shift
        self.keys = keys
        self.rows = rows
        self.padded = SIDE + 2 * shift
        zero = ir.Constant(_LANES, [0] * LANES)
        places = range(-shift, shift + 1)
        self.ones = {dy: cgutils.alloca_once_value(builder, self._row(start, dy + shift)) for dy in places}
        self.twos = {dy: cgutils.alloca_once_value(builder, zero) for dy in places}

    def plane(self, plane: Any) -> None:
        """Add the differing bits of a plane to the counts."""
        builder = self.builder
        keys = self._at(self.keys, plane, 2 * self.padded)
        rows = self._at(self.rows, plane, SIDE * LANES)
        with cgutils.for_range(builder, ir.Constant(ir.IntType(64), TRIPLES)) as loop:
            self._three(self._at(keys, loop.index, 3), self._at(rows, loop.index, 3 * LANES))
        for row in range(3 * TRIPLES, SIDE):
            words = self._row(rows, row)
            for dy, counter in self.ones.items():
                self._count(counter, builder.xor(words, self._key(keys, row - dy + self.shift)))

    def _at(self, pointer: Any, index: Any, step: int) -> Any:
        return self.builder.gep(pointer, [self.builder.mul(index, ir.Constant(index.type, step))])

    def _three(self, keys: Any, rows: Any) -> None:
        builder = self.builder
        first, second, third = (self._row(rows, row) for row in range(3))
        total = builder.xor(builder.xor(first, second), third)
        for dy in self.ones:
            at = self.shift - dy
            a = builder.xor(first, self._key(keys, at))
            b = builder.xor(second, self._key(keys, at + 1))
            odd = builder.xor(total, self._key(keys, self.padded + at))
            # Majority of the three differences; the third one is odd ^ a ^ b.
            most = builder.or_(builder.and_(a, b), builder.and_(builder.xor(a, b), builder.not_(odd)))
            self._count(self.ones[dy], odd)
            self._count(self.twos[dy], most)

    def _count(self, counter: Any, bits: Any) -> None:
        builder = self.builder
        popcount = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(_LANES, [_LANES]), f"llvm.ctpop.v{LANES}i32"
        )
        builder.store(builder.add(builder.load(counter), builder.call(popcount, [bits])), counter)

    def _row(self, rows: Any, row: int) -> Any:
        pointer = self.builder.gep(rows, [ir.Constant(ir.IntType(64), row * LANES)])
        return self.builder.load(self.builder.bitcast(pointer, _LANES.as_pointer()), align=4)

    def _key(self, keys: Any, index: int) -> Any:
        return self._spread(self.builder.load(self.builder.gep(keys, [ir.Constant(ir.IntType(64), index)])), _LANES)

    def _spread(self, scalar: Any, vector: Any) -> Any:
        undefined = ir.Constant(vector, ir.Undefined)
        one = self.builder.insert_element(undefined, scalar, ir.Constant(_WORD, 0))
        places = ir.Constant(ir.VectorType(_WORD, LANES), [0] * LANES)
        return self.builder.shuffle_vector(one, undefined, places)

    def lower(self, best: Any, scales: Any) -> None:
        """Lower `best` to the smallest count times the scale of its row shift (or by it, for long shifts)."""
        builder = self.builder
        best = builder.bitcast(best, _FLOATS.as_pointer())
        lowest = builder.load(best, align=8)
        operation = builder.fmul if self.shift <= SCALED_SHIFT else builder.fdiv
        for size in range(self.shift + 1):
            counts = [self._total(dy) for dy in sorted({size, -size})]
            smaller = builder.icmp_unsigned("<", counts[0], counts[-1])
            count = builder.select(smaller, counts[0], counts[-1])
            scale = builder.load(builder.gep(scales, [ir.Constant(ir.IntType(64), size)]))
            scaled = operation(builder.uitofp(count, _FLOATS), self._spread(scale, _FLOATS))
            lowest = builder.select(builder.fcmp_ordered("<", scaled, lowest), scaled, lowest)
        builder.store(lowest, best, align=8)

    def _total(self, dy: int) -> Any:
        builder = self.builder
        twos = builder.load(self.twos[dy])
        return builder.add(builder.load(self.ones[dy]), builder.add(twos, twos))


def _lower(
    typing_context: Any,
    keys: Any,
    key: Any,
    rows: Any,
    start: Any,
    planes: Any,
    scales: Any,
    best: Any,
    lane: Any,
    shifts: Any,
) -> Any:
    """Lower 16 scaled distances to those of one probe's best row shift, at one column shift.

    Args:
        typing_context: numba's.
        keys: words of all probes.
        key: the first word of this probe.
        rows: (planes, 32, 16) of 16 templates.
        start: (2 S + 1, 16) where their counts start.
        planes: of a group.
        scales: (S + 1,) by row shift.
        best: scaled distances of all.
        lane: the first of these 16.
        shifts: a tuple of 2 S + 1 numbers, so that S is known when this is compiled.
    """
    if not isinstance(shifts, types.UniTuple):
        return None
    signature = types.void(keys, key, rows, start, planes, scales, best, lane, shifts)

    def emit(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        def data(index: int, offset: Any = None) -> Any:
            pointer = cgutils.create_struct_proxy(signature.args[index])(context, builder, arguments[index]).data
            return pointer if offset is None else builder.gep(pointer, [offset])

        emitter = _Emitter(builder, shifts.count // 2, data(0, arguments[1]), data(2), data(3))
        with cgutils.for_range(builder, arguments[4]) as loop:
            emitter.plane(loop.index)
        emitter.lower(data(6, arguments[7]), data(5))
        return context.get_dummy_value()

    return signature, emit


_lower_best = cast(Callable[..., None], intrinsic(_lower))


def scales_of(shift: int, planes: int) -> tuple[F64Array, float]:
    """What `tile_distances` takes as `scales` and `unit`.

    Args:
        shift: S.
        planes: of a group, at most 64.

    Returns:
        (S + 1, S + 1) factors (or areas, for long shifts) by |dx| and |dy|, and what the product is divided by.
    """
    areas = [[planes * (SIDE - dx) * (SIDE - dy) for dy in range(shift + 1)] for dx in range(shift + 1)]
    if shift > SCALED_SHIFT:
        return np.array(areas, np.float64), 1.0
    unit = math.lcm(*(area for row in areas for area in row))
    return np.array([[unit // area for area in row] for row in areas], np.float64), float(unit)


@_compiled
def tile_distances(
    a: U32Array, b: U32Array, scales: F64Array, unit: float, shifts: tuple[int, ...], distances: F64Array
) -> None:
    """Mean over groups of planes of the smallest normalised Hamming distance over all shifts.

    Args:
        a: (A, G, P, 32) codes, one word a row, column c in bit c.
        b: (G, V, P, 32, 16) codes of 16 V templates, 16 side by side.
        scales: of `scales_of`.
        unit: of `scales_of`.
        shifts: -S..S.
        distances: (A * 16 V,), written.
    """
    shift = len(shifts) // 2
    groups, vectors, planes = b.shape[0], b.shape[1], b.shape[2]
    key_words = planes * 2 * (SIDE + 2 * shift)
    keys = np.empty(a.shape[0] * key_words, np.uint32)
    rows = np.empty((planes, SIDE, LANES), np.uint32)
    start = np.empty((2 * shift + 1, LANES), np.uint32)
    best = np.empty(distances.size, np.float64)
    distances[:] = 0.0
    for g in range(groups):
        best[:] = np.inf
        for dx in range(-shift, shift + 1):
            _shift_keys(a, g, dx, shift, keys)
            for v in range(vectors):
                _mask_rows(b[g, v], dx, rows)
                _take_back(rows, start)
                for i in range(a.shape[0]):
                    lane = (i * vectors + v) * LANES
                    _lower_best(keys, i * key_words, rows, start, planes, scales[abs(dx)], best, lane, shifts)
        for k in range(best.size):
            distances[k] += best[k] / unit
    for k in range(best.size):
        distances[k] /= groups


@_compiled
def _shift_keys(a: U32Array, g: int, dx: int, shift: int, keys: U32Array) -> None:
    """Rows shifted by dx columns between rows of zeros, then the XOR of every three neighbours."""
    padded = SIDE + 2 * shift
    keys[:] = 0
    k = 0
    for i in range(a.shape[0]):
        for p in range(a.shape[2]):
            for r in range(SIDE):
                word = a[i, g, p, r]
                keys[k + shift + r] = word << np.uint32(dx) if dx >= 0 else word >> np.uint32(-dx)
            for r in range(padded - 2):
                keys[k + padded + r] = keys[k + r] ^ keys[k + r + 1] ^ keys[k + r + 2]
            k += 2 * padded


@_compiled
def _mask_rows(b: U32Array, dx: int, rows: U32Array) -> None:
    """The columns of 16 templates that a shift of dx leaves."""
    every = np.uint32(0xFFFFFFFF)
    mask = every << np.uint32(dx) if dx >= 0 else every >> np.uint32(-dx)
    for p in range(b.shape[0]):
        for r in range(SIDE):
            for lane in range(LANES):
                rows[p, r, lane] = b[p, r, lane] & np.uint32(mask)


@_compiled
def _take_back(rows: U32Array, start: U32Array) -> None:
    """Minus the bits of the rows that a row shift pushes out: they are going to be counted against rows of zeros."""
    shift = (start.shape[0] - 1) // 2
    start[:] = 0
    for p in range(rows.shape[0]):
        for dy in range(1, shift + 1):
            for lane in range(LANES):
                start[shift + dy, lane] -= popcount(rows[p, dy - 1, lane])
                start[shift - dy, lane] -= popcount(rows[p, SIDE - dy, lane])
    for dy in range(1, shift):
        for lane in range(LANES):
            start[shift + dy + 1, lane] += start[shift + dy, lane]
            start[shift - dy - 1, lane] += start[shift - dy, lane]
