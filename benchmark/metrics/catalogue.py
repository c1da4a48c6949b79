"""What every reported number is: definition, unit, range, direction and source. Reports have it from here alone."""

from __future__ import annotations

from collections.abc import Iterable

from .metric import Metric
from .privacy.descriptions import PRIVACY_METRICS
from .quality.descriptions import QUALITY_METRICS
from .recognition.descriptions import RECOGNITION_METRICS
from .reidentification import REIDENTIFICATION_METRICS
from .usability.descriptions import COST_METRICS, USABILITY_METRICS


def _catalogue(metrics: Iterable[Metric]) -> dict[str, Metric]:
    table: dict[str, Metric] = {}
    for metric in metrics:
        if metric.name in table:
            raise ValueError(f"metric {metric.name!r} is described twice; remove one description")
        table[metric.name] = metric
    return table


METRICS: dict[str, Metric] = _catalogue(
    (
        *REIDENTIFICATION_METRICS,
        *PRIVACY_METRICS,
        *QUALITY_METRICS,
        *USABILITY_METRICS,
        *RECOGNITION_METRICS,
        *COST_METRICS,
    )
)
"""Every reported number by name, in the order of tables."""
