"""`deid-bench list`."""

from __future__ import annotations

import json
from typing import Any

import click

from .options import json_option
from .strict import strict_command

ALIASES = {"methods": "deidentifiers", "recognisers": "recognizers", "detectors": "analyzers"}
KINDS = ("datasets", "analyzers", "recognizers", "deidentifiers", "attackers", "attacks", "protocols", "metrics")
KINDS_SHOWN = tuple(each for each in KINDS if each != "attacks")


@strict_command("list")
@click.argument("what", required=False, type=click.Choice([*KINDS, *ALIASES]), metavar="[KIND]")
@json_option
def command(what: str | None, as_json: bool) -> int:
    """List what there is, where it comes from, and what is broken.

    Kinds: datasets, analyzers (or detectors), recognizers (or recognisers), deidentifiers (or methods), attackers,
    attacks, protocols, metrics. Without one: all but the attacks.

    \b
    deid-bench list
    deid-bench list methods
    deid-bench list metrics
    """
    kinds = [ALIASES.get(what, what)] if what else KINDS_SHOWN
    sections = {name: _rows(name) for name in kinds}
    if as_json:
        click.echo(json.dumps(sections, indent=1))
        return 0
    for name, rows in sections.items():
        click.secho(name, bold=True)
        width = max((len(row["name"]) for row in rows), default=0)
        for row in rows:
            text = row["description"]
            if row.get("problem"):
                text = click.style(f"BROKEN  {row['problem']}", fg="red")
            click.echo(f"  {row['name']:<{width}}  {text}  {click.style(row['origin'], dim=True)}")
        click.echo()
    return 0


def _rows(what: str) -> list[dict[str, Any]]:
    if what == "protocols":
        from ..benchmark.protocols import protocols

        return [
            {
                "name": each.id,
                "description": each.title + (f" (use {each.superseded_by})" if each.superseded_by else ""),
                "origin": each.source,
            }
            for each in protocols().values()
        ]
    if what == "attacks":
        from ..benchmark.suites import suites

        return [
            {"name": each.id, "description": each.title, "origin": suite.id}
            for suite in suites().values()
            for each in suite.attack
        ]
    if what == "metrics":
        from ..benchmark.metrics.catalogue import METRICS

        built_in = [{"name": each.name, "description": each.title, "origin": each.unit} for each in METRICS.values()]
        return built_in + _plugins("metric")
    return _plugins(what.removesuffix("s"))


def _plugins(kind: str) -> list[dict[str, Any]]:
    from ..plugins.entries import Kind, PluginError, registry

    rows = []
    for name, entry in registry().entries(Kind(kind)).items():
        row = {"name": name, "description": "", "origin": entry.origin, "problem": ""}
        try:
            row["description"] = str(entry.load().info.description)
        except PluginError as error:
            row["problem"] = str(error)
        rows.append(row)
    return rows
