"""A record held against what was computed anew: every number, and everything that is told beside the numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from ...characters import plain
from ..metrics.catalogue import METRICS
from ..metrics.quality.distribution import NAMES
from ..planning.cells import SCORE_VERSION
from ..records.record import Curve, Interval, Range, RunRecord, SampleRow, Value
from ..scoring.cell import Scored
from ..scoring.plugged import NOT_AT_HAND

TOLERANCE = 1e-9
"""Relative, or absolute below 1: what another library version may change in the last digits."""
IMAGE_TOLERANCE = 1e-3
"""Relative; by how much measures of the same image may be off, and distances on another processor or library."""
ROUNDING = 1e-5
"""Relative; by how much distances of the same images may be off by the rounding of single precision alone."""
UNKNOWN_DIGIT = 1e-6
"""Absolute, of measures by a stranger's metric, whose size is not known."""
INTERVAL_TOLERANCE = 1e-6
"""Bounds go through quantiles of many sums."""
_FROM_IMAGES = "needs the images themselves"
_NOT_KEPT = "what it is made of is not kept in a record"
_KEPT_NO_REASON = "not measured"
"""In place of the reasons why single images have no measure, which the rows of a record do not hold."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One number, held against the record's."""

    metric: str
    recognizer: str | None
    outcome: Literal["equal", "different", "not recomputable"]
    note: str = ""
    """What differs, or why it cannot be computed anew."""
    stated: bool = True
    """Whether the record has a number."""

    @property
    def name(self) -> str:
        """As stamps list it: `metric`, or `metric recognizer`."""
        return f"{self.metric} {self.recognizer or ''}".strip()


def number_verdicts(record: RunRecord, scored: Scored) -> list[Verdict]:
    """Every number of a record, and those that it lacks, against those that its distances and rows give.

    Args:
        record: as it came.
        scored: what they give.
    """
    fresh = {(each.metric, each.recognizer): each for each in scored.values.values}
    worded = record.score_version == SCORE_VERSION  # remarks of before may be worded otherwise
    verdicts = []
    for each in record.values:
        other = fresh.pop((each.metric, each.recognizer), None)
        if other is None:
            verdicts.append(_without_counterpart(each))
            continue
        what = _difference(each, other)
        if not what and worded and each.reason != other.reason and not reason_is_open(other):
            what = f"says {plain(each.reason, 80)!r}, its distances give {plain(other.reason, 80)!r}"
        verdicts.append(Verdict(each.metric, each.recognizer, "different" if what else "equal", what))
    for (metric, recognizer), other in fresh.items():
        if _may_lack(record, other):
            continue
        verdicts.append(Verdict(metric, recognizer, "different", "is missing in the record"))
    return verdicts


def left_out(record: RunRecord, scored: Scored) -> list[str]:
    """Numbers that a record does not name although runs give them, and that its distances and rows have no value of."""
    named = {(each.metric, each.recognizer) for each in record.values}
    lacking = [each for each in scored.values.values if (each.metric, each.recognizer) not in named]
    of_images = [metric for metric in _of_images(record) if (metric, None) not in named]
    return [each.metric for each in lacking if _may_lack(record, each)] + of_images


def _may_lack(record: RunRecord, fresh: Value) -> bool:
    """Whether a record of before may leave out a number, as there is none: see `left_out`.

    Metrics of later versions have no values in its rows, and those of distances none where a dataset supports no rates.
    """
    return fresh.value is None and (reason_is_open(fresh) or fresh.reason == record.dataset.no_rates)


def _of_images(record: RunRecord) -> list[str]:
    """Numbers made of images themselves that a run of this quality tells, with a value or the reason why not."""
    if record.quality == "basic":
        return [*NAMES["inception"], *NAMES["alexnet"]]
    alone = () if record.repetitions > 1 else ("lpips_between_seeds",)
    metrics = [each.name for each in METRICS.values() if each.source in ("images", "run") and each.group != "cost"]
    return [each for each in metrics if not each.startswith("floor_") and each not in alone]


