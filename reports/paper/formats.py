"""The papers' tables as LaTeX, CSV, Markdown or text; every number is the record's, shown as in all reports."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from ..figures.data import clean_label
from .fitting import Fit
from .latex import latex_table
from .parts import PaperCell, PaperColumn, PaperTable
from .shown import Shown, headings, legend, shown_blocks, shown_label, shown_notes, shown_title

CSV_FIELDS = (
    "table", "protocol", "protocol_digest", "dataset", "dataset_digest", "analyzer", "block", "row", "method",
    "record", "column", "recognizer", "metric", "unit", "value", "std", "low", "high", "level", "n", "mark", "reason",
    "printed", "printed_std", "printed_in",
)  # fmt: skip
"""One line of the CSV file is one cell of a table."""

_FORMULA = "=+-@\t\r\n＝＋－＠"
"""A cell of text that begins so is a formula to a spreadsheet."""
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_LONGEST_CELL = 32_000
"""Characters that spreadsheets take in a cell."""


def format_tables(tables: Sequence[PaperTable], form: str, fit: Fit = "text") -> str:
    """The tables below each other.

    Args:
        tables: what `paper_tables` made.
        form: one of `EXTENSIONS`.
        fit: what a LaTeX table has to fit into; the other formats have no page.
    """
    if form == "csv":
        return csv_tables(tables)
    if form == "latex":
        return "\n".join(latex_table(each, fit) for each in tables)
    one = {"markdown": markdown_table, "text": text_table}[form]
    return "\n".join(one(each) for each in tables)


EXTENSIONS = {"text": ".txt", "markdown": ".md", "latex": ".tex", "csv": ".csv"}
"""Ending of a file by format."""


def file_name(table: PaperTable, form: str) -> str:
    """A name that is safe on every system and differs for different tables."""
    parts = [f"table-{table.id}", table.about.protocol.id, table.about.dataset.spec]
    return "__".join([*map(slug, parts), table.short]) + EXTENSIONS[form]


def slug(text: str) -> str:
    """Part of a file's name that is safe on every system."""
    return re.sub(r"[^A-Za-z0-9.+]+", "-", text).strip("-.")[:40]


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines of text, every column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def pipe_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows of plain text as a pipe table of GitHub's Markdown."""
    lines = [[markdown_text(cell) for cell in line] for line in (heads, *rows)]
    lines.insert(1, ["---"] * len(heads))
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def csv_lines(rows: Sequence[Sequence[str | float | None]]) -> str:
    """Rows as CSV, every cell inert."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\n").writerows([[csv_text(cell) for cell in row] for row in rows])
    return buffer.getvalue()


# ------------------------------------------------------------------------------------------------ CSV


def csv_tables(tables: Sequence[PaperTable]) -> str:
    """RFC 4180, one line for each cell, numbers with all their digits.

    Text that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow(CSV_FIELDS)
    for table in tables:
        for line in _csv_lines(table):
            writer.writerow([csv_text(each) for each in line])
    return stream.getvalue()


def _csv_lines(table: PaperTable) -> Iterator[list[str | float | None]]:
    about = table.about
    rules = [about.protocol.id, about.protocol.digest, about.dataset.spec, about.dataset.digest, about.analyzer.spec]
    for row in table.rows:
        method = [row.record.method.spec, row.record.digest] if row.record else ["", ""]
        for column, cell in zip(table.columns, row.cells, strict=True):
            if row.record or cell.printed:
                yield [table.id, *rules, row.segment, row.label, *method, *_csv_cell(column, cell)]


def _csv_cell(column: PaperColumn, cell: PaperCell) -> list[str | float | None]:
    value, printed = cell.value, cell.printed
    interval = value.interval if value else None
    return [
        column.title,
        column.recognizer,
        column.metric,
        column.unit,
        cell.number,
        value.std if value else None,
        *((interval.low, interval.high, interval.level) if interval else (None, None, None)),
        value.n if value else None,
        cell.mark,
        cell.reason,
        *((printed.value, printed.std, printed.where) if printed else (None, None, None)),
    ]


def csv_text(value: str | float | None) -> str:
    if value is None:
        return ""
    return _inert(value) if isinstance(value, str) else repr(value)


@lru_cache(maxsize=256)
def _inert(text: str) -> str:
    """Text on one line that no spreadsheet computes; names come again on every line, hence the cache."""
    shown = clean_label(text, _LONGEST_CELL) if text else ""
    return f"'{shown}" if shown and shown[0] in _FORMULA and not _NUMBER.fullmatch(shown) else shown


# ------------------------------------------------------------------------------------------------ Markdown


_MARKDOWN = str.maketrans(
    {each: f"\\{each}" for each in "\\`*_[]|~$#!"} | {"<": "&lt;", ">": "&gt;", "&": "&amp;", "@": "&#64;"}
)


def markdown_text(text: str) -> str:
    """Plain text that Markdown leaves alone; addresses do not become links."""
    return text.translate(_MARKDOWN).replace("://", "&#58;//").replace("www.", "www&#46;")


def _markdown_cell(cell: Shown) -> str:
    before, after = {"best": ("**", "**"), "second": ("<ins>", "</ins>"), "": ("", "")}[cell.mark]
    return cell.joined(f"{before}{markdown_text(cell.number)}{after}", markdown_text)


def markdown_table(table: PaperTable) -> str:
    """A pipe table of GitHub's Markdown, with its notes as a list."""
    heads = [
        markdown_text(f"{shown_label(column.recognizer)}: {title}" if column.recognizer else title)
        for column, title in zip(table.columns, headings(table), strict=True)
    ]
    lines = [
        f"**Table {table.id}. {markdown_text(shown_title(table))}**",
        "",
        f"| | {' | '.join(heads)} |",
        "|---|" + "---:|" * len(heads),
    ]
    for block in shown_blocks(table):
        lines.append(f"| *{markdown_text(block.heading)}* |" + " |" * len(heads))
        for label, cells in block.rows:
            lines.append(f"| {markdown_text(label)} | {' | '.join(_markdown_cell(each) for each in cells)} |")
    lines += ["", *(f"- {markdown_text(each)}" for each in shown_notes(table, legend("Bold", "underlined"))), ""]
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------------ text


def text_table(table: PaperTable) -> str:
    """Columns of fixed width for a terminal or a mail."""
    names = ["", *(shown_label(each.recognizer) if each.recognizer else "" for each in table.columns)]
    groups = [name if name != before else "" for name, before in zip(names, ["", *names[:-1]], strict=True)]
    heads = [groups, ["", *headings(table)]] if any(groups) else [["", *headings(table)]]
    blocks = [
        (each.heading, [[label, *map(_text_cell, cells)] for label, cells in each.rows]) for each in shown_blocks(table)
    ]
    widths = [
        max(map(len, column)) for column in zip(*heads, *(row for _, rows in blocks for row in rows), strict=True)
    ]
    parts = [f"Table {table.id}. {shown_title(table)}", "", *(_aligned(each, widths) for each in heads)]
    for heading, rows in blocks:
        parts += [heading, *(_aligned(row, widths) for row in rows)]
    return "\n".join([*parts, "", *shown_notes(table, legend("*", "+")), ""])


def _text_cell(cell: Shown) -> str:
    return cell.joined(cell.number + {"best": "*", "second": "+", "": ""}[cell.mark], str)


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    """The first cell to the left, numbers to the right."""
    numbers = (each.rjust(width) for each, width in zip(cells[1:], widths[1:], strict=True))
    return "  ".join([cells[0].ljust(widths[0]), *numbers]).rstrip()
