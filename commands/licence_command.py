"""`deid-bench licence`."""

from __future__ import annotations

import json

import click

from .options import json_option
from .strict import strict_group


@strict_group("licence")
def command() -> None:
    """Show or accept the terms of tools made by others."""


@command.command("list")
@json_option
def list_licences(as_json: bool) -> int:
    """List the tools whose terms have to be accepted, the terms, and whether they are.

    \b
    deid-bench licence list
    """
    from ..licences import LICENCES, accepted

    rows = [
        {"name": each.name, "title": each.title, "accepted": accepted(each.name), "terms": list(each.terms)}
        for each in LICENCES.values()
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return 0
    for each in LICENCES.values():
        state = click.style("accepted", fg="green") if accepted(each.name) else click.style("not accepted", fg="yellow")
        click.echo(f"{each.name}  {state}")
        _show(each.title, each.terms)
    return 0


@command.command("accept")
@click.argument("name")
@click.option("--yes", is_flag=True, help="Accept without being asked; for scripts.")
def accept_licence(name: str, yes: bool) -> int:
    """Show the terms of a tool and ask whether you accept them; the answer is remembered.

    \b
    deid-bench licence accept wilor
    """
    from ..licences import accept, accepted, licence

    terms = licence(name)
    _show(terms.title, terms.terms)
    if not yes and not accepted(name):
        try:
            yes = click.confirm("Do you accept these terms?", default=False)
        except click.Abort:  # nobody there to answer
            click.echo()
        if not yes:
            click.echo(f"Not accepted: {name} stays off. Where nobody can answer, add --yes.", err=True)
            return 3
    click.echo(f"{name}: accepted, see {accept(name)}")
    return 0


def _show(title: str, terms: tuple[str, ...]) -> None:
    click.echo(f"  {title}")
    for each in terms:
        click.echo(f"  - {each}")
