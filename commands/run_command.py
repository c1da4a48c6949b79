"""`deid-bench run`."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import (
    backend_options,
    check_backend,
    json_option,
    make_cluster,
    make_run_options,
    quick_words,
    quiet_option,
    reference_option,
    run_options,
)
from .strict import strict_command

if TYPE_CHECKING:
    from ..benchmark.run import Outcome


@strict_command("run")
@run_options
@backend_options
@click.option("--no-wait", is_flag=True, help="Leave out what another run in the same folder works on.")
@click.option("--dry-run", is_flag=True, help="Say what would be done and what it takes, as `plan` does, and stop.")
@reference_option
@click.option("--intervals", is_flag=True, help="Show 95 % intervals in place of standard deviations.")
@quiet_option
@json_option
def command(**values: Any) -> int:
    """Score de-identification methods; write records and a board.

    The same command again goes on where it stopped, or answers from the store.

    \b
    deid-bench run --method blurring
    deid-bench run --method blurring:sigma=0.1 --method masking --protocol palm/2.0
    deid-bench run --method ./my.py:MyMethod --dataset folder:path=hands
    deid-bench run --method blurring --method masking --sweep sigma=0.02,0.04,0.08
    deid-bench run --protocol face/1.1 --method dedim --surrogate mobilefacenet
    """
    check_backend(values)
    if values["dry_run"]:
        from .plan_command import show_plan

        return show_plan(values)
    from ..benchmark.run import Execution, run
    from ..benchmark.storage.store import STORE_FOLDER, Store
    from ..reports.board.page import update_board
    from .progress import Bars

    execution = Execution(
        values["out"],
        values["backend"],
        values["jobs"],
        values["time_limit"],
        make_cluster(values),
        not values["no_wait"],
    )
    left_out: list[str] = []
    done: list[Outcome] = []
    with Bars(values["quiet"] or values["as_json"]) as bars:
        try:
            outcomes = run(
                make_run_options(values),
                execution,
                bars,
                on_outcome=done.append,
                prepare_progress=bars.prepare,
                on_busy=left_out.append,
                on_cell=partial(bars.cell, Store(execution.out / STORE_FOLDER)),
            )
        except Exception:
            if done:  # what was finished before stands on the board
                bars.note(f"{len(done)} finished: {update_board(values['out'], reference=values['reference'])}")
            raise
    board: Path = update_board(values["out"], notice=bars.note, reference=values["reference"])
    _show(outcomes, board, values)
    for text in left_out:
        click.echo(f"left out: {text}", err=True)
    return 0 if not left_out and all(each.record.complete for each in outcomes) else 1


def _show(outcomes: Sequence[Outcome], board: Path, values: dict[str, Any]) -> None:
    """The finished cells, as asked for."""
    from ..reports.leaderboard.table import records_json
    from ..reports.leaderboard.terminal import print_impaired, print_outcomes
    from .data_tables import passed_line

    if values["as_json"]:
        click.echo(records_json([each.record for each in outcomes]))
    elif not values["quiet"]:
        print_outcomes(outcomes, board, values["intervals"])
        click.secho(quick_words(values), fg="yellow", nl=values["quick"])
        for line in dict.fromkeys(passed_line(each.record.dataset) for each in outcomes):
            if line:
                click.secho(line, fg="yellow")
        for dataset in {each.record.dataset.spec: each.record.dataset for each in outcomes}.values():
            if dataset.no_rates:
                click.secho(f"{dataset.spec}: {dataset.no_rates}; no attacker was tried", fg="yellow")
    if values["as_json"] or values["quiet"]:
        print_impaired(outcomes)
