"""Numbers by groups of people as text, Markdown, LaTeX and CSV: a table for each method and kind of group."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...benchmark.metrics.metric import NO_VALUE
from ...benchmark.records.comparable import group_key
from ...benchmark.records.groups import GroupNumber, Groups, GroupTest
from ...benchmark.records.record import RunRecord
from ..figures.data import clean_label
from ..leaderboard.by_group import about, chances, kinds, number_text, numbers_of, title_of
from .formats import csv_text, markdown_text
from .latex import escape
from .shown import LONGEST_TITLE, shown_label

NOTE = (
    "In brackets 95 % intervals, had other people of the group been taken; p: how often people who are put into groups "
    "of these sizes at random lie as far apart, and after Holm over the numbers of this kind."
)
CSV_FIELDS = (
    "method", "dataset", "protocol", "kind", "group", "people", "images", "metric", "recognizer", "value", "unit",
    "low", "high", "level", "spread", "p", "p_holm", "reason", "dataset_digest", "limited", "score_version",
)  # fmt: skip
"""One line of the CSV file is one number of one group, or a group that is not rated."""


@dataclass(frozen=True, slots=True)
class _Table:
    """One kind of group of one method."""

    title: str
    heads: list[str]
    """Number, recogniser, the rated groups, and how likely such differences are by chance."""
    rows: list[list[str]]
    unrated: list[str]
    """Groups of too few people, by name."""


def group_table(records: Sequence[RunRecord], form: str) -> str:
    """The tables in that form; CSV has every number of the record, the others those of the cards.

    Args:
        records: of datasets that know groups of people.
        form: `text`, `markdown`, `latex` or `csv`.
    """
    if form == "csv":
        buffer = io.StringIO()
        lines = [CSV_FIELDS, *(line for record in records for line in _csv_lines(record))]
        csv.writer(buffer, lineterminator="\n").writerows([csv_text(cell) for cell in line] for line in lines)
        return buffer.getvalue()
    write = {"text": _text, "markdown": _markdown, "latex": _latex}[form]
    return "\n".join(write(each) for each in _tables(records))


def _tables(records: Sequence[RunRecord]) -> Iterator[_Table]:
    several = len({(group_key(each), each.dataset.limited) for each in records}) > 1
    for record in records:
        where = f"{record.dataset.spec}, {record.protocol.id}" if several else record.dataset.spec
        for kind in kinds(record):
            title = f"{record.method.spec}, {where}{', limited' * record.dataset.limited}, by {kind}"
            yield _table(record, kind, clean_label(title, LONGEST_TITLE))


def _table(record: RunRecord, kind: str, title: str) -> _Table:
    groups = [each for each in _groups(record).groups if each.kind == kind]
    rated = [each for each in groups if each.reason is None]
    rows = []
    for metric, recognizer, numbers, test in numbers_of(record, kind):
        by_group = {each.group: each for each in numbers}
        cells = [_cell(by_group.get(each.group)) for each in rated]
        rows.append(
            [title_of(metric), shown_label(recognizer) if recognizer else "", *cells, chances(test) if test else ""]
        )
    heads = ["number", "recognizer", *(shown_label(f"{each.group} ({each.people})") for each in rated), "p; after Holm"]
    unrated = [f"{each.group} ({each.people} people): {each.reason}" for each in groups if each.reason is not None]
    return _Table(title, heads, rows, [clean_label(each, LONGEST_TITLE) for each in unrated])


def _cell(number: GroupNumber | None) -> str:
    return NO_VALUE if number is None else number_text(number)


def _groups(record: RunRecord) -> Groups:
    assert record.groups is not None
    return record.groups


# ------------------------------------------------------------------------------------------------ forms


def _text(table: _Table) -> str:
    lines = [table.title]
    if table.rows:
        widths = [max(map(len, column)) for column in zip(table.heads, *table.rows, strict=True)]
        lines += ["", *(_aligned(line, widths) for line in [table.heads, *table.rows])]
    return "\n".join([*lines, "", *table.unrated, *[NOTE] * bool(table.rows), ""])


def _aligned(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _markdown(table: _Table) -> str:
    lines = [f"**{markdown_text(table.title)}**", ""]
    if table.rows:
        marked = [table.heads, *table.rows]
        cells = ["| " + " | ".join(map(markdown_text, line)) + " |" for line in marked]
        lines += [cells[0], "|---" * len(table.heads) + "|", *cells[1:], ""]
    return "\n".join(
        [*lines, *(f"- {markdown_text(each)}" for each in [*table.unrated, *[NOTE] * bool(table.rows)]), ""]
    )


def _latex(table: _Table) -> str:
    lines = [
        r"% needs \usepackage{booktabs}", r"\begin{table*}", r"\centering", rf"\caption{{{escape(table.title)}}}",
        r"\scriptsize",
    ]  # fmt: skip
    if table.rows:
        body = [" & ".join(map(escape, line)) + r" \\" for line in [table.heads, *table.rows]]
        lines += [rf"\begin{{tabular}}{{@{{}}l{'r' * (len(table.heads) - 1)}@{{}}}}", r"\toprule", body[0], r"\midrule"]
        lines += [*body[1:], r"\bottomrule", r"\end{tabular}", "", r"\smallskip"]
    notes = [*table.unrated, *[NOTE] * bool(table.rows)]
    lines += [r"\begin{minipage}{\linewidth}", r"\raggedright", *(rf"{escape(each)}\par" for each in notes)]
    return "\n".join([*lines, r"\end{minipage}", r"\end{table*}", ""])


def _csv_lines(record: RunRecord) -> Iterator[list[str | float | None]]:
    first: list[str | float | None] = [record.method.spec, record.dataset.spec, record.protocol.id]
    limited = "yes" if record.dataset.limited else "no"
    last: list[str | float | None] = [record.dataset.digest, limited, record.score_version]
    found = _groups(record)
    tests = {_key(each): each for each in found.tests}
    for each in found.numbers:
        test, within = tests.get(_key(each)), each.interval
        yield [
            *first,
            *(each.kind, each.group, each.people, each.n, each.metric, each.recognizer, each.value),
            about(each.metric).unit,
            *((within.low, within.high, within.level) if within else (None, None, None)),
            *((test.spread, test.p, test.p_holm) if test else (None, None, None)),
            *(None, *last),
        ]
    for group in (each for each in found.groups if each.reason is not None):
        blank = [None] * (CSV_FIELDS.index("reason") - CSV_FIELDS.index("metric"))
        yield [*first, group.kind, group.group, group.people, group.images, *blank, group.reason, *last]


def _key(number: GroupNumber | GroupTest) -> tuple[str, str, str | None]:
    return number.kind, number.metric, number.recognizer
