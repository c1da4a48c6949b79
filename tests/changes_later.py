"""Plug-ins that are as they should be at first, and others after some calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from faulty import Faulty, FaultyAnalyzer
from numpy.typing import NDArray

from deid_bench.analyzers.base import AnalyzerInfo
from deid_bench.benchmark.metrics.base import MetricInfo
from deid_bench.datasets.types import Image
from deid_bench.deidentifiers.base import MethodInfo, Request
from deid_bench.recognizers.base import RecognizerInfo

AFTER = 5
"""Calls that are as they should be."""


class Tires:
    """Inverts, and grows darker from some image on."""

    info = MethodInfo(name="tires", version="1", modality=("palm",), description="Grows darker", batch_size=1)

    def __init__(self) -> None:
        self._calls = 0

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        self._calls += 1
        return [255 - each.image // (1 + max(0, self._calls - AFTER)) for each in batch]


class Drifts(Faulty):
    """Its templates drift away from some crop on."""

    info = RecognizerInfo("drifts", "1", "palm", "Drifts", "CC0-1.0", "")

    def __init__(self) -> None:
        super().__init__()
        self._calls = 0

    def embed(self, crops: Sequence[Any]) -> NDArray[Any]:
        self._calls += 1
        return super().embed(crops) * (1 + max(0, self._calls - AFTER))


class Wanders(FaultyAnalyzer):
    """Its points wander from some image on."""

    info = AnalyzerInfo("wanders", "1", "palm", "Wanders", "CC0-1.0", "")

    def __init__(self) -> None:
        super().__init__("nowhere")
        self._calls = 0

    def analyze(self, images: Sequence[Image]) -> list[Any]:
        self._calls += 1
        by = np.float32(max(0, self._calls - AFTER) / 100)
        return [replace(each, keypoints_2d=each.keypoints_2d + by) for each in super().analyze(images)]


class Counts:
    """How often it was asked, which is nothing of the images."""

    info = MetricInfo(name="counts", version="1", description="Counts.", takes="images", better="lower")

    def __init__(self) -> None:
        self._calls = 0

    def measure(self, original: Image, deidentified: Image, analysis: Any) -> float:
        self._calls += 1
        return float(max(0, self._calls - AFTER))


class CountsComparisons:
    """The same, of distances."""

    info = MetricInfo(
        name="counts_comparisons", version="1", description="Counts.", takes="comparisons", better="lower"
    )

    def __init__(self) -> None:
        self._calls = 0

    def measure(self, comparisons: Any) -> float:
        self._calls += 1
        return float(self._calls)