def open_reasons(record: RunRecord, scored: Scored) -> list[str]:
    """Numbers with another remark than is given anew: about images whose reasons only the run knew, or of before."""
    fresh = {(each.metric, each.recognizer): each.reason for each in scored.values.values}
    return [each.metric for each in record.values if each.reason != fresh.get((each.metric, each.recognizer))]


def reordered(record: RunRecord, scored: Scored) -> bool:
    """Whether numbers stand in another order than scoring writes them in, as those that were added later do."""
    fresh = {(each.metric, each.recognizer): place for place, each in enumerate(scored.values.values)}
    places = [fresh[key] for each in record.values if (key := (each.metric, each.recognizer)) in fresh]
    return places != sorted(places)


def _without_counterpart(said: Value) -> Verdict:
    """Of a number that neither distances nor rows give: a forged one, unless it needs more than these."""
    if said.metric in METRICS and METRICS[said.metric].source in ("distances", "rows"):
        return Verdict(said.metric, said.recognizer, "different", "its distances and rows give no such number")
    return cannot(said, _why_not(said.metric))


def cannot(value: Value, why: str) -> Verdict:
    """The verdict on a number that is not computed anew."""
    return Verdict(value.metric, value.recognizer, "not recomputable", why, value.value is not None)


def _why_not(metric: str) -> str:
    if metric not in METRICS:
        return NOT_AT_HAND
    return _NOT_KEPT if METRICS[metric].source == "run" else _FROM_IMAGES


def _difference(said: Value, found: Value) -> str:
    """What differs, empty when nothing does."""
    if not close(said.value, found.value):
        return f"says {_number(said.value)}, its distances give {_number(found.value)}"
    if said.n != found.n:
        return f"says n = {said.n}, its distances give {found.n}"
    if not close(said.std, found.std):
        return f"says a deviation of {_number(said.std)}, its rows give {_number(found.std)}"
    if not same_interval(said.interval, found.interval):
        return f"says {_bounds(said.interval)}, its distances give {_bounds(found.interval)}"
    if not same_range(said.range, found.range):
        return f"says {_span(said.range)}, its distances give {_span(found.range)}"
    return ""


def reason_is_open(found: Value) -> bool:
    """Whether the remark on a number, as it was computed anew, lacks what only the run knew."""
    return _KEPT_NO_REASON in (found.reason or "")


def same_range(a: Range | None, b: Range | None, tolerance: float = TOLERANCE, absolute: float | None = None) -> bool:
    """Whether two ranges over thresholds are one, or both are none."""
    if a is None or b is None:
        return a is b
    return close(a.low, b.low, tolerance, absolute) and close(a.high, b.high, tolerance, absolute)


def _span(found: Range | None) -> str:
    return "no range over thresholds" if found is None else f"{found.low:.8g} to {found.high:.8g} over thresholds"


def close(a: float | None, b: float | None, tolerance: float = TOLERANCE, absolute: float | None = None) -> bool:
    """Whether two numbers are one, or both are none.

    Args:
        a: number.
        b: another one.
        tolerance: relative, and absolute unless that is less.
        absolute: by how much they may be off near 0; None: as `tolerance`.
    """
    if a is None or b is None:
        return a is b
    least = tolerance if absolute is None else min(tolerance, absolute)
    return math.isclose(a, b, rel_tol=tolerance, abs_tol=least)


def half_a_digit(metric: str, *, scaled: bool) -> float:
    """Half of the last digit that reports print of a number: what is off by less looks the same everywhere.

    Args:
        metric: its name.
        scaled: whether numbers are in the metric's unit, as in a record's values, and not as in its rows.
    """
    about = METRICS.get(metric)
    if about is None:
        return UNKNOWN_DIGIT
    return 0.5 * 10.0**-about.decimals / (1.0 if scaled else about.scale)


def near(
    a: NDArray[np.float32], b: NDArray[np.float32], scale: float, tolerance: float = IMAGE_TOLERANCE
) -> NDArray[np.bool_]:
    """Which distances of the same images are one.

    Args:
        a: distances.
        b: others, of the same shape.
        scale: the largest distance between originals.
        tolerance: of the distance, and of `scale`.
    """
    return np.isclose(a, b, rtol=tolerance, atol=tolerance * scale, equal_nan=True)


