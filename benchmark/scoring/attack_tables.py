"""One attack's distances as searches: who is looked for, among whom, and what comes of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..metrics.privacy.singling_out import PEOPLE, linkability, nearest_by_identity
from ..metrics.recognition.error_rates import EerPoint, eer, fnmr_at_fmr
from ..metrics.recognition.identification import Identification, identify
from ..metrics.values import Undefined
from ..planning.cell_tasks import Version
from ..results.attacks import VariantDistances
from ..results.cell import CellResults, Matrix, Setting
from ..statistics.bootstrap_scores import Clustered, Rows, fnmr_rows
from ..statistics.pairing import Pairs, pair_across
from ..statistics.uncertainty import Draws

APART = 4
"""Version of the scoring from which on a combination that fails a control costs itself alone, none is taken where there
is nobody to choose it on, fusions are among those of which `rank1_max` is the largest, images without a mate are in no
fusion and no control, and images of which only some distances are known are left out, as everywhere."""
FMR_LIMITS = {"tpr_at_fmr_1": 0.01, "tpr_at_fmr_0_1": 0.001}
"""Operating points of attackers, as shares."""

Bools = NDArray[np.bool_]
Indexes = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Searches:
    """Published images searched in an attacker's gallery. Rows are images, columns entries of the gallery."""

    distances: Matrix
    """(images, entries); rows of images that could not be processed are NaN."""
    own: Indexes
    """(images,) number of the identity of each."""
    enrolled: Indexes
    """(entries,) number of the identity of each."""
    source: Indexes
    """(images,) column that was made from the same original; -1 where there is none."""
    subjects: NDArray[np.object_]
    """(images,) person of each."""
    places: NDArray[np.object_]
    """(entries,) person of each."""
    units: Indexes
    """(images,) what is drawn for each, see `Units`."""

    @property
    def lost(self) -> Bools:
        """(images,) true where an image could not be processed: it is not found."""
        return np.asarray(~np.isfinite(self.distances).all(axis=1))

    def among(self, asked: frozenset[str], gallery: frozenset[str]) -> Searches:
        """Only the images of some people, in a gallery of some people."""
        rows = np.array([each in asked for each in self.subjects], dtype=bool)
        columns = np.array([each in gallery for each in self.places], dtype=bool)
        moved = np.append(np.cumsum(columns) - 1, -1)  # a source of -1 stays one
        there = np.append(columns, False)[self.source]
        return Searches(
            self.distances[np.ix_(rows, columns)],
            self.own[rows],
            self.enrolled[columns],
            np.where(there, moved[self.source], -1)[rows],
            self.subjects[rows],
            self.places[columns],
            self.units[rows],
        )

    def of(self, images: Bools) -> Searches:
        """Only some of the images, (images,) true for these."""
        return replace(
            self,
            distances=self.distances[images],
            own=self.own[images],
            source=self.source[images],
            subjects=self.subjects[images],
            units=self.units[images],
        )

    # -------------------------------------------------------------------------------------------- what is found

    def kept(self) -> Searches:
        """Without the images that could not be processed."""
        return self.of(~self.lost)

    def hidden(self) -> Bools:
        """(images, entries) pairs that are never compared: an image and what was made from its own original."""
        mask = np.zeros(self.distances.shape, dtype=bool)
        rows = np.flatnonzero(self.source >= 0)
        mask[rows, self.source[rows]] = True
        return mask

    def rank1(self) -> float | Undefined:
        """Share of images whose nearest entry is of their own identity; those not processed are not found."""
        kept = self.kept()
        if not len(kept.own):
            return Undefined("no published image could be processed")
        sources = [int(each) if each >= 0 else None for each in kept.source]
        found = identify(kept.distances, _names(kept.own), _names(kept.enrolled), sources)
        if not isinstance(found, Identification):
            return found
        return found.rank1 * (found.probes / (found.probes + int(self.lost.sum())))

    def risk(self, people: int | None = None) -> tuple[NDArray[np.float64], Indexes] | Undefined:
        """Chance of being found among so many people, by image, and the rows; images not processed have 0.

        Args:
            people: None: everybody in the gallery.
        """
        kept, rows = self.kept(), np.flatnonzero(~self.lost)
        if not len(rows):
            return Undefined("no published image could be processed")
        near = nearest_by_identity(kept.distances, _names(kept.own), _names(kept.enrolled), kept.hidden())
        if isinstance(near, Undefined):
            return near
        everybody = near.others.shape[1] + 1
        if people is not None and everybody < people:
            return Undefined(f"needs {people} identities, got {everybody}")
        hits = linkability(near, [people or everybody]).by_probe[0]
        lost = np.flatnonzero(self.lost)
        return np.concatenate([hits, np.zeros(lost.size)]), np.concatenate([rows[near.probe], lost])

    def linked(self) -> tuple[NDArray[np.float64], Indexes] | Undefined:
        """As `risk`, among ten people."""
        return self.risk(PEOPLE)

    def ranks(self) -> tuple[NDArray[np.float64], Indexes, int] | Undefined:
        """Rank of the own identity by image (the middle one of tied ranks), the rows, and how many identities."""
        kept, rows = self.kept(), np.flatnonzero(~self.lost)
        if not len(rows):
            return Undefined("no published image could be processed")
        near = nearest_by_identity(kept.distances, _names(kept.own), _names(kept.enrolled), kept.hidden())
        if isinstance(near, Undefined):
            return near
        nearer = (near.others < near.own[:, None]).sum(axis=1)
        tied = (near.others == near.own[:, None]).sum(axis=1)
        return 1 + nearer + tied / 2, rows[near.probe], near.others.shape[1] + 1

    def sides(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mated and non-mated distances."""
        kept = self.kept()
        same = kept.own[:, None] == kept.enrolled[None]
        used = ~kept.hidden()
        return kept.distances[same & used], kept.distances[~same & used]

    def eer(self) -> float | Undefined:
        """min(EER, 1 - EER)."""
        point = eer(*self.sides())
        return min(point.eer, 1 - point.eer) if isinstance(point, EerPoint) else point

    def tpr(self, metric: str) -> float | Undefined:
        """Share of mated comparisons accepted where at most so many non-mated ones are; unprocessed are rejected."""
        mated, non_mated = self.sides()
        if not mated.size or not non_mated.size:
            return Undefined("no mated or no non-mated comparisons")
        (point,) = fnmr_at_fmr(mated, non_mated, (FMR_LIMITS[metric],))
        if point.fnmr is None:
            return Undefined(point.reason or "no operating point")
        return (1 - point.fnmr) * self._processed()

    def _processed(self) -> float:
        return 1 - float(self.lost.mean())

    # -------------------------------------------------------------------------------------------- how sure

    def pairs(self, people: int) -> Pairs | Undefined:
        """The comparisons, for resampling."""
        kept = self.kept()
        if not kept.distances.size:
            return Undefined("no comparisons")
        if (kept.source < 0).all():
            return pair_across(kept.distances, (kept.own, kept.enrolled), people, None)
        if (kept.source < 0).any():
            return Undefined("some images have no counterpart in the gallery")
        if kept.distances.shape[1] < 2:
            return Undefined("no comparisons")
        return pair_across(kept.distances, (kept.own, kept.enrolled), people, kept.source)

    def tpr_rows(self, metric: str, draws: Draws) -> tuple[Rows, Clustered] | Undefined:
        """`tpr` on each resample, the threshold set anew, and which mated comparisons are accepted on the data."""
        pairs = self.pairs(draws.clusters)
        if isinstance(pairs, Undefined):
            return pairs
        mated, non_mated = self.sides()
        (point,) = fnmr_at_fmr(mated, non_mated, (FMR_LIMITS[metric],))
        if point.threshold is None:
            return Undefined(point.reason or "no operating point")
        (rows,) = fnmr_rows(pairs, draws.weights, (FMR_LIMITS[metric],))
        kept = self.kept()
        same = (kept.own[:, None] == kept.enrolled[None]) & ~kept.hidden()
        image, _ = np.nonzero(same)
        accepted = Clustered((kept.distances[same] <= point.threshold).astype(np.float64), kept.own[image])
        return (1 - rows) * self._processed(), accepted


def _names(numbers: Indexes) -> list[str]:
    return [f"{each:08d}" for each in numbers]


def half_known(distances: Matrix) -> Bools:
    """(images,) true where some distances are known and others are not: the recogniser failed on pairs of such an
    image, which is no fact about the image itself.
    """
    known = np.isfinite(distances)
    return np.asarray(known.any(axis=1) & ~known.all(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Galleries:
    """What the galleries of a cell's attacks hold."""

    setting: Setting
    results: CellResults
    enrolled: Bools
    """(usable samples,) whether the recogniser has a template of the original."""

    def of(self, found: VariantDistances) -> tuple[Indexes, Bools]:
        """Which usable sample each column of a combination was made from, and whether it is searched."""
        assert self.results.attacks is not None
        usable, asked = self.results.usable, self.setting.queries
        made_from = range(len(usable)) if found.name.gallery == "originals" else self.results.attacks.parrots
        entries = np.array(list(made_from), dtype=np.intp)
        searched = [asked is None or usable[index].sample_id not in asked for index in entries]
        gallery = np.array(searched, dtype=bool) & self.enrolled[entries]
        if len(entries):
            gallery &= np.isfinite(found.distances).any(axis=0) if len(found.distances) else True
        return entries, gallery

    def half_known(self, found: VariantDistances) -> Bools:
        """(versions,) of which a combination has some distances and not others."""
        return half_known(found.distances[:, self.of(found)[1]])

    def searched(self, left_out: Bools | None) -> Indexes:
        """Which versions are searched: those whose original has a template, without some."""
        column = {each.sample_id: index for index, each in enumerate(self.results.usable)}
        there = [self.enrolled[column[each.sample.sample_id]] for each in self.results.versions]
        kept = np.array(there, dtype=bool)
        return np.flatnonzero(kept if left_out is None else kept & ~left_out)


def searches(
    galleries: Galleries, found: VariantDistances, place: dict[str, int], units: Sequence[int], rows: Indexes
) -> Searches:
    """A variant's distances as searches of everybody.

    Args:
        galleries: of the cell, with one recogniser.
        found: distances of the variant.
        place: number of each identity.
        units: of each version, what is drawn for it.
        rows: which versions are searched.
    """
    usable = galleries.results.usable
    column = {each.sample_id: index for index, each in enumerate(usable)}
    entries, gallery = galleries.of(found)
    versions: list[Version] = list(galleries.results.versions)
    kept = entries[gallery] if len(entries) else entries
    where = {int(sample): index for index, sample in enumerate(kept)}
    chosen = [versions[index] for index in rows]
    return Searches(
        found.distances[rows][:, gallery],
        np.array([place[each.sample.identity] for each in chosen], dtype=np.intp),
        np.array([place[usable[index].identity] for index in kept], dtype=np.intp),
        np.array([where.get(column[each.sample.sample_id], -1) for each in chosen], dtype=np.intp),
        np.array([each.sample.subject for each in chosen], dtype=object),
        np.array([usable[index].subject for index in kept], dtype=object),
        np.array([units[index] for index in rows], dtype=np.intp),
    )
