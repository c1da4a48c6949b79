"""A face world in which a run takes seconds: five dots are the landmarks, the texture around them the identity."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deid_bench.analyzers.base import AnalyzerInfo, FaceAnalysis, Missing
from deid_bench.analyzers.face_alignment import TEMPLATE, align_face, similarity_to_template
from deid_bench.datasets.base import DatasetInfo, Failure, Sample
from deid_bench.datasets.types import Image
from deid_bench.deidentifiers.base import MethodInfo, Request
from deid_bench.recognizers.base import RecognizerInfo

SIDE = 112
DOTS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0), (0, 255, 255))
"""Colours of the landmarks, in their order; textures are grey."""


class ToyFaces:
    """Grey textures with five coloured dots, shifted in a larger frame; `blank` images show nothing.

    Like LFW, most people may have one image only: `singles` of them do.
    """

    info = DatasetInfo(
        name="toy-faces",
        version="1",
        modality="face",
        description="Textures with dots",
        licence="CC0-1.0",
        citation="",
        rendered=True,
    )

    def __init__(
        self, folder: str, identities: int = 8, samples: int = 3, singles: int = 0, blank: int = 0, noise: float = 14.0
    ) -> None:
        self._folder, self._blank, self._noise = Path(folder), blank, noise
        self._counts = [samples] * identities + [1] * singles

    def prepare(self, jobs: int = 1, progress: Any = None) -> None:
        from deid_bench.datasets.images import write_png

        self._folder.mkdir(parents=True, exist_ok=True)
        for number, (identity, sample) in enumerate(self._all()):
            path = self._path(identity, sample)
            if not path.exists():
                path.write_bytes(write_png(self._draw(identity, sample, number < self._blank)))

    def _all(self) -> list[tuple[int, int]]:
        return [(identity, sample) for identity, count in enumerate(self._counts) for sample in range(count)]

    def _path(self, identity: int, sample: int) -> Path:
        return self._folder / f"{identity:03d}_{sample}.png"

    def _draw(self, identity: int, sample: int, blank: bool) -> Image:
        image = np.full((140, 130, 3), 90, np.uint8)
        if blank:
            return image
        texture = np.random.default_rng([7, identity]).integers(60, 200, (14, 14))
        grain = np.random.default_rng([8, identity, sample]).normal(0, self._noise, (SIDE, SIDE))
        face = np.clip(np.kron(texture, np.ones((8, 8))) + grain, 40, 220).astype(np.uint8)[..., None].repeat(3, axis=2)
        for (x, y), colour in zip(TEMPLATE.round().astype(int), DOTS, strict=True):
            face[y - 2 : y + 3, x - 2 : x + 3] = colour
        left, top = np.random.default_rng([9, identity, sample]).integers(2, 12, 2)
        image[top : top + SIDE, left : left + SIDE] = face
        return image

    def samples(self) -> list[Sample]:
        made = []
        for identity, sample in self._all():
            path = self._path(identity, sample)
            sha = hashlib.sha256(path.read_bytes()).hexdigest()
            looks = {"looks": "odd" if identity % 2 else "even"}
            made.append(Sample(path.stem, f"id{identity:03d}", f"id{identity:03d}", path, sha, groups=looks))
        return made


class ToyFaceAnalyzer:
    """Finds the dots."""

    info = AnalyzerInfo("toy_face_analyzer", "1", "face", "Finds five dots", "CC0-1.0", "")

    def analyze(self, images: Sequence[Image]) -> list[Any]:
        return [self._one(image) for image in images]

    def _one(self, image: Image) -> Any:
        points = []
        for colour in DOTS:
            ys, xs = np.nonzero(np.abs(image.astype(int) - colour).max(axis=2) < 90)
            if not len(xs):
                return Missing("no dots")
            points.append((xs.mean(), ys.mean()))
        found = np.array(points, np.float32)
        low, high = found.min(axis=0) - 20, found.max(axis=0) + 15
        return FaceAnalysis(np.concatenate([low, high]).astype(np.float32), 0.9, found, None, None)


class ToyFaceRecognizer:
    """Correlates aligned faces, seen through blocks of some size."""

    info = RecognizerInfo("toy_face_recognizer", "1", "face", "Correlates pixels", "CC0-1.0", "")

    def __init__(self, block: int = 8) -> None:
        self.block = block

    def align(self, image: Image, analysis: Any) -> Any:
        if image.max() == image.min():
            return Failure("nothing to see")
        return align_face(image, analysis.landmarks_5)

    def embed(self, crops: Sequence[Any]) -> NDArray[Any]:
        size = SIDE // self.block
        cut = np.stack([crop[: size * self.block, : size * self.block].mean(axis=2) for crop in crops])
        blocks = cut.reshape(len(cut), size, self.block, size, self.block).mean(axis=(2, 4)).reshape(len(cut), -1)
        blocks -= blocks.mean(axis=1, keepdims=True)
        return np.asarray(blocks / (np.linalg.norm(blocks, axis=1, keepdims=True) + 1e-9))

    def distances(self, a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
        return np.asarray((1 - a @ b.T).clip(0, 2).astype(np.float32))


class ToyCoarseRecognizer(ToyFaceRecognizer):
    """Another one, which sees less."""

    info = RecognizerInfo("toy_coarse_recognizer", "1", "face", "Correlates coarse pixels", "CC0-1.0", "")

    def __init__(self, block: int = 16) -> None:
        super().__init__(block)


class ToyLookalike:
    """Mixes the nearest of its targets into the face; looks into a surrogate by name only."""

    info = MethodInfo(
        name="toy_lookalike",
        version="1",
        modality=("face",),
        description="Mixes targets in",
        licence="CC0-1.0",
        family="adversarial",
        needs=("targets",),
        targets=3,
    )

    def __init__(self, surrogate: str = "toy_face_recognizer", share: float = 0.8) -> None:
        self.surrogate, self.share = surrogate, share

    @staticmethod
    def knowledge_of(params: Mapping[str, Any]) -> str:
        return f"surrogate={params['surrogate']}"

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        return [self._one(request) for request in batch]

    def _one(self, request: Request) -> Any:
        aim = request.targets[request.seed % len(request.targets)]
        mixed = (1 - self.share) * request.image + self.share * aim.image
        return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)

    def repaints(self, request: Request) -> NDArray[Any]:
        transform = similarity_to_template(request.face.landmarks_5)
        return np.full(request.image.shape[:2], bool(np.isfinite(transform).all()))


class ToySame:
    """Gives every image back."""

    info = MethodInfo(
        name="toy_same", version="1", modality=("face",), description="Nothing", licence="CC0-1.0", family="sanity"
    )

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        return [request.image.copy() for request in batch]


class ToyBlank:
    """Leaves nothing to see, and refuses what was dark."""

    info = MethodInfo(
        name="toy_blank", version="1", modality=("face",), description="All grey", licence="CC0-1.0", needs=("donor",)
    )

    def __init__(self, darkest: float = 0.0) -> None:
        self.darkest = darkest

    def deidentify(self, batch: Sequence[Request]) -> list[Any]:
        made: list[Any] = []
        for request in batch:
            assert request.donor is not None
            dark = request.image.mean() < self.darkest
            made.append(Failure("too dark") if dark else np.full_like(request.donor.image, 128))
        return made
