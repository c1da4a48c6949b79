"""All comparisons of large sets, tile by tile: distances go into populations and counts, never into one matrix.

Memory is that of a tile and of what is collected (see `scoring.population`), whatever the number of images. `compare`
is any recogniser's `distances`; for all pairs within one set it is asked once for each pair, so it has to be symmetric.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..metrics.recognition.population import BUDGET, Collector, Population

Templates = NDArray[Any]
Distances = NDArray[np.float32]
Compare = Callable[[Templates, Templates], Distances]

TILE = 1024
"""Templates on either side of a tile."""


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """A part of the table of distances."""

    rows: slice
    columns: slice
    distances: Distances
    """(rows, columns)."""


def all_pairs(templates: Templates, compare: Compare, tile: int = TILE) -> Iterator[Tile]:
    """The tiles on and above the diagonal.

    Args:
        templates: (n, ...).
        compare: gives the (rows, columns) distances of two sets.
        tile: templates on a side.

    Yields:
        Tiles in the order of their rows.
    """
    for row in range(0, len(templates), tile):
        left = templates[row : row + tile]
        for column in range(row, len(templates), tile):
            right = left if column == row else templates[column : column + tile]  # the same array is half the work
            yield Tile(slice(row, row + len(left)), slice(column, column + len(right)), compare(left, right))


def across(probes: Templates, gallery: Templates, compare: Compare, tile: int = TILE) -> Iterator[Tile]:
    """All tiles of probes x gallery.

    Args:
        probes: (n, ...).
        gallery: (m, ...).
        compare: gives the (rows, columns) distances of two sets.
        tile: templates on a side.

    Yields:
        Tiles in the order of their rows.
    """
    for row in range(0, len(probes), tile):
        left = probes[row : row + tile]
        for column in range(0, len(gallery), tile):
            right = gallery[column : column + tile]
            yield Tile(slice(row, row + len(left)), slice(column, column + len(right)), compare(left, right))


@dataclass(frozen=True, slots=True, eq=False)
class Originals:
    """Distances of all pairs of originals."""

    genuine: Population
    impostor: Population


def compare_originals(
    templates: Templates, identities: Sequence[str], compare: Compare, *, tile: int = TILE, budget: int = BUDGET
) -> Originals:
    """Compare every original with every other one.

    Args:
        templates: (n, ...).
        identities: of each.
        compare: a recogniser's `distances`.
        tile: templates on a side of a tile.
        budget: bytes of distances of one kind that are kept; beyond, they become a histogram.

    Returns:
        The distances, exact where they fit.

    Raises:
        ValueError: a distance is not finite, or there is not one identity for each template.
    """
    label = _numbered(identities, len(templates))
    genuine, impostor = Collector(budget), Collector(budget)
    for part in all_pairs(templates, compare, tile):
        same = label[part.rows][:, None] == label[part.columns][None]
        if part.rows.start == part.columns.start:
            upper = np.triu(np.ones(same.shape, dtype=bool), 1)
            genuine.add(part.distances[same & upper])
            impostor.add(part.distances[~same & upper])
        else:
            genuine.add(part.distances[same])
            impostor.add(part.distances[~same])
    return Originals(genuine.finish(), impostor.finish())


@dataclass(frozen=True, slots=True, eq=False)
class Deidentified:
    """Distances of de-identified images to originals."""

    own: Population
    """To the original that each was made from."""
    cross: Population
    """To other originals of the same identity."""
    others: Population
    """To originals of other identities."""


def compare_deidentified(
    images: tuple[Templates, Sequence[str]],
    originals: tuple[Templates, Sequence[str]],
    sources: Sequence[int],
    compare: Compare,
    *,
    tile: int = TILE,
    budget: int = BUDGET,
) -> Deidentified:
    """Compare every de-identified image with every original.

    Args:
        images: templates and identities of the de-identified images.
        originals: templates and identities of the originals.
        sources: for each image the original it was made from.
        compare: a recogniser's `distances`.
        tile: templates on a side of a tile.
        budget: bytes of distances of one kind that are kept; beyond, they become a histogram.

    Returns:
        The distances, exact where they fit.

    Raises:
        ValueError: a distance is not finite, or there is not one identity or source for each template.
    """
    both = _numbered([*images[1], *originals[1]], len(images[0]) + len(originals[0]))
    label, known = both[: len(images[0])], both[len(images[0]) :]
    source = np.asarray(sources, dtype=np.intp)
    if source.shape != (len(images[0]),):
        raise ValueError(f"expected one source for each of {len(images[0])} images, got {source.size}")
    own, cross, others = Collector(budget), Collector(budget), Collector(budget)
    for part in across(images[0], originals[0], compare, tile):
        same = label[part.rows][:, None] == known[part.columns][None]
        itself = source[part.rows][:, None] == np.arange(part.columns.start, part.columns.stop)[None]
        own.add(part.distances[itself])
        cross.add(part.distances[same & ~itself])
        others.add(part.distances[~same])
    return Deidentified(own.finish(), cross.finish(), others.finish())


def _numbered(identities: Sequence[str], count: int) -> NDArray[np.intp]:
    if len(identities) != count:
        raise ValueError(f"expected one identity for each of {count} templates, got {len(identities)}")
    return np.unique(np.asarray(identities, dtype=str), return_inverse=True)[1].astype(np.intp)
