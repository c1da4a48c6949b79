"""Datasets that support no rate of recognition: too few people, or nobody knows who is who."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..metrics.values import Undefined
from ..results.cell import CellResults, Distances
from ..results.tiles import Reader
from .numbers import Values

RATES = (
    "rr",
    "rr_cross",
    "dir",
    "dir_cross",
    "rank1_with_source",
    "rank1_without_source",
    "eer_effective",
    "eer",
    "fnmr_at_fmr_10",
    "fnmr_at_fmr_1",
    "fnmr_at_fmr_0_1",
    "d_prime",
)
"""What a reader would look for; each is absent with the dataset's reason."""


def report_no_rates(values: Values, reason: str, recognizers: Iterable[str]) -> None:
    """Record that there are no rates.

    Args:
        values: takes the absent numbers.
        reason: by the dataset.
        recognizers: by specification.
    """
    for name in recognizers:
        for metric in RATES:
            values.add(metric, Undefined(reason), 0, name)


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
