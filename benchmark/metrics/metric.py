"""The shape of a metric's description; the descriptions themselves are in `metrics` and the modules it gathers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Group = Literal["privacy", "quality", "usability", "recognition", "cost"]
Direction = Literal["higher", "lower", "target"]


@dataclass(frozen=True, slots=True)
class Metric:
    """Description of one reported number."""

    name: str
    """Key in records."""
    title: str
    """Short heading for tables and figures."""
    group: Group
    unit: str
    """`%`, `dB`, `s`, … ; empty for pure numbers."""
    better: Direction
    """Which way is better for a de-identification method (for `recognition`: for the recogniser itself)."""
    low: float | None
    """Smallest possible value; None when unbounded."""
    high: float | None
    """Largest possible value; None when unbounded."""
    definition: str
    """One or two sentences."""
    formula: str
    citation: str
    target: float | None = None
    """The best value when `better` is `target`."""
    how: str = ""
    """What the protocols compute it over, and where they differ."""
    caveat: str = ""
    """What it must not be read as; empty when the definition says it all."""
