"""What has to be said below a table: where printed numbers come from, what is missing, and what cannot be compared."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ...benchmark.metrics.catalogue import METRICS
from .parts import PaperColumn, PaperRow
from .published import PublishedTable

MOST_REASONS = 8
"""More reasons for empty cells than this are in the CSV file only."""


def table_notes(
    published: PublishedTable,
    rows: Sequence[PaperRow],
    columns: Sequence[PaperColumn],
    unmarked: Sequence[tuple[str, str]],
    remarks: Sequence[str],
) -> Iterator[str]:
    """Sentences, in the order to read them.

    Args:
        published: the printed table.
        rows: of the table.
        columns: of the table.
        unmarked: title of a column that has no marks in some block, and why.
        remarks: about the choice of the rows.
    """
    about = next(row.record for row in rows if row.record)
    rendered = " rendered by computer graphics" if about.dataset.rendered else ""
    yield (
        f"{about.dataset.samples} images of {about.dataset.identities} identities{rendered}, analyzer "
        f"{about.analyzer.spec}."
    )
    yield from (f"{each[0].upper()}{each[1:]}." for each in (about.retrieval.notes if about.retrieval else ()))
    if about.dataset.limited:
        yield "A smoke test on the first identities only: not comparable with anything."
    yield from _about_printed(published, rows, about.dataset.name)
    yield from remarks
    if any(each.metric.endswith("_paper") for each in columns):
        yield "Quality is by the paper's own evaluation (its rules for resizing)."
    yield from _open_thresholds(rows, columns)
    yield from _missing(published, rows, columns)
    for why, titles in _grouped((why, title) for title, why in unmarked).items():
        yield f"{titles}: best not marked, {why}."
    for note in published.notes:
        yield f"{published.printed} as printed: {note}"


def _about_printed(published: PublishedTable, rows: Sequence[PaperRow], dataset: str) -> Iterator[str]:
    datasets = list(dict.fromkeys(cell.printed.dataset for row in rows for cell in row.cells if cell.printed))
    if not datasets:
        return
    yield (
        f"In parentheses: {published.printed} of {published.citation}, measured on {', '.join(datasets)} with other "
        "software."
    )
    if dataset not in {each.dataset for each in published.rows}:
        yield "They are not about the images of this table and show the order of size only."
    boxes = dict.fromkeys(f"{each.knowledge} {each.of}" for each in published.columns if each.knowledge)
    if boxes:
        yield f"WB, BB: white box, black box; printed: {', '.join(boxes)}."


def _open_thresholds(rows: Sequence[PaperRow], columns: Sequence[PaperColumn]) -> Iterator[str]:
    """Numbers at a threshold that is not determined; in the table stands the end that is worst for privacy."""
    told = []
    for row in rows:
        for column, cell in zip(columns, row.cells, strict=True):
            within = cell.value.range if cell.value is not None and cell.number is not None else None
            if within is None:
                continue
            low, high = column.about.text(within.low), column.about.text(within.high)
            if low != high:
                told.append(f"{row.label}: {column.title} {low} to {high}")
    if told:
        yield f"Over all thresholds of equal error, which the originals leave open: {'; '.join(told)}."


def _missing(published: PublishedTable, rows: Sequence[PaperRow], columns: Sequence[PaperColumn]) -> Iterator[str]:
    shown = {each.twin for each in columns}
    lacking = [each for index, each in enumerate(published.columns) if index not in shown]
    names = dict.fromkeys(each.of if each.metric in METRICS and each.of else each.title for each in lacking)
    if names:
        yield f"Printed, but not measured here: {', '.join(names)}."
    reasons = _grouped(
        (cell.reason, column.title)
        for row in rows
        if row.record
        for column, cell in zip(columns, row.cells, strict=True)
        if cell.number is None
    )
    yield from (f"– {titles}: {reason}." for reason, titles in list(reasons.items())[:MOST_REASONS])
    if len(reasons) > MOST_REASONS:
        yield f"{len(reasons) - MOST_REASONS} more reasons for empty cells are in the CSV table."


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Reason -> titles of the columns that have it."""
    titles: dict[str, dict[str, None]] = {}
    for reason, title in pairs:
        titles.setdefault(reason, {})[title] = None
    return {reason: ", ".join(each) for reason, each in titles.items()}
