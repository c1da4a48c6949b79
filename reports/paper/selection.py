"""What of a table is shown: rows, columns and parts of cells that a user leaves out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from .parts import PaperCell, PaperColumn, PaperRow, PaperTable

_Part = TypeVar("_Part", PaperCell, PaperColumn)


@dataclass(frozen=True, slots=True)
class Selection:
    """Everything, unless said otherwise."""

    intervals: bool = True
    """Deviations and intervals beside the numbers."""
    printed: bool = True
    """The paper's numbers in parentheses, and its rows that no record fills."""
    unmeasured: bool = True
    """Rows without any measured number."""
    sanity: bool = True
    """Rows of methods of the family `sanity`."""
    one_recognizer: bool = False
    """A table for each recogniser in place of one with all of them beside each other."""


def select(tables: Iterable[PaperTable], wanted: Selection) -> Iterator[PaperTable]:
    """The tables without what is not wanted; a table that has no row left is left out."""
    for table in tables:
        for part in _by_recognizer(table) if wanted.one_recognizer else [table]:
            rows = [_cells(row, wanted) for row in part.rows if _is_wanted(row, wanted)]
            if rows:
                yield replace(part, rows=tuple(rows))


def _is_wanted(row: PaperRow, wanted: Selection) -> bool:
    if row.record is None or all(cell.number is None for cell in row.cells):
        return wanted.unmeasured and (wanted.printed or row.record is not None)
    return wanted.sanity or row.record.method.family != "sanity"


def _cells(row: PaperRow, wanted: Selection) -> PaperRow:
    if wanted.intervals and wanted.printed:
        return row
    return replace(row, cells=tuple(_cell(cell, wanted) for cell in row.cells))


def _cell(cell: PaperCell, wanted: Selection) -> PaperCell:
    value = cell.value
    if value is not None and not wanted.intervals:
        value = value.model_copy(update={"std": None, "interval": None})
    return replace(cell, value=value, printed=cell.printed if wanted.printed else None)


def _by_recognizer(table: PaperTable) -> Iterator[PaperTable]:
    """One table for each recogniser, with the columns that need none in every one."""
    names = dict.fromkeys(column.recognizer for column in table.columns if column.recognizer)
    if len(names) < 2:
        yield table
        return
    for name in names:
        kept = [place for place, column in enumerate(table.columns) if column.recognizer in ("", name)]
        yield replace(
            table,
            key=(*table.key, name),
            title=f"{table.title}, {name}",
            columns=_of(table.columns, kept),
            rows=tuple(replace(row, cells=_of(row.cells, kept)) for row in table.rows),
        )


def _of(parts: tuple[_Part, ...], places: Iterable[int]) -> tuple[_Part, ...]:
    return tuple(parts[place] for place in places)
