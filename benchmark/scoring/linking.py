"""Whether de-identified images can be linked to people: unlinkability, and the risks of WP216."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..metrics.privacy.effective_eer import effective_eer, mated_scores
from ..metrics.privacy.singling_out import (
    PEOPLE,
    Nearest,
    linkability,
    nearest_by_identity,
    singling_out,
    singling_out_between,
)
from ..metrics.privacy.unlinkability import unlinkability
from ..metrics.values import Undefined
from ..results.cell import Matrix
from ..statistics.bootstrap_replicates import effective_eer_interval
from ..statistics.bootstrap_scores import pair_across
from ..statistics.uncertainty import Draws, Interval
from .compared import Rows
from .numbers import Units, Values
from .probes import Probe
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

    def table(self) -> tuple[Matrix, list[str], list[str], NDArray[np.intp] | None]:
        """Distances, identities of both sides, and the column of each probe's source."""


def report_linking(values: Values, of: Linked, thresholds: Thresholds) -> None:
    """Unlinkability and the risks of WP216; an image is never compared with its own original."""
    table, probes, gallery, sources = of.table()
    scores = mated_scores(table, probes, gallery, sources)
    pairs = scores.mated.size + scores.non_mated.size
    rate = effective_eer(scores.mated, scores.non_mated)
    within = _linking_interval(of, values.draws, table, probes, gallery, sources)
    values.add("eer_effective", rate, pairs, of.name, within=within)
    unlinkable = unlinkability(scores.mated, scores.non_mated)
    for metric, attribute in (("d_sys", "d_sys"), ("d_sys_null", "null")):
        number = unlinkable if isinstance(unlinkable, Undefined) else float(getattr(unlinkable, attribute))
        values.add(metric, number, pairs, of.name)
    hidden = hidden_sources(table, sources)
    _report_risk(values, of, "linkability", nearest_by_identity(table, probes, gallery, hidden), thresholds)
    turned = nearest_by_identity(table.T, gallery, probes, None if hidden is None else hidden.T)
    _report_risk(values, of, "singling_out", turned, thresholds)


def _report_risk(values: Values, of: Linked, metric: str, nearest: Nearest | Undefined, thresholds: Thresholds) -> None:
    if isinstance(nearest, Undefined):
        values.add(metric, nearest, 0, of.name)
        return
    people = nearest.others.shape[1] + 1
    if people < PEOPLE:
        values.add(metric, Undefined(f"needs {PEOPLE} identities, got {people}"), 0, of.name)
        return
    if metric == "linkability":
        processed = of.processed
        hits = [*linkability(nearest, [PEOPLE]).by_probe[0].tolist(), *([0.0] * len(of.lost))]
        units = [*(of.unit(processed[row]) for row in nearest.probe), *of.lost]
        values.add_share(metric, hits, units, of.name, levels=of.units.levels)
        return
    at, span = thresholds.headline, None
    if math.isnan(at):
        values.add(metric, Undefined("no threshold"), 0, of.name)
        return
    if thresholds.whole:  # a laxer threshold may single out more people or fewer: the worst is looked for
        low, high, at = singling_out_between(nearest, thresholds.lowest, thresholds.laxest, PEOPLE)
        span = (low, high)
    # The targets are originals: identities are drawn, whatever the number of versions.
    outcomes = singling_out(nearest, at, [PEOPLE]).by_probe[0].tolist()
    clusters = [int(of.cluster[of.gallery[row]]) for row in nearest.probe]
    values.add_share(metric, outcomes, clusters, of.name, span=span)


def _linking_interval(
    of: Linked,
    draws: Draws | Undefined,
    table: Matrix,
    probes: list[str],
    gallery: list[str],
    sources: NDArray[np.intp] | None,
) -> Interval | Undefined | None:
    if isinstance(draws, Undefined) or not table.size:
        return None
    image = of.cluster[[each.column for each in of.processed]]
    original = of.cluster[of.gallery]
    compared = len(original) - (0 if sources is None else 1)
    mated = np.bincount(original, minlength=of.people)[image] - (len(original) - compared)
    if not mated.any() or (mated == compared).all():
        return None
    pairs = pair_across(table, (image, original), of.people, sources)
    return effective_eer_interval([pairs], [], draws)


def hidden_sources(table: Matrix, sources: NDArray[np.intp] | None) -> NDArray[np.bool_] | None:
    if sources is None:
        return None
    hidden = np.zeros(table.shape, dtype=bool)
    hidden[np.arange(len(table)), sources] = True
    return hidden
