"""A recogniser whose distances are few steps, and a method that leaves originals at one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deid_bench.datasets.types import Image
from deid_bench.deidentifiers.base import MethodInfo, Request
from deid_bench.recognizers.base import RecognizerInfo


class Coarse:
    """Correlation in sixths."""

    info = RecognizerInfo("coarse", "1", "palm", "Correlates pixels, in sixths", "CC0-1.0", "")

    def align(self, image: Image, analysis: Any) -> Any:
        x0, y0, x1, y1 = analysis.box.astype(int)
        return np.ascontiguousarray(image[y0:y1:2, x0:x1:2])

    def embed(self, crops: Sequence[Any]) -> NDArray[Any]:
        vectors = np.stack([crop.mean(axis=2).ravel() for crop in crops]).astype(np.float64)
        vectors -= vectors.mean(axis=1, keepdims=True)
        return np.asarray(vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9))

    def distances(self, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(np.round(((1 - a @ b.T) / 2).clip(0, 1) * 6) / 6)


class Faint:
    """The same grey noise on every hand."""

    info = MethodInfo(name="faint", version="1", modality=("palm",), description="Faint noise", licence="CC0-1.0")

    def __init__(self, sigma: float = 20.0) -> None:
        self.sigma = sigma

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        return [self._one(each) for each in batch]

    def _one(self, request: Request) -> Image:
        noise = np.random.default_rng(1).normal(0, self.sigma, request.image.shape[:2])[..., None]
        mask = request.analysis.mask
        assert mask is not None
        hand = mask[..., None]
        return np.where(hand, np.clip(request.image + noise, 35, 255), request.image).astype(np.uint8)
