"""Which originals are compared with which: everything with everything, or queries with a gallery.

A protocol may set its threshold on other people than it measures; both parts go through the same rule.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..results.cell import Matrix
from ..statistics.bootstrap_scores import Pairs, pair_across, pair_up

Rows = NDArray[np.intp]
"""Places of originals in the table of distances."""


class Compared(Protocol):
    """Comparisons of the originals of some people."""

    def sides(self, people: Rows) -> tuple[Rows, Rows]:
        """Whose de-identified images are searched, and in which originals."""

    def places(self, people: Rows) -> tuple[Rows, Rows]:
        """Both sides of every comparison of originals."""

    def distances(self, people: Rows) -> tuple[Matrix, Matrix]:
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

    def __init__(self, originals: Matrix, cluster: Rows, people: int) -> None:
        self._originals, self._cluster, self._people = originals, cluster, people

    def sides(self, people: Rows) -> tuple[Rows, Rows]:
        """All in all."""
        return people, people

    def places(self, people: Rows) -> tuple[Rows, Rows]:
        """i < j."""
        upper = np.triu_indices(people.size, 1)
        return people[upper[0]], people[upper[1]]

    def distances(self, people: Rows) -> tuple[Matrix, Matrix]:
        """Row by row, as there can be very many."""
        genuine, impostor = [np.empty(0, np.float32)], [np.empty(0, np.float32)]
        for at, row in enumerate(people):
            others = people[at + 1 :]
            values = self._originals[row, others]
            same = self._cluster[others] == self._cluster[row]
            genuine.append(values[same])
            impostor.append(values[~same])
        return np.concatenate(genuine), np.concatenate(impostor)

    def pairs(self, people: Rows) -> Pairs:
        """Sorted."""
        cluster = self._cluster[people]
        return pair_up(self._originals[np.ix_(people, people)], cluster, cluster, self._people)


class QueriesInGallery:
    """Every query with every image of the gallery, of the same part of the people.

    Args:
        originals: (n, n) distances.
        cluster: (n,) number of each original's identity.
        people: how many identities there are.
        query: (n,) whether it is a query; all others are the gallery.
    """

    def __init__(self, originals: Matrix, cluster: Rows, people: int, query: NDArray[np.bool_]) -> None:
        self._originals, self._cluster, self._people, self._query = originals, cluster, people, query

    def sides(self, people: Rows) -> tuple[Rows, Rows]:
        """Queries, and the gallery."""
        return people[self._query[people]], people[~self._query[people]]

    def places(self, people: Rows) -> tuple[Rows, Rows]:
        """Query by query."""
        asked, gallery = self.sides(people)
        return np.repeat(asked, gallery.size), np.tile(gallery, asked.size)

    def distances(self, people: Rows) -> tuple[Matrix, Matrix]:
        """Of the queries' originals to the gallery."""
        asked, gallery = self.sides(people)
        table = self._originals[np.ix_(asked, gallery)]
        same = self._cluster[asked][:, None] == self._cluster[gallery][None]
        return table[same], table[~same]

    def pairs(self, people: Rows) -> Pairs:
        """Sorted."""
        asked, gallery = self.sides(people)
        clusters = self._cluster[asked], self._cluster[gallery]
        return pair_across(self._originals[np.ix_(asked, gallery)], clusters, self._people, None)
