"""What one recogniser makes of the originals and of the de-identified images.

What could not be done is never left out of a privacy number:

* a sample that the method failed on is scored as if its original had been published;
* a de-identified image that the recogniser cannot process counts as rejected and as not identified, and is counted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Protocol, cast

import numpy as np

from ...datasets.base import Sample
from ..metrics.base import Comparisons
from ..metrics.privacy.deidentification_ratio import dir_ratio
from ..metrics.recognition.decidability import d_prime
from ..metrics.recognition.det import DetLine, det_line
from ..metrics.recognition.error_rates import EerPoint, ErrorCurve, eer, fmr_fnmr_curve, fnmr_at_fmr
from ..metrics.recognition.population import Population, as_population
from ..metrics.values import Undefined
from ..planning.cell_tasks import Version
from ..records.curves import CurveName
from ..results.acquired import acquired, is_known
from ..results.cell import Distances, Matrix, Setting
from ..results.scores_file import spread
from ..results.tiles import Reader, Tiled, rows_of
from ..statistics.bootstrap_replicates import recognition_replicates
from ..statistics.bootstrap_scores import Clustered
from ..statistics.pairing import Pairs, pair_up_rows
from ..statistics.uncertainty import Draws, Replicates
from .compared import AllPairs, Compared, QueriesInGallery, Rows, later
from .linking import report_linking
from .numbers import (
    CURVE_POINTS,
    Units,
    Values,
    Vector,
    clustered,
    curve_of,
    curve_of_det,
    lost_note,
    rejected,
)
from .plugged import report_comparisons, sort_comparisons
from .probes import Probe, Table
from .thresholds import Thresholds

DET_LINES = 3
"""Version of the scoring whose DETs are those of `det_line`."""
FNMR_METRICS = {"fnmr_at_fmr_10": 0.1, "fnmr_at_fmr_1": 0.01, "fnmr_at_fmr_0_1": 0.001}


class Searches(Protocol):
    """What is reported of one-to-many searches."""

    def report(self, values: Values) -> None:
        """Add the numbers of the searches."""

    def report_rates(self, values: Values) -> None:
        """Add error rates that go with them."""


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
        self.units = units
        self._distances = distances
        self.identities = np.array([each.identity for each in usable], dtype=object)
        people = sorted({each.identity for each in setting.samples})
        self.people = len(people)
        place = {identity: index for index, identity in enumerate(people)}
        self.cluster = np.array([place[each.identity] for each in usable], dtype=np.intp)
        everyone = [each.subject for each in setting.samples]
        dev, evaluated = setting.protocol.dev_subjects(everyone), setting.protocol.eval_subjects(everyone)
        # A sample without a template was not acquired: no comparison with it exists.
        self._acquired = acquired(distances)
        enrolled = self._acquired.originals
        self._eval = np.flatnonzero([e and s.subject in evaluated for e, s in zip(enrolled, usable, strict=True)])
        dev_rows = np.flatnonzero([e and s.subject in dev for e, s in zip(enrolled, usable, strict=True)])
        self._dev = dev_rows if setting.protocol.threshold.source == "dev" else None
        self.score_version = setting.score_version
        self._rule = setting.protocol.threshold.rule
        self.compared = self._compared(setting, usable)
        self.asked, self.gallery = self.compared.sides(self._eval)
        self.genuine, impostor = self.compared.distances(self._eval)
        self.impostor: Matrix | Population = impostor
        column = {each.sample_id: index for index, each in enumerate(usable)}
        self._made = {digest: row for row, digest in enumerate(made)}
        self.left_out = 0
        """Images of which the recogniser gave some distances and failed on others."""
        self.probes = self._find_probes(versions, column)

    def _compared(self, setting: Setting, usable: Sequence[Sample]) -> Compared:
        if setting.queries is None:
            return AllPairs(self._distances.originals, self.cluster, self.people)
        query = np.array([each.sample_id in setting.queries for each in usable], dtype=bool)
        return QueriesInGallery(self._distances.originals, self.cluster, self.people, query)

    @cached_property
    def pairs(self) -> Pairs:
        """Comparisons of the evaluated originals."""
        return self.compared.pairs(self._eval)

    @cached_property
    def setting_pairs(self) -> Pairs:
        """Comparisons of the originals that thresholds are set on."""
        return self.pairs if self._dev is None else self.compared.pairs(self._dev)

    @property
    def searched_originals(self) -> Matrix:
        """(queries, gallery) distances of the originals of what is searched."""
        return rows_of(self._distances.originals, self.asked)[:, self.gallery]

    @property
    def setting_sides(self) -> tuple[Matrix, Matrix | Population]:
        """Genuine and impostor distances of the originals that thresholds are set on."""
        return (self.genuine, self.impostor) if self._dev is None else self.compared.distances(self._dev)

    def _find_probes(self, versions: Sequence[Version], columns: Mapping[str, int]) -> list[Probe]:
        members = set(self.asked.tolist())
        others: dict[int, Rows] = {}
        places = [(each, columns[each.sample.sample_id]) for each in versions]
        places = [(each, column) for each, column in places if column in members]
        reader = self._reader([self._made.get(each.deidentify.digest, -1 - column) for each, column in places])
        probes = []
        for (version, column), found in zip(places, reader, strict=True):
            row = self._made.get(version.deidentify.digest)
            nothing = np.empty(0, np.float32)
            if is_known(found, np.append(self.gallery, column)):
                if column not in others:
                    same = self.cluster[self.gallery] == self.cluster[column]
                    others[column] = self.gallery[same & (self.gallery != column)]
                probes.append(Probe(version, column, row, float(found[column]), found[others[column]], True))
            elif row is None or self._acquired.images[row]:
                self.left_out += 1
            else:
                probes.append(Probe(version, column, row, math.nan, nothing, False))
        return probes

    def _reader(self, places: Sequence[int]) -> Iterator[Matrix]:
        """Distances to all originals, of de-identified images by row, rising; -1 - c stands for original number c."""
        stand_ins = np.unique([-1 - each for each in places if each < 0]).astype(np.intp)
        # Failed: as if the original had been published.
        originals = rows_of(self._distances.originals, stand_ins) if stand_ins.size else None
        reader = Reader(self._distances.deidentified)
        for each in places:
            if each < 0 and originals is not None:
                yield originals[np.searchsorted(stand_ins, -1 - each)]
            else:
                yield reader.row(each)

    @cached_property
    def processed(self) -> list[Probe]:
        """Probes that the recogniser could process."""
        return [each for each in self.probes if each.processed]

    @property
    def lost(self) -> list[int]:
        """Units of the probes that it could not."""
        return [self.unit(each) for each in self.probes if not each.processed]

    def note(self, lost: int) -> str | None:
        """What is to be known about images that could not be processed, or only in part."""
        left_out = f"{self.left_out} images are left out: some of their distances are none" if self.left_out else None
        return "; ".join(each for each in (lost_note(lost), left_out) if each) or None

    def unit(self, probe: Probe) -> int:
        """What is drawn for it, as a column of the draws."""
        return self.units.column[probe.version.deidentify.digest]

    def report(self, values: Values, searches: Searches) -> None:
        """Add all numbers of this recogniser.

        Args:
            values: collects them.
            searches: what is reported of searches: `EverybodySearched`, or the queries' own under a protocol that has
                such.
        """
        genuine, impostor = self.setting_sides
        point = eer(genuine, impostor)
        thresholds = Thresholds.of(point, self._rule)
        own, cross = self.own(), self.cross()
        within = self._replicates(values.draws, own, cross)
        self._report_originals(values, within)
        self._report_det(values, thresholds, {"det_own": own, "det_cross": cross})
        found = thresholds.headline if isinstance(point, EerPoint) else point
        span = (thresholds.lowest, thresholds.laxest) if thresholds.whole else None
        compared = genuine.size + impostor.size
        values.add("eer_threshold", found, compared, self.name, within=within.get("eer_threshold"), span=span)
        for suffix, scores in (("", own), ("_cross", cross)):
            self._report_rejection(values, f"rr{suffix}", scores, thresholds, within.get(f"rr{suffix}"))
            ratio = dir_ratio(self.genuine, self.impostor, scores.values)
            values.add(f"dir{suffix}", ratio, scores.values.size, self.name, within=within.get(f"dir{suffix}"))
        for metric in self._plugged:
            if metric.takes == "comparisons":
                report_comparisons(values, metric, self.comparisons(thresholds.headline), self.name)
        searches.report(values)
        report_linking(values, self, thresholds)
        self._report_deidentified(values)
        searches.report_rates(values)

    def _report_rejection(
        self,
        values: Values,
        metric: str,
        scores: Clustered,
        thresholds: Thresholds,
        within: Replicates | Undefined | None,
    ) -> None:
        share, total = rejected(scores, thresholds.headline)
        ends = rejected(scores, thresholds.laxest)[0], rejected(scores, thresholds.lowest)[0]
        span = None
        if not isinstance(ends[0], Undefined) and not isinstance(ends[1], Undefined):
            span = (ends[0], ends[1])
            values.open_threshold(metric, self.name, span)
        note = self.note(scores.lost.size)
        shown = span if thresholds.whole else None
        values.add(metric, share, total, self.name, reason=note, within=within, span=shown)

    def _replicates(
        self, draws: Draws | Undefined, own: Clustered, cross: Clustered
    ) -> dict[str, Replicates | Undefined]:
        """Replicates of all recognition numbers, by metric; empty where none can be drawn."""
        if isinstance(draws, Undefined) or not (self.genuine.size and self.impostor.size):
            return {}
        setting = None if self._dev is None else self.setting_pairs
        if setting is not None and not (setting.genuine.size and setting.impostor.size):
            return {}
        scores = {"": own, "_cross": cross}
        kept = {suffix: each for suffix, each in scores.items() if each.values.size + each.lost.size}
        laxest = self._rule == "eer-range"
        return recognition_replicates(self.pairs, kept, draws, FNMR_METRICS, setting, self.units.levels, laxest)

    def _report_originals(self, values: Values, within: Mapping[str, Replicates | Undefined]) -> None:
        pairs = self.genuine.size + self.impostor.size
        genuine, impostor = as_population(self.genuine, "genuine"), as_population(self.impostor, "impostor")
        point = eer(genuine, impostor)
        rate = point.eer if isinstance(point, EerPoint) else point
        values.add("eer", rate, pairs, self.name, within=within.get("eer"))
        separation = d_prime(self.genuine, self.impostor)
        values.add("d_prime", separation, pairs, self.name, within=within.get("d_prime"))
        operating = fnmr_at_fmr(genuine, impostor, tuple(FNMR_METRICS.values()))
        for name, each in zip(FNMR_METRICS, operating, strict=True):
            values.add(name, each.fnmr, each.impostors, self.name, reason=each.reason or None, within=within.get(name))

    def _report_det(self, values: Values, thresholds: Thresholds, scores: Mapping[CurveName, Clustered]) -> None:
        """The recogniser's own errors, and what becomes of de-identified images over the same thresholds."""
        impostor = as_population(self.impostor, "impostor")
        if self.score_version < DET_LINES:
            curve = fmr_fnmr_curve(self.genuine, impostor, CURVE_POINTS)
            if isinstance(curve, ErrorCurve):
                values.curves.append(curve_of("det", self.name, curve.fmr, curve.fnmr))
            return
        at = None if math.isnan(thresholds.headline) else thresholds.headline
        lines = {"det": det_line(self.genuine, impostor, 0, at)}
        lines |= {name: det_line(each.values, impostor, each.lost.size, at) for name, each in scores.items()}
        for name, line in lines.items():
            if isinstance(line, DetLine):
                values.curves.append(curve_of_det(cast(CurveName, name), self.name, line))

    def own(self) -> Clustered:
        """Distance of each de-identified image to its own original."""
        return clustered([each.own for each in self.processed], [self.unit(each) for each in self.processed], self.lost)

    def cross(self) -> Clustered:
        """Distances of each de-identified image to the other originals of the same identity."""
        distances: list[float] = []
        units: list[int] = []
        lost: list[int] = []
        for each in self.probes:
            if not each.processed:
                own = self.cluster[each.column]
                others = np.count_nonzero((self.cluster[self.gallery] == own) & (self.gallery != each.column))
                lost += [self.unit(each)] * others
            else:
                distances += each.cross.tolist()
                units += [self.unit(each)] * each.cross.size
        return clustered(distances, units, lost)

    @cached_property
    def table(self) -> Table:
        """Searches of the images that could be processed, among the originals of the gallery."""
        processed = self.processed
        place = {int(column): index for index, column in enumerate(self.gallery)}
        there = all(each.column in place for each in processed)
        rows = [-1 - each.column if each.row is None else each.row for each in processed]
        return Table(
            lambda: (row[self.gallery] for row in self._reader(rows)),
            self.identities[[each.column for each in processed]].astype(str),
            self.identities[self.gallery].astype(str),
            np.array([place[each.column] for each in processed], dtype=np.intp) if there else None,
        )

    def _report_deidentified(self, values: Values) -> None:
        """De-identified images against each other: an attacker whose gallery holds the method's own output."""
        found = [
            (each.row, each.column)
            for each in self.probes
            if each.version.repetition == 0 and each.row is not None and self._acquired.versions[each.row]
        ]
        rows = np.array([row for row, _ in found], dtype=np.intp)
        columns = np.array([column for _, column in found], dtype=np.intp)
        first = self._distances.first
        members = rows if first is None else np.searchsorted(first, rows)
        labels = np.unique(self.cluster[columns], return_inverse=True)[1]
        compared = pair_up_rows(later(self._distances.versions, members), labels, self.cluster[columns], self.people)
        point = eer(compared.genuine, compared.impostor)
        within = None
        if isinstance(point, EerPoint) and isinstance(values.draws, Draws):
            within = recognition_replicates(compared, {}, values.draws)["eer"]
        rate = point.eer if isinstance(point, EerPoint) else point
        values.add("eer_deidentified", rate, compared.table.distances.size, self.name, within=within)

    def comparisons(self, threshold: float) -> Comparisons | Undefined:
        """All comparisons with the identities behind them, for metrics that users bring; or why they cannot be had."""
        originals = self._distances.originals
        if isinstance(originals, Tiled) or isinstance(self._distances.deidentified, Tiled):
            return Undefined("more comparisons than are held in memory, and a metric is given all of them")
        return sort_comparisons(
            originals,
            self.compared.places(self._eval),
            (self.table.whole(), np.array([each.column for each in self.processed], dtype=np.intp), self.gallery),
            np.array([each.own for each in self.processed], dtype=np.float64),
            self.cluster,
            threshold,
            len(self.lost),
        )

    def own_by_version(self) -> dict[str, float | None]:
        """Distance to the own original by digest of the de-identify task."""
        return {each.version.deidentify.digest: each.own if each.processed else None for each in self.probes}

    def arrays(self) -> dict[str, Vector]:
        """The score arrays, for figures."""
        return {
            "genuine": self.genuine.astype(np.float64),
            "impostor": spread(self.impostor),
            "own": self.own().values,
            "cross": self.cross().values,
        }
