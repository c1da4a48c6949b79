"""Searches of every de-identified image in all originals."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..metrics.privacy.singling_out import linkability, nearest_by_identity
from ..metrics.recognition.identification import Identification, identify
from ..metrics.values import Undefined
from ..results.cell import Matrix
from ..statistics.bootstrap_replicates import share_replicates
from ..statistics.uncertainty import Draws, Replicates
from .linking import hidden_sources
from .numbers import CMC_RANKS, CurveName, Values, clustered, curve_of
from .recognition import Recognition


class EverybodySearched:
    """Ranks of all de-identified images, with and without their own originals in the gallery.

    Args:
        recognition: of one recogniser.
    """

    def __init__(self, recognition: Recognition) -> None:
        self._of = recognition

    def report_rates(self, values: Values) -> None:
        """None beside the ranks."""

    def report(self, values: Values) -> None:
        """Rank-1 of the de-identified images."""
        for metric, with_source in (("rank1_with_source", True), ("rank1_without_source", False)):
            self._report_identification(values, metric, with_source)

    def _report_identification(self, values: Values, metric: str, with_source: bool) -> None:
        table, probes, gallery, sources = self._of.table()
        if not len(table):
            values.add(metric, Undefined("no de-identified image could be processed"), 0, self._of.name)
            return
        found = identify(table, probes, gallery, None if with_source or sources is None else sources.tolist())
        if not isinstance(found, Identification):
            values.add(metric, found, 0, self._of.name)
            return
        total = found.probes + len(self._of.lost)
        share = found.probes / total  # an image that cannot be processed is not identified
        within = self._hit_replicates(values.draws, table, probes, gallery, None if with_source else sources)
        note = self._of.note(len(self._of.lost))
        values.add(metric, found.rank1 * share, total, self._of.name, reason=note, within=within)
        ranks = np.arange(1, min(CMC_RANKS, len(found.cmc)) + 1, dtype=np.float64)
        name: CurveName = "cmc_with_source" if with_source else "cmc_without_source"
        values.curves.append(curve_of(name, self._of.name, ranks, found.cmc[: len(ranks)] * share))

    def _hit_replicates(
        self,
        draws: Draws | Undefined,
        table: Matrix,
        probes: list[str],
        gallery: list[str],
        sources: NDArray[np.intp] | None,
    ) -> Replicates | Undefined | None:
        """Replicates of rank-1: the gallery stays, probes are drawn."""
        nearest = nearest_by_identity(table, probes, gallery, hidden_sources(table, sources))
        if isinstance(nearest, Undefined) or isinstance(draws, Undefined):
            return None
        hits = linkability(nearest, [nearest.others.shape[1] + 1]).by_probe[0]
        processed = self._of.processed
        units = [self._of.unit(processed[row]) for row in nearest.probe]
        outcomes = [*hits.tolist(), *([0.0] * len(self._of.lost))]
        return share_replicates(clustered(outcomes, [*units, *self._of.lost]), draws, self._of.units.levels)
