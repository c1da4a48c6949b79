"""Collects the numbers of a record: unit, interval, and the reason where there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..metrics.catalogue import METRICS
from ..metrics.metric import Metric
from ..metrics.recognition.det import DetLine
from ..metrics.recognition.error_rates import rejection_rate
from ..metrics.usability.outcomes import share
from ..metrics.values import Undefined
from ..planning.cell_tasks import Version
from ..records import record as records
from ..records.curves import CurveName
from ..records.failures import Failure
from ..records.record import Curve, Value
from ..statistics.aggregate import summarise
from ..statistics.bootstrap_replicates import Levels, draw_repetitions, mean_replicates, share_replicates
from ..statistics.bootstrap_scores import Clustered
from ..statistics.uncertainty import RESAMPLES, Draws, Interval, Replicates, draw_clusters, interval

Vector = NDArray[np.float64]

CMC_RANKS = 20
CURVE_POINTS = 200
DRAW_SEED = 20250408
"""One seed for all records: methods on the same dataset share their draws and can be compared in pairs."""


@dataclass(slots=True)
class Values:
    """Values, curves and replicates as they come."""

    draws: Draws | Undefined
    catalogue: Mapping[str, Metric] = field(default_factory=lambda: METRICS)
    """Metrics by name, those that a user brought included."""
    values: list[Value] = field(default_factory=list)
    curves: list[Curve] = field(default_factory=list)
    replicates: dict[tuple[str, str], Replicates] = field(default_factory=dict)
    """By metric and recogniser ("" for none), for comparing methods in pairs."""
    failures: list[Failure] = field(default_factory=list)
    """What users' metrics of distances did beside giving numbers, and in place of it."""
    spans: dict[tuple[str, str], tuple[float, float]] = field(default_factory=dict)
    """By metric and recogniser: least and greatest over the thresholds that the originals leave open, in the unit."""

    def add(
        self,
        metric: str,
        value: float | Undefined | None,
        n: int,
        recognizer: str | None = None,
        *,
        std: float | None = None,
        reason: str | None = None,
        within: Replicates | Interval | Undefined | None = None,
        span: tuple[float, float] | None = None,
    ) -> None:
        """Record a number in the metric's unit, with the interval of its replicates and its range over thresholds."""
        if isinstance(within, Replicates) and value is not None:
            self.replicates[metric, recognizer or ""] = within
        scale = self.catalogue[metric].scale
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
                interval=None if value is None else interval_of(within, scale),
                n=n,
                reason=reason,
                range=None
                if span is None or value is None
                else records.Range(low=float(span[0]) * scale, high=float(span[1]) * scale),
            )
        )

    def open_threshold(self, metric: str, recognizer: str, span: tuple[float, float]) -> None:
        """Note between which values a number lies over the thresholds that the originals leave open, for the alarms."""
        scale = self.catalogue[metric].scale
        self.spans[metric, recognizer] = (span[0] * scale, span[1] * scale)

    def add_mean(
        self,
        metric: str,
        values: Sequence[float | Undefined],
        columns: Sequence[int],
        levels: Levels | None = None,
        recognizer: str | None = None,
    ) -> None:
        """Record mean, population standard deviation and interval over the images that have a value.

        Args:
            metric: name.
            values: one per image.
            columns: of `levels`, one per image.
            levels: what is drawn. None: identities.
            recognizer: specification, where the number is a recogniser's.
        """
        found = summarise(values)
        note = "; ".join(f"{count} × {reason}" for reason, count in found.left_out.items()) or None
        if found.mean is None:
            note = note or "no image to measure"
        kept = [
            (float(value), column)
            for value, column in zip(values, columns, strict=True)
            if not isinstance(value, Undefined) and math.isfinite(value)
        ]
        within = None
        if kept and isinstance(self.draws, Draws):
            within = mean_replicates(clustered(*zip(*kept, strict=True)), self.draws, levels)
        self.add(metric, found.mean, found.count, recognizer, std=found.std, reason=note, within=within)

    def add_share(
        self,
        metric: str,
        outcomes: Sequence[float],
        columns: Sequence[int],
        recognizer: str | None = None,
        reason: str | None = None,
        levels: Levels | None = None,
        span: tuple[float, float] | None = None,
    ) -> None:
        """Record a share of images: outcomes are 1 or 0, or the chance of 1; columns and levels as in `add_mean`."""
        found = share(outcomes)
        if isinstance(found, Undefined):
            self.add(metric, Undefined(reason or found.reason), 0, recognizer)
            return
        within = None
        if isinstance(self.draws, Draws):
            within = share_replicates(clustered(outcomes, columns), self.draws, levels)
        self.add(metric, found, len(outcomes), recognizer, reason=reason, within=within, span=span)


