"""Metrics that fail on some images, or change what others use; taken in by their file."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from my_metrics import EdgeLoss, OwnRatio
from numpy.typing import NDArray

from deid_bench.benchmark.metrics.base import Comparisons, MetricInfo


class FailsOnSome(EdgeLoss):
    info: ClassVar[MetricInfo] = replace(EdgeLoss.info, name="fails_on_some")

    def measure(self, original: Any, deidentified: NDArray[Any], analysis: Any) -> float:
        if int(np.asarray(original, np.int64).sum()) % 2:
            raise ValueError("an odd sum")
        return super().measure(original, deidentified, analysis)


class ReplacesMedian(EdgeLoss):
    info: ClassVar[MetricInfo] = replace(EdgeLoss.info, name="replaces_median")

    def measure(self, original: Any, deidentified: NDArray[Any], analysis: Any) -> float:
        setattr(np, "median", lambda *_: 7.0)  # noqa: B010
        return super().measure(original, deidentified, analysis)


class ReplacesMedianOfDistances(OwnRatio):
    info: ClassVar[MetricInfo] = replace(OwnRatio.info, name="replaces_median_of_distances")

    def measure(self, comparisons: Comparisons) -> float:
        setattr(np, "median", lambda *_: 7.0)  # noqa: B010
        return super().measure(comparisons)
