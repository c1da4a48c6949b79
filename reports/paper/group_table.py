"""Numbers by groups of people as text, Markdown, LaTeX and CSV: a table for each method and kind of group."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ...benchmark.metrics.metric import NO_VALUE
from ...benchmark.records.comparable import group_key
from ...benchmark.records.groups import GroupNumber, Groups, GroupTest
from ...benchmark.records.record import RunRecord
from ..figures.data import clean_label
from ..leaderboard.by_group import about, chances, kinds, number_parts, numbers_of, title_of
from .fitting import Fit, Grid
from .formats import aligned, csv_lines, markdown_text, pipe_table
from .latex import latex_grid
from .shown import LONGEST_TITLE, Block, Shown, shown_label

NOTE = (
    "In brackets 95 % intervals, had other people of the group been taken; p: how often people who are put into groups "
    "of these sizes at random lie as far apart, and after Holm over the numbers of this kind."
)
CSV_FIELDS = (
    "method", "dataset", "protocol", "kind", "group", "people", "images", "metric", "recognizer", "value", "unit",
    "low", "high", "level", "spread", "p", "p_holm", "reason", "dataset_digest", "limited", "score_version",
)  # fmt: skip
"""One line of the CSV file is one number of one group, or a group that is not rated."""


_ABSENT = Shown(NO_VALUE, "", "", "")


@dataclass(frozen=True, slots=True)
class _Row:
    """A number with a recogniser."""

    title: str
    recognizer: str
    cells: list[Shown]
    """Of each rated group."""
    chances: str
    """How likely such differences are by chance."""

    @property
    def texts(self) -> list[str]:
        cells = [each.joined(each.number, str) for each in self.cells]
        return [self.title, self.recognizer, *cells, self.chances]


@dataclass(frozen=True, slots=True)
class _Table:
    """One kind of group of one method."""

    title: str
    groups: list[str]
    """The rated ones."""
    rows: list[_Row]
    unrated: list[str]
    """Groups of too few people, by name, and why."""
    digest: str
    """Of the record."""

    @property
    def heads(self) -> list[str]:
        return ["number", "recognizer", *self.groups, _CHANCES]

    @property
    def notes(self) -> list[str]:
        return [*self.unrated, *[NOTE] * bool(self.rows)]


_CHANCES = "p; after Holm"


def group_table(records: Sequence[RunRecord], form: str, fit: Fit = "text") -> str:
    """The tables in that form; CSV has every number of the record, the others those of the cards.

    Args:
        records: of datasets that know groups of people.
        form: `text`, `markdown`, `latex` or `csv`.
        fit: what a LaTeX table has to fit into.
    """
    if form == "csv":
        return csv_lines([CSV_FIELDS, *(line for record in records for line in _csv_lines(record))])
    if form == "latex":
        return "\n".join(_latex(each, fit) for each in _tables(records))
    write = {"text": _text, "markdown": _markdown}[form]
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
        by_group = {each.group: Shown(*number_parts(each), "", "") for each in numbers}
        cells = [by_group.get(each.group, _ABSENT) for each in rated]
        name = shown_label(recognizer) if recognizer else ""
        rows.append(_Row(title_of(metric), name, cells, chances(test) if test else ""))
    heads = [shown_label(f"{each.group} ({each.people})") for each in rated]
    unrated = [f"{each.group} ({each.people} people): {each.reason}" for each in groups if each.reason is not None]
    return _Table(title, heads, rows, [clean_label(each, LONGEST_TITLE) for each in unrated], record.digest)


def _groups(record: RunRecord) -> Groups:
    assert record.groups is not None
    return record.groups


# ------------------------------------------------------------------------------------------------ forms


def _text(table: _Table) -> str:
    lines = ["", *aligned([table.heads, *(row.texts for row in table.rows)])] if table.rows else []
    return "\n".join([table.title, *lines, "", *table.notes, ""])


def _markdown(table: _Table) -> str:
    shown = pipe_table(table.heads, [row.texts for row in table.rows]) if table.rows else ""
    notes = "".join(f"- {markdown_text(each)}\n" for each in table.notes)
    return f"**{markdown_text(table.title)}**\n\n{shown}{chr(10) * bool(shown)}{notes}"


def _latex(table: _Table, fit: Fit) -> str:
    if not table.rows:
        return "".join(f"% {each}\n" for each in (f"{table.title}: no group is rated", *table.notes))
    rows = [
        (", ".join(filter(None, (row.title, row.recognizer))), [*row.cells, Shown(row.chances, "", "", "")])
        for row in table.rows
    ]
    heads = tuple(("", each) for each in (*table.groups, _CHANCES))
    label = f"groups-{hashlib.sha256(f'{table.title}{table.digest}'.encode()).hexdigest()[:8]}"
    return latex_grid(table.title, label, Grid(heads, (Block("", rows),)), table.notes, fit)


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
