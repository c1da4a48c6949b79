"""A metric as one object: what computes it, what it is called, how it is shown, where it stands, how sure it is.

Terminal, tables, board, `explain`, the page docs/metrics.md and `verify` read this and keep no list of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

Group = Literal["privacy", "quality", "usability", "recognition", "cost"]
Direction = Literal["higher", "lower", "target"]

ColumnSet = Literal["privacy", "quality", "usability", "diversity", "cost", ""]
"""Set of columns of the board; empty for numbers that are about no method."""

Block = Literal["privacy", "retrieval", "quality", "usability", "images", "originals", "overview"]
"""`privacy` (`retrieval` under protocols with queries and a gallery), `quality`, `usability`, `images` and `originals`
are the blocks of the terminal; `overview` is the first look of the board."""

Source = Literal["distances", "rows", "images", "run"]
"""What of a record a number can be computed anew from: `distances.npz`, the rows of its images, the images themselves
or nothing, as only the run had it."""

Resampling = Literal["identities", "images", "none"]
"""What the bootstrap draws for its interval: identities with all that belongs to them; of images the identities and,
where there are several versions of each, the versions too; or nothing, and there is no interval."""

Facet = Literal["images", "comparisons", "queries", "threshold", "place", "predicate", "originals", "operating"]
"""What about a metric follows from the protocol; `reports.explanation` says it in words, protocol by protocol."""

NO_VALUE = "–"
"""What stands in every report where a number is absent."""

SETS: tuple[ColumnSet, ...] = ("privacy", "quality", "usability", "diversity", "cost")
"""Sets of columns in their order."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One reported number."""

    name: str
    """Key in records."""
    title: str
    """Heading in board, tables and figures."""
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
    function: Callable[..., object] = field(compare=False, repr=False)
    """What computes it; the same function may give several metrics."""
    source: Source
    attackers: bool = False
    """Whether it is what attackers who try find, so that it depends on which were tried."""
    target: float | None = None
    """The best value when `better` is `target`."""
    short: str = ""
    """Heading where there is little room; empty: the title."""
    retrieval_short: str = ""
    """The same under protocols with queries and a gallery, where it differs."""
    scale: float = 1.0
    """What the function's value is multiplied by to stand in the unit: 100 for shares in %."""
    decimals: int = 1
    """Digits after the point that reports show."""
    order: int = 1000
    """Place among the metrics of its group, smaller first."""
    columns: ColumnSet | None = None
    """None: the set of columns is the group's."""
    blocks: frozenset[Block] = frozenset()
    """Where it stands beside the full set of columns, which holds every metric."""
    resampling: Resampling = "none"
    protocol: tuple[Facet, ...] = ()
    """What the protocols decide, in the order to say it."""
    how: str = ""
    """What else is to be known about what it is computed over, the same in all protocols."""
    caveat: str = ""
    """What it must not be read as; empty when the definition says it all."""

    @property
    def column_set(self) -> ColumnSet:
        """Set of columns that it stands in; empty for numbers that are about no method."""
        if self.columns is not None:
            return self.columns
        return "" if self.group == "recognition" else self.group

    @property
    def heading(self) -> str:
        """Short heading."""
        return self.short or self.title

    @property
    def aim(self) -> float | None:
        """The best value, where there is one in the middle."""
        return self.target if self.better == "target" else None

    @property
    def unscaled_aim(self) -> float | None:
        """The same before it is multiplied by `scale`: as the function's values and their resamples have it."""
        return None if self.aim is None else self.aim / self.scale

    @property
    def range_words(self) -> str:
        """From where to where its numbers may lie, in its unit."""
        unit = f" {self.unit}" if self.unit else ""
        if self.low is None and self.high is None:
            return "unbounded"
        if self.high is None:
            return f"from {self.low:g}{unit}"
        if self.low is None:
            return f"up to {self.high:g}{unit}"
        return f"{self.low:g} to {self.high:g}{unit}"

    def may_be(self, value: float) -> bool:
        """Whether a number lies in the range."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def text(self, value: float) -> str:
        """A number as every report shows it; zero has no sign."""
        return f"{value:z.{self.decimals}f}"

    def bounds(self, low: float, high: float) -> tuple[str, str]:
        """Both ends of an interval, with up to three digits more where they would look alike."""
        for digits in range(self.decimals, self.decimals + 4):
            ends = f"{low:z.{digits}f}", f"{high:z.{digits}f}"
            if ends[0] != ends[1]:
                return ends
        return self.text(low), self.text(high)

    def goodness(self, value: float) -> float:
        """Larger is better, whatever the metric's direction."""
        if self.better == "target":
            return -abs(value - (self.target or 0.0))
        return value if self.better == "higher" else -value
