"""One function computes a table; the command line, HTML and JSON all read it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from ..benchmark.metrics import METRICS
from ..benchmark.records import RunRecord, Value

PRIVACY = ("rr", "dir", "rank1_with_source", "rank1_without_source", "rr_cross", "eer_effective", "linkability")
QUALITY = ("ssim", "ms_ssim", "psnr", "lpips_vgg", "fid", "kid", "fd_vgg16", "kd_vgg16")
"""Columns of the palm paper's Table III, and the distances of sets beside FID."""
USABILITY = ("drift_box", "drift_keypoints_2d", "drift_keypoints_3d", "drift_roi", "drift_mask")
"""Columns of its Table IV."""
WHOLE = ("survival", "failure_rate", "roi_coverage")

NO_VALUE = "–"


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


def leaderboards(records: Sequence[RunRecord]) -> list[Table]:
    """One table for each protocol, dataset and analyzer, in order of their names."""
    groups: dict[tuple[str, ...], list[RunRecord]] = {}
    for record in records:
        groups.setdefault(group_key(record), []).append(record)
    return [_table(key, members) for key, members in sorted(groups.items())]


def _table(key: tuple[str, ...], records: list[RunRecord]) -> Table:
    recognizers = list(dict.fromkeys(each.spec for record in records for each in record.recognizers))
    columns = [Column(metric, name) for name in recognizers for metric in PRIVACY] + [
        Column(name) for name in (*QUALITY, *USABILITY, *WHOLE)
    ]
    shown = tuple(each for each in columns if any(_find(record, each) for record in records))
    ordered = sorted(records, key=lambda each: (each.method.family != "sanity", each.method.family, each.method.spec))
    rows = tuple(Row(record, tuple(_cell(record, column) for column in shown)) for record in ordered)
    first = records[0]
    smoke = " (limited: a smoke test, not comparable)" if first.dataset.limited else ""
    return Table("-".join(key), f"{first.protocol.id} on {first.dataset.spec}{smoke}", shown, rows)


def _find(record: RunRecord, column: Column) -> Value | None:
    return record.value(column.metric, column.recognizer or None)


def _cell(record: RunRecord, column: Column) -> CellText:
    value = _find(record, column)
    if value is None:
        return CellText(NO_VALUE, None, "not measured in this run")
    if value.value is None:
        reason = value.reason or ""
        # What could be had is said in the cell itself; other reasons stand behind it.
        text = reason.partition(" (")[0] if reason.startswith("unavailable") else NO_VALUE
        return CellText(text, None, reason)
    spread = f" ± {value.std:.{digits(column.metric)}f}" if value.std is not None else ""
    shown = digits(column.metric)
    within = value.interval
    interval = f"[{within.low:.{shown}f}, {within.high:.{shown}f}]" if within else ""
    level = f"{100 * within.level:g} % interval {interval}; " if within else ""
    note = f"{level}n = {value.n}" + (f"; {value.reason}" if value.reason else "")
    return CellText(format_value(column.metric, value.value), value.value, note, spread, interval)


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
    }.get(metric, 1)


def format_value(metric: str, value: float) -> str:
    """A number as every report shows it."""
    return f"{value:.{digits(metric)}f}"


def records_json(records: Sequence[RunRecord]) -> str:
    """Records as a JSON array."""
    return json.dumps([json.loads(each.model_dump_json()) for each in records], indent=1)
