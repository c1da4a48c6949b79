"""The catalogue of metrics as text: what `deid-bench explain` prints and what docs/metrics.md holds."""

from __future__ import annotations

from .catalogue import METRICS
from .metric import Group, Metric

TITLES: dict[Group, str] = {
    "privacy": "Privacy",
    "quality": "Image quality",
    "usability": "Usability",
    "recognition": "Recognition of the originals",
    "cost": "Cost",
}

REGENERATE = "deid-bench explain --all --markdown > docs/metrics.md"

_INTRODUCTION = f"""# Metrics

Every number that a record may hold, made from the catalogue that the boards and `deid-bench explain NAME` read:
`{REGENERATE}`. Which of them are in a record depends on the protocol, the method and the
weights at hand; a number that is not there has a reason instead. [Protocols](protocols.md) says who is compared with
whom, [Validation](validation.md) what the code was checked against."""


def facts(metric: Metric) -> dict[str, str]:
    """Everything about a metric under short labels, in the order to read it; empty ones are left out."""
    found = {
        "formula": metric.formula,
        "range": _range(metric),
        "unit": metric.unit or "none",
        "better": _better(metric),
        "group": TITLES[metric.group].lower(),
        "reference": metric.citation,
        "protocols": metric.how,
        "caveats": metric.caveat,
    }
    return {label: text for label, text in found.items() if text}


def metrics_page() -> str:
    """docs/metrics.md, with a last line feed."""
    parts = [_INTRODUCTION]
    for group, title in TITLES.items():
        parts.append(f"## {title}")
        parts += [metric_section(each) for each in METRICS.values() if each.group == group]
    return "\n\n".join(parts) + "\n"


def metric_section(metric: Metric) -> str:
    """Markdown section of one metric."""
    lines = []
    for label, text in facts(metric).items():
        if label != "group":  # the heading above says it
            lines.append(f"- *{label}*: {f'`{text}`' if label == 'formula' else text}")
    return f"### {metric.title} (`{metric.name}`)\n\n{metric.definition}\n\n" + "\n".join(lines)


def _range(metric: Metric) -> str:
    unit = f" {metric.unit}" if metric.unit else ""
    if metric.low is None and metric.high is None:
        return "unbounded"
    if metric.high is None:
        return f"from {metric.low:g}{unit}"
    if metric.low is None:
        return f"up to {metric.high:g}{unit}"
    return f"{metric.low:g} to {metric.high:g}{unit}"


def _better(metric: Metric) -> str:
    if metric.target is not None:
        return f"the nearer to {metric.target:g}{f' {metric.unit}' if metric.unit else ''}"
    return f"{metric.better}{' (for the recogniser)' if metric.group == 'recognition' else ''}"
