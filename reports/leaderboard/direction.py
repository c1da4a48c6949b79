"""Which of two values is the better one, and which methods no other beats."""

from __future__ import annotations

from collections.abc import Iterable

from ...benchmark.metrics.catalogue import METRICS


def goodness(metric: str, value: float) -> float:
    """Larger is better, whatever the metric's direction."""
    found = METRICS[metric]
    if found.better == "target":
        return -abs(value - (found.target or 0.0))
    return value if found.better == "higher" else -value


def dominated(own: tuple[float, float], rivals: Iterable[tuple[float, float]]) -> bool:
    """Whether a rival is at least as good in both numbers and better in one; both as `goodness` has them."""
    return any(a >= own[0] and b >= own[1] and (a, b) != own for a, b in rivals)
