"""What one recogniser makes of de-identified queries before a gallery of originals that holds none of their sources.

Genuine comparisons are those of a query with its mate, impostor ones those with the rest of the gallery; thresholds are
set on the queries' originals. As in `recognition`, a failed query counts as its original, and one that the
recogniser cannot process as rejected and not found.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ..metrics.recognition.error_rates import ErrorCurve, fmr_fnmr_curve, fnmr_at_fmr
from ..metrics.recognition.identification import Identification, identify, rank_hits, target_hits
from ..metrics.values import Undefined
from ..records.curves import CurveName
from ..results.cell import Matrix
from ..statistics._crossing import Cuts
from ..statistics.bootstrap_replicates import share
from ..statistics.bootstrap_scores import Clustered, cut_pairs, fmr_threshold_rows, rejection_rows
from ..statistics.uncertainty import Draws, Replicates
from .numbers import CMC_RANKS, Values, Vector, curve_of, lost_note
from .recognition import DET_LINES, FNMR_METRICS, Recognition

RANKS = (1, 5)
FNMR_DEIDENTIFIED = {name.replace("fnmr_", "fnmr_deidentified_"): limit for name, limit in FNMR_METRICS.items()}
"""The same operating points, for de-identified queries."""

Table = tuple[Matrix, list[str], list[str]]
"""(probes, gallery) distances and the identities of both."""


class QueriesSearched:
    """Ranks and rates under a protocol with queries and a gallery.

    Args:
        recognition: of one recogniser.
        targets: places of the originals that the method made images look like.
    """

    def __init__(self, recognition: Recognition, targets: NDArray[np.intp]) -> None:
        self._of, self._targets = recognition, targets

    @cached_property
    def _table(self) -> Table:
        """Of the de-identified queries."""
        table = self._of.table
        return table.whole(), table.probes.tolist(), table.gallery.tolist()

    def report_rates(self, values: Values) -> None:
        """Error rates of the de-identified queries."""
        self._report_operating_points(values)
        if self._of.score_version < DET_LINES:
            self._report_det(values)

    # -------------------------------------------------------------------------------------------- searches

    def report(self, values: Values) -> None:
        """Ranks of the de-identified queries, of their originals, and of the targets."""
        table, probes, gallery = self._table
        columns = [self._of.unit(each) for each in self._of.processed]
        self._report_curve(values, "cmc_without_source", (table, probes, gallery), len(self._of.lost))
        nobody = None if len(table) else Undefined("no de-identified image could be processed")
        for rank in RANKS:
            hits = nobody or rank_hits(table, probes, gallery, rank)
            self._report_hits(values, f"rank{rank}_without_source", hits, columns)
            missed = hits if isinstance(hits, Undefined) else 1 - hits
            self._report_hits(values, f"rank{rank}_untargeted", missed, columns, lost=1.0)
            self._report_hits(values, f"rank{rank}_targeted", self._target_hits(rank), columns)
        searched = self._of.searched_originals
        own = [str(each) for each in self._of.identities[self._of.asked]]
        self._report_curve(values, "cmc_originals", (searched, own, gallery), 0)
        for rank in RANKS:
            hits = rank_hits(searched, own, gallery, rank)
            self._report_original_hits(values, f"rank{rank}_originals", hits)

    def _target_hits(self, rank: int) -> Vector | Undefined:
        """Whether an identity that the method aimed at is found; the very images that it aimed at are taken out."""
        if not self._targets.size:
            return Undefined("the method was given no target that is in the gallery")
        table, _, gallery = self._table
        kept = ~np.isin(self._of.gallery, self._targets)
        names = [name for name, stays in zip(gallery, kept, strict=True) if stays]
        return target_hits(table[:, kept], names, {str(self._of.identities[each]) for each in self._targets}, rank)

    def _report_hits(
        self, values: Values, metric: str, hits: Vector | Undefined, columns: Sequence[int], lost: float = 0.0
    ) -> None:
        """A share of de-identified queries; NaN marks those without a mate, which are left out."""
        if isinstance(hits, Undefined):
            values.add(metric, hits, 0, self._of.name)
            return
        mated = np.isfinite(hits)
        outcomes = [*hits[mated].tolist(), *([lost] * len(self._of.lost))]
        units = [column for column, there in zip(columns, mated, strict=True) if there]
        note = "; ".join(each for each in (self._of.note(len(self._of.lost)), _mateless(mated)) if each) or None
        values.add_share(
            metric, outcomes, [*units, *self._of.lost], self._of.name, reason=note, levels=self._of.units.levels
        )

    def _report_original_hits(self, values: Values, metric: str, hits: Vector | Undefined) -> None:
        if isinstance(hits, Undefined):
            values.add(metric, hits, 0, self._of.name)
            return
        mated = np.isfinite(hits)
        clusters = self._of.cluster[self._of.asked][mated].tolist()
        values.add_share(metric, hits[mated].tolist(), clusters, self._of.name, reason=_mateless(mated))

    def _report_curve(self, values: Values, name: CurveName, searched: Table, lost: int) -> None:
        found = identify(*searched)
        if isinstance(found, Identification):
            ranks = np.arange(1, min(CMC_RANKS, len(found.cmc)) + 1, dtype=np.float64)
            share_of_all = found.probes / (found.probes + lost)
            values.curves.append(curve_of(name, self._of.name, ranks, found.cmc[: len(ranks)] * share_of_all))

    # -------------------------------------------------------------------------------------------- verification

    def _report_operating_points(self, values: Values) -> None:
        """FNMR of the de-identified queries at thresholds set on their originals."""
        cross = self._of.cross()
        total = cross.values.size + cross.lost.size
        setting = self._of.setting_pairs
        cuts = None if isinstance(values.draws, Undefined) else cut_pairs(setting, values.draws.weights)
        genuine, impostor = self._of.setting_sides
        points = fnmr_at_fmr(genuine, impostor, tuple(FNMR_DEIDENTIFIED.values()))
        for (metric, limit), point in zip(FNMR_DEIDENTIFIED.items(), points, strict=True):
            if point.threshold is None or not total:
                why = point.reason or "no de-identified query has a mate"
                values.add(metric, Undefined(why), total, self._of.name)
                continue
            rejected = np.count_nonzero(cross.values > point.threshold) + cross.lost.size
            note = f"threshold of {point.impostors} impostor comparisons"
            if cross.lost.size:
                note += f"; {lost_note(cross.lost.size)}"
            within = self._rejected_replicates(values.draws, cross, point.threshold, limit, cuts)
            values.add(metric, rejected / total, total, self._of.name, reason=note, within=within)

    def _rejected_replicates(
        self, draws: Draws | Undefined, cross: Clustered, threshold: float, limit: float, cuts: Cuts | None
    ) -> Replicates | Undefined | None:
        """Resamples that set the threshold anew, too."""
        if isinstance(draws, Undefined):
            return None
        levels = self._of.units.levels
        weights = draws.weights if levels is None else levels.weights
        thresholds = fmr_threshold_rows(self._of.setting_pairs, draws.weights, limit, cuts)
        rejected = Clustered((cross.values > threshold).astype(np.float64), cross.column, cross.lost)
        return share(
            rejection_rows(cross, thresholds, weights), draws, rejected, None if levels is None else levels.cluster
        )

    def _report_det(self, values: Values) -> None:
        """FNMR over FMR of the de-identified queries against the gallery."""
        table, probes, gallery = self._table
        same = np.array(probes, dtype=object)[:, None] == np.array(gallery, dtype=object)[None]
        found = fmr_fnmr_curve(table[same], table[~same]) if table.size else Undefined("no probes")
        if isinstance(found, ErrorCurve):
            # What cannot be processed matches nobody, on either side.
            kept = len(probes) / (len(probes) + len(self._of.lost))
            fnmr = 1 - (1 - found.fnmr) * kept
            values.curves.append(curve_of("det_deidentified", self._of.name, found.fmr * kept, fnmr))


def _mateless(mated: NDArray[np.bool_]) -> str | None:
    lacking = int((~mated).sum())
    return f"{lacking} without a mate in the gallery are left out" if lacking else None
