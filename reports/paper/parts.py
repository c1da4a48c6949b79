"""The parts of a paper's table."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ...benchmark.metrics.metric import Metric
from ...benchmark.readings.places import Mark
from ...benchmark.records.record import RunRecord, Value
from .published import Printed


@dataclass(frozen=True, slots=True)
class PaperColumn:
    """One column: a metric, the recogniser it was measured with (empty where none is needed), and its printed twin."""

    about: Metric
    recognizer: str
    title: str
    twin: int | None
    """Index of the column of the printed table; None where the paper has no such number."""

    @property
    def metric(self) -> str:
        """Name of the metric."""
        return self.about.name

    @property
    def unit(self) -> str:
        return self.about.unit


@dataclass(frozen=True, slots=True)
class PaperCell:
    """One cell: what the record says, and what the paper says."""

    value: Value | None
    """The record's own; None where it has none of that name, or there is no record."""
    reason: str
    """Why there is no number, or what is to be known about it; empty when nothing is."""
    printed: Printed | None
    mark: Mark = ""

    @property
    def number(self) -> float | None:
        """The measured number in the metric's unit."""
        return None if self.value is None else self.value.value


@dataclass(frozen=True, slots=True)
class PaperRow:
    """One setting; without a record it holds printed numbers only."""

    label: str
    segment: str
    """Heading of the block that it belongs to; numbers are compared inside a block."""
    record: RunRecord | None
    cells: tuple[PaperCell, ...]


@dataclass(frozen=True, slots=True)
class PaperTable:
    """One table of a paper for one protocol, dataset and analyzer; records of others are never in it."""

    id: str
    """`II`, …"""
    key: tuple[str, ...]
    """`comparable.group_key` of its records, and the surrogate where there is one."""
    title: str
    about: RunRecord
    """Any of its records, for what they share."""
    columns: tuple[PaperColumn, ...]
    rows: tuple[PaperRow, ...]
    contested: bool
    """Whether any block has two numbers of one column that can be compared."""
    marked: bool
    """Whether any cell is marked as best."""
    notes: tuple[str, ...]

    @property
    def short(self) -> str:
        """Eight characters that tell it from other tables."""
        return hashlib.sha256("\0".join((self.id, *self.key)).encode("utf-8", "replace")).hexdigest()[:8]
