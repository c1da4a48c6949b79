"""Which numbers of a row the stamp beside it does not cover: they say so wherever they stand."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from ...benchmark.submission.fields import HOST
from ...benchmark.submission.stamp import Stamp
from ..leaderboard.table import TIME, Row, Table

UNCHECKED = "°"
"""Stands behind a number that its row's stamp does not cover."""
UNCHECKED_NOTE = "not covered by the stamp: the submitter's word, or computed from it"


def uncovered(stamp: Stamp) -> list[str]:
    """Columns whose numbers a stamp does not cover, as `metric recognizer`; seconds are measured by the submitter."""
    return [*stamp.unchecked, *([TIME] if HOST in stamp.words else [])]


def marked(table: Table, unchecked: Mapping[str, Collection[str]]) -> Table:
    """The table, in which numbers that no stamp covers say so.

    Args:
        table: rows.
        unchecked: by digest of the record, as `uncovered` gives it.
    """

    def with_marks(row: Row) -> Row:
        names = frozenset(unchecked.get(row.record.digest, ()))
        cells = tuple(
            replace(cell, text=cell.text + UNCHECKED, remark=f"{UNCHECKED_NOTE}; {cell.remark}")
            if cell.order is not None and f"{column.metric} {column.recognizer}".strip() in names
            else cell
            for cell, column in zip(row.cells, table.columns, strict=True)
        )
        return replace(row, cells=cells)

    return replace(table, rows=tuple(with_marks(row) for row in table.rows)) if unchecked else table


def is_marked(table: Table) -> bool:
    """Whether any number is marked as not covered by its row's stamp."""
    return any(cell.text.endswith(UNCHECKED) for row in table.rows for cell in row.cells)
