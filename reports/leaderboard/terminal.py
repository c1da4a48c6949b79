"""Tables for a terminal: the layout of the palm paper's Tables II, III and IV, one block per protocol and dataset."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING

from ...benchmark.metrics.metric import Block, Metric
from ...benchmark.records.counts import lacking
from ...benchmark.records.record import RunRecord
from .alarm_words import shown_alarms
from .attacks import left_out, ran
from .by_group import group_lines, rated
from .originals import on_originals
from .table import CellText, Row, Table, leaderboards

if TYPE_CHECKING:
    from rich.console import Console

    from ...benchmark.run import Outcome

_PARTS: tuple[tuple[str, Block], ...] = (
    ("Image quality", "quality"),
    ("Usability drift, %", "usability"),
    ("Images, %", "images"),
)
"""Blocks below the one about recognition, and their titles."""

_NAME = 14
"""Characters that a name gets at least: those of the longest method that is built in, `palm_diffusion`."""

UNAVAILABLE = "unavailable"
"""How a reason begins that the user can do something about."""

_ARROWS = {"higher": "↑", "lower": "↓"}


_Column = tuple[str, list[str]]
"""Heading, and a text for each row."""


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
    """One line on the error stream for each record that is not complete: why the exit code is not 0."""
    import click

    for outcome in outcomes:
        record = outcome.record
        reasons = lacking(record.counts, record.failures)
        if reasons:
            more = f"; {len(reasons) - 1} more" if len(reasons) > 1 else ""
            where = outcome.folder / "run.json"
            click.secho(f"{record.method.spec}: {reasons[0]}{more}: see {where}", fg="yellow", err=True)


def _heading(metric: Metric, retrieval: bool) -> str:
    short = (metric.retrieval_short if retrieval else "") or metric.heading
    arrow = f"→{metric.aim:g}" if metric.aim is not None else _ARROWS[metric.better]
    unit = f"\n{metric.unit}" if metric.unit else ""
    return f"{short}\N{NO-BREAK SPACE}{arrow}{unit}"


def _text(cell: CellText, intervals: bool) -> str:
    if cell.text.startswith(UNAVAILABLE):
        return "n/a"  # the reason stands below the table
    number = cell.number if intervals else cell.number + cell.spread
    # On lines of their own: side by side they would break in columns that a terminal makes narrow.
    below = (f"to {cell.other_end}" if cell.other_end else "", cell.interval if intervals else "")
    return "\n".join((number, *filter(None, below)))


def _print_table(console: Console, table: Table, intervals: bool) -> None:
    """De-identification with one line per recogniser, then image quality, then usability."""
    from rich.markup import escape

    console.print(f"[bold]{escape(table.title)}[/bold]", highlight=False, soft_wrap=True)
    names = list(dict.fromkeys(each.recognizer for each in table.columns if each.recognizer))
    retrieval = table.rows[0].record.retrieval is not None
    where = {(each.recognizer, each.about): index for index, each in enumerate(table.columns)}
    shown = _block(table, "retrieval" if retrieval else "privacy", with_recognizer=True)
    methods, labels, lines = [], [], []
    for row in table.rows:
        for number, name in enumerate(names):
            methods.append(row.record.method.spec if number == 0 else "")
            labels.append(f"{name}{_box(row.record, name)}")
            lines.append(
                [_text(row.cells[where[name, about]], intervals) if (name, about) in where else "" for about in shown]
            )
    console.print("De-identification", style="italic")
    columns = [(_heading(metric, retrieval), [line[place] for line in lines]) for place, metric in enumerate(shown)]
    print_grids(console, [("method", methods), ("recognizer", labels)], columns)
    for metric in shown:
        places = [where[name, metric] for name in names if (name, metric) in where]
        _print_unavailable(console, metric, [row.cells[place] for row in table.rows for place in places])
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

    if not metrics:
        return
    retrieval = rows[0].record.retrieval is not None
    floor = [_floor(rows[0].record, metric) for metric in metrics]
    methods = [row.record.method.spec for row in rows] + ["(detector's own noise)"] * any(floor)
    columns = []
    for place, metric in enumerate(metrics):
        texts = [_text(row.cells[where["", metric]], intervals) for row in rows]
        columns.append((_heading(metric, retrieval), texts + [floor[place]] * any(floor)))
    console.print(title, style="italic")
    print_grids(console, [("method", methods)], columns)
    for metric in metrics:
        _print_unavailable(console, metric, [row.cells[where["", metric]] for row in rows])


def _print_unavailable(console: Console, metric: Metric, cells: Sequence[CellText]) -> None:
    """What has to be got for the numbers of a metric, each reason once, whichever method or recogniser it is about."""
    for reason in dict.fromkeys(each.remark for each in cells if each.text.startswith(UNAVAILABLE)):
        heading = " ".join(metric.heading.split())
        console.print(f"{heading} {reason}", style="dim", highlight=False, markup=False)


def _floor(record: RunRecord, metric: Metric) -> str:
    """The analyzer's own noise, to read a drift by."""
    value = record.value(metric.name.replace("drift_", "floor_")) if metric.name.startswith("drift_") else None
    if value is None or value.value is None:
        return ""
    return f"{metric.text(value.value)} ± {metric.text(value.std or 0.0)}"


def print_grids(console: Console, names: Sequence[_Column], numbers: Sequence[_Column]) -> None:
    """As few tables as the terminal's width allows, the columns of names in front of the numbers of each.

    Args:
        console: where to.
        names: headings and texts of the columns on the left; a long text is broken, no number ever is.
        numbers: headings and texts of the other columns.
    """
    from rich import box
    from rich.markup import escape
    from rich.table import Table as Grid

    longest = [max(map(len, (heading, *texts))) for heading, texts in names]
    least = [min(most, _NAME) for most in longest]
    remaining = list(numbers)
    while remaining:
        taken, used = 0, sum(least) + len(least) + 1
        while taken < len(remaining) and (not taken or used + _width(remaining[taken]) + 1 <= console.width):
            used += _width(remaining[taken]) + 1
            taken += 1
        part, remaining = remaining[:taken], remaining[taken:]
        grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0))
        spare = max(0, console.width - used)
        for (heading, _), most, width in zip(names, longest, least, strict=True):
            # Names that are short are never broken; a long one takes what the numbers leave.
            more = min(spare, most - width)
            spare -= more
            grid.add_column(heading, overflow="fold", width=width + more)
        for heading, texts in part:
            width = _width((heading, texts))
            lines = [line for text in heading.splitlines() for line in wrap(text, width)]
            grid.add_column("\n".join(lines), justify="right", width=width)
        for line in zip(*(texts for _, texts in (*names, *part)), strict=True):
            grid.add_row(*map(escape, line))
        console.print(grid)


def _width(column: _Column) -> int:
    """Characters that a column needs so that no word of its heading and no number is broken."""
    heading, texts = column
    words = heading.replace("\n", " ").split(" ")  # not at no-break spaces
    return max(map(len, (*words, *(line for text in texts for line in text.splitlines()))))


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
    for alarm in shown_alarms(record):
        console.print(f"  {record.method.spec}: {alarm}", style="yellow", highlight=False, markup=False)
