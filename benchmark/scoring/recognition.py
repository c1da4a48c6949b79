"""What one recogniser makes of the originals and of the de-identified images.

What could not be done is never left out of a privacy number:

* a sample that the method failed on is scored as if its original had been published;
* a de-identified image that the recogniser cannot process counts as rejected and as not identified, and is counted.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...datasets.base import Sample
from ..metrics.base import Comparisons
from ..metrics.privacy.deidentification_ratio import dir_ratio
from ..metrics.privacy.effective_eer import effective_eer, mated_scores
from ..metrics.privacy.singling_out import PEOPLE, Nearest, linkability, nearest_by_identity, singling_out
from ..metrics.privacy.unlinkability import unlinkability
from ..metrics.recognition.decidability import d_prime
from ..metrics.recognition.error_rates import EerPoint, ErrorCurve, eer, fmr_fnmr_curve, fnmr_at_fmr
from ..metrics.recognition.identification import Identification, identify
from ..metrics.recognition.population import Ordered
from ..metrics.values import Undefined
from ..planning.cell_tasks import Version
from ..results.acquired import acquired, is_known
from ..results.cell import Distances, Matrix, Setting
from ..statistics.bootstrap_replicates import effective_eer_interval, recognition_replicates, share_replicates
from ..statistics.bootstrap_scores import Clustered, Pairs, pair_across, pair_up
from ..statistics.uncertainty import Draws, Interval, Replicates
from .numbers import CURVE_POINTS, CurveName, Units, Values, Vector, clustered, curve_of, lost_note, rejected
from .plugged import report_comparisons, sort_comparisons

CMC_RANKS = 20
FNMR_METRICS = {"fnmr_at_fmr_10": 0.1, "fnmr_at_fmr_1": 0.01, "fnmr_at_fmr_0_1": 0.001}


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """One de-identified image before the recogniser."""

    version: Version
    column: int
    """Its original, among the usable samples."""
    row: Matrix | None
    """(usable samples,) its distances; None when it could not be processed."""


class Recognition:
    """Scores of one recogniser under one protocol.

    Args:
        setting: protocol and samples.
        usable: samples whose hand was found; rows and columns of `distances.originals`.
        versions: de-identified versions that were asked for.
        made: digests of those that exist, in the order of the rows of `distances.deidentified`.
        distances: of this recogniser.
        name: its specification.
        units: what is drawn for the de-identified images.
    """

    def __init__(
        self,
        setting: Setting,
        usable: Sequence[Sample],
        versions: Sequence[Version],
        made: Sequence[str],
        distances: Distances,
        name: str,
        units: Units,
    ) -> None:
        self.name = name
        self._plugged = setting.metrics
        self._units = units
        self._distances = distances
        self._identities = np.array([each.identity for each in usable], dtype=object)
        people = sorted({each.identity for each in setting.samples})
        self._people = len(people)
        place = {identity: index for index, identity in enumerate(people)}
        self._cluster = np.array([place[each.identity] for each in usable], dtype=np.intp)
        everyone = [each.subject for each in setting.samples]
        dev, evaluated = setting.protocol.dev_subjects(everyone), setting.protocol.eval_subjects(everyone)
        # A sample without a template was not acquired: no comparison with it exists.
        self._acquired = acquired(distances)
        enrolled = self._acquired.originals
        self._eval = np.flatnonzero([e and s.subject in evaluated for e, s in zip(enrolled, usable, strict=True)])
        dev_rows = np.flatnonzero([e and s.subject in dev for e, s in zip(enrolled, usable, strict=True)])
        self._dev = dev_rows if setting.protocol.threshold.source == "dev" else None
        self._asked, self._gallery = self._sides(setting, usable)
        self.genuine, self.impostor = self._pairs(self._eval)
        column = {each.sample_id: index for index, each in enumerate(usable)}
        self._made = {digest: row for row, digest in enumerate(made)}
        self.left_out = 0
        """Images of which the recogniser gave some distances and failed on others."""
        self.probes = self._find_probes(versions, column)

    def _sides(self, setting: Setting, usable: Sequence[Sample]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Which samples' versions are probes, and which originals they are compared with: here all with all."""
        return self._eval, self._eval

    def _pairs(self, chosen: NDArray[np.intp]) -> tuple[Matrix, Matrix]:
        """Genuine and impostor distances of all pairs i < j; row by row, as there can be very many."""
        genuine, impostor = [np.empty(0, np.float32)], [np.empty(0, np.float32)]
        for at, row in enumerate(chosen):
            others = chosen[at + 1 :]
            values = self._distances.originals[row, others]
            same = self._cluster[others] == self._cluster[row]
            genuine.append(values[same])
            impostor.append(values[~same])
        return np.concatenate(genuine), np.concatenate(impostor)

    def _find_probes(self, versions: Sequence[Version], columns: Mapping[str, int]) -> list[Probe]:
        members, probes = set(self._asked.tolist()), []
        for version in versions:
            column = columns[version.sample.sample_id]
            if column not in members:
                continue
            row = self._made.get(version.deidentify.digest)
            # Failed: as if the original had been published.
            found = self._distances.originals[column] if row is None else self._distances.deidentified[row]
            if is_known(found, np.append(self._gallery, column)):
                probes.append(Probe(version, column, found))
            elif row is None or self._acquired.images[row]:
                self.left_out += 1
            else:
                probes.append(Probe(version, column, None))
        return probes

    @property
    def processed(self) -> list[Probe]:
        """Probes that the recogniser could process."""
        return [each for each in self.probes if each.row is not None]

    @property
    def _lost(self) -> list[int]:
        """Units of the probes that it could not."""
        return [self._unit(each) for each in self.probes if each.row is None]

    def _note(self, lost: int) -> str | None:
        left_out = f"{self.left_out} images are left out: some of their distances are none" if self.left_out else None
        return "; ".join(each for each in (lost_note(lost), left_out) if each) or None

    def _unit(self, probe: Probe) -> int:
        return self._units.column[probe.version.deidentify.digest]

    def report(self, values: Values) -> None:
        """Add all numbers of this recogniser."""
        genuine, impostor = (self.genuine, self.impostor) if self._dev is None else self._pairs(self._dev)
        point = eer(genuine, impostor)
        threshold = point.threshold if isinstance(point, EerPoint) else math.nan
        own, cross = self.own(), self.cross()
        within = self._replicates(values.draws, own, cross)
        self._report_originals(values, within)
        found = point.threshold if isinstance(point, EerPoint) else point
        values.add("eer_threshold", found, len(genuine) + len(impostor), self.name, within=within.get("eer_threshold"))
        for suffix, scores in (("", own), ("_cross", cross)):
            share, total = rejected(scores, threshold)
            note = self._note(scores.lost.size)
            values.add(f"rr{suffix}", share, total, self.name, reason=note, within=within.get(f"rr{suffix}"))
            ratio = dir_ratio(self.genuine, self.impostor, scores.values)
            values.add(f"dir{suffix}", ratio, scores.values.size, self.name, within=within.get(f"dir{suffix}"))
        for metric in self._plugged:
            if metric.takes == "comparisons":
                report_comparisons(values, metric, self.comparisons(threshold), self.name)
        self._report_searches(values)
        self._report_linking(values, threshold)
        self._report_deidentified(values)

    def _replicates(
        self, draws: Draws | Undefined, own: Clustered, cross: Clustered
    ) -> dict[str, Replicates | Undefined]:
        """Replicates of all recognition numbers, by metric; empty where none can be drawn."""
        if isinstance(draws, Undefined) or not (self.genuine.size and self.impostor.size):
            return {}
        setting = None
        if self._dev is not None:
            genuine, impostor = self._pairs(self._dev)
            if not (genuine.size and impostor.size):
                return {}
            setting = self._paired(self._dev)
        scores = {"": own, "_cross": cross}
        kept = {suffix: each for suffix, each in scores.items() if each.values.size + each.lost.size}
        levels = self._units.levels
        return recognition_replicates(self._paired(self._eval), kept, draws, FNMR_METRICS, setting, levels)

    def _paired(self, chosen: NDArray[np.intp]) -> Pairs:
        labels = self._identities[chosen].astype(str)
        return pair_up(self._distances.originals[np.ix_(chosen, chosen)], labels, self._cluster[chosen], self._people)

    def _report_originals(self, values: Values, within: Mapping[str, Replicates | Undefined]) -> None:
        pairs = len(self.genuine) + len(self.impostor)
        genuine, impostor = Ordered.of(self.genuine, "genuine"), Ordered.of(self.impostor, "impostor")
        point = eer(genuine, impostor)
        rate = point.eer if isinstance(point, EerPoint) else point
        values.add("eer", rate, pairs, self.name, within=within.get("eer"))
        separation = d_prime(self.genuine, self.impostor)
        values.add("d_prime", separation, pairs, self.name, within=within.get("d_prime"))
        operating = fnmr_at_fmr(genuine, impostor, tuple(FNMR_METRICS.values()))
        for name, each in zip(FNMR_METRICS, operating, strict=True):
            values.add(name, each.fnmr, each.impostors, self.name, reason=each.reason or None, within=within.get(name))
        curve = fmr_fnmr_curve(genuine, impostor, CURVE_POINTS)
        if isinstance(curve, ErrorCurve):
            values.curves.append(curve_of("det", self.name, curve.fmr, curve.fnmr))

    def own(self) -> Clustered:
        """Distance of each de-identified image to its own original."""
        kept = [(float(each.row[each.column]), self._unit(each)) for each in self.probes if each.row is not None]
        return clustered([value for value, _ in kept], [unit for _, unit in kept], self._lost)

    def cross(self) -> Clustered:
        """Distances of each de-identified image to the other originals of the same identity."""
        distances: list[float] = []
        units: list[int] = []
        lost: list[int] = []
        for each in self.probes:
            own = self._cluster[each.column]
            others = self._gallery[(self._cluster[self._gallery] == own) & (self._gallery != each.column)].tolist()
            if each.row is None:
                lost += [self._unit(each)] * len(others)
            else:
                distances += [float(each.row[column]) for column in others]
                units += [self._unit(each)] * len(others)
        return clustered(distances, units, lost)

    def _table(self) -> tuple[Matrix, list[str], list[str], NDArray[np.intp] | None]:
        """(probes, gallery) distances, identities of both, and the column of each probe's source if it is there."""
        processed = self.processed
        rows = [each.row[self._gallery] for each in processed if each.row is not None]
        place = {int(column): index for index, column in enumerate(self._gallery)}
        there = all(each.column in place for each in processed)
        return (
            np.stack(rows) if rows else np.zeros((0, len(self._gallery)), np.float32),
            [str(self._identities[each.column]) for each in processed],
            [str(each) for each in self._identities[self._gallery]],
            np.array([place[each.column] for each in processed], dtype=np.intp) if there else None,
        )

    def _report_searches(self, values: Values) -> None:
        """Rank-1 of the de-identified images."""
        for metric, with_source in (("rank1_with_source", True), ("rank1_without_source", False)):
            self._report_identification(values, metric, with_source)

    def _report_identification(self, values: Values, metric: str, with_source: bool) -> None:
        table, probes, gallery, sources = self._table()
        if not len(table):
            values.add(metric, Undefined("no de-identified image could be processed"), 0, self.name)
            return
        found = identify(table, probes, gallery, None if with_source or sources is None else sources.tolist())
        if not isinstance(found, Identification):
            values.add(metric, found, 0, self.name)
            return
        total = found.probes + len(self._lost)
        share = found.probes / total  # an image that cannot be processed is not identified
        within = self._hit_replicates(values.draws, table, probes, gallery, None if with_source else sources)
        note = self._note(len(self._lost))
        values.add(metric, found.rank1 * share, total, self.name, reason=note, within=within)
        ranks = np.arange(1, min(CMC_RANKS, len(found.cmc)) + 1, dtype=np.float64)
        name: CurveName = "cmc_with_source" if with_source else "cmc_without_source"
        values.curves.append(curve_of(name, self.name, ranks, found.cmc[: len(ranks)] * share))

    def _hit_replicates(
        self,
        draws: Draws | Undefined,
        table: Matrix,
        probes: list[str],
        gallery: list[str],
        sources: NDArray[np.intp] | None,
    ) -> Replicates | Undefined | None:
        """Replicates of rank-1: the gallery stays, probes are drawn."""
        nearest = nearest_by_identity(table, probes, gallery, _hidden(table, sources))
        if isinstance(nearest, Undefined) or isinstance(draws, Undefined):
            return None
        hits = linkability(nearest, [nearest.others.shape[1] + 1]).by_probe[0]
        processed = self.processed
        units = [self._unit(processed[row]) for row in nearest.probe]
        outcomes = [*hits.tolist(), *([0.0] * len(self._lost))]
        return share_replicates(clustered(outcomes, [*units, *self._lost]), draws, self._units.levels)

    def _report_linking(self, values: Values, threshold: float) -> None:
        """Unlinkability and the risks of WP216; an image is never compared with its own original."""
        table, probes, gallery, sources = self._table()
        scores = mated_scores(table, probes, gallery, sources)
        pairs = scores.mated.size + scores.non_mated.size
        rate = effective_eer(scores.mated, scores.non_mated)
        within = self._linking_interval(values.draws, table, probes, gallery, sources)
        values.add("eer_effective", rate, pairs, self.name, within=within)
        unlinkable = unlinkability(scores.mated, scores.non_mated)
        for metric, attribute in (("d_sys", "d_sys"), ("d_sys_null", "null")):
            number = unlinkable if isinstance(unlinkable, Undefined) else float(getattr(unlinkable, attribute))
            values.add(metric, number, pairs, self.name)
        hidden = _hidden(table, sources)
        self._report_risk(values, "linkability", nearest_by_identity(table, probes, gallery, hidden), math.nan)
        turned = nearest_by_identity(table.T, gallery, probes, None if hidden is None else hidden.T)
        self._report_risk(values, "singling_out", turned, threshold)

    def _report_deidentified(self, values: Values) -> None:
        """De-identified images against each other: an attacker whose gallery holds the method's own output."""
        found = [
            (self._made[each.version.deidentify.digest], each.column)
            for each in self.probes
            if each.version.repetition == 0 and each.version.deidentify.digest in self._made
        ]
        rows = np.array([row for row, _ in found], dtype=np.intp)
        columns = np.array([column for _, column in found], dtype=np.intp)
        table = self._distances.versions[np.ix_(rows, rows)]
        good = self._acquired.versions[rows]
        table, columns = table[np.ix_(good, good)], columns[good]
        labels = self._identities[columns].astype(str)
        compared = pair_up(table, labels, self._cluster[columns], self._people)
        point = eer(compared.genuine, compared.impostor)
        within = None
        if isinstance(point, EerPoint) and isinstance(values.draws, Draws):
            within = recognition_replicates(compared, {}, values.draws)["eer"]
        rate = point.eer if isinstance(point, EerPoint) else point
        values.add("eer_deidentified", rate, compared.table.distances.size, self.name, within=within)

    def _report_risk(self, values: Values, metric: str, nearest: Nearest | Undefined, threshold: float) -> None:
        if isinstance(nearest, Undefined):
            values.add(metric, nearest, 0, self.name)
            return
        people = nearest.others.shape[1] + 1
        if people < PEOPLE:
            values.add(metric, Undefined(f"needs {PEOPLE} identities, got {people}"), 0, self.name)
            return
        if metric == "linkability":
            processed = self.processed
            hits = [*linkability(nearest, [PEOPLE]).by_probe[0].tolist(), *([0.0] * len(self._lost))]
            units = [*(self._unit(processed[row]) for row in nearest.probe), *self._lost]
            values.add_share(metric, hits, units, self.name, levels=self._units.levels)
            return
        if math.isnan(threshold):
            values.add(metric, Undefined("no threshold"), 0, self.name)
            return
        # The targets are originals: identities are drawn, whatever the number of versions.
        outcomes = singling_out(nearest, threshold, [PEOPLE]).by_probe[0].tolist()
        values.add_share(metric, outcomes, [int(self._cluster[self._gallery[row]]) for row in nearest.probe], self.name)

    def _linking_interval(
        self,
        draws: Draws | Undefined,
        table: Matrix,
        probes: list[str],
        gallery: list[str],
        sources: NDArray[np.intp] | None,
    ) -> Interval | Undefined | None:
        if isinstance(draws, Undefined) or not table.size:
            return None
        image = self._cluster[[each.column for each in self.processed]]
        original = self._cluster[self._gallery]
        compared = len(original) - (0 if sources is None else 1)
        mated = np.bincount(original, minlength=self._people)[image] - (len(original) - compared)
        if not mated.any() or (mated == compared).all():
            return None
        pairs = pair_across(table, (image, original), self._people, sources)
        return effective_eer_interval(pairs, draws)

    def comparisons(self, threshold: float) -> Comparisons:
        """All comparisons with the identities behind them, for metrics that users bring."""
        processed = self.processed
        own = [float(each.row[each.column]) for each in processed if each.row is not None]
        return sort_comparisons(
            self._distances.originals,
            self._original_pairs(),
            (self._table()[0], np.array([each.column for each in processed], dtype=np.intp), self._gallery),
            np.array(own, dtype=np.float64),
            self._cluster,
            threshold,
            len(self._lost),
        )

    def _original_pairs(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Both sides of the comparisons of originals, as numbers of usable samples."""
        first, second = np.triu_indices(len(self._eval), 1)
        return self._eval[first], self._eval[second]

    def own_by_version(self) -> dict[str, float | None]:
        """Distance to the own original by digest of the de-identify task."""
        return {
            each.version.deidentify.digest: None if each.row is None else float(each.row[each.column])
            for each in self.probes
        }

    def arrays(self) -> dict[str, Vector]:
        """The score arrays, for figures."""
        return {
            "genuine": self.genuine.astype(np.float64),
            "impostor": self.impostor.astype(np.float64),
            "own": self.own().values,
            "cross": self.cross().values,
        }


def _hidden(table: Matrix, sources: NDArray[np.intp] | None) -> NDArray[np.bool_] | None:
    if sources is None:
        return None
    hidden = np.zeros(table.shape, dtype=bool)
    hidden[np.arange(len(table)), sources] = True
    return hidden
