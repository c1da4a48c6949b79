"""What all formats show alike: numbers, headings, labels and notes, before any escaping."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import groupby

from ...benchmark.metrics.metric import NO_VALUE, Metric
from ...benchmark.readings.places import Mark
from ..figures.data import clean_label
from .parts import PaperCell, PaperColumn, PaperTable

LONGEST_LABEL = 60
"""Characters of a name in a table; longer ones lose their middle. The CSV file has them whole."""
LONGEST_NOTE = 300
LONGEST_TITLE = 200

_ARROWS = {"higher": "↑", "lower": "↓"}


@dataclass(frozen=True, slots=True)
class Shown:
    """The parts of a cell."""

    number: str
    """As in every report; a dash where there is none."""
    spread: str
    """± standard deviation where the number is a mean, else [low, high] of its interval; may be empty."""
    printed: str
    """The paper's number, its digits as printed; may be empty."""
    mark: Mark

    def joined(self, number: str, escape: Callable[[str], str]) -> str:
        """The parts on one line.

        Args:
            number: as the format writes it, mark included.
            escape: for the others.
        """
        printed = f"({self.printed})" if self.printed else ""
        return " ".join([number, *(escape(each) for each in (self.spread, printed) if each)])


@dataclass(frozen=True, slots=True)
class Block:
    """Rows below one heading."""

    heading: str
    rows: list[tuple[str, list[Shown]]]
    """Label and cells."""


def shown_blocks(table: PaperTable) -> list[Block]:
    """The rows by block."""
    return [
        Block(
            heading,
            [
                (shown_label(row.label), [shown_cell(*each) for each in zip(row.cells, table.columns, strict=True)])
                for row in rows
            ],
        )
        for heading, rows in groupby(table.rows, key=lambda row: row.segment)
    ]


def shown_cell(cell: PaperCell, column: PaperColumn) -> Shown:
    """A cell in the rounding of all reports."""
    printed = cell.printed.text if cell.printed else ""
    if cell.value is None or cell.value.value is None:
        return Shown(NO_VALUE, "", printed, "")
    spread, text = "", column.about.text
    if cell.value.std is not None:
        spread = f"± {text(cell.value.std)}"
    elif cell.value.interval is not None:
        spread = f"[{text(cell.value.interval.low)}, {text(cell.value.interval.high)}]"
    return Shown(text(cell.value.value), spread, printed, cell.mark)


def headings(table: PaperTable) -> list[str]:
    """Title, unit and direction of each column."""
    return [
        " ".join(each for each in (column.title, column.unit, _direction(column.about)) if each)
        for column in table.columns
    ]


def _direction(metric: Metric) -> str:
    return _ARROWS.get(metric.better) or f"→ {metric.target:g}"


def shown_title(table: PaperTable) -> str:
    """The title on one line."""
    return clean_label(table.title, LONGEST_TITLE)


def shown_label(text: str) -> str:
    """A row's name on one line and of bearable length."""
    return clean_label(text, LONGEST_LABEL)


def legend(best: str, second: str) -> str:
    """How the marks are to be read."""
    return (
        f"{best}: best, {second}: second best of a block, where every difference that this rests on is significant "
        "(paired bootstrap over identities, Holm, 5 %)."
    )


def shown_notes(table: PaperTable, marks: str) -> list[str]:
    """The notes on one line each; the legend of the marks last, where there are any."""
    notes = [clean_label(each, LONGEST_NOTE) for each in table.notes]
    if not table.contested:
        return notes
    return [*notes, marks if table.marked else "No number is marked as best: no difference is certain enough."]
