"""Tables for a terminal: the layout of the palm paper's Tables II, III and IV, one block per protocol and dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ...benchmark.metrics.metric import Block, Metric
from ...benchmark.records.record import RunRecord
from .attacks import left_out, ran
from .by_group import group_lines, rated
from .originals import on_originals
from .table import CellText, Row, Table, leaderboards

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table as Grid

    from ...benchmark.run import Outcome

_PARTS: tuple[tuple[str, Block], ...] = (
    ("Image quality", "quality"),
    ("Usability drift, %", "usability"),
    ("Images, %", "images"),
)
"""Blocks below the one about recognition, and their titles."""

_NAME = 14
"""Characters that a method's name gets at least: those of the longest built-in one, `palm_diffusion`."""

UNAVAILABLE = "unavailable"
"""How a reason begins that the user can do something about."""

_ARROWS = {"higher": "↑", "lower": "↓"}


def print_outcomes(outcomes: Sequence[Outcome], board: Path, intervals: bool) -> None:
    """The tables of a run.

    Args:
        outcomes: the finished cells.
        board: where the HTML board is.
        intervals: show [low, high] in place of ± standard deviation.
    """
    from rich.console import Console

    console = Console()
    for table in leaderboards([each.record for each in outcomes]):
        _print_table(console, table, intervals)
        _print_recognition(console, table.rows[0].record)
        for note in table.rows[0].record.retrieval.notes if table.rows[0].record.retrieval else ():
            console.print(note, style="dim", highlight=False, markup=False)
        for row in table.rows:
            _print_attacks(console, row.record)
            _print_groups(console, row.record)
            _print_problems(console, row.record)
        console.print()
    for outcome in outcomes:
        state = "from the store" if outcome.from_store else f"{outcome.record.host.wall_seconds:.0f} s"
        console.print(f"{outcome.folder / 'run.json'}  ({state})", highlight=False, soft_wrap=True)
    console.print(f"{board}", highlight=False, soft_wrap=True)


def print_impaired(outcomes: Sequence[Outcome]) -> None:
    """One line on the error stream for each record that something crashed in, or that has no image."""
    import click

    for outcome in outcomes:
        record = outcome.record
        counts, reasons = record.counts, [str(each) for each in record.impaired]
        if not counts.done:
            reasons.insert(0, f"no image was de-identified: {counts.skipped} skipped, {counts.failed} failed")
        if reasons:
            more = f"; {len(reasons) - 1} more" if len(reasons) > 1 else ""
            where = outcome.folder / "run.json"
            click.secho(f"{record.method.spec}: {reasons[0]}{more}: see {where}", fg="yellow", err=True)


def _heading(metric: Metric, retrieval: bool) -> str:
    short = (metric.retrieval_short if retrieval else "") or metric.heading
    arrow = f"→{metric.aim:g}" if metric.aim is not None else _ARROWS[metric.better]
    return f"{short} {arrow}" + (f"\n{metric.unit}" if metric.unit else "")


def _text(cell: CellText, intervals: bool) -> str:
    if cell.text.startswith(UNAVAILABLE):
        return "n/a"  # the reason stands below the table
    if intervals:
        return f"{cell.text} {cell.interval}".strip()
    return cell.text + cell.spread


def _print_table(console: Console, table: Table, intervals: bool) -> None:
    """De-identification with one line per recogniser, then image quality, then usability."""
    from rich.markup import escape

    console.print(f"[bold]{escape(table.title)}[/bold]", highlight=False, soft_wrap=True)
    names = list(dict.fromkeys(each.recognizer for each in table.columns if each.recognizer))
    retrieval = table.rows[0].record.retrieval is not None
    where = {(each.recognizer, each.about): index for index, each in enumerate(table.columns)}
    shown = _block(table, "retrieval" if retrieval else "privacy", with_recognizer=True)
    headings = (_heading(metric, retrieval) for metric in shown)
    privacy = _grid("method", "recognizer", *headings, longest=_longest(table.rows))
    for row in table.rows:
        for number, name in enumerate(names):
            cells = [
                _text(row.cells[where[name, metric]], intervals) if (name, metric) in where else "" for metric in shown
            ]
            spec = escape(row.record.method.spec) if number == 0 else ""
            privacy.add_row(spec, escape(f"{name}{_box(row.record, name)}"), *cells)
    console.print("De-identification", style="italic")
    console.print(privacy)
    for title, block in _PARTS:
        metrics = [metric for metric in _block(table, block, with_recognizer=False) if _measured(table, metric.name)]
        _print_part(console, title, metrics, table.rows, where, intervals)