@dataclass(frozen=True, slots=True, eq=False)
class Units:
    """De-identified images as what is drawn: their identity, and with several versions of each image those, too."""

    column: Mapping[str, int]
    """Column of `levels` of each image, by digest of its de-identify task."""
    levels: Levels | None
    """None where identities alone are drawn."""


def draw_units(draws: Draws | Undefined, versions: Sequence[Version], place: Mapping[str, int]) -> Units:
    """One level where there is one version of each image, two where there are several.

    Args:
        draws: of the identities.
        versions: of the cell.
        place: number of each identity.
    """
    clusters = [place[each.sample.identity] for each in versions]
    digests = [each.deidentify.digest for each in versions]
    if isinstance(draws, Undefined) or not any(each.repetition for each in versions):
        return Units(dict(zip(digests, clusters, strict=True)), None)
    weights = draw_repetitions(draws, clusters, [each.sample.sample_id for each in versions], DRAW_SEED)
    columns = {digest: index for index, digest in enumerate(digests)}
    return Units(columns, Levels(weights, np.asarray(clusters, dtype=np.intp)))


def clustered(values: Sequence[float], clusters: Sequence[int], lost: Sequence[int] = ()) -> Clustered:
    """Numbers with the identity that each belongs to."""
    return Clustered(
        np.asarray(values, dtype=np.float64), np.asarray(clusters, dtype=np.intp), np.asarray(lost, dtype=np.intp)
    )


def draw_identities(
    identities: Sequence[str],
    dev: frozenset[str],
    evaluated: frozenset[str],
    queried: frozenset[str] | None = None,
) -> Draws | Undefined:
    """The draws of a dataset: identities in sorted order; dev and eval are drawn each for itself.

    Args:
        identities: of the samples.
        dev: identities that set the threshold.
        evaluated: identities that are measured.
        queried: identities of the queries, drawn apart from the strangers in the gallery; None: no such roles.
    """
    names = sorted(set(identities))
    asked = queried if queried is not None and 0 < len(queried) < len(names) else None
    strata = None
    if dev != evaluated or asked is not None:
        parts = dev if dev != evaluated else frozenset()
        strata = [2 * (name in parts) + (asked is not None and name in asked) for name in names]
    return draw_clusters(len(names), RESAMPLES, DRAW_SEED, strata)


def interval_of(within: Replicates | Interval | Undefined | None, scale: float) -> records.Interval | None:
    """An interval as it stands in a record, in the metric's unit."""
    found = interval(within) if isinstance(within, Replicates) else within
    if not isinstance(found, Interval) or not (math.isfinite(found.low) and math.isfinite(found.high)):
        return None
    scaled = found.times(scale)
    return records.Interval(low=scaled.low, high=scaled.high, level=scaled.level, method=scaled.method)


def rejected(scores: Clustered, threshold: float) -> tuple[float | Undefined, int]:
    """Share rejected; what could not be processed is rejected."""
    total = scores.values.size + scores.lost.size
    if total and math.isnan(threshold):
        return Undefined("no threshold: the originals give no genuine or no impostor pairs"), total
    return rejection_rate(scores.values, threshold, scores.lost.size) if total else Undefined("no comparisons"), total


def lost_note(lost: int) -> str | None:
    return f"{lost} could not be processed by the recogniser and count as rejected" if lost else None


def curve_of(name: CurveName, recognizer: str, x: Vector, y: Vector) -> Curve:
    """A curve in at most `CURVE_POINTS` points; ends are kept."""
    if len(x) > CURVE_POINTS:
        keep = np.unique(np.linspace(0, len(x) - 1, CURVE_POINTS).round().astype(int))
        x, y = x[keep], y[keep]
    return Curve(name=name, recognizer=recognizer, x=[float(v) for v in x], y=[float(v) for v in y])


def curve_of_det(name: CurveName, recognizer: str, line: DetLine) -> Curve:
    """A DET with its operating point and what stands behind it."""
    return Curve(
        name=name,
        recognizer=recognizer,
        x=line.fmr.tolist(),
        y=line.fnmr.tolist(),
        at=None if line.at is None else list(line.at),
        comparisons=[line.impostors, line.mated],
    )
