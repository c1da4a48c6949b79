"""From distances and measures to the numbers of a record.

What could not be done is never left out of a privacy number:

* a sample that the method failed on is scored as if its original had been published;
* a de-identified image that the recogniser cannot process counts as rejected and as not identified, and is counted.
"""

from __future__ import annotations

import io
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from .. import __version__
from ..datasets.base import Sample
from . import records
from .measure import DRIFTS
from .metrics import METRICS
from .plan import Cell, Version, describe
from .records import Counts, Curve, Host, RunRecord, SampleRow, Value
from .scoring.aggregate import summarise
from .scoring.identification import Identification, identify
from .scoring.values import Undefined
from .scoring.verification import (
    EerPoint,
    ErrorCurve,
    d_prime,
    dir_ratio,
    eer,
    fmr_fnmr_curve,
    fnmr_at_fmr,
)
from .store import Payload

Matrix = NDArray[np.float32]
Vector = NDArray[np.float64]

CMC_RANKS = 20
CURVE_POINTS = 200
FNMR_METRICS = {0.1: "fnmr_at_fmr_10", 0.01: "fnmr_at_fmr_1", 0.001: "fnmr_at_fmr_0_1"}


@dataclass(frozen=True, slots=True, eq=False)
class Distances:
    """Distances of one recogniser; NaN where a template could not be had."""

    originals: Matrix
    """(usable samples, usable samples)."""
    deidentified: Matrix
    """(de-identified images, usable samples)."""
    problems: Mapping[str, str]
    """Why a template could not be had, by label of the image."""


@dataclass(frozen=True, slots=True, eq=False)
class CellResults:
    """Everything that a cell's stages produced."""

    missing: Mapping[str, str | None]
    """By sample id: why no hand was found in the original, or None."""
    versions: Sequence[Version]
    failed: Mapping[str, str | None]
    """By digest of the de-identify task: why there is no image, or None."""
    crashed: frozenset[str]
    """Digests of tasks that were not stored and are tried again."""
    analyses: Mapping[str, Payload | None]
    measures: Mapping[str, Payload | None]
    coverage: Mapping[str, float | None]
    usable: Sequence[Sample]
    distances: Mapping[str, Distances]
    """By specification of the recogniser."""
    seconds: Mapping[str, float]
    problems: Mapping[str, str]

    @property
    def made(self) -> list[Version]:
        """Versions that exist, in the order of the rows of `Distances.deidentified`."""
        return [each for each in self.versions if self.failed[each.deidentify.digest] is None]


@dataclass(slots=True)
class _Board:
    """Values and curves as they come."""

    values: list[Value] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)

    def add(
        self,
        metric: str,
        value: float | Undefined | None,
        n: int,
        recognizer: str | None = None,
        std: float | None = None,
        reason: str | None = None,
    ) -> None:
        """Record a number in the metric's unit (rates 0..1 become %)."""
        scale = 100.0 if METRICS[metric].unit == "%" and metric not in _ALREADY_PERCENT else 1.0
        if isinstance(value, Undefined):
            reason = value.reason
            value = None
        if value is not None and not math.isfinite(value):
            value, reason = None, "not finite"
        if value is None and reason is None:
            reason = "not measured"
        self.values.append(
            Value(
                metric=metric,
                recognizer=recognizer,
                value=None if value is None else float(value) * scale,
                std=None if std is None or value is None else float(std) * scale,
                n=n,
                reason=reason,
            )
        )


_ALREADY_PERCENT = frozenset({"dir", "dir_cross", "roi_coverage", "roi_changed", *DRIFTS.values()})
"""Metrics whose functions give % themselves."""


