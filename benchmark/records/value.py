"""A number of a record."""

from __future__ import annotations

from .layout import Model, Text


class Interval(Model):
    """Between which values the number lies with the given confidence, had other people of the same kind been taken."""

    low: float
    """Lower bound, in the metric's unit."""
    high: float
    """Upper bound."""
    level: float
    """Nominal coverage, 0..1."""
    method: Text
    """How it was computed."""


class Range(Model):
    """The least and the greatest that a number is over the thresholds that the originals leave open."""

    low: float
    """In the metric's unit."""
    high: float
    """In the metric's unit."""


class Value(Model):
    """One number, or the reason why there is none."""

    metric: Text
    """Name in the catalogue of metrics (`deid-bench list metrics`)."""
    recognizer: Text | None = None
    """Specification of the recogniser it was measured with; null for numbers that need none."""
    value: float | None
    """In the metric's unit; null when it cannot be had."""
    std: float | None = None
    """Population standard deviation over the samples, where the number is a mean."""
    interval: Interval | None = None
    """Confidence interval; null where none can be given."""
    n: int
    """How many comparisons or images stand behind it."""
    reason: Text | None = None
    """Why there is no value, or what is to be known about it."""
    range: Range | None = None
    """Between which values it lies over all thresholds of equal error, where the protocol looks at all of them; the
    value is that of the end that is worst for privacy."""
