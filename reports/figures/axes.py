"""Axes that show a metric: heading, direction, limits."""

from __future__ import annotations

from ...benchmark.metrics.catalogue import METRICS
from ...benchmark.metrics.values import Undefined
from ...suggestions import suggest


def axis_label(metric: str) -> str:
    """Title, unit and which way is better."""
    found = METRICS[metric]
    unit = f" ({found.unit})" if found.unit else ""
    arrow = {"higher": " ↑", "lower": " ↓", "target": f" → {found.target:g}" if found.target is not None else ""}
    return f"{found.title}{unit}{arrow[found.better]}"


def check_metric(metric: str) -> Undefined | None:
    """Whether there is such a metric."""
    if metric in METRICS:
        return None
    hint = suggest(metric, METRICS, "see `deid-bench list metrics`")
    return Undefined(f"there is no metric {metric[:40]!r}{hint}")
