"""One-to-many search of exact results: the nearest entries of a gallery that is too large for all distances.

The gallery is read part by part and never compared as a whole: of each tile of distances stay the few that are among a
probe's nearest so far, and how many entries are nearer than its own. Where templates are vectors, tiles are matrix
products in single precision; every pair that their rounding leaves in doubt is computed once more from its two rows
alone, in double precision. So the result depends on neither the engine, nor the size of tiles, nor the number of
threads. Of equal distances the earlier entry stands first in a list; ranks count every entry that is as near as the
own one before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .vector_matching import VectorDistance

Templates = NDArray[Any]
Places = NDArray[np.int64]
Scores = NDArray[np.float64]
"""Larger is nearer."""

TILE = 2048
"""Entries of a tile."""
PROBES = 1024
"""Probes of a tile."""
NOBODY = -1
"""In place of an entry."""
_PAIR_VALUES = 2**22
_SHORTEST, _LONGEST = 1e-60, 1e36
"""Squared lengths that single precision can compute with."""


class SearchError(ValueError):
    """Something cannot be searched."""

    exit_code = 2


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What searches of probes in a gallery give."""

    entries: Places
    """(probes, k) the nearest entries, nearest first; `NOBODY` where the gallery has fewer."""
    distances: NDArray[np.float32]
    """(probes, k) to these; infinity where there is none."""
    own: NDArray[np.float32]
    """(probes,) distance to the own entry; infinity without one."""
    ranks: Places
    """(probes,) of the own entry, 1 is the nearest; entries that are as near count as nearer. 0 without an own entry,
    and where an approximate index did not find it."""
    size: int
    """Entries of the gallery."""


@dataclass(frozen=True, slots=True, eq=False)
class Tile:
    """Scores of neighbouring probes and neighbouring entries."""

    probe: int
    """Number of the first."""
    entry: int
    """Number of the first."""
    scores: NDArray[np.float32]
    """(probes, entries)."""
    margin: float
    """By how much they may be off."""
    block: Templates
    """The entries."""


class Space(Protocol):
    """How near templates are to some probes."""

    def tile(self, rows: slice, entries: Templates) -> tuple[NDArray[np.float32], float]:
        """(probes, entries) scores of some probes, and by how much they may be off those of `pairs`."""
        ...

    def pairs(self, rows: Places, entries: Templates, scores: NDArray[np.float32]) -> Scores:
        """(n,) scores of probe rows[i] and entries[i]; `scores` are those of `tile`."""
        ...

    def distances(self, scores: Scores) -> NDArray[np.float32]:
        """Distances of scores."""
        ...


class Compared:
    """Templates that the recogniser itself compares.

    Args:
        probes: (n, ...) templates.
        compare: distances of all pairs of two sets of templates; has to give the same whatever else it is given.
    """

    def __init__(self, probes: Templates, compare: Callable[[Templates, Templates], NDArray[np.float32]]) -> None:
        self._probes, self._compare = probes, compare

    def tile(self, rows: slice, entries: Templates) -> tuple[NDArray[np.float32], float]:
        """Distances, negative."""
        probes = self._probes[rows]
        found = np.asarray(self._compare(probes, entries))
        if found.shape != (len(probes), len(entries)) or not np.isfinite(found).all():
            raise SearchError(
                f"expected {len(probes)} x {len(entries)} finite distances, got shape {found.shape} or some that are "
                "not finite; leave out templates that cannot be compared"
            )
        return np.negative(found, dtype=np.float32), 0.0

    def pairs(self, rows: Places, entries: Templates, scores: NDArray[np.float32]) -> Scores:
        """Those of the tile."""
        return scores.astype(np.float64)

    def distances(self, scores: Scores) -> NDArray[np.float32]:
        """As the recogniser gave them."""
        return (-scores).astype(np.float32)


