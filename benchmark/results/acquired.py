"""Which images a recogniser has a template of, told from its distances alone.

An image of which no distance is known was not acquired. One of which only some are known was acquired, but the
recogniser failed on pairs of it (see `stages.distances.BAD`): that is no fact about the image, so that such an image must
not count as rejected; it is left out, and the record says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .cell import Distances, Matrix
from .tiles import Grid, Tiled, tiles

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Acquired:
    """By image, in the order of the matrices."""

    originals: Flags
    """(u,) originals that can be compared with each other."""
    images: Flags
    """(m,) de-identified images of which any distance is known."""
    versions: Flags
    """(m,) de-identified images that can be compared with each other."""


def acquired(distances: Distances) -> Acquired:
    """Who has a template."""
    there = _any_known(distances.originals)
    images = np.zeros(distances.deidentified.shape[0], np.bool_)
    for tile in tiles(distances.deidentified):
        known = np.isfinite(tile.distances)
        images[tile.start : tile.start + len(known)] = known.any(axis=1)
        there |= known.any(axis=0)
    among = np.zeros(images.size, np.bool_)
    first = np.arange(images.size) if distances.first is None else distances.first
    among[first] = _any_known(distances.versions)
    versions = np.zeros(images.size, np.bool_)
    versions[first] = _whole(distances.versions, among[first])
    return Acquired(_whole(distances.originals, there), images | among, versions)


def _any_known(square: Grid) -> Flags:
    """(n,) of which any distance is known."""
    found = np.zeros(square.shape[0], np.bool_)
    for tile in tiles(square):
        known = np.isfinite(tile.distances)
        found[tile.start : tile.start + len(known)] |= known.any(axis=1)
        if tile.first:  # what stands above is known on the left, too
            found[tile.first :] |= known.any(axis=0)
    return found


def _whole(square: Grid, there: Flags) -> Flags:
    """Members of the largest set that is quickly found of which every pair is known: the worst goes first.

    The diagonal does not count; no score is made of an image and itself.
    """
    kept = there.copy()
    row, column = _unknown(square, there)
    per_member = np.bincount(row, minlength=there.size)
    while per_member.any():
        worst = int(per_member.argmax())
        kept[worst] = False
        gone = (row == worst) | (column == worst)
        per_member -= np.bincount(row[gone], minlength=there.size)
        row, column = row[~gone], column[~gone]
    return kept


def _unknown(square: Grid, there: Flags) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Both sides of every pair of two members that is not known; a pair stands in both orders."""
    rows, columns = [np.empty(0, np.intp)], [np.empty(0, np.intp)]
    for tile in tiles(square):
        unknown = ~np.isfinite(tile.distances)
        unknown[~there[tile.start : tile.start + len(unknown)]] = False
        unknown[:, ~there[tile.first :]] = False
        a, b = np.nonzero(unknown)
        a, b = a + tile.start, b + tile.first
        rows.append(a[a != b])
        columns.append(b[a != b])
        if isinstance(square, Tiled):  # the mirror image of what stands on the right of the diagonal block
            right = b >= tile.start + len(unknown)
            rows.append(b[right])
            columns.append(a[right])
    return np.concatenate(rows), np.concatenate(columns)


def is_known(row: Matrix, columns: NDArray[np.intp]) -> bool:
    """Whether all these distances of an image are known."""
    return bool(np.isfinite(row[columns]).all())
