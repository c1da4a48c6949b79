"""Metrics that users bring, made into the same object as those of the toolkit."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

from ...characters import plain
from ...plugins.entries import Kind, PluginError, PluginRef, Resolved, Spec, registry
from ...plugins.failures import said
from ...plugins.isolation import no_end, way_out
from .base import MetricInfo, Takes
from .catalogue import METRICS
from .metric import Block, Group, Metric
from .values import Undefined

_NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")
_BLOCKS: Mapping[tuple[Takes, Group], frozenset[Block]] = {
    ("images", "privacy"): frozenset({"images"}),
    ("images", "quality"): frozenset({"quality"}),
    ("images", "usability"): frozenset({"images"}),
    ("comparisons", "recognition"): frozenset({"originals"}),
}
_PRIVACY: frozenset[Block] = frozenset({"privacy", "retrieval"})
"""Where numbers of a recogniser stand."""
THE_METRIC = "the metric "
"""How reasons begin that say what it gave."""
_ROUNDING = 1e-9
"""So much of its size may a number lie outside of its metric's range."""


@dataclass(frozen=True, slots=True, eq=False)
class Plugged:
    """A user's metric in a run, or as a record describes it."""

    metric: Metric
    """Its name is the specification: the same metric with other parameters is another number."""
    takes: Takes
    measure: Callable[..., object] | None
    """None where the plug-in is not at hand."""
    ref: PluginRef | None = None
    """The plug-in whose code `measure` is."""


def plugged(resolved: Resolved) -> Plugged:
    """The metric that a resolved plug-in computes.

    Raises:
        PluginError: what it says of itself does not fit together, or its name is taken.
    """
    info = check_info(resolved.info)
    instance = resolved.create()
    return Plugged(describe_metric(info, resolved.text, instance.measure), info.takes, instance.measure, resolved.ref)


def metric_named(spec: str) -> Metric | None:
    """The metric of a plug-in that is at hand, by its name or by FILE.py:Class; None where there is none.

    Raises:
        PluginError: it cannot be used.
    """
    parsed = Spec.parse(spec)
    if ".py:" in spec or parsed.target in registry().entries(Kind.METRIC):
        return plugged(registry().resolve(Kind.METRIC, spec)).metric
    return None


def installed_metrics() -> list[Metric]:
    """Metrics of other packages and of files that were taken in; those that cannot be used are left out."""
    found = []
    for name in registry().entries(Kind.METRIC):
        try:
            found.append(plugged(registry().resolve(Kind.METRIC, name)).metric)
        except PluginError:
            continue  # `deid-bench list metrics` says why
    return found


def check_info(info: Any) -> MetricInfo:
    """What a metric says of itself, checked.

    Raises:
        PluginError: it does not fit together.
    """
    if not isinstance(info, MetricInfo):
        raise PluginError(f"expected info to be a MetricInfo, got {type(info).__name__}")
    problems = {
        f"name should be lower-case letters, digits and underscores, got {info.name!r}": not _NAME.fullmatch(info.name),
        f"the name {info.name!r} is that of a metric of the toolkit; choose another": info.name in METRICS,
        f"takes should be images or comparisons, got {info.takes!r}": info.takes not in ("images", "comparisons"),
        f"group should be privacy, quality, usability or recognition, got {info.group!r}": info.group
        not in ("privacy", "quality", "usability", "recognition"),
        "group recognition is for metrics that take comparisons": (info.group, info.takes) == ("recognition", "images"),
        f"better should be higher, lower or target, got {info.better!r}": info.better
        not in ("higher", "lower", "target"),
        "better = target and a target belong together": (info.better == "target") != (info.target is not None),
        f"decimals should be 0 to 12, got {info.decimals!r}": info.decimals not in range(13),
        f"low {info.low} should be below high {info.high}": None not in (info.low, info.high)
        and not (info.low or 0.0) < (info.high or 0.0),
        "description should be a sentence": not info.description.strip().endswith("."),
    }
    wrong = [text for text, there in problems.items() if there]
    if wrong:
        raise PluginError(f"metric {info.name!r}: {'; '.join(wrong)}")
    return info


def describe_metric(info: MetricInfo, spec: str, function: Callable[..., object]) -> Metric:
    """The catalogue's object of a plug-in.

    Args:
        info: checked.
        spec: as boards show it; stands for the metric in records.
        function: what computes it.
    """
    _, _, params = spec.partition(":")
    title = info.title or info.name
    images = info.takes == "images"
    return Metric(
        name=spec,
        title=f"{title} ({params})" if params else title,
        group=info.group,
        unit=info.unit,
        better=info.better,
        low=info.low,
        high=info.high,
        definition=info.description,
        formula=info.formula,
        citation=info.citation,
        function=function,
        source="rows" if images else "distances",
        target=info.target,
        short=info.short,
        decimals=info.decimals,
        blocks=_BLOCKS.get((info.takes, info.group), _PRIVACY),
        resampling="images" if images else "identities",
        protocol=("images",) if images else ("place",),
        how="Images the method failed on are left out and counted." if images else "",
        caveat=info.caveat,
    )


def number(
    call: Callable[[], object],
    *,
    low: float | None = None,
    high: float | None = None,
    through: tuple[type[BaseException], ...] = (),
) -> float | Undefined:
    """What a user's metric gives, or why it gives no number; nothing that it does ends a run.

    Args:
        call: the metric at work.
        low: bound that it declares; None: none.
        high: likewise.
        through: exceptions that are passed on, because somebody else has to know.
    """
    try:
        with no_end():
            found = call()
            value = float(found) if type(found) is not bool and isinstance(found, Real) else None
    except SystemExit as error:
        return Undefined(f"{THE_METRIC}failed: {way_out(error)}")
    except BaseException as error:
        if isinstance(error, (KeyboardInterrupt, *through)):
            raise
        return Undefined(f"{THE_METRIC}failed: {plain(said(error), 200)}")
    if isinstance(found, Undefined):
        return Undefined(plain(found.reason, 200))
    if value is None:
        return Undefined(f"{THE_METRIC}gave {type(found).__name__} in place of a number")
    if not math.isfinite(value):
        return Undefined(f"{THE_METRIC}gave {value}")
    # Sums are rounded: one that should be 1 may be a little more.
    slack = _ROUNDING * max(1.0, abs(value))
    if (low is not None and value < low - slack) or (high is not None and value > high + slack):
        bounds = "..".join("" if each is None else f"{each:g}" for each in (low, high))
        return Undefined(f"{THE_METRIC}gave {value:g}, which is outside of the range {bounds} that it declares")
    return value
