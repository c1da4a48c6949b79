"""The catalogue of metrics as text: what `deid-bench explain` prints and what docs/metrics.md holds."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ...benchmark.metrics.catalogue import METRICS
from ...benchmark.metrics.metric import Group, Metric, Resampling
from .protocol_words import general_words, protocol_words

TITLES: dict[Group, str] = {
    "privacy": "Privacy",
    "quality": "Image quality",
    "usability": "Usability",
    "recognition": "Recognition of the originals",
    "cost": "Cost",
}

_RESAMPLED: dict[Resampling, str] = {
    "identities": "bootstrap over identities",
    "images": "bootstrap over identities and, with several seeds, over the versions of each image",
    "none": "none is given",
}

REGENERATE = "deid-bench explain --all --markdown > docs/metrics.md"

_INTRODUCTION = f"""# Metrics

Every number that a record may hold, made from the catalogue that the boards and `deid-bench explain NAME` read:
`{REGENERATE}`. Which of them are in a record depends on the protocol, the method and the
weights at hand; a number that is not there has a reason instead. [Protocols](protocols.md) says who is compared with
whom, and `deid-bench explain NAME` what each protocol makes of it; [Validation](validation.md) what the code was
checked against."""


def facts(metric: Metric, words: Callable[[Metric], str] = protocol_words) -> dict[str, str]:
    """Everything about a metric under short labels, in the order to read it; empty ones are left out.

    Args:
        metric: to tell about.
        words: what is said of the protocols: of each by its name, or in general.
    """
    every = {
        "formula": metric.formula,
        "range": metric.range_words,
        "unit": metric.unit or "none",
        "better": _better(metric),
        "group": TITLES[metric.group].lower(),
        "reference": metric.citation,
        "protocols": " ".join(each for each in (words(metric), metric.how) if each),
        "interval": _RESAMPLED[metric.resampling],
        "caveats": metric.caveat,
    }
    return {label: text for label, text in every.items() if text}


def metrics_page(metrics: Iterable[Metric] = METRICS.values()) -> str:
    """docs/metrics.md, with a last line feed; a new protocol leaves it as it is."""
    parts, all_of_them = [_INTRODUCTION], list(metrics)
    for group, title in TITLES.items():
        parts.append(f"## {title}")
        parts += [metric_section(metric) for metric in all_of_them if metric.group == group]
    return "\n\n".join(parts) + "\n"


def metric_section(metric: Metric) -> str:
    """Markdown section of one metric."""
    lines = []
    for label, text in facts(metric, general_words).items():
        if label != "group":  # the heading above says it
            lines.append(f"- *{label}*: {f'`{text}`' if label == 'formula' else text}")
    return f"### {metric.title} (`{metric.name}`)\n\n{metric.definition}\n\n" + "\n".join(lines)


def _better(metric: Metric) -> str:
    if metric.target is not None:
        return f"the nearer to {metric.target:g}{f' {metric.unit}' if metric.unit else ''}"
    return f"{metric.better}{' (for the recogniser)' if metric.group == 'recognition' else ''}"
