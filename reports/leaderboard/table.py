"""One function computes a table; the command line, HTML and JSON all read it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from ...benchmark.metrics.metric import NO_VALUE, SETS, Block, ColumnSet, Metric
from ...benchmark.records.comparable import grouped, scored_otherwise, under_one_attack
from ...benchmark.records.described import catalogue_of, metrics_of
from ...benchmark.records.record import RunRecord, Value
from .attacks import worst_label

TIME = "seconds_per_image"
TERMINAL: frozenset[Block] = frozenset({"privacy", "retrieval", "quality", "usability", "images"})
"""Blocks whose metrics are the columns of the smaller table."""

NOT_MEASURED = "not measured in this run"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: a metric, and the recogniser it was measured with (empty where none is needed)."""

    about: Metric
    recognizer: str = ""

    @property
    def metric(self) -> str:
        """Name of the metric."""
        return self.about.name

    @property
    def title(self) -> str:
        return self.about.title

    @property
    def unit(self) -> str:
        return self.about.unit

    @property
    def better(self) -> str:
        return self.about.better

    @property
    def definition(self) -> str:
        return self.about.definition

    @property
    def set(self) -> ColumnSet:
        """Set of columns that it belongs to."""
        return self.about.column_set


@dataclass(frozen=True, slots=True)
class CellText:
    """One cell: what is shown, what it is sorted by, and what there is to know about it."""

    text: str
    """With (low–high) over all thresholds of equal error, where these differ."""
    order: float | None
    note: str = ""
    spread: str = ""
    """± population standard deviation over the images, where the number is a mean."""
    interval: str = ""
    """[low, high], where there is one."""
    remark: str = ""
    """The note without the interval."""
    number: str = ""
    """The text without the range."""
    other_end: str = ""
    """The far end of the range over all thresholds of equal error, where its ends differ."""
    attacks: str = ""
    """What stands behind the number of a worst case; it is part of both texts."""


@dataclass(frozen=True, slots=True)
class Row:
    """One method under one protocol on one dataset."""

    record: RunRecord
    cells: tuple[CellText, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that may be compared: same protocol digest, same dataset digest, same analyzer, same scoring."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


def leaderboards(records: Sequence[RunRecord], every: bool = False) -> list[Table]:
    """One table for each protocol, dataset and analyzer, in order of their names.

    Args:
        records: rows, in any order.
        every: all numbers about the methods, not only those that the terminal shows.
    """
    groups = grouped(records, lambda record: record)
    return [_table(key, under_one_attack(members), every, records) for key, members in groups]


def _table(key: tuple[str, ...], records: list[RunRecord], every: bool, everything: Sequence[RunRecord]) -> Table:
    recognizers = list(dict.fromkeys(each.spec for record in records for each in record.recognizers))
    columns = _columns(metrics_of(records), recognizers, every)
    found = [
        {
            (known[value.metric], value.recognizer or ""): value
            for value in (*_timed(record), *record.values)
            if value.metric in known
        }
        for record in records
        for known in (catalogue_of(record),)
    ]
    shown = tuple(each for each in columns if any((each.about, each.recognizer) in values for values in found))
    pairs = zip(records, found, strict=True)
    ordered = sorted(pairs, key=lambda pair: (pair[0].method.family != "sanity", *_name(pair[0])))
    rows = tuple(
        Row(record, tuple(_labelled(record, values.get((each.about, each.recognizer)), each) for each in shown))
        for record, values in ordered
    )
    first = records[0]
    smoke = " (limited: a smoke test, not comparable)" if first.dataset.limited else ""
    dataset = min(record.dataset.spec for record in records)
    return Table(
        "-".join(key), f"{_rules(first)} on {dataset}{smoke}{scored_otherwise(first, everything)}", shown, rows
    )


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


def _columns(known: Sequence[Metric], recognizers: Sequence[str], every: bool) -> list[Column]:
    """In the order of the catalogue, set by set; numbers about the originals alone are no columns."""
    metrics = [each for each in known if each.column_set and (every or each.blocks & TERMINAL)]
    columns = []
    for _, some in groupby(sorted(metrics, key=_set_order), key=_set_order):
        members = list(some)
        columns += [Column(metric, name) for name in recognizers for metric in members]
        columns += [Column(metric) for metric in members]
    return columns


def _set_order(metric: Metric) -> int:
    return SETS.index(metric.column_set)


def _labelled(record: RunRecord, value: Value | None, column: Column) -> CellText:
    """A cell; a worst case names the attacks behind it."""
    cell = _cell(value, column)
    label = worst_label(record, column.metric, column.recognizer)
    if not label or cell.order is None:
        return cell
    return replace(cell, text=f"{cell.text} {label}", number=f"{cell.number} {label}", attacks=label)


def _cell(value: Value | None, column: Column) -> CellText:
    if value is None:
        return CellText(NO_VALUE, None, NOT_MEASURED, remark=NOT_MEASURED, number=NO_VALUE)
    if value.value is None:
        reason = value.reason or ""
        # What could be had is said in the cell itself; other reasons stand behind it.
        shown = reason.partition(" (")[0] if reason.startswith("unavailable") else NO_VALUE
        return CellText(shown, None, reason, remark=reason, number=shown)
    text, within = column.about.text, value.interval
    spread = f" ± {text(value.std)}" if value.std is not None else ""
    ends = (text(value.range.low), text(value.range.high)) if value.range else ("", "")
    over = f" ({ends[0]}–{ends[1]})" if ends[0] != ends[1] else ""
    interval = "[{}, {}]".format(*column.about.bounds(within.low, within.high)) if within else ""
    level = f"{100 * within.level:g} % interval {interval}; " if within else ""
    remark = f"n = {value.n}" + (f"; {value.reason}" if value.reason else "")
    remark += f"; {ends[0]} to {ends[1]} over all thresholds of equal error" if over else ""
    number = text(value.value)
    other = (ends[0] if number == ends[1] else ends[1]) if over else ""
    return CellText(number + over, value.value, level + remark, spread, interval, remark, number, other)


def records_json(records: Sequence[RunRecord]) -> str:
    """Records as a JSON array."""
    return json.dumps([json.loads(each.model_dump_json()) for each in records], indent=1)