def scale_of(distances: NDArray[np.float32]) -> float:
    """The largest of some distances, which bounds go by: of originals for a recogniser's, else of an attacker's own."""
    return float(np.nanmax(np.abs(distances), initial=0.0, where=np.isfinite(distances)))


def same_interval(
    a: Interval | None, b: Interval | None, tolerance: float = INTERVAL_TOLERANCE, absolute: float | None = None
) -> bool:
    """Whether two intervals are one, or both are none."""
    if a is None or b is None:
        return a is b
    near = close(a.low, b.low, tolerance, absolute) and close(a.high, b.high, tolerance, absolute)
    return near and (a.level, a.method) == (b.level, b.method)


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.10g}"


def _bounds(found: Interval | None) -> str:
    return "no interval" if found is None else f"[{found.low:.8g}, {found.high:.8g}] ({found.method})"


def other_problems(
    record: RunRecord, scored: Scored, tolerance: float = TOLERANCE, *, attacks: bool = True
) -> list[str]:
    """What a record tells beside its numbers that is not what its distances and rows give, groups apart.

    Args:
        record: as it came.
        scored: what they give, or what images made anew do.
        tolerance: relative, of curves and of the distances that rows name.
        attacks: whether what attackers find is looked at.
    """
    problems = []
    if record.alarms != [*record.dataset.notes, *scored.alarms]:
        problems.append("its alarms are not those of its numbers")
    if attacks and not same_data(plain_data(record.attacks), plain_data(scored.attacks)):
        problems.append("what its attackers find is not what the distances give")
    if not _same_curves(record.curves, scored.values.curves, tolerance):
        problems.append("its curves are not those of its distances")
    problems += _distance_problems(record.samples, scored.rows, tolerance)
    prefixes = ("original: ", "method: ", "detector: ")
    said, found = (
        {why: count for why, count in counts.reasons.items() if why.startswith(prefixes)}
        for counts in (record.counts, scored.counts)
    )
    if said != found:
        problems.append("its counts of reasons are not those of its rows")
    return problems


def plain_data(part: BaseModel | None) -> Any:
    """Of a part of a record, as JSON has it."""
    return None if part is None else part.model_dump(mode="json")


def same_data(a: Any, b: Any, tolerance: float = INTERVAL_TOLERANCE) -> bool:
    """Whether two plain structures are equal but for the last digits of their numbers."""
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same_data(a[key], b[key], tolerance) for key in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(same_data(x, y, tolerance) for x, y in zip(a, b, strict=True))
    if isinstance(a, float) and isinstance(b, int | float):
        return close(float(a), float(b), tolerance)
    return bool(a == b)


def _same_curves(said: Sequence[Curve], found: Sequence[Curve], tolerance: float) -> bool:
    return len(said) == len(found) and all(
        (a.name, a.recognizer) == (b.name, b.recognizer)
        and a.comparisons == b.comparisons
        and _same_points(a.x, b.x, tolerance)
        and _same_points(a.y, b.y, tolerance)
        and (a.at is None) == (b.at is None)
        and _same_points(a.at or [], b.at or [], tolerance)
        for a, b in zip(said, found, strict=True)
    )


def _same_points(a: Sequence[float], b: Sequence[float], tolerance: float) -> bool:
    return len(a) == len(b) and bool(np.allclose(a, b, rtol=tolerance, atol=tolerance))


def _distance_problems(said: Sequence[SampleRow], found: Sequence[SampleRow], tolerance: float) -> list[str]:
    def same(a: Mapping[str, float | None], b: Mapping[str, float | None]) -> bool:
        return a.keys() == b.keys() and all(close(a[name], b[name], tolerance) for name in a)

    odd = [row.sample_id for row, other in zip(said, found, strict=True) if not same(row.distances, other.distances)]
    return [f"{len(odd)} rows name other distances than the file, the first is {odd[0]}"] if odd else []
