"""One plug-in of each kind, small and quick: hands are bright squares whose texture is the identity."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deid_bench.analyzers.base import AnalyzerInfo, HandAnalysis, Missing
from deid_bench.datasets.base import DatasetInfo, Sample
from deid_bench.datasets.types import Image
from deid_bench.deidentifiers.base import MethodInfo, Request
from deid_bench.recognizers.base import RecognizerInfo

HEIGHT, WIDTH, SIDE = 96, 80, 48
TOP, LEFT = 24, 16


class ToyHands:
    """Squares with a texture per identity; `blank` of them show nothing."""

    info = DatasetInfo(
        name="toy-hands",
        version="1",
        modality="palm",
        description="Bright squares",
        licence="CC0-1.0",
        citation="",
        rendered=True,
    )

    def __init__(self, folder: str, identities: int = 6, samples: int = 3, blank: int = 0) -> None:
        self._folder, self._identities, self._samples, self._blank = Path(folder), identities, samples, blank

    def prepare(self, jobs: int = 1, progress: Any = None) -> None:
        from deid_bench.datasets.images import write_png

        self._folder.mkdir(parents=True, exist_ok=True)
        for identity in range(self._identities):
            for sample in range(self._samples):
                path = self._path(identity, sample)
                if not path.exists():
                    path.write_bytes(write_png(self._draw(identity, sample)))

    def _path(self, identity: int, sample: int) -> Path:
        return self._folder / f"{identity:02d}_{sample}.png"

    def _draw(self, identity: int, sample: int) -> Image:
        image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
        number = identity * self._samples + sample
        if number < self._blank:
            image[0, 0] = number  # no two files alike: copies are not used
            return image
        texture = np.random.default_rng([5, identity]).integers(70, 230, (12, 12))
        noise = np.random.default_rng([6, identity, sample]).normal(0, 12, (SIDE, SIDE))
        square = np.clip(np.kron(texture, np.ones((4, 4))) + noise, 40, 255).astype(np.uint8)
        image[TOP : TOP + SIDE, LEFT : LEFT + SIDE] = square[..., None]
        return image

    def samples(self) -> list[Sample]:
        made = []
        for identity in range(self._identities):
            for sample in range(self._samples):
                path = self._path(identity, sample)
                sha = hashlib.sha256(path.read_bytes()).hexdigest()
                made.append(Sample(path.stem, f"id{identity}", f"person{identity}", path, sha))
        return made


class ToyAnalyzer:
    """Takes whatever is bright for the hand."""

    info = AnalyzerInfo("toy_analyzer", "1", "palm", "Finds what is bright", "CC0-1.0", "")

    def analyze(self, images: Sequence[Image]) -> list[Any]:
        return [self._one(image) for image in images]

    def _one(self, image: Image) -> Any:
        mask = image.max(axis=2) > 30
        if mask.mean() < 0.05:
            return Missing("nothing bright")
        ys, xs = np.nonzero(mask)
        x0, y0, x1, y1 = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
        unit = np.stack(np.meshgrid(np.linspace(0, 1, 7), np.linspace(0, 1, 3)), -1).reshape(21, 2)
        unit[[0, 1, 2, 5, 9, 13, 17]] = [(0.5, 1), (0, 0.9), (0, 0.5), (0, 0), (0.3, 0), (0.6, 0), (1, 0)]
        points = (unit * [x1 - x0, y1 - y0] + [x0, y0]).astype(np.float32)
        roi = np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float32)
        depth = np.concatenate([points / 1000, np.zeros((21, 1))], 1).astype(np.float32)
        box = np.array([x0, y0, x1, y1], np.float32)
        return HandAnalysis(box, 0.9, "left", points, depth, roi, mask)


class ToyRecognizer:
    """Compares the squares by correlation."""

    info = RecognizerInfo("toy_recognizer", "1", "palm", "Correlates pixels", "CC0-1.0", "")

    def align(self, image: Image, analysis: Any) -> Any:
        x0, y0, x1, y1 = analysis.box.astype(int)
        crop = image[y0:y1, x0:x1]
        rows = np.linspace(0, crop.shape[0] - 1, 24).astype(int)
        columns = np.linspace(0, crop.shape[1] - 1, 24).astype(int)
        return np.ascontiguousarray(crop[rows][:, columns])

    def embed(self, crops: Sequence[Any]) -> NDArray[Any]:
        vectors = np.stack([crop.mean(axis=2).ravel() for crop in crops]).astype(np.float64)
        vectors -= vectors.mean(axis=1, keepdims=True)
        return np.asarray(vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + 1e-9))

    def distances(self, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(((1 - a @ b.T) / 2).clip(0, 1).astype(np.float32))


class ToyNoise:
    """Adds seeded noise to the hand."""

    info = MethodInfo(
        name="toy_noise", version="1", modality=("palm",), description="Adds noise", stochastic=True, licence="CC0-1.0"
    )

    def __init__(self, strength: float = 60.0) -> None:
        if not 0 < strength <= 255:
            raise ValueError(f"strength should be in (0, 255], got {strength}")
        self.strength = strength

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        results = []
        for request in batch:
            noise = np.random.default_rng(request.seed).normal(0, self.strength, request.image.shape)
            noisy = np.clip(request.image + noise, 35, 255).astype(np.uint8)
            assert request.analysis.mask is not None
            results.append(np.where(request.analysis.mask[..., None], noisy, request.image))
        return results
