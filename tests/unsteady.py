"""A recogniser, an analyzer and attackers whose answers depend on more than they are given; taken in by their file."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from faulty import Faulty, FaultyAnalyzer
from informed import Cards, SortsCards
from numpy.typing import NDArray

from deid_bench.analyzers.base import AnalyzerInfo
from deid_bench.attackers.base import AttackerInfo, Auxiliary, State, Target
from deid_bench.datasets.types import Image
from deid_bench.deidentifiers.base import MethodInfo, Request
from deid_bench.recognizers.base import RecognizerInfo


def _noise(shape: tuple[int, ...]) -> NDArray[Any]:
    return np.frombuffer(os.urandom(int(np.prod(shape))), np.uint8).reshape(shape)


class Unsteady:
    """Correlates pixels, and something else beside; `nowhere` is the healthy one.

    Args:
        where: what depends on more than it should.
    """

    info = RecognizerInfo("unsteady", "1", "palm", "Says this and that", "CC0-1.0", "")

    def __init__(self, where: str = "nowhere") -> None:
        self._where = where
        self._healthy = Faulty()
        self._calls = 0

    def align(self, image: Image, analysis: Any) -> Any:
        crop = self._healthy.align(image, analysis)
        return _noise(crop.shape) if self._where == "align" else crop

    def embed(self, crops: Sequence[Any]) -> NDArray[Any]:
        vectors = self._healthy.embed(crops)
        self._calls += 1
        if self._where == "embed":
            return vectors + _noise(vectors.shape) / 1e4
        if self._where == "process":
            return vectors * (1 + os.getpid() / 1e7)
        if self._where == "counter":
            return vectors * (1 + self._calls / 100)
        return vectors

    def distances(self, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        found = self._healthy.distances(a, b)
        if self._where == "block":  # which is also its own when it is asked for a pair
            return np.asarray(found / found.max())
        if self._where == "first":
            return np.asarray(found * (1 + np.abs(a[0, 0])))
        if self._where == "distances":
            return np.asarray(found * (1 + _noise(found.shape) / 1000))
        if self._where == "few":
            if len(a) < 3:
                raise ValueError("too few to normalise by")
            return found
        if self._where == "angle":  # makes much of the rounding of small ones
            single = a.astype(np.float32) @ b.astype(np.float32).T
            return np.asarray(np.arccos(single.clip(-1, 1)) / np.pi)
        return found


class UnsteadyAnalyzer(FaultyAnalyzer):
    """Takes whatever is bright for the hand; its points tremble where it is told so."""

    info = AnalyzerInfo("unsteady_analyzer", "1", "palm", "Trembles", "CC0-1.0", "")

    def __init__(self, trembles: bool = True) -> None:
        super().__init__("nowhere")
        self._trembles = trembles

    def analyze(self, images: Sequence[Image]) -> list[Any]:
        found = super().analyze(images)
        if not self._trembles:
            return found
        return [replace(each, keypoints_2d=each.keypoints_2d + _noise((21, 2)) / 100) for each in found]


class AnalyzerOfItsProcess(FaultyAnalyzer):
    """Takes whatever is bright for the hand, and moves its points by the process that it is in."""

    info = AnalyzerInfo("analyzer_of_its_process", "1", "palm", "Moves", "CC0-1.0", "")

    def __init__(self) -> None:
        super().__init__("nowhere")

    def analyze(self, images: Sequence[Image]) -> list[Any]:
        found = super().analyze(images)
        return [replace(each, keypoints_2d=each.keypoints_2d + np.float32(os.getpid() / 1000)) for each in found]


class SaltsItsImages:
    """Colours a corner by a hash, which Python salts in every process; all distances stay in their place."""

    info = MethodInfo("salts_its_images", "1", ("palm",), "Paints by a hash")

    def deidentify(self, batch: Sequence[Request]) -> list[Image]:
        salt = (hash("a constant") % 2**64).to_bytes(8, "little")
        made = [255 - each.image for each in batch]
        for each in made:
            each[0, 0] = np.frombuffer(salt, np.uint8)[:3]
        return made


class EndsItsProcess:
    """Ends its process at one image.

    Args:
        image: SHA-256 of its pixels.
    """

    info = MethodInfo("ends_its_process", "1", ("palm",), "Ends its process")

    def __init__(self, image: str = "") -> None:
        self._image = image

    def deidentify(self, batch: Sequence[Request]) -> list[Image]:
        for each in batch:
            if hashlib.sha256(each.image.tobytes()).hexdigest() == self._image:
                os.kill(os.getpid(), signal.SIGKILL)
        return [255 - each.image for each in batch]


class UnsteadyAdapter:
    """Compares templates by their angle, and by something else where it is told so."""

    info = AttackerInfo(
        "unsteady_adapter", "1", ("palm",), "recognizer", "Compares by the angle", "nothing", licence="CC0-1.0"
    )

    def __init__(self, trembles: bool = True) -> None:
        self._trembles = trembles

    def lacks(self, target: Target) -> str:
        return ""

    def adapt(self, auxiliary: Auxiliary) -> State:
        return {"people": np.unique(auxiliary.people)}

    def distances(self, state: State, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        a /= np.linalg.norm(a, axis=1, keepdims=True)  # what it is given is its own
        found = 2 - a @ b.T
        return np.asarray(found + _noise(found.shape) if self._trembles else found)


class TremblingSorter(SortsCards):
    """Puts the rows back, not without noise."""

    info = replace(SortsCards.info, name="trembling_sorter")

    def restore(self, published: Any) -> Any:
        return super().restore(published) ^ (_noise(published.image.shape) & 1)


class LightTremblingSorter(TremblingSorter):
    """As its parent; its images are made anew wherever they are looked at."""

    info = replace(SortsCards.info, name="light_trembling_sorter", light=True)


class LightSorter(SortsCards):
    info = replace(SortsCards.info, name="light_sorter", light=True)


class Trembled(Cards):
    info = replace(Cards.info, attacks=("TremblingSorter",))


class LightTrembled(Cards):
    info = replace(Cards.info, attacks=("LightTremblingSorter",))


class LightCards(Cards):
    info = replace(Cards.info, attacks=("LightSorter",))
