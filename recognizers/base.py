"""What a recognizer is: align, embed, compare (floor 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..analyzers.base import HandAnalysis
from ..datasets.base import Failure, Image, Modality

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
class Recognizer(Protocol):
    """A recognition system. Distances: smaller is more alike, always."""

    info: ClassVar[RecognizerInfo]

    def align(self, image: Image, analysis: HandAnalysis) -> Image | Failure:
        """Cut the crop that `embed` wants (for example the 128 x 128 palm ROI)."""
        ...

    def embed(self, crops: Sequence[Image]) -> Templates:
        """Templates of the crops, one row each; a row depends on its crop alone."""
        ...

    def distances(self, a: Templates, b: Templates) -> NDArray[np.float32]:
        """(len(a), len(b)) float32; row i, column j compares a[i] with b[j]."""
        ...
