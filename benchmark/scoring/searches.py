"""Searches of every de-identified image in all originals."""

from __future__ import annotations

import numpy as np

from ..metrics.recognition.identification import Ranks
from ..metrics.values import Undefined
from ..records.curves import CurveName
from ..statistics.bootstrap_replicates import share_replicates
from ..statistics.uncertainty import Draws, Replicates
from .numbers import CMC_RANKS, Values, clustered, curve_of
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
        searched = self._of.table.searched
        if not self._of.processed:
            values.add(metric, Undefined("no de-identified image could be processed"), 0, self._of.name)
            return
        ranked = searched.with_source if with_source else searched.without_source
        found = ranked if isinstance(ranked, Undefined) else ranked.identification()
        if isinstance(ranked, Undefined) or isinstance(found, Undefined):
            assert isinstance(found, Undefined)
            values.add(metric, found, 0, self._of.name)
            return
        total = found.probes + len(self._of.lost)
        share = found.probes / total  # an image that cannot be processed is not identified
        within = self._hit_replicates(values.draws, ranked)
        note = self._of.note(len(self._of.lost))
        values.add(metric, found.rank1 * share, total, self._of.name, reason=note, within=within)
        places = np.arange(1, min(CMC_RANKS, len(found.cmc)) + 1, dtype=np.float64)
        name: CurveName = "cmc_with_source" if with_source else "cmc_without_source"
        values.curves.append(curve_of(name, self._of.name, places, found.cmc[: len(places)] * share))

    def _hit_replicates(self, draws: Draws | Undefined, ranked: Ranks) -> Replicates | Undefined | None:
        """Replicates of rank-1: the gallery stays, probes are drawn."""
        if ranked.identities < 2 or isinstance(draws, Undefined):
            return None
        processed = self._of.processed
        units = [self._of.unit(processed[row]) for row in np.flatnonzero(ranked.mated).tolist()]
        outcomes = [*ranked.hits().tolist(), *([0.0] * len(self._of.lost))]
        return share_replicates(clustered(outcomes, [*units, *self._of.lost]), draws, self._of.units.levels)
