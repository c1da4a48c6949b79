"""What a recognizer is: align, embed, compare (floor 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..datasets.types import Failure, Image, Modality

Templates = NDArray[Any]
"""Row i belongs to sample i; dtype and trailing shape are the recognizer's own."""


@dataclass(frozen=True, slots=True)
class RecognizerInfo:
    """What a recognizer says about itself; copied into every record."""

    name: str
    version: str
    """Raised whenever templates or distances of the same crops change."""
    modality: Modality
    description: str
    licence: str
    citation: str
    training_data: str = "none"
    weights: tuple[str, ...] = ()


@runtime_checkable
class Differentiable(Protocol):
    """An optional ability: a face recogniser that methods may look into."""

    def network(self) -> Any:
        """A torch module in eval mode, parameters without gradients.

        It takes (n, 3, 112, 112) float32 RGB in 0..1, faces aligned to the ArcFace template, and gives (n, d) of unit
        length, differentiably. `embed` of 112 px crops and `network()` agree.
        """
        ...


@runtime_checkable
class Layered(Protocol):
    """An optional ability: a recogniser whose last layer an attacker may train further."""

    def before_last(self, crops: Sequence[Image]) -> NDArray[np.float32]:
        """(n, m) what enters the last layer; a row depends on its crop alone."""
        ...

    def last(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Weights (d, m) and offsets (d,): `embed` is `before_last(crops) @ weights.T + offsets`, up to its length."""
        ...


@runtime_checkable
class VectorTemplates(Protocol):
    """An optional ability: a recogniser whose templates are vectors, for searches in large galleries."""

    vector_distance: Literal["cosine", "angular", "euclidean"]
    """What `distances` gives of (n, d) templates: 1 - cos, the angle over pi, or |a - b|."""


@runtime_checkable
class Recognizer(Protocol):
    """A recognition system. Distances: smaller is more alike, always.

    A recogniser of modality `palm` is only ever given `HandAnalysis`, one of modality `face` only `FaceAnalysis`.

    A face recogniser that methods may look into is `Differentiable`, too; one that attackers may train is `Layered`;
    one whose templates are vectors may say so (`VectorTemplates`).
    """

    info: ClassVar[RecognizerInfo]

    def align(self, image: Image, analysis: Any) -> Image | Failure:
        """Cut the crop that `embed` wants (for example the 128 x 128 palm ROI, or the 112 x 112 face).

        Any (H, W, 3) uint8 array that `embed` reads will do.

        Args:
            image: (H, W, 3) uint8 RGB.
            analysis: `HandAnalysis` or `FaceAnalysis`, whichever the recogniser's modality says.
        """
        ...

    def embed(self, crops: Sequence[Image]) -> Templates:
        """Templates of the crops, one row each; a row depends on its crop alone."""
        ...

    def distances(self, a: Templates, b: Templates) -> NDArray[np.float32]:
        """(len(a), len(b)) float32; row i, column j compares a[i] with b[j], and is what b[j] gives with a[i]."""
        ...
