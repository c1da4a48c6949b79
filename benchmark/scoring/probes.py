"""De-identified images as a recogniser meets them, and the table of their searches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..metrics.privacy.singling_out import Nearest, nearest_of
from ..metrics.recognition.identification import Ranks, join_ranks, ranks
from ..metrics.values import Undefined
from ..planning.cell_tasks import Version
from ..results.cell import Matrix
from ..statistics.pairing import Pairs, pair_across_rows
from ..storage import spilled

Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """One de-identified image before the recogniser."""

    version: Version
    column: int
    """Its original, among the usable samples."""
    row: int | None
    """Of the de-identified images; None where the method failed and its original stands for it."""
    own: float
    """Distance to its original; NaN when the recogniser could not process the image."""
    cross: Matrix
    """Distances to the other originals of its identity that are searched; none when it could not be processed."""
    processed: bool


@dataclass(frozen=True, eq=False)
class Table:
    """Searches of the images that could be processed in the gallery; read part by part."""

    rows: Callable[[], Iterator[Matrix]]
    """(gallery,) distances of each probe, in their order."""
    probes: NDArray[np.str_]
    """Identity of each."""
    gallery: NDArray[np.str_]
    """Identity of each entry."""
    sources: Rows | None
    """(probes,) entry that each was made from; None where these are not in the gallery."""

    @property
    def size(self) -> int:
        """Number of distances."""
        return self.probes.size * self.gallery.size

    def parts(self) -> Iterator[tuple[slice, Matrix]]:
        """Neighbouring probes, and their distances."""
        step = max(1, spilled.HELD // 4 // max(self.gallery.size, 1))
        source = self.rows()
        for start in range(0, self.probes.size, step):
            stop = min(start + step, self.probes.size)
            part = np.empty((stop - start, self.gallery.size), np.float32)
            for index in range(stop - start):
                part[index] = next(source)
            yield slice(start, stop), part

    def whole(self) -> Matrix:
        """(probes, gallery) all of them, in memory."""
        return np.concatenate([np.zeros((0, self.gallery.size), np.float32), *(part for _, part in self.parts())])

    def pairs(self, cluster: tuple[Rows, Rows], people: int) -> Pairs:
        """Every probe with every entry but its own source, for the bootstrap.

        Args:
            cluster: number of the identity of each probe and of each entry.
            people: how many identities there are.
        """
        return pair_across_rows(self.rows(), cluster, people, self.sources)

    @cached_property
    def searched(self) -> Searched:
        """What searches give, with all distances read once."""
        names, order = np.unique(self.probes), np.argsort(self.probes, kind="stable")
        place = np.empty(order.size, np.intp)
        place[order] = np.searchsorted(names, self.probes[order])
        minima = np.full((names.size, self.gallery.size), np.inf, np.float32)
        with_source: list[Ranks | Undefined] = []
        without: list[Ranks | Undefined] = []
        for part, table in self.parts():
            own = self.probes[part].tolist()
            sources = None if self.sources is None else self.sources[part]
            with_source.append(ranks(table, own, self.gallery.tolist()))
            if sources is not None:
                without.append(ranks(table, own, self.gallery.tolist(), sources.tolist()))
                table[np.arange(len(table)), sources] = np.inf
            by_name = np.argsort(place[part], kind="stable")
            some, starts = np.unique(place[part][by_name], return_index=True)
            minima[some] = np.minimum(minima[some], np.minimum.reduceat(table[by_name], starts, axis=0))
        joined = _joined(with_source)
        return Searched(joined, _joined(without) if self.sources is not None else joined, names, minima, self.gallery)


def _joined(parts: list[Ranks | Undefined]) -> Ranks | Undefined:
    known = [each for each in parts if isinstance(each, Ranks)]
    return join_ranks(known) if known else Undefined("no probes or an empty gallery")


@dataclass(frozen=True, eq=False)
class Searched:
    """What comes of the searches of all probes."""

    with_source: Ranks | Undefined
    """The source of each probe in the gallery, where it is there."""
    without_source: Ranks | Undefined
    """The source of each probe not in the gallery."""
    names: NDArray[np.str_]
    """Identities of the probes, sorted."""
    minima: Matrix
    """(names, gallery) distance of each entry to the nearest probe of each identity, sources left out."""
    gallery: NDArray[np.str_]

    def turned(self) -> Nearest | Undefined:
        """Entries of the gallery searched among the probes."""
        if not self.minima.size:
            return Undefined("no probes or an empty gallery")
        return nearest_of(self.minima.T, self.names, self.gallery)
