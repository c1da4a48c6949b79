"""The papers' tables made from records, with the printed numbers beside the measured ones.

`paper_tables` computes them; LaTeX, CSV, Markdown and text read what it returns (`formats`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ...benchmark.metrics.catalogue import METRICS
from ...benchmark.protocols import protocol_of
from ...benchmark.readings.places import Mark, find_marks
from ...benchmark.records.comparable import grouped, scored_otherwise, side_by_side
from ...benchmark.records.described import catalogue_of, metrics_of
from ...benchmark.records.record import RunRecord
from ...benchmark.records.replicates import replicates_of
from .notes import table_notes
from .parts import PaperCell, PaperColumn, PaperRow, PaperTable
from .published import PublishedColumn, PublishedTable, published_tables
from .rows import Placed, place_records

NOT_MEASURED = "not measured in this run"


def paper_tables(records: Sequence[tuple[RunRecord, Path]], wanted: Sequence[str] | None = None) -> list[PaperTable]:
    """The papers' tables that these records can fill.

    Args:
        records: each with the folder that holds its replicates.
        wanted: ids of printed tables; None: all.

    Returns:
        One table for each id, protocol, dataset and analyzer (white-box tables: also for each surrogate) with at least
        one record in a place of the paper's; in the papers' order.
    """
    once: dict[str, tuple[RunRecord, Path]] = {}
    for record, folder in records:
        once.setdefault(record.digest, (record, folder))
    groups = [(key, side_by_side(members)) for key, members in grouped(once.values(), lambda each: each[0])]
    made: list[PaperTable] = []
    for id_, published in published_tables().items():
        if wanted is not None and id_ not in wanted:
            continue
        for key, members in groups:
            if _modality(members[0][0]) == published.modality:
                made += _tables(
                    published, key, members, scored_otherwise(members[0][0], [record for record, _ in once.values()])
                )
    return made


def _modality(record: RunRecord) -> str:
    known = protocol_of(record.protocol.id, record.protocol.digest, record.protocol.rules)
    if known is not None:
        return known.modality
    return "face" if record.protocol.id.startswith("face") else "palm"


def _tables(
    published: PublishedTable, key: tuple[str, ...], members: Sequence[tuple[RunRecord, Path]], scoring: str
) -> Iterator[PaperTable]:
    """One table, or one for each surrogate that a method looked into."""
    if not any(each.knowledge for each in published.columns):
        yield from _table(published, key, members, "", scoring)
        return
    known = {record.method.surrogate: None for record, _ in members if record.method.surrogate}
    papers = next(each.recognizer for each in published.columns if each.knowledge == "white box")
    for surrogate in known or {papers: None}:
        chosen = [(record, folder) for record, folder in members if record.method.surrogate in ("", surrogate)]
        yield from _table(published, (*key, surrogate), chosen, surrogate, scoring)


def _table(
    published: PublishedTable,
    key: tuple[str, ...],
    members: Sequence[tuple[RunRecord, Path]],
    surrogate: str,
    scoring: str,
) -> Iterator[PaperTable]:
    """Nothing, where no record stands in a place of the paper's."""
    records = [record for record, _ in members]
    placed, remarks = place_records(published, records)
    if not any(each.record and each.papers for each in placed):
        return
    columns = (*_papers_own(_columns(published, records, surrogate), records), *_users(published, records))
    rows = [_row(each, columns) for each in placed]
    rows, unmarked, contested = _marked(rows, columns, {record.digest: folder for record, folder in members})
    first = records[0]
    yield PaperTable(
        id=published.id,
        key=key,
        title=f"{published.title}: {first.protocol.id} on {first.dataset.spec}{scoring}",
        about=first,
        columns=columns,
        rows=tuple(rows),
        contested=contested,
        marked=any(cell.mark for row in rows for cell in row.cells),
        notes=tuple(table_notes(published, rows, columns, unmarked, remarks)),
    )


# ------------------------------------------------------------------------------------------------ columns


