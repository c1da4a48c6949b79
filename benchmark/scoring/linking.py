"""Whether de-identified images can be linked to people: unlinkability, and the risks of WP216."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from ..metrics.privacy.effective_eer import effective_eer
from ..metrics.privacy.singling_out import (
    PEOPLE,
    Nearest,
    linked_among,
    singling_out,
    singling_out_between,
)
from ..metrics.privacy.unlinkability import unlinkability
from ..metrics.recognition.identification import Ranks
from ..metrics.recognition.population import Ordered
from ..metrics.values import Undefined
from ..statistics.bootstrap_replicates import effective_eer_interval
from ..statistics.uncertainty import Draws
from .compared import Rows
from .numbers import Units, Values
from .probes import Probe, Table
from .thresholds import Thresholds


class Linked(Protocol):
    """What is asked of one recogniser's scores."""

    name: str
    units: Units
    people: int
    cluster: Rows
    gallery: Rows

    @property
    def processed(self) -> Sequence[Probe]:
        """Probes that the recogniser could process."""

    @property
    def lost(self) -> list[int]:
        """Units of those that it could not."""

    def unit(self, probe: Probe) -> int:
        """Column of the draws."""

    @property
    def table(self) -> Table:
        """Searches of these probes in the gallery."""


def report_linking(values: Values, of: Linked, thresholds: Thresholds) -> None:
    """Unlinkability and the risks of WP216; an image is never compared with its own original."""
    table = of.table
    clusters = of.cluster[[each.column for each in of.processed]], of.cluster[of.gallery]
    compared = table.pairs(clusters, of.people)
    mated, non_mated = Ordered(compared.genuine), compared.impostor
    pairs = mated.size + non_mated.size
    rate = effective_eer(mated, non_mated)
    within = None
    if isinstance(values.draws, Draws) and mated.size and non_mated.size:
        within = effective_eer_interval([compared], [], values.draws)
    values.add("eer_effective", rate, pairs, of.name, within=within)
    unlinkable = unlinkability(mated, non_mated)
    for metric, attribute in (("d_sys", "d_sys"), ("d_sys_null", "null")):
        number = unlinkable if isinstance(unlinkable, Undefined) else float(getattr(unlinkable, attribute))
        values.add(metric, number, pairs, of.name)
    del compared, mated, non_mated
    _report_linkability(values, of, table.searched.without_source)
    _report_singling_out(values, of, table.searched.turned(), thresholds)


def _few(people: int) -> Undefined | None:
    return Undefined(f"needs {PEOPLE} identities, got {people}") if people < PEOPLE else None


def _report_linkability(values: Values, of: Linked, ranked: Ranks | Undefined) -> None:
    missing = ranked if isinstance(ranked, Undefined) else None
    if isinstance(ranked, Ranks):
        if ranked.identities < 2:
            missing = Undefined("needs at least 2 identities")
        elif not ranked.mated.any():
            missing = Undefined("no probe has a gallery entry of its own identity")
        missing = missing or _few(ranked.identities)
    if missing is not None or isinstance(ranked, Undefined):
        values.add("linkability", missing, 0, of.name)
        return
    mated, processed = ranked.mated, of.processed
    found = linked_among(ranked.closer[mated], ranked.tied[mated] - 1, ranked.identities, PEOPLE)
    hits = [*found.tolist(), *([0.0] * len(of.lost))]
    units = [*(of.unit(processed[row]) for row in np.flatnonzero(mated).tolist()), *of.lost]
    values.add_share("linkability", hits, units, of.name, levels=of.units.levels)


def _report_singling_out(values: Values, of: Linked, nearest: Nearest | Undefined, thresholds: Thresholds) -> None:
    missing = nearest if isinstance(nearest, Undefined) else _few(nearest.others.shape[1] + 1)
    at, span = thresholds.headline, None
    if missing is None and math.isnan(at):
        missing = Undefined("no threshold")
    if missing is not None or isinstance(nearest, Undefined):
        values.add("singling_out", missing, 0, of.name)
        return
    if thresholds.whole:  # a laxer threshold may single out more people or fewer: the worst is looked for
        low, high, at = singling_out_between(nearest, thresholds.lowest, thresholds.laxest, PEOPLE)
        span = (low, high)
    # The targets are originals: identities are drawn, whatever the number of versions.
    outcomes = singling_out(nearest, at, [PEOPLE]).by_probe[0].tolist()
    clusters = [int(of.cluster[of.gallery[row]]) for row in nearest.probe]
    values.add_share("singling_out", outcomes, clusters, of.name, span=span)
