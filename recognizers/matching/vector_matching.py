"""Distances between all rows of two sets of vectors: a matrix product, then a little arithmetic on each entry.

    cosine      1 - cos, 0..2
    angular     arccos(cos) / pi, 0..1
    euclidean   |a - b|

Products are in single precision, tile by tile, with the threads of the linear algebra library.
Near pairs, of which a difference of nearly equal numbers would be left, are computed once more from the rows
themselves, in double precision: equal rows are at exactly 0. Angles of nearly opposite rows are good to 3e-4.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

VectorDistance = Literal["cosine", "angular", "euclidean"]

_TILE = 1024
"""Rows of a tile: the entries of a tile are still in a cache when they are turned into distances."""
_COLUMNS = 4096
_NEAR = 0.01
"""Squared distance, as a share of the rows' squared lengths, below which a pair is computed once more."""
_PAIR_VALUES = 2**22

F32Array = NDArray[np.float32]


def vector_distances(a: NDArray[Any], b: NDArray[Any], kind: VectorDistance) -> F32Array:
    """Distances of all rows of `a` to all of `b`.

    Args:
        a: (n, d) numbers; of any length, where the distance looks at directions only.
        b: (m, d).
        kind: see the module.

    Returns:
        (n, m) float32, at least 0. The direction of a row of zeros is orthogonal to everything.

    Raises:
        ValueError: the shapes do not fit each other, or the kind is unknown.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(f"expected vectors of shape (n, d) and (m, d), got {a.shape} and {b.shape}")
    if kind not in ("cosine", "angular", "euclidean"):
        raise ValueError(f"expected cosine, angular or euclidean, got {kind!r}")
    (left, square), (right, other) = (_scaled(np.asarray(each, np.float32), kind != "euclidean") for each in (a, b))
    found = np.empty((len(left), len(right)), np.float32)
    for row in range(0, len(left), _TILE):
        for column in range(0, len(right), _COLUMNS):
            rows, columns = slice(row, row + _TILE), slice(column, column + _COLUMNS)
            tile = left[rows] @ right[columns].T
            lengths = square[rows, None], other[None, columns]
            _to_squares(tile, lengths)
            _refine(tile, lengths, left[rows], right[columns])
            found[rows, columns] = _finish(tile, kind)
    return found


def _scaled(vectors: F32Array, to_unit: bool) -> tuple[F32Array, F32Array]:
    """Rows, brought to length 1 if asked for (zeros stay zeros), and their squared lengths."""
    squares = np.einsum("ij,ij->i", vectors, vectors, dtype=np.float64)
    if not to_unit:
        return vectors, squares.astype(np.float32)
    there = squares > 0
    lengths = np.sqrt(np.where(there, squares, 1.0)).astype(np.float32)
    return vectors / lengths[:, None], there.astype(np.float32)


def _to_squares(tile: F32Array, lengths: tuple[F32Array, F32Array]) -> None:
    """Products to squared distances, in place."""
    tile *= -2
    tile += lengths[0]
    tile += lengths[1]
    np.maximum(tile, 0, out=tile)


def _refine(tile: F32Array, lengths: tuple[F32Array, F32Array], a: F32Array, b: F32Array) -> None:
    """Squared distances of near pairs from the rows themselves."""
    smallest = _NEAR * (float(lengths[0].max(initial=0)) + float(lengths[1].max(initial=0)))
    if not tile.size or tile.min() >= smallest:  # the common case looks at each entry once
        return
    near = np.argwhere(tile < _NEAR * (lengths[0] + lengths[1]))
    step = max(1, _PAIR_VALUES // max(a.shape[1], 1))
    for at in range(0, len(near), step):
        i, j = near[at : at + step].T
        tile[i, j] = np.square(a[i].astype(np.float64) - b[j]).sum(axis=1)


def _finish(squares: F32Array, kind: VectorDistance) -> F32Array:
    """Squared distances (of rows of length 1, unless euclidean) to distances; may work in place."""
    if kind == "cosine":
        squares *= 0.5  # |a - b|^2 = 2 - 2 cos
        return np.minimum(squares, 2, out=squares)
    np.sqrt(squares, out=squares)
    if kind == "euclidean":
        return squares
    squares *= 0.5  # half the chord is the sine of half the angle
    np.minimum(squares, 1, out=squares)
    np.arcsin(squares, out=squares)
    squares *= np.float32(2 / np.pi)
    return squares
