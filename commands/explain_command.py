"""`deid-bench explain`."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import click

from ..plugins.kinds import Kind
from .options import completing, json_option
from .strict import strict_command

if TYPE_CHECKING:
    from ..benchmark.metrics.metric import Metric
    from ..benchmark.protocols import Protocol
    from ..benchmark.suites import Attack

_WIDTH = 100
_LABEL = 11


@strict_command("explain")
@click.argument("names", nargs=-1, metavar="METRIC…", shell_complete=completing("number", "protocol", "attack", *Kind))
@click.option("--all", "everything", is_flag=True, help="Every metric.")
@click.option(
    "--protocols", "rules", is_flag=True, help="The protocols in place of metrics; with --markdown as a table."
)
@click.option("--markdown", is_flag=True, help="Print Markdown; with --all the page docs/metrics.md.")
@json_option
def command(names: tuple[str, ...], everything: bool, rules: bool, markdown: bool, as_json: bool) -> int:
    """Say what a number means: definition, formula, range, source, what protocols do, and what to beware of.

    The id of a protocol, or the TOML file of one, says what its rules are; a plug-in's name, or FILE.py:Class, what it
    says of itself.

    \b
    deid-bench explain dir
    deid-bench explain rr rr_cross
    deid-bench explain ./my.py:MyMetric
    deid-bench explain palm/2.0
    deid-bench explain A1
    deid-bench explain --all --markdown
    """
    if rules and (names or everything):
        raise click.UsageError("--protocols shows all protocols; leave out what else is named.")
    if everything and names:
        raise click.UsageError("--all shows all metrics; leave out what else is named.")
    if len(kinds := {_kind(name) for name in names}) > 1:
        return _explain_apart(names, kinds, markdown, as_json)
    if attacks := _attacks(names):
        if markdown:
            raise click.UsageError("Attacks are explained as text or with --json.")
        return _explain_attacks(attacks, as_json)
    if named := _protocols(names, rules):
        return _explain_protocols(named, markdown, as_json)
    if plugins := _plugins(names):
        return _explain_plugins(plugins, as_json)
    return _explain_metrics(names, everything, markdown, as_json)


def _explain_metrics(names: tuple[str, ...], everything: bool, markdown: bool, as_json: bool) -> int:
    from ..benchmark.metrics.catalogue import METRICS
    from ..benchmark.metrics.plugged import installed_metrics
    from ..reports.explanation.page import metric_section, metrics_page

    if everything == bool(names):
        raise click.UsageError("Name one or more metrics, or say --all; `deid-bench list metrics` shows them.")
    if markdown and as_json:
        raise click.UsageError("Choose one of --markdown and --json.")
    chosen = [*METRICS.values(), *installed_metrics()] if everything else [_find(name) for name in names]
    if as_json:
        click.echo(json.dumps([_plain(each) for each in chosen], indent=1, ensure_ascii=False))
    elif markdown:
        click.echo(metrics_page(chosen) if everything else "\n\n".join(map(metric_section, chosen)), nl=not everything)
    else:
        for metric in chosen:
            _show(metric)
    return 0


def _explain_apart(names: tuple[str, ...], kinds: set[str], markdown: bool, as_json: bool) -> int:
    """Names of several kinds, one after the other."""
    if as_json:
        raise click.UsageError(f"With --json name things of one kind, got {' and '.join(sorted(kinds))}.")
    for name in names:
        click.get_current_context().invoke(command, names=(name,), markdown=markdown)
    return 0


def _kind(name: str) -> str:
    """What a name stands for, for people."""
    kinds = {"attacks": _attacks, "protocols": lambda names: _protocols(names, False), "plug-ins": _plugins}
    return next((kind for kind, find in kinds.items() if find((name,))), "metrics")


def _attacks(names: tuple[str, ...]) -> list[Attack]:
    """The attacks of the newest suite that are asked for, or none where something else is."""
    from ..benchmark.planning.attack_plan import DEFAULT_SUITE
    from ..benchmark.suites import get_suite

    known = {each.id.lower(): each for each in get_suite(DEFAULT_SUITE).attack}
    return [known[name.lower()] for name in names] if names and all(name.lower() in known for name in names) else []


def _explain_attacks(chosen: list[Attack], as_json: bool) -> int:
    if as_json:
        click.echo(json.dumps([each.model_dump(mode="json") for each in chosen], indent=1, ensure_ascii=False))
        return 0
    for each in chosen:
        click.secho(each.id, bold=True, nl=False)
        click.echo(f"  {each.title}")
        click.echo(_wrapped(each.knows, "  ", "  "))
        slots = {"gallery": each.gallery, "probe": each.probe, "recogniser": each.recognizer, "pooling": each.pooling}
        facts = {name: ", ".join(values) for name, values in slots.items()}
        if each.own:
            facts |= dict.fromkeys(("probe", "recogniser"), "what the method's info.attacks names")
        facts["controls"] = ", ".join(each.controls) or "none"
        facts["tried under"] = f"--attacks {each.level}"
        if each.stronger_than:
            facts["knows more than"] = ", ".join(each.stronger_than)
        _show_facts(facts, 16)
    return 0


def _protocols(names: tuple[str, ...], everything: bool) -> list[Protocol]:
    """The protocols that are asked for, or none where metrics are."""
    from ..benchmark.protocols import get_protocol, protocols

    if everything:
        return list(protocols().values())
    named = [name for name in names if name.endswith(".toml") or re.fullmatch(r"[\w-]+/[\d.]+", name)]
    return [get_protocol(name) for name in named]


def _explain_protocols(chosen: list[Protocol], markdown: bool, as_json: bool) -> int:
    from ..benchmark.protocols.page import protocol_facts, protocols_table

    if as_json:
        found = [{"id": each.id, **protocol_facts(each)} for each in chosen]
        click.echo(json.dumps(found, indent=1, ensure_ascii=False))
    elif markdown:
        click.echo(protocols_table(chosen))
    else:
        for each in chosen:
            click.secho(each.id, bold=True)
            _show_facts(protocol_facts(each), 32)
    return 0


def _plugins(names: tuple[str, ...]) -> list[tuple[Kind, str]]:
    """The plug-ins that are asked for, if all names are of plug-ins and none is a metric's.

    Raises:
        PluginError: a file cannot be imported, or has no such class.
    """
    from ..benchmark.metrics.catalogue import METRICS
    from ..plugins.entries import Spec, registry

    found = [
        (kind, Spec.parse(name).target) for name in names if name not in METRICS for kind in registry().kinds_of(name)
    ]
    named = {target for _, target in found}
    whole = all(Spec.parse(name).target in named for name in names)
    return found if whole and all(kind is not Kind.METRIC for kind, _ in found) else []


def _explain_plugins(chosen: list[tuple[Kind, str]], as_json: bool) -> int:
    from .info_command import plugin_facts, show_facts

    found = [plugin_facts(kind, target) for kind, target in chosen]
    if as_json:
        click.echo(json.dumps(found, indent=1, default=str, ensure_ascii=False))
        return 0
    for each in found:
        show_facts(each)
    return 0


def _find(name: str) -> Metric:
    """The metric of that name, however it is written; its title will do too."""
    from ..benchmark.metrics.catalogue import METRICS
    from ..benchmark.metrics.plugged import installed_metrics, metric_named
    from ..plugins.entries import PluginError

    if ".py:" in name and (brought := metric_named(name)):
        return brought
    metrics = [*METRICS.values(), *installed_metrics()]
    known = {_key(each.title): each for each in metrics} | {_key(each.name): each for each in metrics}
    if _key(name) in known:
        return known[_key(name)]
    from ..suggestions import nearest, offer

    close = [known[each].name for each in nearest(_key(name), known)]
    raise PluginError(f"there is no metric {name!r}{offer(close, '`deid-bench list metrics` shows them')}")


def _key(text: str) -> str:
    return text.strip().lower().replace("-", "_").replace(" ", "_")


def _show(metric: Metric) -> None:
    from ..reports.explanation.page import facts

    click.secho(metric.name, bold=True, nl=False)
    click.echo(f"  {metric.title}")
    click.echo(_wrapped(metric.definition, "  ", "  "))
    _show_facts(facts(metric), _LABEL)


def _show_facts(facts: dict[str, str], width: int) -> None:
    for label, text in facts.items():
        first, others = f"  {label:<{width}}", " " * (width + 2)
        click.echo(f"{first}{text}" if label == "formula" else _wrapped(text, first, others))
    click.echo()


def _wrapped(text: str, first: str, others: str) -> str:
    from textwrap import TextWrapper

    wrapper = TextWrapper(_WIDTH, initial_indent=first, subsequent_indent=others, break_on_hyphens=False)
    return wrapper.fill(text)


def _plain(metric: Metric) -> dict[str, Any]:
    import dataclasses

    plain = {each.name: getattr(metric, each.name) for each in dataclasses.fields(metric)}
    function = metric.function
    return {**plain, "blocks": sorted(metric.blocks), "function": f"{function.__module__}:{function.__qualname__}"}
