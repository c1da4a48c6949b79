"""What one recogniser makes of de-identified queries before a gallery of originals that holds none of their sources.

Genuine comparisons are those of a query with its mate, impostor ones those with the rest of the gallery; thresholds are
set on the queries' originals. As in `score_recognition`, a failed query counts as its original, and one that the
recogniser cannot process as rejected and not found.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ...datasets.base import Sample
from ..metrics.recognition.error_rates import ErrorCurve, fmr_fnmr_curve, fnmr_at_fmr
from ..metrics.recognition.identification import Identification, identify, rank_hits, target_hits
from ..metrics.values import Undefined
from ..results.cell import Matrix, Setting
from ..statistics._crossing import Cuts
from ..statistics.bootstrap_replicates import share
from ..statistics.bootstrap_scores import Clustered, Pairs, cut_pairs, fmr_threshold_rows, pair_across, rejection_rows
from ..statistics.uncertainty import Draws, Replicates
from .numbers import CurveName, Values, Vector, curve_of, lost_note
from .recognition import CMC_RANKS, FNMR_METRICS, Recognition

RANKS = (1, 5)
FNMR_DEIDENTIFIED = {name.replace("fnmr_", "fnmr_deidentified_"): limit for name, limit in FNMR_METRICS.items()}
"""The same operating points, for de-identified queries."""

Table = tuple[Matrix, list[str], list[str]]
"""(probes, gallery) distances and the identities of both."""


class Retrieval(Recognition):
    """Scores of one recogniser under a protocol with queries and a gallery; arguments as of `Recognition`."""

    def _sides(self, setting: Setting, usable: Sequence[Sample]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        asked = setting.queries or frozenset()
        query = np.array([each.sample_id in asked for each in usable], dtype=bool)
        target = np.array([each.sample_id in setting.targets for each in usable], dtype=bool)
        self._targets = np.flatnonzero(target)
        return self._eval[query[self._eval]], self._eval[~query[self._eval]]

    def _originals(self) -> Matrix:
        """(queries, gallery) distances of the queries' originals."""
        return self._distances.originals[np.ix_(self._asked, self._gallery)]

    def _pairs(self, chosen: NDArray[np.intp]) -> tuple[Matrix, Matrix]:
        """Genuine and impostor distances of the queries' originals to the gallery."""
        table = self._originals()
        same = self._cluster[self._asked][:, None] == self._cluster[self._gallery][None]
        return table[same], table[~same]

    def _original_pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        return np.repeat(self._asked, len(self._gallery)), np.tile(self._gallery, len(self._asked))

    @cached_property
    def _all_pairs(self) -> Pairs:
        clusters = self._cluster[self._asked], self._cluster[self._gallery]
        return pair_across(self._originals(), clusters, self._people, None)

    def _paired(self, chosen: NDArray[np.intp]) -> Pairs:
        return self._all_pairs

    def report(self, values: Values) -> None:
        """Add all numbers of this recogniser."""
        super().report(values)
        self._report_operating_points(values)
        self._report_det(values)

    # -------------------------------------------------------------------------------------------- searches

    def _report_searches(self, values: Values) -> None:
        """Ranks of the de-identified queries, of their originals, and of the targets."""
        table, probes, gallery, _ = self._table()
        columns = [self._unit(each) for each in self.processed]
        self._report_curve(values, "cmc_without_source", (table, probes, gallery), len(self._lost))
        nobody = None if len(table) else Undefined("no de-identified image could be processed")
        for rank in RANKS:
            hits = nobody or rank_hits(table, probes, gallery, rank)
            self._report_hits(values, f"rank{rank}_without_source", hits, columns)
            missed = hits if isinstance(hits, Undefined) else 1 - hits
            self._report_hits(values, f"rank{rank}_untargeted", missed, columns, lost=1.0)
            self._report_hits(values, f"rank{rank}_targeted", self._target_hits(rank), columns)
        searched = self._originals()
        own = [str(each) for each in self._identities[self._asked]]
        self._report_curve(values, "cmc_originals", (searched, own, gallery), 0)
        for rank in RANKS:
            hits = rank_hits(searched, own, gallery, rank)
            self._report_original_hits(values, f"rank{rank}_originals", hits)

    def _target_hits(self, rank: int) -> Vector | Undefined:
        """Whether an identity that the method aimed at is found; the very images that it aimed at are taken out."""
        if not self._targets.size:
            return Undefined("the method was given no target that is in the gallery")
        table, _, gallery, _ = self._table()
        kept = ~np.isin(self._gallery, self._targets)
        names = [name for name, stays in zip(gallery, kept, strict=True) if stays]
        return target_hits(table[:, kept], names, {str(self._identities[each]) for each in self._targets}, rank)

    def _report_hits(
        self, values: Values, metric: str, hits: Vector | Undefined, columns: Sequence[int], lost: float = 0.0
    ) -> None:
        """A share of de-identified queries; NaN marks those without a mate, which are left out."""
        if isinstance(hits, Undefined):
            values.add(metric, hits, 0, self.name)
            return
        mated = np.isfinite(hits)
        outcomes = [*hits[mated].tolist(), *([lost] * len(self._lost))]
        units = [column for column, there in zip(columns, mated, strict=True) if there]
        note = "; ".join(each for each in (self._note(len(self._lost)), _mateless(mated)) if each) or None
        values.add_share(metric, outcomes, [*units, *self._lost], self.name, reason=note, levels=self._units.levels)

    def _report_original_hits(self, values: Values, metric: str, hits: Vector | Undefined) -> None:
        if isinstance(hits, Undefined):
            values.add(metric, hits, 0, self.name)
            return
        mated = np.isfinite(hits)
        clusters = self._cluster[self._asked][mated].tolist()
        values.add_share(metric, hits[mated].tolist(), clusters, self.name, reason=_mateless(mated))

    def _report_curve(self, values: Values, name: CurveName, searched: Table, lost: int) -> None:
        found = identify(*searched)
        if isinstance(found, Identification):
            ranks = np.arange(1, min(CMC_RANKS, len(found.cmc)) + 1, dtype=np.float64)
            share_of_all = found.probes / (found.probes + lost)
            values.curves.append(curve_of(name, self.name, ranks, found.cmc[: len(ranks)] * share_of_all))

    # -------------------------------------------------------------------------------------------- verification

    def _report_operating_points(self, values: Values) -> None:
        """FNMR of the de-identified queries at thresholds set on their originals."""
        cross = self.cross()
        total = cross.values.size + cross.lost.size
        cuts = None if isinstance(values.draws, Undefined) else cut_pairs(self._all_pairs, values.draws.weights)
        points = fnmr_at_fmr(self.genuine, self.impostor, tuple(FNMR_DEIDENTIFIED.values()))
        for (metric, limit), point in zip(FNMR_DEIDENTIFIED.items(), points, strict=True):
            if point.threshold is None or not total:
                why = point.reason or "no de-identified query has a mate"
                values.add(metric, Undefined(why), total, self.name)
                continue
            rejected = np.count_nonzero(cross.values > point.threshold) + cross.lost.size
            note = f"threshold of {point.impostors} impostor comparisons"
            if cross.lost.size:
                note += f"; {lost_note(cross.lost.size)}"
            within = self._rejected_replicates(values.draws, cross, point.threshold, limit, cuts)
            values.add(metric, rejected / total, total, self.name, reason=note, within=within)

    def _rejected_replicates(
        self, draws: Draws | Undefined, cross: Clustered, threshold: float, limit: float, cuts: Cuts | None
    ) -> Replicates | Undefined | None:
        """Resamples that set the threshold anew, too."""
        if isinstance(draws, Undefined):
            return None
        levels = self._units.levels
        weights = draws.weights if levels is None else levels.weights
        thresholds = fmr_threshold_rows(self._all_pairs, draws.weights, limit, cuts)
        rejected = Clustered((cross.values > threshold).astype(np.float64), cross.column, cross.lost)
        return share(
            rejection_rows(cross, thresholds, weights), draws, rejected, None if levels is None else levels.cluster
        )

    def _report_det(self, values: Values) -> None:
        """FNMR over FMR of the de-identified queries against the gallery."""
        table, probes, gallery, _ = self._table()
        same = np.array(probes, dtype=object)[:, None] == np.array(gallery, dtype=object)[None]
        found = fmr_fnmr_curve(table[same], table[~same]) if table.size else Undefined("no probes")
        if isinstance(found, ErrorCurve):
            # What cannot be processed matches nobody, on either side.
            kept = len(probes) / (len(probes) + len(self._lost))
            fnmr = 1 - (1 - found.fnmr) * kept
            values.curves.append(curve_of("det_deidentified", self.name, found.fmr * kept, fnmr))


def _mateless(mated: NDArray[np.bool_]) -> str | None:
    lacking = int((~mated).sum())
    return f"{lacking} without a mate in the gallery are left out" if lacking else None
