"""How well a recogniser works on the originals: without this, no privacy number means anything."""

from __future__ import annotations

from ...benchmark.metrics.metric import NO_VALUE
from ...benchmark.records.described import metrics_of
from ...benchmark.records.record import RunRecord


def on_originals(record: RunRecord, recognizer: str) -> str:
    """`EER 0.7 %, d' 4.03, …`: the record's numbers of the block `originals`.

    Args:
        record: of a run with it.
        recognizer: specification.
    """
    parts = []
    for metric in metrics_of([record]):
        value = record.value(metric.name, recognizer) if "originals" in metric.blocks else None
        if value is not None:
            text = NO_VALUE if value.value is None else f"{metric.text(value.value)} {metric.unit}".strip()
            parts.append(f"{metric.title} {text}")
    return ", ".join(parts) or "no numbers"
