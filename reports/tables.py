"""One function computes a table; the command line, HTML and JSON all read it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..benchmark.metrics import METRICS
from ..benchmark.records import RunRecord, Value

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Grid

    from ..benchmark.run import Outcome

PRIVACY = ("rr", "dir", "rank1_with_source", "rank1_without_source", "rr_cross")
IMAGE = ("ssim", "psnr", "survival", "drift_keypoints_2d", "roi_coverage", "failure_rate")
RECOGNITION = ("eer", "d_prime", "fnmr_at_fmr_1")

NO_VALUE = "–"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: a metric, and the recogniser it was measured with (empty where none is needed)."""

    metric: str
    recognizer: str = ""

    @property
    def title(self) -> str:
        return METRICS[self.metric].title

    @property
    def unit(self) -> str:
        return METRICS[self.metric].unit

    @property
    def better(self) -> str:
        return METRICS[self.metric].better

    @property
    def definition(self) -> str:
        return METRICS[self.metric].definition


@dataclass(frozen=True, slots=True)
class CellText:
    """One cell: what is shown, what it is sorted by, and what there is to know about it."""

    text: str
    order: float | None
    note: str = ""
    spread: str = ""
    """± population standard deviation over the images, where the number is a mean."""


@dataclass(frozen=True, slots=True)
class Row:
    """One method under one protocol on one dataset."""

    record: RunRecord
    cells: tuple[CellText, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that may be compared: same protocol digest, same dataset digest, same analyzer."""

    key: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]


def group_key(record: RunRecord) -> tuple[str, ...]:
    """Rows with another key are never put into one table."""
    return (
        record.protocol.id,
        record.protocol.digest,
        record.dataset.spec,
        record.dataset.digest,
        record.analyzer.spec,
    )


def leaderboards(records: Sequence[RunRecord]) -> list[Table]:
    """One table for each protocol, dataset and analyzer, in order of their names."""
    groups: dict[tuple[str, ...], list[RunRecord]] = {}
    for record in records:
        groups.setdefault(group_key(record), []).append(record)
    return [_table(key, members) for key, members in sorted(groups.items())]


def _table(key: tuple[str, ...], records: list[RunRecord]) -> Table:
    recognizers = list(dict.fromkeys(each.spec for record in records for each in record.recognizers))
    columns = [Column(metric, name) for name in recognizers for metric in PRIVACY] + [Column(name) for name in IMAGE]
    shown = tuple(each for each in columns if any(_find(record, each) for record in records))
    ordered = sorted(records, key=lambda each: (each.method.family != "sanity", each.method.family, each.method.spec))
    rows = tuple(Row(record, tuple(_cell(record, column) for column in shown)) for record in ordered)
    first = records[0]
    smoke = " (limited: a smoke test, not comparable)" if first.dataset.limited else ""
    return Table("-".join(key), f"{first.protocol.id} on {first.dataset.spec}{smoke}", shown, rows)


def _find(record: RunRecord, column: Column) -> Value | None:
    return record.value(column.metric, column.recognizer or None)


def _cell(record: RunRecord, column: Column) -> CellText:
    value = _find(record, column)
    if value is None:
        return CellText(NO_VALUE, None, "not measured in this run")
    if value.value is None:
        return CellText(NO_VALUE, None, value.reason or "")
    spread = f" ± {value.std:.{digits(column.metric)}f}" if value.std is not None else ""
    note = f"n = {value.n}" + (f"; {value.reason}" if value.reason else "")
    return CellText(format_value(column.metric, value.value), value.value, note, spread)


def digits(metric: str) -> int:
    """Decimals that a metric is shown with."""
    return {"ssim": 3, "eer_threshold": 4, "d_prime": 2, "psnr": 1}.get(metric, 1)


def format_value(metric: str, value: float) -> str:
    """A number as every report shows it."""
    return f"{value:.{digits(metric)}f}"


def records_json(records: Sequence[RunRecord]) -> str:
    """Records as a JSON array."""
    return json.dumps([json.loads(each.model_dump_json()) for each in records], indent=1)


def print_outcomes(outcomes: Sequence[Outcome], board: Path) -> None:
    """The tables of a run, for a terminal."""
    from rich.console import Console

    console = Console()
    records = [each.record for each in outcomes]
    for table in leaderboards(records):
        _print_table(console, table)
        _print_recognition(console, table.rows[0].record)
        for row in table.rows:
            _print_problems(console, row.record)
        console.print()
    for outcome in outcomes:
        state = "from the store" if outcome.from_store else f"{outcome.record.host.wall_seconds:.0f} s"
        console.print(f"{outcome.folder / 'run.json'}  ({state})", highlight=False, soft_wrap=True)
    console.print(f"{board}", highlight=False, soft_wrap=True)


SHORT = {
    "rr": "RR",
    "dir": "DIR",
    "rank1_with_source": "rank-1",
    "rank1_without_source": "rank-1, other",
    "rr_cross": "RR, other",
    "ssim": "SSIM",
    "psnr": "PSNR",
    "survival": "found again",
    "drift_keypoints_2d": "2-D drift",
    "roi_coverage": "ROI covered",
    "failure_rate": "failed",
}
"""Headings that leave a table of eighty characters; "other" = against other originals of the same palm."""

_ARROWS = {"higher": "↑", "lower": "↓", "target": "→100"}


def _heading(metric: str) -> str:
    unit = METRICS[metric].unit
    return f"{SHORT[metric]} {_ARROWS[METRICS[metric].better]}" + (f"\n{unit}" if unit else "")


def _print_table(console: Console, table: Table) -> None:
    """Privacy with one line per recogniser, then what the image has paid."""
    from rich.markup import escape

    console.print(f"[bold]{escape(table.title)}[/bold]", highlight=False, soft_wrap=True)
    where = {(each.recognizer, each.metric): index for index, each in enumerate(table.columns)}
    privacy = _grid("method", "recognizer", *(_heading(metric) for metric in PRIVACY))
    for row in table.rows:
        for number, name in enumerate(dict.fromkeys(each.recognizer for each in table.columns if each.recognizer)):
            cells = [row.cells[where[name, metric]].text if (name, metric) in where else "" for metric in PRIVACY]
            privacy.add_row(escape(row.record.method.spec) if number == 0 else "", escape(name), *cells)
    console.print(privacy)
    shown = [metric for metric in IMAGE if ("", metric) in where]
    image = _grid("method", *(_heading(metric) for metric in shown))
    for row in table.rows:
        image.add_row(escape(row.record.method.spec), *(row.cells[where["", metric]].text for metric in shown))
    console.print(image)


def _grid(*headings: str) -> Grid:
    from rich import box
    from rich.table import Table as Grid

    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False)
    for heading in headings:
        grid.add_column(heading, justify="left" if heading in ("method", "recognizer") else "right")
    return grid


def _print_recognition(console: Console, record: RunRecord) -> None:
    """How well the recognisers work on the originals: without this, nothing above means anything."""
    for each in record.recognizers:
        parts = []
        for metric in RECOGNITION:
            value = record.value(metric, each.spec)
            if value is not None:
                text = NO_VALUE if value.value is None else format_value(metric, value.value)
                parts.append(f"{METRICS[metric].title} {text}{METRICS[metric].unit if value.value is not None else ''}")
        console.print(f"originals, {each.spec}: {', '.join(parts)}", highlight=False)


def _print_problems(console: Console, record: RunRecord) -> None:
    counts = record.counts
    if counts.failed or counts.skipped:
        console.print(
            f"{record.method.spec}: {counts.done} of {counts.planned} images done, {counts.failed} failed, "
            f"{counts.skipped} skipped",
            style="yellow",
            highlight=False,
        )
        for reason, count in sorted(counts.reasons.items(), key=lambda item: -item[1])[:5]:
            console.print(f"  {count} × {reason}", style="yellow", highlight=False, markup=False)
    if counts.retry:
        console.print(f"  the same command tries {counts.retry} of them again", style="yellow", highlight=False)
