"""`deid-bench plan`."""

from __future__ import annotations

from typing import Any

import click

from .options import json_option, make_run_options, run_options


@click.command("plan")
@run_options
@json_option
def command(**values: Any) -> int:
    """Show what a run would do, and what of it is in the store. Takes the options of `run`.

    \b
    deid-bench plan --method blurring --method masking --dataset palm-mini
    deid-bench plan --method blurring --sweep sigma=0.02,0.04,0.08
    """
    import json

    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from ..benchmark.engine.backends import default_jobs
    from ..benchmark.planning.cell_tasks import count_tasks
    from ..benchmark.planning.cells import make_cells
    from ..benchmark.run import STORE_FOLDER, finished
    from ..benchmark.storage.store import Store
    from .data_tables import dataset_lines

    jobs = values["jobs"] or default_jobs()
    store = Store(values["out"] / STORE_FOLDER)
    rows = []
    for cell in make_cells(make_run_options(values), jobs):
        counts = count_tasks(cell, store)
        done = finished(cell, values["out"]) is not None
        rows.append((cell, done, counts))
    if values["as_json"]:
        data = [
            {
                "method": cell.method.resolved.text,
                "dataset": cell.dataset.spec,
                "protocol": cell.protocol.id,
                "folder": cell.name,
                "finished": done,
                "passed_over": dict(cell.dataset.passed_over),
                "notes": list(cell.dataset.notes),
                "stages": {name: {"tasks": total, "stored": stored} for name, total, stored in counts},
            }
            for cell, done, counts in rows
        ]
        click.echo(json.dumps(data, indent=1))
        return 0
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("method", "dataset", "state", *(name for name, _, _ in rows[0][2])):
        table.add_column(heading, overflow="fold")
    for cell, done, counts in rows:
        cells = (f"{stored}/{total}" for _, total, stored in counts)
        names = (escape(cell.method.resolved.text), escape(cell.dataset.spec))
        table.add_row(*names, "finished" if done else "to do", *cells)
    console = Console()
    console.print(table)
    console.print(f"{_cells(len(rows))}, {sum(done for _, done, _ in rows)} finished")
    for line in dataset_lines(cell.dataset for cell, _, _ in rows):
        console.print(escape(line), soft_wrap=True)
    console.print(f"stored/planned tasks per stage; protocol {values['protocol']}, {jobs} worker processes")
    return 0


def _cells(count: int) -> str:
    return f"{count} cell{'' if count == 1 else 's'} (method x dataset)"
