"""A recogniser as a stranger would write it: one file, one class, nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from deid_bench.recognizers.base import RecognizerInfo


class ColourPalette:
    """Compares how often each brightness occurs in the middle of the hand.

    Args:
        bins: of the histogram.
    """

    info: ClassVar[RecognizerInfo] = RecognizerInfo(
        "colour_palette", "1", "palm", "Histogram of the brightness of the palm.", "CC0-1.0", ""
    )

    def __init__(self, bins: int = 16) -> None:
        self.bins = bins

    def align(self, image: NDArray[Any], analysis: Any) -> NDArray[Any]:
        x0, y0, x1, y1 = analysis.box.astype(int)
        return np.ascontiguousarray(image[y0:y1, x0:x1])

    def embed(self, crops: Sequence[NDArray[Any]]) -> NDArray[Any]:
        counts = [np.histogram(crop, self.bins, (0, 256))[0] / max(crop.size, 1) for crop in crops]
        return np.array(counts, dtype=np.float64).reshape(len(crops), self.bins)

    def distances(self, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        apart = np.abs(a[:, None] - b[None]).sum(axis=2) / 2
        return np.asarray(apart, dtype=np.float32)