def build_record(cell: Cell, results: CellResults, host: Host) -> tuple[RunRecord, bytes]:
    """The record of a cell, and the score arrays behind it (`scores.npz`)."""
    board = _Board()
    arrays: dict[str, Vector] = {}
    evaluated = cell.protocol.eval_subjects([each.subject for each in cell.dataset.samples])
    own: dict[str, dict[str, float | None]] = {}
    for index, (name, distances) in enumerate(results.distances.items()):
        scored = _Recognition(cell, results, distances, name)
        scored.report(board)
        own[name] = scored.own_by_version()
        arrays |= {f"{kind}_{index}": values for kind, values in scored.arrays().items()}
    _report_images(board, results, evaluated)
    record = RunRecord(
        digest=cell.digest,
        toolkit=__version__,
        protocol=records.ProtocolRef(
            id=cell.protocol.id,
            digest=cell.protocol.digest,
            title=cell.protocol.title,
            summary=cell.protocol.summary,
        ),
        dataset=_dataset(cell),
        method=_method(cell),
        analyzer=records.Plugin(**describe(cell.analyzer)),
        recognizers=[records.Plugin(**describe(each)) for each in cell.recognizers],
        repetitions=cell.repetitions,
        root_seed=cell.root_seed,
        counts=_counts(cell, results),
        values=board.values,
        curves=board.curves,
        samples=_sample_rows(cell, results, own),
        host=host,
    )
    buffer = io.BytesIO()
    np.savez(buffer, **{name: values.astype(np.float32) for name, values in arrays.items()})  # type: ignore[arg-type]
    return record, buffer.getvalue()


# ------------------------------------------------------------------------------------------------ recognition


class _Recognition:
    """What one recogniser makes of the originals and the de-identified images."""

    def __init__(self, cell: Cell, results: CellResults, distances: Distances, name: str) -> None:
        self.name = name
        self._results, self._distances = results, distances
        samples = results.usable
        self._index = {each.sample_id: index for index, each in enumerate(samples)}
        self._identities = np.array([each.identity for each in samples], dtype=object)
        subjects = [each.subject for each in samples]
        everyone = [each.subject for each in cell.dataset.samples]
        dev, evaluated = cell.protocol.dev_subjects(everyone), cell.protocol.eval_subjects(everyone)
        # A sample without a template was not acquired: no comparison with it exists.
        enrolled = np.isfinite(np.diagonal(distances.originals)) if len(samples) else np.zeros(0, bool)
        self._eval = np.flatnonzero([e and s in evaluated for e, s in zip(enrolled, subjects, strict=True)])
        self._dev = np.flatnonzero([e and s in dev for e, s in zip(enrolled, subjects, strict=True)])
        self._threshold_rows = self._dev if cell.protocol.threshold_from == "dev" else self._eval
        self.genuine, self.impostor = self._pairs(self._eval)
        self._probes = self._rows()

    def _pairs(self, chosen: NDArray[np.intp]) -> tuple[Vector, Vector]:
        """Genuine and impostor distances of all pairs i < j."""
        first, second = np.triu_indices(len(chosen), 1)
        values = self._distances.originals[np.ix_(chosen, chosen)][first, second].astype(np.float64)
        same = self._identities[chosen][first] == self._identities[chosen][second]
        return values[same], values[~same]

    def _rows(self) -> list[tuple[Version, int, Matrix | None]]:
        """(version, column of its source, its distances to all usable originals or None when not processed)."""
        made = {each.deidentify.digest: row for row, each in enumerate(self._results.made)}
        members, rows = set(self._eval.tolist()), []
        for version in self._results.versions:
            column = self._index[version.sample.sample_id]
            if column not in members:
                continue
            row = made.get(version.deidentify.digest)
            # Failed: as if the original had been published.
            found = self._distances.originals[column] if row is None else self._distances.deidentified[row]
            rows.append((version, column, found if np.isfinite(found[self._eval]).all() else None))
        return rows

    def report(self, board: _Board) -> None:
        """All numbers of this recogniser."""
        self._report_originals(board)
        genuine, impostor = self._pairs(self._threshold_rows)
        point = eer(genuine, impostor)
        threshold = point.threshold if isinstance(point, EerPoint) else math.nan
        value = point.threshold if isinstance(point, EerPoint) else point
        board.add("eer_threshold", value, len(genuine) + len(impostor), self.name)
        for suffix, values, lost in (("", *self._own()), ("_cross", *self._cross())):
            board.add(f"rr{suffix}", *_rejected(values, lost, threshold), self.name, reason=_lost_note(lost))
            board.add(f"dir{suffix}", dir_ratio(self.genuine, self.impostor, values), len(values), self.name)
        for metric, with_source in (("rank1_with_source", True), ("rank1_without_source", False)):
            self._report_identification(board, metric, with_source)

    def _report_originals(self, board: _Board) -> None:
        pairs = len(self.genuine) + len(self.impostor)
        point = eer(self.genuine, self.impostor)
        board.add("eer", point.eer if isinstance(point, EerPoint) else point, pairs, self.name)
        board.add("d_prime", d_prime(self.genuine, self.impostor), pairs, self.name)
        for operating in fnmr_at_fmr(self.genuine, self.impostor, tuple(FNMR_METRICS)):
            name = FNMR_METRICS[operating.target]
            board.add(name, operating.fnmr, operating.impostors, self.name, reason=operating.reason or None)
        curve = fmr_fnmr_curve(self.genuine, self.impostor)
        if isinstance(curve, ErrorCurve):
            board.curves.append(_curve("det", self.name, curve.fmr, curve.fnmr))

    def _own(self) -> tuple[Vector, int]:
        """Distance of each de-identified image to its own original; and how many could not be processed."""
        values = [float(row[column]) for _, column, row in self._probes if row is not None]
        return np.array(values), sum(row is None for _, _, row in self._probes)

    def _cross(self) -> tuple[Vector, int]:
        """Distances of each de-identified image to the other originals of the same palm."""
        values, lost = [], 0
        for _, column, row in self._probes:
            others = [
                int(each)
                for each in self._eval
                if each != column and self._identities[each] == self._identities[column]
            ]
            if row is None:
                lost += len(others)
            else:
                values += [float(row[each]) for each in others]
        return np.array(values), lost

    def _report_identification(self, board: _Board, metric: str, with_source: bool) -> None:
        processed = [(column, row) for _, column, row in self._probes if row is not None]
        lost = len(self._probes) - len(processed)
        if not processed:
            board.add(metric, Undefined("no de-identified image could be processed"), 0, self.name)
            return
        gallery = [str(each) for each in self._identities[self._eval]]
        place = {int(column): index for index, column in enumerate(self._eval)}
        found = identify(
            np.stack([row[self._eval] for _, row in processed]),
            [str(self._identities[column]) for column, _ in processed],
            gallery,
            None if with_source else [place[column] for column, _ in processed],
        )
        if not isinstance(found, Identification):
            board.add(metric, found, 0, self.name)
            return
        total = found.probes + lost
        share = found.probes / total  # an image that cannot be processed is not identified
        board.add(metric, found.rank1 * share, total, self.name, reason=_lost_note(lost))
        ranks = np.arange(1, min(CMC_RANKS, len(found.cmc)) + 1, dtype=np.float64)
        name: Literal["cmc_with_source", "cmc_without_source"] = (
            "cmc_with_source" if with_source else "cmc_without_source"
        )
        board.curves.append(_curve(name, self.name, ranks, found.cmc[: len(ranks)] * share))

    def own_by_version(self) -> dict[str, float | None]:
        """Distance to the own original by digest of the de-identify task."""
        return {
            version.deidentify.digest: None if row is None else float(row[column])
            for version, column, row in self._probes
        }

    def arrays(self) -> dict[str, Vector]:
        """The score arrays, for figures."""
        return {"genuine": self.genuine, "impostor": self.impostor, "own": self._own()[0], "cross": self._cross()[0]}


