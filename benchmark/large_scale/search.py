"""Rank-1 identification in galleries of any size, in tiles or, where templates are plain vectors, through FAISS.

FAISS only proposes candidates; the distances that decide are always the recogniser's own, and wherever the candidates
do not settle a probe, it is looked up in tiles. Both ways give the same answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .tiles import TILE, Compare, Templates

Space = Literal["cosine", "angular", "euclidean"]
"""What kind of distance a recogniser has on its vectors."""
Hits = NDArray[np.float64]
"""(probes,) 1 where the nearest identity is the probe's own, 0 where not, 1 / n among n identities equally near; NaN
where the gallery holds nobody of the probe's identity."""

CANDIDATES = 64
_CLOSE = 1e-5
"""Squared distances nearer to each other than this, as a share of the squared lengths, are left to the tiles."""


class Gallery:
    """Templates to be searched, in the order of their identities.

    Args:
        templates: (n, ...).
        identities: of each.
        compare: a recogniser's `distances`.
        space: what FAISS may take the templates for. None: never ask it. Without `faiss-cpu`, tiles do the work.

    Raises:
        ValueError: there is not one identity for each template.
    """

    def __init__(
        self, templates: Templates, identities: Sequence[str], compare: Compare, space: Space | None = None
    ) -> None:
        if len(identities) != len(templates):
            raise ValueError(f"expected one identity for each of {len(templates)} templates, got {len(identities)}")
        names, label = np.unique(np.asarray(identities, dtype=str), return_inverse=True)
        self._order = np.argsort(label, kind="stable")
        self._place = {str(name): index for index, name in enumerate(names)}
        self._label = label[self._order]
        self._starts = np.searchsorted(self._label, np.arange(len(names) + 1))
        self._templates = templates[self._order]
        self._compare = compare
        self._index = _index(self._templates, space)
        self._space = space
        self._longest = 1.0  # squared
        if space == "euclidean" and len(templates):
            self._longest = float(np.square(self._templates).sum(axis=1).max())

    def rank1(self, probes: Templates, identities: Sequence[str], sources: Sequence[int | None] | None = None) -> Hits:
        """Whether the nearest entry is of the probe's own identity.

        Args:
            probes: (n, ...).
            identities: of each.
            sources: for each probe the entry that is left out because the probe was made from it, or None.

        Returns:
            One number for each probe.
        """
        own = np.array([self._place.get(each, -1) for each in identities], dtype=np.intp)
        hidden = np.full(len(own), -1, np.intp)
        if sources is not None:
            back = np.argsort(self._order)
            hidden[:] = [-1 if each is None else back[each] for each in sources]
        nearest = np.array(
            [self._own_distance(*each) for each in zip(probes, own.tolist(), hidden.tolist(), strict=True)]
        )
        hits = np.where(np.isfinite(nearest), -1.0, np.nan)
        asked = np.flatnonzero(hits == -1)
        if self._index is not None and asked.size:
            self._ask(probes, own, nearest, asked, hits)
            asked = np.flatnonzero(hits == -1)
        for at in range(0, asked.size, TILE):
            rows = asked[at : at + TILE]
            hits[rows] = self._look_up(probes[rows], own[rows], hidden[rows])
        return hits

    def _own_distance(self, probe: NDArray[Any], own: int, hidden: int) -> float:
        """Distance to the nearest entry of the probe's identity; infinite where there is none."""
        if own < 0:
            return np.inf
        entries = np.arange(self._starts[own], self._starts[own + 1])
        entries = entries[entries != hidden]
        return float(self._compare(probe[None], self._templates[entries]).min()) if entries.size else np.inf

    def _look_up(self, probes: Templates, own: NDArray[np.intp], hidden: NDArray[np.intp]) -> Hits:
        """Hits by comparing with the whole gallery, in tiles that part no identity."""
        rows = np.arange(len(probes))
        best = np.full((len(probes), len(self._starts) - 1), np.inf, np.float32)
        start = 0
        while start < len(best[0]):
            stop = int(np.searchsorted(self._starts, self._starts[start] + TILE, side="right")) - 1
            stop = max(start + 1, stop)
            first, last = int(self._starts[start]), int(self._starts[stop])
            distances = np.array(self._compare(probes, self._templates[first:last]), np.float32)
            inside = (hidden >= first) & (hidden < last)
            distances[rows[inside], hidden[inside] - first] = np.inf
            best[:, start:stop] = np.minimum.reduceat(distances, self._starts[start:stop] - first, axis=1)
            start = stop
        mine = best[rows, own][:, None]
        return np.where((best < mine).any(axis=1), 0.0, 1.0 / (best == mine).sum(axis=1))

    def _ask(
        self,
        probes: Templates,
        own: NDArray[np.intp],
        nearest: NDArray[np.float64],
        asked: NDArray[np.intp],
        hits: Hits,
    ) -> None:
        """Settle what FAISS's candidates settle."""
        count = min(CANDIDATES, len(self._templates))
        for at in range(0, asked.size, TILE):
            rows = asked[at : at + TILE]
            vectors = _vectors(probes[rows], self._space)
            entries = self._index.search(vectors, count)[1]
            for row, vector, found in zip(rows, vectors, entries, strict=True):
                squares = self._squared(self._compare(probes[row][None], self._templates[found])[0])
                mine = float(self._squared(nearest[row]))
                close = _CLOSE * (float(vector @ vector) + self._longest)
                others = squares[self._label[found] != own[row]]
                if (others < mine - close).any():
                    hits[row] = 0.0
                elif mine + close < squares.max() - close and not (others <= mine + close).any():
                    hits[row] = 1.0  # whatever is not among the candidates is further off than the last of them

    def _squared(self, distances: ArrayLike) -> NDArray[np.float64]:
        """Squared distances between the vectors: what FAISS's rounding is a share of."""
        exact = np.asarray(distances, np.float64)
        if self._space == "euclidean":
            return np.square(exact)
        return 2 * exact if self._space == "cosine" else 2 - 2 * np.cos(np.pi * exact)


def _index(templates: Templates, space: Space | None) -> Any:
    """An exact FAISS index, or None where it cannot be had."""
    if space is None or templates.ndim != 2 or not len(templates):
        return None
    try:
        faiss = import_module("faiss")
    except ImportError:
        return None
    index = faiss.IndexFlatL2(templates.shape[1]) if space == "euclidean" else faiss.IndexFlatIP(templates.shape[1])
    index.add(_vectors(templates, space))
    return index


def _vectors(templates: Templates, space: Space | None) -> NDArray[np.float32]:
    """What FAISS is given: of length 1, unless distances are Euclidean."""
    vectors = np.ascontiguousarray(templates, dtype=np.float32)
    if space == "euclidean":
        return vectors
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(lengths > 0, lengths, 1), np.float32)
