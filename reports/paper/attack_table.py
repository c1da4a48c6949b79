"""The table of attacks as text, Markdown, LaTeX and CSV."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from ...benchmark.metrics.catalogue import METRICS
from ...benchmark.records.attacks import AttackRow
from ...benchmark.records.comparable import group_key
from ...benchmark.records.record import RunRecord
from ..figures.data import clean_label
from ..figures.drawn import named
from ..leaderboard.attacks import NUMBERS, Rung, attack_rows, rungs
from ..leaderboard.table import NOT_MEASURED
from .fitting import Fit, Grid
from .formats import EXTENSIONS, aligned, csv_lines, markdown_text, pipe_table, slug
from .latex import latex_grid
from .notes import MOST_REASONS
from .parts import PaperCell, PaperColumn
from .selection import Selection
from .shown import LONGEST_NOTE, LONGEST_TITLE, Block, Shown, shown_cell, shown_label

_TITLES = ("rank-1", "EER", "TPR 1 %", "TPR 0.1 %", "link.")
"""Of `NUMBERS`."""
_HEADINGS = ("method", "recognizer", "attack", "made of", *_TITLES, "")


@dataclass(frozen=True, slots=True)
class AttackTable:
    """Records with the rows of attacks that are shown."""

    records: tuple[RunRecord, ...]
    recognizer: str = ""
    """The only one that there is a row of; empty: all that the records have, beside each other."""

    def file_name(self, form: str) -> str:
        """Where it is written to."""
        return "__".join(filter(None, ("attacks", slug(self.recognizer)))) + EXTENSIONS[form]


def attack_tables(records: Sequence[RunRecord], wanted: Selection) -> list[AttackTable]:
    """One table, or one for each recogniser; none where nothing is left.

    Args:
        records: with attacks.
        wanted: what is shown; nothing about attacks was printed in a paper.
    """
    kept = [each for each in records if wanted.sanity or each.method.family != "sanity"]
    names = dict.fromkeys(row.recognizer for record in kept if record.attacks for row in record.attacks.rows)
    tables = [
        AttackTable(tuple(_narrowed(each, wanted, name) for each in kept), name)
        for name in (names if wanted.one_recognizer and len(names) > 1 else [""])
    ]
    return [table for table in tables if any(True for record in table.records for _ in rungs(record))]


def _narrowed(record: RunRecord, wanted: Selection, recognizer: str) -> RunRecord:
    """The record with the rows and the parts of numbers that are wanted."""
    if record.attacks is None:
        return record
    rows = [
        row if wanted.intervals else _without_intervals(row)
        for row in record.attacks.rows
        if recognizer in ("", row.recognizer)
        and (wanted.unmeasured or any(each.value is not None for each in row.values))
    ]
    return record.model_copy(update={"attacks": record.attacks.model_copy(update={"rows": rows})})


def _without_intervals(row: AttackRow) -> AttackRow:
    bare = [each.model_copy(update={"std": None, "interval": None}) for each in row.values]
    return row.model_copy(update={"values": bare})


def format_attacks(tables: Sequence[AttackTable], form: str, fit: Fit = "text") -> str:
    """The tables below each other; CSV has every bound and reason.

    Args:
        tables: what `attack_tables` made.
        form: one of `EXTENSIONS`.
        fit: what a LaTeX table has to fit into.
    """
    if form == "csv":
        (heading, *rows), *others = [attack_rows(each.records) for each in tables]
        return csv_lines([heading, *rows, *(row for one in others for row in one[1:])])
    if form == "latex":
        return "\n".join(_latex(each, fit) for each in tables)
    one = {"markdown": _markdown, "text": _text}[form]
    return "\n".join(one(_rows(each.records), _notes(each.records)) for each in tables)


def _markdown(rows: Sequence[Sequence[str]], notes: Sequence[str]) -> str:
    return pipe_table(_HEADINGS, rows) + "".join(f"\n- {markdown_text(each)}" for each in notes) + "\n" * bool(notes)


def _text(rows: Sequence[Sequence[str]], notes: Sequence[str]) -> str:
    return "\n".join([*aligned([_HEADINGS, *rows]), "", *notes, *[""] * bool(notes)])


def _latex(table: AttackTable, fit: Fit) -> str:
    """A block for each method and recogniser, so that rows need no more than the name of their attack."""
    blocks = [
        Block(
            clean_label(f"{record.method.spec}{about}, {name}", LONGEST_TITLE),
            [(shown_label(_made_of(each.row)), _cells(each.row)) for each in some],
        )
        for record, about in _about(table.records)
        for name, some in groupby(rungs(record), key=lambda each: each.row.recognizer)
    ]
    where = {f"{each.protocol.id} on {each.dataset.spec}": None for each in table.records}
    title = f"What attackers find: {named(list(where))}{f', {table.recognizer}' * bool(table.recognizer)}"
    key = "\0".join((table.recognizer, *(each.digest for each in table.records)))
    label = f"attacks-{hashlib.sha256(key.encode('utf-8', 'replace')).hexdigest()[:8]}"
    notes = _notes(table.records)
    more = [f"{len(notes) - MOST_REASONS} more reasons are in the CSV table."] if len(notes) > MOST_REASONS else []
    grid = Grid(tuple(("", title) for title in _TITLES), tuple(blocks))
    return latex_grid(title, label, grid, [*notes[:MOST_REASONS], *more], fit)


def _made_of(row: AttackRow) -> str:
    made = row.attack if row.label in ("", row.attack) else f"{row.attack}: {row.label}"
    return made if row.status == "counts" else f"{made} ({row.status})"


def _cells(row: AttackRow) -> list[Shown]:
    """The numbers as every table of a paper shows them."""
    return [
        shown_cell(PaperCell(row.value(metric), "", None), PaperColumn(METRICS[metric], row.recognizer, title, None))
        for metric, title in zip(NUMBERS, _TITLES, strict=True)
    ]


def _notes(records: Sequence[RunRecord]) -> list[str]:
    """Why attacks did not run or do not count, and why others lack a number, each reason once."""
    reasons: dict[str, dict[str, None]] = {}
    for record in records:
        for rung in rungs(record):
            where = f"{rung.row.attack} on {record.method.spec} with {rung.row.recognizer}"
            for why in _reasons(rung):
                reasons.setdefault(why, {})[where] = None
    return [clean_label(f"{why} ({named(places)})", LONGEST_NOTE) for why, places in reasons.items()]


def _reasons(rung: Rung) -> Iterator[str]:
    row = rung.row
    if row.status != "counts":
        yield f"{row.status}: {row.reason or 'no reason kept'}"
        return
    for metric, title in zip(NUMBERS, _TITLES, strict=True):
        value = row.value(metric)
        if value is None or value.value is None:
            yield f"{title}: {NOT_MEASURED if value is None else value.reason or 'no reason kept'}"


def _about(records: Sequence[RunRecord]) -> Iterator[tuple[RunRecord, str]]:
    """Each record, and what tells its table from that of others, where there are several."""
    several = len({(group_key(each), each.dataset.limited) for each in records}) > 1
    for record in records:
        yield record, f", {record.dataset.spec}, {record.protocol.id}{', limited' * record.dataset.limited}" * several


def _rows(records: Sequence[RunRecord]) -> list[list[str]]:
    rows = []
    for record, about in _about(records):
        for rung in rungs(record):
            row = rung.row
            texts = [each.joined(each.number, str) for each in _cells(row)]
            note = "" if row.status == "counts" else row.status
            rows.append([record.method.spec + about, row.recognizer, row.attack, row.label, *texts, note])
    return rows
