"""Searches by FAISS: exact ones in flat blocks, and in an approximate index, whose recall is measured.

Scores of single pairs are those of `gallery_search`, so an exact search gives the same result here as there. FAISS is
the extra `deid-bench[faiss]`. It brings OpenMP and OpenBLAS of its own beside those of PyTorch and NumPy; while it
works here, each of them has one thread.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .gallery_search import (
    NOBODY,
    Found,
    Gallery,
    Lists,
    Places,
    Scores,
    SearchError,
    Tile,
    Vectors,
    collect,
    count_ahead,
    finish,
    own_scores,
    search,
    tiles,
)

BLOCK = 2**16
"""Entries that FAISS looks at in one go."""
SPARE = 16
"""So many more than are wanted are asked of it, because it rounds."""
_ROUNDING = 4
"""It sums squared differences too, which is off by up to four times what a product is."""
SAMPLE = 100
"""Probes that an approximate index is held against an exact search with."""
TRAINED_ON = 64
"""Entries for each list, from which an index learns where its lists lie."""
MOST_LISTS = 1024
SHARE = 16
"""One list of so many is looked at."""


def is_here() -> bool:
    """Whether FAISS is installed."""
    return importlib.util.find_spec("faiss") is not None


@contextmanager
def one_thread() -> Iterator[Any]:
    """FAISS with one thread, as everything that adds numbers up has in this house; then as before.

    Raises:
        SearchError: it is not installed.
    """
    if not is_here():
        raise SearchError('an approximate search needs FAISS: pip install "deid-bench[faiss]"')
    import faiss
    from threadpoolctl import threadpool_limits

    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield faiss
    finally:
        faiss.omp_set_num_threads(before)


def search_flat(space: Vectors, gallery: Gallery, own: Places, k: int) -> Found:
    """`gallery_search.search` by FAISS' exact search in blocks; the very same result.

    Where it cannot tell that nobody is missing from a probe's list, because the next ones are as near within rounding,
    the block is searched without it. It does not say which rank an own entry has that is not in the list: that is
    counted.
    """
    lists, scores = Lists.empty(len(own), k), own_scores(space, gallery, own)
    with one_thread() as faiss:
        for start, block in gallery.blocks(BLOCK):
            _search_block(faiss, space, lists, start, block)
    ranks, open_ones = _listed_ranks(lists, own, scores, len(gallery))
    if open_ones.size:
        ranks[open_ones] = _counted_ranks(space.some(open_ones), gallery, own[open_ones], scores[open_ones])
    return finish(space, lists, scores, ranks, len(gallery))


def _search_block(faiss: Any, space: Vectors, lists: Lists, start: int, block: NDArray[Any]) -> None:
    others, halves = space.prepared(block)
    k = lists.scores.shape[1]
    asked = min(k + SPARE, len(block))
    metric = faiss.METRIC_INNER_PRODUCT if space.directions else faiss.METRIC_L2
    values, places = faiss.knn(space.probes, others, asked, metric=metric)
    near = values - 1 if space.directions else values / -2
    margin = _ROUNDING * space.margin(halves)
    before = Lists(lists.scores.copy(), lists.entries.copy())
    i, j = np.nonzero(near >= lists.scores[:, -1:] - margin)
    if i.size:
        found = places[i, j].astype(np.int64)
        lists.add(i, found + start, space.pairs(i, block[found], near[i, j]))
    if asked == len(block):
        return
    unsure = np.flatnonzero(near[:, -1] + margin >= lists.scores[:, -1])
    if unsure.size:
        part = Lists(before.scores[unsure], before.entries[unsure])
        some = space.some(unsure)
        for tile in tiles(some, Gallery([block]), unsure.size):
            collect(some, part, Tile(tile.probe, tile.entry + start, tile.scores, tile.margin, tile.block))
        lists.scores[unsure], lists.entries[unsure] = part.scores, part.entries


def _listed_ranks(lists: Lists, own: Places, scores: Scores, size: int) -> tuple[Places, Places]:
    """Ranks as far as exact lists tell, and the probes whose own entry they leave open."""
    whole = lists.scores.shape[1] >= size
    told = (own != NOBODY) & ((scores > lists.scores[:, -1]) | whole)
    return _ranks_in_lists(lists, own, scores, told), np.flatnonzero((own != NOBODY) & ~told)


def _ranks_in_lists(lists: Lists, own: Places, scores: Scores, told: NDArray[np.bool_]) -> Places:
    ahead = ((lists.scores >= scores[:, None]) & (lists.entries != own[:, None])).sum(axis=1)
    return np.where(told, ahead + 1, 0).astype(np.int64)


def _counted_ranks(space: Vectors, gallery: Gallery, own: Places, scores: Scores) -> Places:
    ahead = np.zeros(len(own), np.int64)
    for tile in tiles(space, gallery, len(own)):
        rows = slice(tile.probe, tile.probe + len(tile.scores))
        ahead[rows] += count_ahead(space, tile, own[rows], scores[rows])
    return ahead + 1


@dataclass(frozen=True, slots=True)
class Recall:
    """What an approximate index finds of what an exact search finds."""

    nearest: float
    """Share of probes whose nearest entry is found as such, 0..1."""
    listed: float
    """Share of the k nearest that are in the list, 0..1."""
    probes: int
    """Those that both searched."""
    lists: int
    """Of the index."""
    looked_at: int
    """Of these, for each probe."""


def search_approximately(space: Vectors, gallery: Gallery, own: Places, k: int) -> tuple[Found, Recall]:
    """Search in an index of lists, of which each probe looks at the nearest only (FAISS' IndexIVFFlat).

    Distances are exact; entries may be missing from a list, and an own entry that is not in it has no rank.

    Returns:
        The result, and how much of the exact one it is, measured on up to `SAMPLE` of these very probes.

    Raises:
        SearchError: FAISS is not installed, or the gallery is too small for an index.
    """
    count = min(MOST_LISTS, len(gallery) // TRAINED_ON)
    if count < SHARE:
        raise SearchError(
            f"an approximate index needs a gallery of {SHARE * TRAINED_ON} entries, got {len(gallery)}; "
            "search it exactly"
        )
    with one_thread() as faiss:
        index = _built(faiss, space, gallery, count)
        index.nprobe = max(1, count // SHARE)
        _, places = index.search(space.probes, k)
    lists = Lists.empty(len(own), k)
    i, j = np.nonzero(places != NOBODY)
    if i.size:
        found = places[i, j].astype(np.int64)
        lists.add(i, found, space.pairs(i, gallery.take(found), np.empty(0, np.float32)))
    scores = own_scores(space, gallery, own)
    told = (own != NOBODY) & (lists.entries == own[:, None]).any(axis=1)
    ranks = _ranks_in_lists(lists, own, scores, told)
    result = finish(space, lists, scores, ranks, len(gallery))
    return result, _recall(space, gallery, result, count, int(index.nprobe))


def _built(faiss: Any, space: Vectors, gallery: Gallery, count: int) -> Any:
    """The index with all entries; what it learns from is spread evenly over the gallery, and drawn by nobody."""
    size = gallery.parts[0].shape[1]
    metric = faiss.METRIC_INNER_PRODUCT if space.directions else faiss.METRIC_L2
    flat = faiss.IndexFlatIP(size) if space.directions else faiss.IndexFlatL2(size)
    index = faiss.IndexIVFFlat(flat, size, count, metric)
    spread = np.linspace(0, len(gallery) - 1, count * TRAINED_ON).astype(np.int64)
    index.train(space.prepared(gallery.take(spread))[0])
    for _, block in gallery.blocks(BLOCK):
        index.add(space.prepared(block)[0])
    return index


def _recall(space: Vectors, gallery: Gallery, found: Found, lists: int, looked_at: int) -> Recall:
    rows = np.unique(np.linspace(0, len(found.entries) - 1, SAMPLE).astype(np.int64))
    k = found.entries.shape[1]
    exact = search(space.some(rows), gallery, np.full(len(rows), NOBODY, np.int64), k).entries
    mine = found.entries[rows]
    shares = [np.isin(a[a != NOBODY], b).mean() for a, b in zip(exact, mine, strict=True)]
    nearest = float((exact[:, 0] == mine[:, 0]).mean())
    return Recall(nearest, float(np.mean(shares)), len(rows), lists, looked_at)
