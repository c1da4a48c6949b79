"""What came of one submission: a number for each column, or why there is no score."""

from __future__ import annotations

from dataclasses import dataclass, field

from ...benchmark.metrics.catalogue import METRICS
from ...benchmark.submission.verdict import Report
from .columns import Column


@dataclass(frozen=True, slots=True)
class Cell:
    """One column of one submission."""

    column: Column
    value: float | None
    """Computed here, in the metric's unit; None: there is none that is proved."""
    reason: str = ""
    """Why there is none."""

    @property
    def text(self) -> str:
        """As the page shows it."""
        metric = METRICS[self.column.metric]
        return "" if self.value is None else f"{metric.text(self.value)} {metric.unit}".strip()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one submission."""

    reason: str
    """Why it gets no score; empty where it gets one."""
    report: Report | None = None
    cells: list[Cell] = field(default_factory=list)

    @property
    def scores(self) -> dict[str, float]:
        """By key of the column; a number that there is none of is left out."""
        return {each.column.key: each.value for each in self.cells if each.value is not None}
