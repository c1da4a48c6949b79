"""Datasets that support no rate of recognition: too few people, or nobody knows who is who."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..metrics.metric import Metric
from ..metrics.values import Undefined
from ..results.cell import CellResults, Distances, Setting
from ..results.tiles import Reader
from .numbers import Values


def rates(metrics: Iterable[Metric], repetitions: int) -> list[str]:
    """Numbers of a recogniser's distances that a run tells where nobody searches for queries alone.

    Those of attackers stand with the attacks: protocols decide nothing about them.

    Args:
        metrics: to choose from.
        repetitions: versions of each image; of one there is no diversity.
    """
    return [
        each.name
        for each in metrics
        if each.source == "distances"
        and each.protocol
        and "queries" not in each.protocol
        and (repetitions > 1 or each.column_set != "diversity")
    ]


def report_no_rates(values: Values, setting: Setting, recognizers: Iterable[str]) -> None:
    """Record that there are no rates: all that a reader would look for is absent with the dataset's reason.

    Args:
        values: takes the absent numbers.
        setting: why there are none.
        recognizers: by specification.
    """
    absent = rates(values.catalogue.values(), setting.repetitions)
    for name in recognizers:
        for metric in absent:
            values.add(metric, Undefined(setting.no_rates), 0, name)


def own_distances(results: CellResults, distances: Distances) -> dict[str, float | None]:
    """Distance of each version to its own original, by digest of its de-identify task; None where there is none."""
    rows = {each.deidentify.digest: row for row, each in enumerate(results.made)}
    columns = {each.sample_id: column for column, each in enumerate(results.usable)}
    own: dict[str, float | None] = {}
    reader = Reader(distances.deidentified)
    for each in results.versions:
        key = each.deidentify.digest
        value = float(reader.row(rows[key])[columns[each.sample.sample_id]]) if key in rows else math.nan
        own[key] = value if math.isfinite(value) else None
    return own