def _columns(published: PublishedTable, records: Sequence[RunRecord], surrogate: str) -> list[PaperColumn]:
    """The paper's columns; recognisers that it does not have come after them, those that were not run are left out."""
    measured = {each.spec: each.name for record in records for each in record.recognizers}
    papers = {each.recognizer for each in published.columns}
    kinds: dict[tuple[str, str], None] = {}
    found = []
    for index, column in enumerate(published.columns):
        if column.metric in METRICS:
            kinds[column.metric, column.title] = None
            found += [
                PaperColumn(METRICS[column.metric], spec, column.title, index)
                for spec in _specs(column, measured, surrogate)
            ]
    if any(each.knowledge for each in published.columns) or papers == {""}:
        return found
    for spec, name in measured.items():
        if name not in papers:
            found += [PaperColumn(METRICS[metric], spec, title, None) for metric, title in kinds]
    order = list(dict.fromkeys(each.recognizer for each in found))
    return sorted(found, key=lambda each: order.index(each.recognizer))


def _users(published: PublishedTable, records: Sequence[RunRecord]) -> Iterator[PaperColumn]:
    """Metrics that the records bring with them, in the tables that hold columns of their group."""
    groups = {METRICS[each.metric].group for each in published.columns if each.metric in METRICS}
    by_recognizer = any(each.recognizer for each in published.columns)
    specs = dict.fromkeys(each.spec for record in records for each in record.recognizers) if by_recognizer else {}
    for metric in metrics_of(records):
        if metric.name in METRICS or metric.group not in groups:
            continue
        for spec in ("",) if metric.source == "rows" else specs:
            yield PaperColumn(metric, spec, metric.title, None)


def _specs(column: PublishedColumn, measured: Mapping[str, str], surrogate: str) -> list[str]:
    """Specifications of the recognisers that a printed column is about."""
    if column.knowledge:
        white = column.knowledge == "white box"
        return [spec for spec, name in measured.items() if (name == surrogate) == white]
    return [spec for spec, name in measured.items() if name == column.recognizer] if column.recognizer else [""]


def _papers_own(columns: Iterable[PaperColumn], records: Sequence[RunRecord]) -> Iterator[PaperColumn]:
    """Quality by the paper's own evaluation, where every record has it."""
    for column in columns:
        own = f"{column.metric.replace('lpips_vgg', 'lpips')}_paper"
        found = [record.value(own) for record in records]
        yield replace(column, about=METRICS[own]) if all(each and each.value is not None for each in found) else column


# ------------------------------------------------------------------------------------------------ cells


def _row(placed: Placed, columns: Sequence[PaperColumn]) -> PaperRow:
    return PaperRow(placed.label, placed.segment, placed.record, tuple(_cell(placed, each) for each in columns))


def _cell(placed: Placed, column: PaperColumn) -> PaperCell:
    printed = placed.printed[column.twin] if placed.printed and column.twin is not None else None
    if placed.record is None:
        return PaperCell(None, placed.absent, printed)
    same = catalogue_of(placed.record).get(column.metric) == column.about
    value = placed.record.value(column.metric, column.recognizer or None) if same else None
    return PaperCell(value, NOT_MEASURED if value is None else value.reason or "", printed)


def _marked(
    rows: Sequence[PaperRow], columns: Sequence[PaperColumn], folders: Mapping[str, Path]
) -> tuple[list[PaperRow], list[tuple[str, str]], bool]:
    """The rows with their best numbers marked, columns without marks (title and why), and whether there are rivals.

    Sanity rows do not compete.
    """
    replicates = {
        row.record.digest: replicates_of(row.record, folders[row.record.digest])
        for row in rows
        if row.record and _competes(row)
    }
    marks: dict[tuple[int, int], Mark] = {}
    unmarked: dict[tuple[str, str], None] = {}
    contested = False
    for place, column in enumerate(columns):
        for segment in dict.fromkeys(row.segment for row in rows):
            rivals = {
                index: replicates[row.record.digest]
                for index, row in enumerate(rows)
                if row.record and row.segment == segment and _competes(row) and row.cells[place].number is not None
            }
            found = find_marks(column.about, column.recognizer, rivals)
            if isinstance(found, str):
                unmarked[column.title, found] = None
            else:
                contested |= len(rivals) > 1
                marks |= {(index, place): mark for index, mark in found.items()}
    marked = [
        replace(
            row, cells=tuple(replace(cell, mark=marks.get((index, place), "")) for place, cell in enumerate(row.cells))
        )
        for index, row in enumerate(rows)
    ]
    return marked, list(unmarked), contested


def _competes(row: PaperRow) -> bool:
    return row.record is not None and row.record.method.family != "sanity"
