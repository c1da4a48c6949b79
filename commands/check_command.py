"""`deid-bench check`."""

from __future__ import annotations

import json

import click

from .options import json_option


@click.command("check")
@click.argument("method", metavar="METHOD")
@json_option
def command(method: str, as_json: bool) -> int:
    """Run the contract checks on a method: the same that the test-suite of a plug-in can run.

    \b
    deid-bench check blurring
    deid-bench check ./my.py:MyMethod
    """
    from ..benchmark.plugin_checks.contracts import method_checks

    results = [(check.__name__.removeprefix("check_"), check(method)) for check in method_checks()]
    if as_json:
        click.echo(json.dumps([{"check": name, "problem": problem} for name, problem in results], indent=1))
    else:
        for name, problem in results:
            mark = click.style("ok  ", fg="green") if problem is None else click.style("FAIL", fg="red")
            click.echo(f"{mark} {name.replace('_', ' ')}" + (f": {problem}" if problem else ""))
    return 1 if any(problem for _, problem in results) else 0
