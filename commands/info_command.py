"""`deid-bench info`."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Mapping
from typing import Any

import click

from ..plugins.kinds import Kind
from .options import completing, json_option
from .strict import strict_command


@strict_command("info")
@click.argument("name", shell_complete=completing(*Kind, "protocol", "number"))
@json_option
def command(name: str, as_json: bool) -> int:
    """Show everything about one plug-in, protocol or metric.

    \b
    deid-bench info blurring
    deid-bench info palm/2.0
    deid-bench info ./mine.toml
    deid-bench info dir
    """
    found = _find(name)
    if as_json:
        click.echo(json.dumps(found, indent=1, default=str))
        return 0
    for data in found:
        show_facts(data)
    return 0


def show_facts(data: Mapping[str, Any]) -> None:
    """Print what is known of one thing, its kind and name first; what is empty is left out."""
    click.secho(f"{data['kind']} {data['name']}", bold=True)
    for key, value in data.items():
        if isinstance(value, dict):
            click.echo(f"  {key}:")
            for inner, text in value.items():
                click.echo(f"    {inner} {text}")
        elif key not in ("kind", "name") and value not in ("", (), None):
            click.echo(f"  {key}: {value}")
    click.echo()


def _find(name: str) -> list[dict[str, Any]]:
    from ..benchmark.metrics.catalogue import METRICS
    from ..benchmark.protocols import get_protocol, protocols
    from ..benchmark.protocols.page import protocol_facts
    from ..plugins.entries import PluginError, Spec, registry
    from ..reports.explanation.page import facts

    found: list[dict[str, Any]] = []
    if name in protocols() or name.endswith(".toml"):
        protocol = get_protocol(name)
        found.append({"kind": "protocol", "name": protocol.id, **protocol_facts(protocol)})
    if name in METRICS:
        metric = METRICS[name]
        found.append(
            {"kind": "metric", "name": name, "title": metric.title, "definition": metric.definition, **facts(metric)}
        )
    problems = []
    known: list[str] = [*protocols(), *METRICS]
    target = Spec.parse(name).target
    for kind in Kind:
        entries = registry().entries(kind)
        known += entries
        if target in entries or ".py:" in target:
            try:
                found.append(plugin_facts(kind, target))
            except PluginError as error:
                problems.append(error)
    if found:
        return found
    if problems:
        raise problems[0]
    raise PluginError(_unknown(name, known))


def _unknown(name: str, known: list[str]) -> str:
    from ..suggestions import suggest

    hint = suggest(name, known, "`deid-bench list` shows what there is")
    return f"there is no plug-in, protocol or metric {name!r}{hint}"


def _without(data: Any, key: str) -> dict[str, Any]:
    return {name: value for name, value in dataclasses.asdict(data).items() if name != key}


def plugin_facts(kind: Kind, target: str) -> dict[str, Any]:
    """What a plug-in says of itself, its parameters and where it comes from.

    Args:
        kind: of the plug-in.
        target: its name, or FILE.py:Class.

    Raises:
        PluginError: there is none, or it cannot be used.
    """
    from ..plugins.entries import parameters, registry

    entry = registry().get(kind, target)
    cls = entry.load()
    shown = {
        name: ("= " + str(each.default) if each.default is not inspect.Parameter.empty else "(required)")
        for name, each in parameters(cls).items()
    }
    described = dataclasses.is_dataclass(cls.info) and not isinstance(cls.info, type)
    info = _without(cls.info, "name") if described else {}
    text = inspect.getdoc(cls) or ""
    name = str(cls.info.name) if entry.file else entry.name
    return {"kind": str(kind), "name": name, "from": entry.origin, **info, "parameters": shown, "about": text}
