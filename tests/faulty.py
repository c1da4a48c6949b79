"""A recogniser and an analyzer that fail now and then, in every way that there is; taken in by their file."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deid_bench.analyzers.base import AnalyzerInfo, HandAnalysis, Missing
from deid_bench.datasets.types import Failure, Image
from deid_bench.deidentifiers.base import Request
from deid_bench.recognizers.base import RecognizerInfo


def _some(array: NDArray[Any]) -> bool:
    """About a third of all images, the same ones every time."""
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).digest()[0] % 3 == 0


class Unspeakable(Exception):
    """An exception that cannot even say what it is about."""

    def __str__(self) -> str:
        raise RuntimeError


class Faulty:
    """Correlates pixels, with a fault: `nowhere` is the healthy one."""

    info = RecognizerInfo("faulty", "1", "palm", "Fails now and then", "CC0-1.0", "")

    def __init__(self, fault: str = "nowhere") -> None:
        self._fault = fault

    def align(self, image: Image, analysis: Any) -> Any:
        x0, y0, x1, y1 = analysis.box.astype(int)
        crop = np.ascontiguousarray(image[y0:y1, x0:x1][::2, ::2])
        dark = crop.mean() < 60
        if self._fault == "no crop":
            return None
        if self._fault == "align" and _some(crop):
            raise RuntimeError("align fell over\n\x1b[31mbadly")
        if self._fault == "dark" and dark:
            raise RuntimeError("too dark for me")
        return crop

    def embed(self, crops: Sequence[Any]) -> NDArray[Any]:
        if self._fault == "checkpoint":
            raise OSError("checkpoint.bin is no checkpoint")
        vectors = np.stack([np.resize(crop.mean(axis=2), 576) for crop in crops]).astype(np.float64)
        vectors -= vectors.mean(axis=1, keepdims=True)
        if self._fault == "unspeakable":
            raise Unspeakable
        if self._fault == "lengths":
            return vectors[:, : 300 + _some(vectors)]
        if self._fault == "words":
            return vectors.astype(str)
        return np.asarray(vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9))

    def distances(self, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        found = ((1 - a @ b.T) / 2).clip(0, 1)
        if self._fault == "zero by zero":  # as where a cosine divides by lengths
            found[~a.any(axis=1)] = found[:, ~b.any(axis=1)] = np.nan
        if self._fault == "raises":
            raise ArithmeticError("no")
        if self._fault == "masked":
            return np.ma.masked_array(found, np.ones(found.shape, bool))
        if self._fault == "wrong shape":
            return np.asarray(found[:, :-1])
        if self._fault == "no distances":
            return np.full(found.shape, np.nan)
        if self._fault == "itself":
            found[found < 1e-9] = np.nan
        if self._fault in ("one image", "infinite", "negative", "lopsided"):
            odd = np.array([_some(each) for each in a])[:, None] & np.array([_some(each) for each in b])[None]
            other = {"one image": np.nan, "infinite": np.inf, "negative": -1.0}.get(self._fault)
            found = np.where(odd, found * (1 + 0.1 * a[:, :1]) if other is None else other, found)
        return np.asarray(found)


class FaultyAnalyzer:
    """Takes whatever is bright for the hand; crashes where it is told to."""

    info = AnalyzerInfo("faulty_analyzer", "1", "palm", "Crashes", "CC0-1.0", "")

    def __init__(self, fault: str = "originals") -> None:
        self._fault = fault

    def analyze(self, images: Sequence[Image]) -> list[Any]:
        return [self._one(image) for image in images]

    def _one(self, image: Image) -> Any:
        grey = len(np.unique(image)) < 10
        if self._fault == "nothing":
            return Missing("nobody here")
        if (self._fault == "originals" and not grey and _some(image)) or (self._fault == "again" and grey):
            raise RuntimeError("the detector fell over")
        mask = image.max(axis=2) > 30
        ys, xs = np.nonzero(mask)
        x0, y0, x1, y1 = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
        points = (np.random.default_rng(1).random((21, 2)) * [x1 - x0, y1 - y0] + [x0, y0]).astype(np.float32)
        roi = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float32)
        depth = np.concatenate([points / 1000, np.zeros((21, 1))], 1).astype(np.float32)
        return HandAnalysis(np.array([x0, y0, x1, y1], np.float32), 0.9, "left", points, depth, roi, mask)


class SeesSome(FaultyAnalyzer):
    """Crashes on all but some images.

    Args:
        seen: beginnings of the SHA-256 of their pixels, joined by +.
    """

    info = AnalyzerInfo("sees_some", "1", "palm", "Crashes", "CC0-1.0", "")

    def __init__(self, seen: str = "") -> None:
        super().__init__("nowhere")
        self._seen = seen.split("+")

    def _one(self, image: Image) -> Any:
        if hashlib.sha256(image.tobytes()).hexdigest()[:8] not in self._seen:
            raise RuntimeError("the detector fell over")
        return super()._one(image)


class Blackens:
    """Paints about a third of the images black, and leaves the others as they are."""

    from deid_bench.deidentifiers.base import MethodInfo

    info = MethodInfo(name="blackens", version="1", modality=("palm",), description="Paints", licence="CC0-1.0")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        return [request.image * 0 + 50 if _some(request.image) else request.image.copy() for request in batch]


class Veils:
    """Halves the contrast of the middle of the square, and says so."""

    from deid_bench.deidentifiers.base import MethodInfo

    info = MethodInfo(name="veils", version="1", modality=("palm",), description="Veils", licence="CC0-1.0")

    def repaints(self, request: Request) -> NDArray[Any]:
        region = np.zeros(request.image.shape[:2], bool)
        region[28:68, 20:60] = True
        return region

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        return [np.where(self.repaints(each)[..., None], each.image // 2 + 64, each.image) for each in batch]


class VeilsSome(Veils):
    """As `Veils`, of the images that it does not refuse."""

    info = replace(Veils.info, name="veils_some")

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        return [
            Failure("no luck") if _some(each.image) else super(VeilsSome, self).deidentify([each])[0] for each in batch
        ]