def _block(table: Table, block: Block, with_recognizer: bool) -> list[Metric]:
    """The table's metrics that stand in a block of the terminal."""
    found = dict.fromkeys(
        each.about for each in table.columns if block in each.about.blocks and bool(each.recognizer) == with_recognizer
    )
    return list(found)


def _box(record: RunRecord, recognizer: str) -> str:
    """Whether the method looked into this recogniser or into another one; nothing for methods that look into none."""
    name = next((each.name for each in record.recognizers if each.spec == recognizer), recognizer)
    found = record.method.box(name)
    return f" ({found})" if found else ""


def _measured(table: Table, metric: str) -> bool:
    """Whether a column has something to say: a number, or what has to be got for one."""
    found = [value for row in table.rows if (value := row.record.value(metric))]
    return any(each.value is not None or (each.reason or "").startswith(UNAVAILABLE) for each in found)


def _print_part(
    console: Console,
    title: str,
    metrics: Sequence[Metric],
    rows: Sequence[Row],
    where: dict[tuple[str, Metric], int],
    intervals: bool,
) -> None:
    from rich.markup import escape

    if not metrics:
        return
    retrieval = rows[0].record.retrieval is not None
    grid = _grid("method", *(_heading(metric, retrieval) for metric in metrics), longest=_longest(rows))
    for row in rows:
        cells = [_text(row.cells[where["", metric]], intervals) for metric in metrics]
        grid.add_row(escape(row.record.method.spec), *cells)
    floor = [_floor(rows[0].record, metric) for metric in metrics]
    if any(floor):
        grid.add_row("(detector's own noise)", *floor, style="dim")
    console.print(title, style="italic")
    console.print(grid)
    for metric in metrics:
        value = rows[0].record.value(metric.name)
        if value is not None and (value.reason or "").startswith(UNAVAILABLE):
            heading = " ".join(metric.heading.split())
            console.print(f"{heading} {value.reason}", style="dim", highlight=False, markup=False)


def _floor(record: RunRecord, metric: Metric) -> str:
    """The analyzer's own noise, to read a drift by."""
    value = record.value(metric.name.replace("drift_", "floor_")) if metric.name.startswith("drift_") else None
    if value is None or value.value is None:
        return ""
    return f"{metric.text(value.value)} ± {metric.text(value.std or 0.0)}"


def _longest(rows: Sequence[Row]) -> int:
    return max(len(row.record.method.spec) for row in rows)


def _grid(*headings: str, longest: int) -> Grid:
    """An empty table; `longest` is the number of characters of the longest name of a method."""
    from rich import box
    from rich.table import Table as Grid

    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0))
    for heading in headings:
        left = heading in ("method", "recognizer")
        least = min(_NAME, longest) if heading == "method" else None
        grid.add_column(heading, justify="left" if left else "right", overflow="fold", min_width=least)
    return grid


def _print_recognition(console: Console, record: RunRecord) -> None:
    """How well the recognisers work on the originals: without this, nothing above means anything."""
    for each in record.recognizers:
        console.print(f"originals, {each.spec}: {on_originals(record, each.spec)}", highlight=False, markup=False)


def _print_attacks(console: Console, record: RunRecord) -> None:
    """How many attacks ran, and why others did not or do not count."""
    if record.attacks is None:
        return
    console.print(f"{record.method.spec}: {ran(record)}", highlight=False, markup=False)
    for reason in left_out(record):
        console.print(f"  {reason}", style="dim", highlight=False, markup=False)


def _print_groups(console: Console, record: RunRecord) -> None:
    if rated(record):
        for line in group_lines(record):
            console.print(f"{record.method.spec} {line}", highlight=False, markup=False)


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
        console.print(f"  the same command tries {counts.retry} of these again", style="yellow", highlight=False)
    for alarm in record.alarms:
        console.print(f"  {record.method.spec}: {alarm}", style="yellow", highlight=False, markup=False)
