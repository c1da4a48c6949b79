"""One function computes a table; the command line, HTML and JSON all read it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from ...benchmark.metrics.catalogue import METRICS
from ...benchmark.records.record import RunRecord, Value

PRIVACY = (
    "rr",
    "dir",
    "rank1_with_source",
    "rank1_without_source",
    "rank5_without_source",
    "fnmr_deidentified_at_fmr_0_1",
    "rr_cross",
    "eer_effective",
    "linkability",
)
QUALITY = ("ssim", "ms_ssim", "psnr", "lpips_vgg", "fid", "kid", "fd_vgg16", "kd_vgg16")
"""Columns of the palm paper's Table III, and the distances of sets beside FID."""
USABILITY = (
    "drift_box",
    "drift_keypoints_2d",
    "drift_keypoints_3d",
    "drift_roi",
    "drift_landmarks_5",
    "drift_landmarks_68",
    "drift_mask",
)
"""Columns of its Table IV, and what an analyzer for faces gives."""
WHOLE = ("survival", "failure_rate", "roi_coverage")
DIVERSITY = ("dprime_diversity", "overlap_diversity", "lpips_between_seeds")
TIME = "seconds_per_image"
SETS = ("privacy", "quality", "usability", "diversity", "cost")
"""Sets of columns, in their order."""

NO_VALUE = "–"
NOT_MEASURED = "not measured in this run"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: a metric, and the recogniser it was measured with (empty where none is needed)."""

    metric: str
    recognizer: str = ""

    @property
    def title(self) -> str:
        return METRICS[self.metric].title

    @property
    def unit(self) -> str:
        return METRICS[self.metric].unit

    @property
    def better(self) -> str:
        return METRICS[self.metric].better

    @property
    def definition(self) -> str:
        return METRICS[self.metric].definition


@dataclass(frozen=True, slots=True)
class CellText:
    """One cell: what is shown, what it is sorted by, and what there is to know about it."""

    text: str
    order: float | None
    note: str = ""
    spread: str = ""
    """± population standard deviation over the images, where the number is a mean."""
    interval: str = ""
    """[low, high], where there is one."""
    remark: str = ""
    """The note without the interval."""


@dataclass(frozen=True, slots=True)
class Row:
    """One method under one protocol on one dataset."""

    record: RunRecord
    cells: tuple[CellText, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that may be compared: same protocol digest, same dataset digest, same analyzer."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


def group_key(record: RunRecord) -> tuple[str, ...]:
    """Rows with another key are never put into one table."""
    return (
        record.protocol.id,
        record.protocol.digest,
        record.dataset.spec,
        record.dataset.digest,
        record.analyzer.spec,
    )


def leaderboards(records: Sequence[RunRecord], every: bool = False) -> list[Table]:
    """One table for each protocol, dataset and analyzer, in order of their names.

    Args:
        records: rows, in any order.
        every: all numbers about the methods, not only those of the papers' tables.
    """
    groups: dict[tuple[str, ...], list[RunRecord]] = {}
    for record in records:
        groups.setdefault(group_key(record), []).append(record)
    return [_table(key, members, every) for key, members in sorted(groups.items())]


def _table(key: tuple[str, ...], records: list[RunRecord], every: bool) -> Table:
    recognizers = list(dict.fromkeys(each.spec for record in records for each in record.recognizers))
    columns = _every_column(recognizers) if every else _paper_columns(recognizers)
    found = [
        {(value.metric, value.recognizer or ""): value for value in (*_timed(record), *record.values)}
        for record in records
    ]
    shown = tuple(each for each in columns if any((each.metric, each.recognizer) in values for values in found))
    pairs = zip(records, found, strict=True)
    ordered = sorted(pairs, key=lambda pair: (pair[0].method.family != "sanity", *_name(pair[0])))
    rows = tuple(
        Row(record, tuple(_cell(values.get((each.metric, each.recognizer)), each) for each in shown))
        for record, values in ordered
    )
    first = records[0]
    smoke = " (limited: a smoke test, not comparable)" if first.dataset.limited else ""
    return Table("-".join(key), f"{_rules(first)} on {first.dataset.spec}{smoke}", shown, rows)


def _rules(record: RunRecord) -> str:
    """Name of the protocol; a user's own says so, as it may bear any name."""
    own = f" (own rules, {record.protocol.digest[:8]})" if record.protocol.rules is not None else ""
    return f"{record.protocol.id}{own}"


def _timed(record: RunRecord) -> list[Value]:
    """Seconds per image, which stand with the machine and not with the results."""
    seconds = record.host.seconds.get("deidentify")
    if seconds is None:
        return []
    where = record.host.machine.get("processor") or "an unnamed processor"
    return [Value(metric=TIME, value=seconds, n=record.counts.done, reason=f"wall clock on {where}")]


def _name(record: RunRecord) -> tuple[str, str]:
    return record.method.family, record.method.spec


def _paper_columns(recognizers: Sequence[str]) -> list[Column]:
    columns = [Column(metric, name) for name in recognizers for metric in PRIVACY]
    return columns + [Column(name) for name in (*QUALITY, *USABILITY, *WHOLE)]


def _every_column(recognizers: Sequence[str]) -> list[Column]:
    """In the order of the catalogue, group by group; numbers about the originals alone are no columns."""
    metrics = [name for name, each in METRICS.items() if each.group != "recognition" and not name.startswith("floor_")]
    ordered = sorted(metrics, key=lambda name: SETS.index(set_of(name)))
    columns = []
    for _, names in groupby(ordered, key=set_of):
        members = list(names)
        columns += [Column(metric, name) for name in recognizers for metric in members]
        columns += [Column(metric) for metric in members]
    return columns


def set_of(metric: str) -> str:
    """Which of `SETS` a number about methods belongs to."""
    return "diversity" if metric in DIVERSITY else METRICS[metric].group


def _cell(value: Value | None, column: Column) -> CellText:
    if value is None:
        return CellText(NO_VALUE, None, NOT_MEASURED, remark=NOT_MEASURED)
    if value.value is None:
        reason = value.reason or ""
        # What could be had is said in the cell itself; other reasons stand behind it.
        text = reason.partition(" (")[0] if reason.startswith("unavailable") else NO_VALUE
        return CellText(text, None, reason, remark=reason)
    spread = f" ± {value.std:.{digits(column.metric)}f}" if value.std is not None else ""
    shown = digits(column.metric)
    within = value.interval
    interval = f"[{within.low:.{shown}f}, {within.high:.{shown}f}]" if within else ""
    level = f"{100 * within.level:g} % interval {interval}; " if within else ""
    remark = f"n = {value.n}" + (f"; {value.reason}" if value.reason else "")
    text = format_value(column.metric, value.value)
    return CellText(text, value.value, level + remark, spread, interval, remark)


def digits(metric: str) -> int:
    """Decimals that a metric is shown with."""
    if metric.startswith("drift_"):
        return 2
    return {
        "kid": 4,
        "fd_vgg16": 3,
        "kd_vgg16": 4,
        "ssim": 3,
        "ms_ssim": 3,
        "lpips_vgg": 3,
        "eer_threshold": 4,
        "d_prime": 2,
        "psnr": 1,
        TIME: 3,
    }.get(metric, 1)


def format_value(metric: str, value: float) -> str:
    """A number as every report shows it."""
    return f"{value:.{digits(metric)}f}"


def records_json(records: Sequence[RunRecord]) -> str:
    """Records as a JSON array."""
    return json.dumps([json.loads(each.model_dump_json()) for each in records], indent=1)
