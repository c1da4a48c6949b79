"""Which methods no other beats in two numbers."""

from __future__ import annotations

from collections.abc import Iterable


def dominated(own: tuple[float, float], rivals: Iterable[tuple[float, float]]) -> bool:
    """Whether a rival is at least as good in both numbers and better in one; both as `Metric.goodness` has them."""
    return any(a >= own[0] and b >= own[1] and (a, b) != own for a, b in rivals)
