"""Metrics as a stranger would write them: one file, two classes, nothing else."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from deid_bench.benchmark.metrics.base import Comparisons, MetricInfo


class EdgeLoss:
    """How much of the vertical gradients goes.

    Args:
        gain: what it is multiplied by.
    """

    info: ClassVar[MetricInfo] = MetricInfo(
        name="edge_loss",
        version="1",
        description="Mean absolute difference of vertical gradients.",
        takes="images",
        better="lower",
        title="Edge loss",
        low=0.0,
        decimals=2,
        formula="mean |dy a - dy b|",
    )

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def measure(self, original: Any, deidentified: NDArray[Any], analysis: Any) -> float:
        first, second = (np.diff(each.astype(np.float64), axis=0) for each in (original, deidentified))
        return self.gain * float(np.abs(first - second).mean())


class OwnRatio:
    """The palm paper's contribution, written anew from its equation 4."""

    info: ClassVar[MetricInfo] = MetricInfo(
        name="own_ratio",
        version="1",
        description="De-identification ratio over own originals.",
        takes="comparisons",
        better="target",
        target=100.0,
        group="privacy",
        title="Own ratio",
        unit="%",
        decimals=1,
    )

    def measure(self, comparisons: Comparisons) -> float:
        g, i, d = comparisons.genuine, comparisons.impostor, comparisons.own
        reach = (g.mean() - d.mean()) / (g.mean() - i.mean())
        return float(100 * reach * np.sqrt(g.var() + i.var()) / np.sqrt(g.var() + d.var()))


class Broken:
    """Fails in three ways."""

    info: ClassVar[MetricInfo] = MetricInfo(
        name="broken", version="1", description="Never a number.", takes="comparisons", better="lower", group="privacy"
    )

    def __init__(self, how: str = "raise") -> None:
        self.how = how

    def measure(self, comparisons: Comparisons) -> Any:
        if self.how == "raise":
            raise KeyError("an odd\nmessage")
        return np.nan if self.how == "nan" else "seven"
