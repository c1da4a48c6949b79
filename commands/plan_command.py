"""`deid-bench plan`."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import click

from ..characters import plain
from .durations import duration
from .options import json_option, make_run_options, quick_words, run_options
from .strict import strict_command

if TYPE_CHECKING:
    from ..benchmark.planning.cells import Cell
    from ..benchmark.planning.estimate import Estimate

    Row = tuple[Cell, bool, Estimate]
    """A cell, whether it is finished, and what it takes."""


@strict_command("plan")
@run_options
@json_option
def command(**values: Any) -> int:
    """Show what a run would do and take, and what of it is in the store. Takes the options of `run`.

    With --json it is a plan that `work` carries out in parts.

    \b
    deid-bench plan --method blurring --method masking --dataset palm-mini
    deid-bench plan --method blurring --sweep sigma=0.02,0.04,0.08
    deid-bench plan --method blurring --json > plan.json
    """
    return show_plan(values)


def show_plan(values: dict[str, Any]) -> int:
    """Print the plan of a run with these options; also `run --dry-run`."""
    import json

    from ..benchmark.engine.backends import default_jobs
    from ..benchmark.planning.cells import make_cells
    from ..benchmark.planning.estimate import estimate
    from ..benchmark.planning.plan_file import PlanFile, plan_data
    from ..benchmark.run import finished
    from ..benchmark.storage.journal import read_timings
    from ..benchmark.storage.store import STORE_FOLDER, Store

    jobs, options = values["jobs"] or default_jobs(), make_run_options(values)
    store = Store(values["out"] / STORE_FOLDER)
    journal = list(read_timings(store))
    rows = [
        (cell, finished(cell, values["out"]) is not None, estimate(cell, store, journal))
        for cell in make_cells(options, jobs)
    ]
    _warn([found for _, done, found in rows if not done], values["out"])
    if values["as_json"]:
        parent = click.get_current_context().parent
        plugins = tuple(parent.params.get("plugins", ())) if parent else ()
        out = str(values["out"].absolute())
        data = plan_data(PlanFile(options, plugins, out, {cell.name: cell.digest for cell, _, _ in rows}))
        click.echo(json.dumps({**data, "rows": [_row_data(*row) for row in rows]}, indent=1))
    else:
        _print(rows, jobs, values["protocol"])
        if words := quick_words(values):
            click.echo(words)
    return 0


def _row_data(cell: Cell, done: bool, found: Estimate) -> dict[str, Any]:
    return {
        "method": cell.method.resolved.text,
        "dataset": cell.dataset.spec,
        "protocol": cell.protocol.id,
        "folder": cell.name,
        "finished": done,
        "passed_over": dict(cell.dataset.passed_over),
        "notes": list(cell.dataset.notes),
        "stages": {name: {"tasks": total, "stored": stored} for name, (total, stored) in found.stages.items()},
        "images": found.images,
        "comparisons": found.comparisons,
        "core_seconds": round(found.seconds, 1),
        "untimed_tasks": found.untimed,
        "core_seconds_elsewhere": round(found.elsewhere, 1),
        "unknown_tasks": found.unknown,
        "scoring_memory_bytes": found.memory,
        "scoring_scratch_bytes": found.scratch,
        "image_bytes": found.disk,
        "store_bytes": sum(found.objects.values()),
        "store_files": len(found.objects),
    }


def _print(rows: list[Row], jobs: int, protocol: str) -> None:
    from rich.console import Console
    from rich.markup import escape

    from .data_tables import dataset_lines

    console = Console()
    for cell, done, found in rows:
        name = f"{cell.method.resolved.text} on {cell.dataset.spec}: {'finished' if done else 'to do'}"
        console.print(name, highlight=False, markup=False, soft_wrap=True)
        counts = (f"{stage} {stored}/{total}" for stage, (total, stored) in found.stages.items() if total)
        for line in _lines(counts, console.width - 2):
            console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"{_cells(len(rows))}, {sum(done for _, done, _ in rows)} finished")
    for line in dataset_lines(cell.dataset for cell, _, _ in rows):
        console.print(escape(line), soft_wrap=True)
    console.print(f"stored/planned tasks per stage; protocol {protocol}, {jobs} worker processes")
    todo = [(cell, found) for cell, done, found in rows if not done]
    if todo:
        attacked = any(cell.attacks is not None for cell, _ in todo)
        console.print(_taken([found for _, found in todo], jobs, attacked))


def _lines(parts: Iterable[str], width: int) -> list[str]:
    """The parts joined by commas in lines that break between parts only."""
    glued = ", ".join(part.replace(" ", "\N{NO-BREAK SPACE}") for part in parts)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in wrap(glued, width)]


def _taken(todo: list[Estimate], jobs: int, attacked: bool) -> str:
    """What the cells to do will take, in a sentence or two."""
    images, pairs = sum(each.images for each in todo), sum(each.comparisons for each in todo)
    memory, disk = max(each.memory for each in todo), sum(each.disk for each in todo)
    objects = _objects(todo)
    scratch = max(each.scratch for each in todo)
    files = f", {scratch / 10**6:.0f} MB of scratch files meanwhile" if scratch else ""
    text = (
        f"to do: {images} de-identified images, {pairs} comparisons; about {memory / 2**20:.0f} MiB to score them "
        f"(workers come on top){files} and on disk {disk / 10**6:.0f} MB of images, "
        f"with what else is stored {sum(objects.values()) / 10**6:.0f} MB in {len(objects)} files; "
    )
    return f"{text}{_time(todo, jobs)}; scoring{' and attackers come' if attacked else ' comes'} on top"


def _objects(todo: Iterable[Estimate]) -> dict[str, int]:
    """Bytes of what is not in the store, by digest: what several cells need is there once."""
    return {digest: size for each in todo for digest, size in each.objects.items()}


def _warn(todo: Iterable[Estimate], out: Path) -> None:
    """Say on stderr where the disk has less room than that."""
    there = next((each for each in (out.absolute(), *out.absolute().parents) if each.is_dir()), None)
    if there is None:
        return
    free, wanted = shutil.disk_usage(there).free, sum(_objects(todo).values())
    if free < wanted:
        room = f"only {free / 10**6:.0f} MB are free in {plain(out)}"
        click.echo(f"{room}, and the run leaves about {wanted / 10**6:.0f} MB there", err=True)


def _time(todo: list[Estimate], jobs: int) -> str:
    """How long that takes, and where its parts were timed: in this folder, on another machine, or nowhere."""
    from ..benchmark.planning.shipped_times import shipped

    here, there = sum(each.seconds for each in todo) / jobs, sum(each.elsewhere for each in todo) / jobs
    unknown = sum(each.unknown for each in todo)
    parts = [f"about {duration(here)} as timed in this folder"] if here else []
    if there:
        what = "what was not timed here" if here else "not timed here;"
        parts.append(f"{what} on a machine of {shipped().machine} in the order of {duration(there)}")
    if unknown:
        parts.append(f"{unknown} tasks of kinds that nothing has timed yet")
    return ", and ".join(parts) or f"about {duration(here)}"


def _cells(count: int) -> str:
    return f"{count} cell{'' if count == 1 else 's'} (method x dataset)"
