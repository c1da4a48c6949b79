"""`deid-bench check`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from ..plugins.kinds import Kind
from .options import completing, json_option
from .strict import strict_command

if TYPE_CHECKING:
    from ..benchmark.plugin_checks.check import Result


@strict_command("check")
@click.argument("spec", metavar="SPEC", shell_complete=completing(*Kind))
@click.option("--kind", type=click.Choice([str(each) for each in Kind]), help="Where a name stands for several kinds.")
@json_option
def command(spec: str, kind: str | None, as_json: bool) -> int:
    """Run the contract checks on a plug-in: the same that its own test-suite can run.

    \b
    deid-bench check blurring
    deid-bench check mtcc
    deid-bench check ./my.py:MyMethod
    """
    from ..benchmark.plugin_checks.contracts import kind_of, run_checks
    from ..plugins.child_processes import Offspring

    offspring = Offspring(adopt=True)
    try:
        with offspring.watched():
            results = run_checks(spec, kind_of(spec, kind or ""))
    finally:
        ended = offspring.end()
    if ended:
        what = "process" if ended == 1 else "processes"
        click.echo(f"{spec} left {ended} {what} running, ended now; a run ends them, too", err=True)
    if as_json:
        click.echo(json.dumps([_row(each) for each in results], indent=1))
    else:
        for each in results:
            mark = click.style("ok  ", fg="green") if each.passed else click.style("FAIL", fg="red")
            click.echo(f"{mark} {each.check.replace('_', ' ')}" + (f": {each.said}" if each.said else ""))
    return 0 if all(each.passed for each in results) else 1


def _row(result: Result) -> dict[str, str | None]:
    return {"check": result.check, "problem": result.problem, "expected": result.expected or None}
