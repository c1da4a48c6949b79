"""Which originals are compared with which: everything with everything, or queries with a gallery.

A protocol may set its threshold on other people than it measures; both parts go through the same rule.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..metrics.recognition.population import Population
from ..results.cell import Matrix
from ..results.tiles import Grid, Tiled, rows_of, tiles
from ..statistics.pairing import Pairs, pair_across, pair_up_rows

Rows = NDArray[np.intp]
"""Places of originals in the table of distances."""


class Compared(Protocol):
    """Comparisons of the originals of some people."""

    def sides(self, people: Rows) -> tuple[Rows, Rows]:
        """Whose de-identified images are searched, and in which originals."""

    def places(self, people: Rows) -> tuple[Rows, Rows]:
        """Both sides of every comparison of originals."""

    def distances(self, people: Rows) -> tuple[Matrix, Matrix | Population]:
        """Genuine and impostor distances."""

    def pairs(self, people: Rows) -> Pairs:
        """The same for the bootstrap."""


class AllPairs:
    """All pairs i < j.

    Args:
        originals: (n, n) distances.
        cluster: (n,) number of each original's identity.
        people: how many identities there are.
    """

    def __init__(self, originals: Grid, cluster: Rows, people: int) -> None:
        self._originals, self._cluster, self._people = originals, cluster, people
        self._sorted: dict[bytes, Pairs] = {}

    def sides(self, people: Rows) -> tuple[Rows, Rows]:
        """All in all."""
        return people, people

    def places(self, people: Rows) -> tuple[Rows, Rows]:
        """i < j."""
        upper = np.triu_indices(people.size, 1)
        return people[upper[0]], people[upper[1]]

    def distances(self, people: Rows) -> tuple[Matrix, Matrix | Population]:
        """Row by row, or sorted where they are too many for memory."""
        if isinstance(self._originals, Tiled):
            pairs = self.pairs(people)
            return np.asarray(pairs.genuine, np.float32), pairs.impostor
        genuine, impostor = [np.empty(0, np.float32)], [np.empty(0, np.float32)]
        for at, values in enumerate(later(self._originals, people)):
            same = self._cluster[people[at + 1 :]] == self._cluster[people[at]]
            genuine.append(values[same])
            impostor.append(values[~same])
        return np.concatenate(genuine), np.concatenate(impostor)

    def pairs(self, people: Rows) -> Pairs:
        """Sorted once."""
        key = people.tobytes()
        if key not in self._sorted:
            cluster = self._cluster[people]
            self._sorted[key] = pair_up_rows(later(self._originals, people), cluster, cluster, self._people)
        return self._sorted[key]


def later(square: Grid, members: Rows) -> Iterator[Matrix]:
    """Of each member, its distances to the members after it.

    Args:
        square: distances of a set among each other.
        members: rising.
    """
    at = 0
    for tile in tiles(square):
        while at < members.size and members[at] < tile.start + len(tile.distances):
            yield tile.distances[members[at] - tile.start, members[at + 1 :] - tile.first]
            at += 1


class QueriesInGallery:
    """Every query with every image of the gallery, of the same part of the people.

    Args:
        originals: (n, n) distances.
        cluster: (n,) number of each original's identity.
        people: how many identities there are.
        query: (n,) whether it is a query; all others are the gallery.
    """

    def __init__(self, originals: Grid, cluster: Rows, people: int, query: NDArray[np.bool_]) -> None:
        self._originals, self._cluster, self._people, self._query = originals, cluster, people, query

    def sides(self, people: Rows) -> tuple[Rows, Rows]:
        """Queries, and the gallery."""
        return people[self._query[people]], people[~self._query[people]]

    def places(self, people: Rows) -> tuple[Rows, Rows]:
        """Query by query."""
        asked, gallery = self.sides(people)
        return np.repeat(asked, gallery.size), np.tile(gallery, asked.size)

    def _table(self, people: Rows) -> Matrix:
        """(queries, gallery) distances of the queries' originals."""
        asked, gallery = self.sides(people)
        return rows_of(self._originals, asked)[:, gallery]

    def distances(self, people: Rows) -> tuple[Matrix, Matrix | Population]:
        """Of the queries' originals to the gallery."""
        asked, gallery = self.sides(people)
        table = self._table(people)
        same = self._cluster[asked][:, None] == self._cluster[gallery][None]
        return table[same], table[~same]

    def pairs(self, people: Rows) -> Pairs:
        """Sorted."""
        asked, gallery = self.sides(people)
        clusters = self._cluster[asked], self._cluster[gallery]
        return pair_across(self._table(people), clusters, self._people, None)