def _rejected(values: Vector, lost: int, threshold: float) -> tuple[float | Undefined, int]:
    """Share rejected; what could not be processed is rejected."""
    total = len(values) + lost
    if not total:
        return Undefined("no comparisons"), 0
    if math.isnan(threshold):
        return Undefined("no threshold: the originals give no genuine or no impostor pairs"), total
    return (float(np.count_nonzero(values > threshold)) + lost) / total, total


def _lost_note(lost: int) -> str | None:
    return f"{lost} could not be processed by the recogniser and count as rejected" if lost else None


def _curve(
    name: Literal["det", "cmc_with_source", "cmc_without_source"], recognizer: str, x: Vector, y: Vector
) -> Curve:
    """A curve in at most `CURVE_POINTS` points; ends are kept."""
    if len(x) > CURVE_POINTS:
        keep = np.unique(np.linspace(0, len(x) - 1, CURVE_POINTS).round().astype(int))
        x, y = x[keep], y[keep]
    return Curve(name=name, recognizer=recognizer, x=[float(v) for v in x], y=[float(v) for v in y])


# ------------------------------------------------------------------------------------------------ images


def _report_images(board: _Board, results: CellResults, evaluated: frozenset[str]) -> None:
    """Quality, usability, coverage and failures over the evaluated images."""
    versions = [each for each in results.versions if each.sample.subject in evaluated]
    made = [each for each in versions if results.failed[each.deidentify.digest] is None]
    payloads = [results.measures[each.deidentify.digest] for each in made]
    metas: list[Mapping[str, Any]] = [each.meta for each in payloads if each is not None]
    for metric in MEASURED:
        _report_mean(board, metric, [_measured(meta, metric) for meta in metas])
    silent = Undefined("the method does not say what it may repaint")
    coverage = [results.coverage[each.deidentify.digest] for each in made]
    _report_mean(board, "roi_coverage", [silent if each is None else each for each in coverage])
    survived = sum(_survived(results, each) for each in made)
    board.add(
        "survival", survived / len(versions) if versions else Undefined("no image was de-identified"), len(versions)
    )
    failures = len(versions) - len(made)
    board.add("failure_rate", failures / len(versions) if versions else Undefined("no hand was found"), len(versions))