class Vectors:
    """Templates that are vectors.

    The score is minus half the squared distance (of rows of length 1, unless Euclidean): all three distances rise as it
    falls.

    Args:
        probes: (n, d) numbers.
        kind: the distance.

    Raises:
        SearchError: a probe is no vector that can be searched.
    """

    def __init__(self, probes: Templates, kind: VectorDistance) -> None:
        self.kind = kind
        self.directions = kind != "euclidean"
        self.probes, self._halves = self.prepared(probes)
        self._rows = np.ascontiguousarray(probes)

    def some(self, rows: Places) -> Vectors:
        """The same with fewer probes."""
        return Vectors(self._rows[rows], self.kind)

    def prepared(self, vectors: Templates) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Rows as products take them, and half their squared lengths.

        Raises:
            SearchError: they are not two-dimensional numbers, or one has no length that can be computed with.
        """
        if vectors.ndim != 2:
            raise SearchError(f"expected vectors of shape (n, d), got {vectors.shape}")
        rows = np.ascontiguousarray(vectors, np.float32)
        squares = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
        least = _SHORTEST if self.directions else 0.0
        if not ((squares >= least) & (squares <= _LONGEST)).all():
            raise SearchError("a template is zero or not finite; leave out what cannot be compared")
        if self.directions:
            rows = rows * (1 / np.sqrt(squares)).astype(np.float32)[:, None]
            return rows, np.full(len(rows), 0.5, np.float32)
        return rows, (squares / 2).astype(np.float32)

    def margin(self, halves: NDArray[np.float32]) -> float:
        """By how much scores in single precision may be off, of entries with these halved squared lengths.

        Of a sum of d products in any order: d 2^-24 times both lengths (Higham, Accuracy and Stability of Numerical
        Algorithms, 3.1); the rest is for lengths and differences.
        """
        largest = 2 * max(float(self._halves.max(initial=0.0)), float(halves.max(initial=0.0)))
        return float((self.probes.shape[1] + 16) * 2.0**-24 * largest)

    def tile(self, rows: slice, entries: Templates) -> tuple[NDArray[np.float32], float]:
        """By a matrix product."""
        others, halves = self.prepared(entries)
        found = self.probes[rows] @ others.T
        if self.directions:
            found -= 1
        else:
            found -= halves
            found -= self._halves[rows, None]
        return np.asarray(found, np.float32), self.margin(halves)

    def pairs(self, rows: Places, entries: Templates, scores: NDArray[np.float32]) -> Scores:
        """From the rows themselves, in double precision; a pair's score depends on these two alone."""
        found = np.empty(len(rows))
        step = max(1, _PAIR_VALUES // max(self._rows.shape[1], 1))
        for at in range(0, len(rows), step):
            part = slice(at, at + step)
            apart = self._double(self._rows[rows[part]]) - self._double(entries[part])
            found[part] = np.square(apart).sum(axis=1) / -2
        return found

    def distances(self, scores: Scores) -> NDArray[np.float32]:
        """As `vector_matching` defines them, rounded once."""
        if self.kind == "cosine":
            return np.minimum(-scores, 2.0).astype(np.float32)
        lengths = np.sqrt(-2 * scores)
        if self.kind == "euclidean":
            return lengths.astype(np.float32)
        return np.asarray(2 / np.pi * np.arcsin(np.minimum(lengths / 2, 1.0)), np.float32)

    def _double(self, vectors: Templates) -> Scores:
        rows = np.ascontiguousarray(vectors, np.float64)
        return rows / np.sqrt(np.square(rows).sum(axis=1))[:, None] if self.directions else rows


class Gallery:
    """Entries, in parts that are numbered one after the other.

    Args:
        parts: templates of equal kind; those that are mapped from a file are read when they are needed.

    Raises:
        SearchError: parts of different templates.
    """

    def __init__(self, parts: Sequence[Templates]) -> None:
        self.parts = [each for each in parts if len(each)]
        kinds = {(each.shape[1:], each.dtype) for each in self.parts}
        if len(kinds) > 1:
            raise SearchError(f"expected templates of one shape and dtype in a gallery, got {sorted(map(str, kinds))}")
        self._starts = np.cumsum([0, *(len(each) for each in self.parts)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    def blocks(self, size: int = TILE) -> Iterator[tuple[int, Templates]]:
        """Neighbouring entries, each block with the number of its first."""
        for start, part in zip(self._starts.tolist(), self.parts, strict=False):
            for at in range(0, len(part), size):
                yield start + at, part[at : at + size]

    def take(self, entries: Places) -> Templates:
        """Templates of some entries."""
        if not self.parts:
            raise SearchError("the gallery is empty")
        found = np.empty((len(entries), *self.parts[0].shape[1:]), self.parts[0].dtype)
        of = np.searchsorted(self._starts, entries, "right") - 1
        for number in np.unique(of):
            mine = of == number
            found[mine] = self.parts[number][entries[mine] - self._starts[number]]
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Lists:
    """The nearest entries of each probe so far."""

    scores: Scores
    """(probes, k) falling; minus infinity where there is none."""
    entries: Places

    @staticmethod
    def empty(probes: int, k: int) -> Lists:
        """Of nobody."""
        return Lists(np.full((probes, k), -np.inf), np.full((probes, k), NOBODY, np.int64))

    def add(self, rows: Places, entries: Places, scores: Scores) -> None:
        """Let pairs compete for a place.

        Args:
            rows: (n,) probe of each.
            entries: (n,) none of which the probe was given before.
            scores: (n,) exact ones.
        """
        touched = np.unique(rows)
        k = self.scores.shape[1]
        every = np.concatenate([np.repeat(touched, k), rows])
        known = np.concatenate([self.entries[touched].ravel(), entries])
        values = np.concatenate([self.scores[touched].ravel(), scores])
        order = np.lexsort((known, -values, every))
        first = np.searchsorted(every[order], touched)
        kept = order[first[:, None] + np.arange(k)]
        self.scores[touched], self.entries[touched] = values[kept], known[kept]


def search(space: Space, gallery: Gallery, own: Places, k: int) -> Found:
    """Search every probe in the whole gallery.

    Args:
        space: the probes, and how they are compared.
        gallery: who is searched; everything is read once.
        own: (probes,) entry of each probe's own identity, or `NOBODY`.
        k: how many of the nearest are wanted, 1 or more.

    Returns:
        The exact result.

    Raises:
        SearchError: something cannot be compared.
    """
    lists, scores = Lists.empty(len(own), k), own_scores(space, gallery, own)
    ahead = np.zeros(len(own), np.int64)
    for tile in tiles(space, gallery, len(own)):
        collect(space, lists, tile)
        ahead[_rows(tile)] += count_ahead(space, tile, own[_rows(tile)], scores[_rows(tile)])
    return finish(space, lists, scores, np.where(own == NOBODY, 0, ahead + 1), len(gallery))


def tiles(space: Space, gallery: Gallery, probes: int) -> Iterator[Tile]:
    """All scores, tile by tile."""
    for start, block in gallery.blocks():
        for low in range(0, probes, PROBES):
            scores, margin = space.tile(slice(low, min(low + PROBES, probes)), block)
            yield Tile(low, start, scores, margin, block)


def finish(space: Space, lists: Lists, scores: Scores, ranks: Places, size: int) -> Found:
    """The result of lists, scores of own entries and their ranks."""

    def distances(of: Scores) -> NDArray[np.float32]:
        there = of > -np.inf
        return np.where(there, space.distances(np.where(there, of, 0.0)), np.float32(np.inf))

    return Found(lists.entries, distances(lists.scores), distances(scores), ranks, size)


def own_scores(space: Space, gallery: Gallery, own: Places) -> Scores:
    """(probes,) exact score of each own entry; minus infinity without one."""
    found = np.full(len(own), -np.inf)
    mated = np.flatnonzero(own != NOBODY)
    if not mated.size:
        return found
    templates = gallery.take(own[mated])
    if isinstance(space, Vectors):
        found[mated] = space.pairs(mated, templates, np.empty(0, np.float32))
        return found
    for at, row in enumerate(mated.tolist()):
        found[row] = space.tile(slice(row, row + 1), templates[at : at + 1])[0][0, 0]
    return found


def collect(space: Space, lists: Lists, tile: Tile) -> None:
    """Put what may be among the nearest of a tile into the lists of all probes."""
    k = lists.scores.shape[1]
    least = lists.scores[_rows(tile), -1] - tile.margin
    near = np.flatnonzero(tile.scores.max(axis=1) >= least)
    if not near.size:
        return
    some, least = tile.scores[near], least[near]
    if k < some.shape[1]:  # nobody who is not among the k nearest of this tile can be among those of the gallery
        least = np.maximum(least, np.partition(some, -k, axis=1)[:, -k] - 2 * tile.margin)
    i, j = np.nonzero(some >= least[:, None])
    rows = near[i] + tile.probe
    lists.add(rows, j + tile.entry, space.pairs(rows, tile.block[j], some[i, j]))


def count_ahead(space: Space, tile: Tile, own: Places, scores: Scores) -> Places:
    """How many entries of a tile are nearer to each of its probes than the own entry, or as near; not the own one.

    Args:
        space: how templates are compared.
        tile: scores.
        own: (probes of the tile,) own entry.
        scores: (probes of the tile,) exact score of that.
    """
    limit = np.where(own != NOBODY, scores, np.inf)
    # In single precision, rounded outwards: a tile in double precision would take twice the time.
    ceiling = np.nextafter((limit + tile.margin).astype(np.float32), np.float32(np.inf))[:, None]
    floor = np.nextafter((limit - tile.margin).astype(np.float32), np.float32(-np.inf))[:, None]
    found: Places = np.count_nonzero(tile.scores > ceiling, axis=1).astype(np.int64)
    doubtful = np.flatnonzero(np.count_nonzero(tile.scores >= floor, axis=1) > found)
    place = own - tile.entry
    inside = np.flatnonzero((place >= 0) & (place < tile.scores.shape[1]) & (own != NOBODY))
    found[inside] -= tile.scores[inside, place[inside]] > ceiling[inside, 0]
    if not doubtful.size:
        return found
    some = tile.scores[doubtful]
    i, j = np.nonzero((some >= floor[doubtful]) & (some <= ceiling[doubtful]))
    other = j != place[doubtful[i]]
    i, j = i[other], j[other]
    rows = doubtful[i]
    exact = space.pairs(rows + tile.probe, tile.block[j], some[i, j])
    found += np.bincount(rows[exact >= scores[rows]], minlength=len(found))
    return found


def _rows(tile: Tile) -> slice:
    return slice(tile.probe, tile.probe + len(tile.scores))
