"""Shift-tolerant Hamming distances between stacks of 32 x 32 bit planes.

A plane is 32 words of 32 bits: row r is word r, column c is bit c. Planes form groups of equal size; all planes of a
group move together, different groups choose their shifts independently. For one group, with the codes cropped to the
overlap that a shift of (dy, dx) leaves,

    d = min over |dy|, |dx| <= S of   differing bits / (planes * (32 - |dy|) * (32 - |dx|)),

and the distance of two templates is the mean of d over the groups. Identical templates are at 0.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

SIDE = 32

# A tile of the gallery fills the first-level cache; a tile of the probes makes the masking of the gallery tile cheap.
_GALLERY_TILE = 128
_PROBE_TILE = 64

U32Array = NDArray[np.uint32]


def pack_planes(planes: NDArray[np.bool_]) -> U32Array:
    """Pack bit planes into words.

    Args:
        planes: (..., 32, 32) booleans.

    Returns:
        (..., 32) uint32, one word a row, column c in bit c.

    Raises:
        ValueError: the planes are not 32 x 32.
    """
    if planes.ndim < 2 or planes.shape[-2:] != (SIDE, SIDE):
        raise ValueError(f"expected bit planes of shape (..., 32, 32), got {planes.shape}")
    octets = np.packbits(planes, axis=-1, bitorder="little")
    return np.ascontiguousarray(octets).view("<u4")[..., 0].astype(np.uint32)


def check_templates(templates: NDArray[np.generic], planes: int, recognizer: str) -> None:
    """Refuse arrays that `recognizer` did not make.

    Raises:
        ValueError: not (n, planes, 32) uint32.
    """
    if templates.ndim != 3 or templates.shape[1:] != (planes, SIDE) or templates.dtype != np.uint32:
        raise ValueError(
            f"{recognizer}: expected templates of shape (n, {planes}, {SIDE}) and dtype uint32, "
            f"got {templates.shape} and {templates.dtype}; compare only templates that {recognizer} has made"
        )


def shifted_hamming(
    a: U32Array, b: U32Array, *, planes_per_group: int, shift: int, threads: int = 1
) -> NDArray[np.float32]:
    """Distances of all templates of `a` to all of `b`, as the module describes.

    Args:
        a: (n, planes, 32) uint32.
        b: (m, planes, 32) uint32; the very same array as `a` takes half the time.
        planes_per_group: divides the number of planes.
        shift: S, 0..31 bits in either direction.
        threads: how many threads share the work; the result is the same for any number.

    Returns:
        (n, m) float32 in 0..1; exact ratios in float64, rounded once.

    Raises:
        ValueError: the shapes do not fit each other or the groups.
    """
    planes = a.shape[1]
    if b.shape[1:] != a.shape[1:] or planes % planes_per_group:
        raise ValueError(
            f"expected templates of equal shape, their planes a multiple of {planes_per_group}, "
            f"got {a.shape} and {b.shape}"
        )
    if not 0 <= shift < SIDE or threads < 1:
        raise ValueError(f"expected 0 <= shift < {SIDE} and threads >= 1, got {shift} and {threads}")
    if len(b) < len(a):  # the longer side fills the vector lanes; distances are symmetric to the last bit
        transposed = shifted_hamming(b, a, planes_per_group=planes_per_group, shift=shift, threads=threads)
        return np.ascontiguousarray(transposed.T)
    distances = np.zeros((len(a), len(b)), np.float32)
    if not distances.size:
        return distances
    grouped = (-1, planes // planes_per_group, planes_per_group, SIDE)
    left, right = a.reshape(grouped), b.reshape(grouped)
    all_pairs = a is b

    def fill(start: int) -> None:
        stop = start + _GALLERY_TILE
        rows = slice(0, stop if all_pairs else None)
        _fill_columns(left[rows], right[start:stop], shift, distances[rows, start:stop])

    starts = range(0, len(b), _GALLERY_TILE)
    if threads == 1:
        for start in starts:
            fill(start)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(fill, starts))
    if all_pairs:  # only the blocks on and above the diagonal were filled
        for start in starts:
            distances[start:, :start] = distances[:start, start:].T
    return distances


def _fill_columns(a: U32Array, b: U32Array, shift: int, distances: NDArray[np.float32]) -> None:
    from ._hamming_kernel import LANES, scales_of, tile_distances

    count = len(b)
    side_by_side = _interleave(b, LANES)
    scales, unit = scales_of(shift, a.shape[2])
    shifts = tuple(range(-shift, shift + 1))
    for start in range(0, len(a), _PROBE_TILE):
        # A copy, because templates read from a store are read-only, which numba would compile a second time.
        probes = np.array(a[start : start + _PROBE_TILE], order="C")
        tile = np.empty((len(probes), LANES * side_by_side.shape[1]), np.float64)
        tile_distances(probes, side_by_side, scales, unit, shifts, tile.reshape(-1))
        distances[start : start + len(probes)] = tile[:, :count]


def _interleave(b: U32Array, lanes: int) -> U32Array:
    """(W, G, P, 32) to (G, W / lanes rounded up, P, 32, lanes), padded with zeros."""
    count, groups, planes, _ = b.shape
    vectors = -(-count // lanes)
    padded = np.zeros((vectors * lanes, groups, planes, SIDE), np.uint32)
    padded[:count] = b
    return np.ascontiguousarray(np.moveaxis(padded.reshape(vectors, lanes, groups, planes, SIDE), (0, 1), (1, 4)))