MEASURED = ("ssim", "psnr", "roi_changed", *DRIFTS.values())
"""Metrics that the measure stage gives for each image."""


def _measured(meta: Mapping[str, Any], metric: str) -> float | Undefined:
    value = meta["values"].get(metric)
    return Undefined(meta["reasons"].get(metric, "not measured")) if value is None else float(value)


def _report_mean(board: _Board, metric: str, values: Sequence[float | Undefined]) -> None:
    """Mean and population standard deviation over the images that have a value; the others are counted."""
    found = summarise(values)
    note = "; ".join(f"{count} × {reason}" for reason, count in found.left_out.items()) or None
    if found.mean is None:
        note = note or "no image to measure"
    board.add(metric, found.mean, found.count, std=found.std, reason=note)


def _survived(results: CellResults, version: Version) -> bool:
    payload = results.analyses.get(version.deidentify.digest)
    return payload is not None and payload.failure is None


# ------------------------------------------------------------------------------------------------ the rest


def _counts(cell: Cell, results: CellResults) -> Counts:
    skipped = sum(1 for why in results.missing.values() if why is not None) * cell.repetitions
    failures = [why for why in results.failed.values() if why is not None]
    reasons = Counter(f"original: {why}" for why in results.missing.values() if why is not None)
    reasons.update(f"method: {why}" for why in failures)
    for name, distances in results.distances.items():
        reasons.update(f"{name}: {why}" for why in distances.problems.values())
    lost = sum(1 for each in results.made if not _survived(results, each))
    if lost:
        reasons["detector: no hand found in the de-identified image"] = lost
    return Counts(
        planned=len(results.versions) + skipped,
        done=len(results.versions) - len(failures),
        failed=len(failures),
        skipped=skipped,
        reasons=dict(sorted(reasons.items())),
        retry=len(results.crashed),
    )


def _sample_rows(cell: Cell, results: CellResults, own: Mapping[str, Mapping[str, float | None]]) -> list[SampleRow]:
    by_sample: dict[str, list[Version]] = {}
    for version in results.versions:
        by_sample.setdefault(version.sample.sample_id, []).append(version)
    rows = []
    for sample in cell.dataset.samples:
        if results.missing[sample.sample_id] is not None:
            why = results.missing[sample.sample_id]
            rows += [
                SampleRow(sample_id=sample.sample_id, repetition=repetition, status="skipped", reason=why)
                for repetition in range(cell.repetitions)
            ]
        rows += [_version_row(results, version, own) for version in by_sample.get(sample.sample_id, [])]
    return rows


def _version_row(results: CellResults, version: Version, own: Mapping[str, Mapping[str, float | None]]) -> SampleRow:
    key = version.deidentify.digest
    why = results.failed[key]
    payload = results.measures.get(key)
    return SampleRow(
        sample_id=version.sample.sample_id,
        repetition=version.repetition,
        status="done" if why is None else "failed",
        reason=why,
        survived=_survived(results, version) if why is None else None,
        measures=dict(payload.meta["values"]) if payload else {},
        distances={name: values.get(key) for name, values in own.items()},
    )


def _dataset(cell: Cell) -> records.Dataset:
    samples, info = cell.dataset.samples, cell.dataset.info
    return records.Dataset(
        **describe(cell.dataset.plugin),
        digest=cell.dataset.digest,
        samples=len(samples),
        identities=len({each.identity for each in samples}),
        subjects=len({each.subject for each in samples}),
        rendered=info.rendered,
        redistributable=info.redistributable,
        limited=cell.limit > 0,
    )


def _method(cell: Cell) -> records.Method:
    info = cell.method.info
    return records.Method(
        **describe(cell.method), family=info.family, knowledge=info.knowledge, stochastic=info.stochastic
    )
