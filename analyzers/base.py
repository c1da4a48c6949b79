"""What an analyzer is: it finds hands or faces and says where (floor 2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..datasets.types import Hand, Image, Modality


@dataclass(frozen=True, slots=True)
class AnalyzerInfo:
    """What an analyzer says about itself; copied into every record."""

    name: str
    version: str
    """Raised whenever its output for the same image changes."""
    modality: Modality
    description: str
    licence: str
    citation: str
    weights: tuple[str, ...] = ()
    """Names of the weight files it reads; their hashes enter the digest."""


@dataclass(frozen=True, slots=True, eq=False)
class HandAnalysis:
    """One detected hand. Coordinates in px of the analysed image, x right, y down."""

    box: NDArray[np.float32]
    """(4,) x0 y0 x1 y1 around the hand."""
    score: float
    """Confidence that this is a hand, 0..1."""
    handedness: Hand
    """Which hand of the person it is (not mirrored)."""
    keypoints_2d: NDArray[np.float32]
    """(21, 2): 0 wrist, 1-4 thumb, 5-8 index, 9-12 middle, 13-16 ring, 17-20 little."""
    keypoints_3d: NDArray[np.float32]
    """(21, 3) in metres, origin near the hand's centre."""
    roi: NDArray[np.float32]
    """(4, 2) corners of the palm square in ROI order: top-left, top-right, bottom-right, bottom-left.

    Top is the finger side. Left and right are such that all hands come out alike: a ROI warped from these corners
    has the index finger at its left, for either hand (one of the two is thereby mirrored).
    """
    mask: NDArray[np.bool_]
    """(H, W), the hand's pixels."""
    found_by: str = ""
    """How it was found where a first look did not show it, in words that can be counted; empty when it did."""
    handedness_by: str = ""
    """Why `handedness` is not what the detector itself says, in words that can be counted; empty when it is."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceAnalysis:
    """One detected face. Coordinates in px of the analysed image, x right, y down."""

    box: NDArray[np.float32]
    """(4,) x0 y0 x1 y1 around the face."""
    score: float
    """Confidence that this is a face, 0..1."""
    landmarks_5: NDArray[np.float32]
    """(5, 2): left eye, right eye, nose tip, left and right mouth corner, as seen in the image."""
    landmarks_68: NDArray[np.float32] | None
    """(68, 2) in the iBUG 300-W order; None where the analyzer has no such model."""
    mask: NDArray[np.bool_] | None
    """(H, W), the face's pixels; None where the analyzer does not segment."""


Analysis = HandAnalysis | FaceAnalysis
"""What was found in one image; which of the two follows from the analyzer's modality."""


@dataclass(frozen=True, slots=True)
class Missing:
    """Nothing was found; `reason` is a short sentence without file names, so that reasons can be counted."""

    reason: str


@runtime_checkable
class FindsAll(Protocol):
    """An optional ability: an analyzer that finds every hand or face of a picture, as `deid-bench deidentify` needs."""

    def analyze_all(self, image: Image) -> Sequence[Analysis | Missing]:
        """The one of `analyze` first; a single `Missing` where there is none."""
        ...


@runtime_checkable
class Analyzer(Protocol):
    """Finds the hand or the face in an image. One result per image, in order; never raises for what the image shows.

    An analyzer of modality `palm` gives `HandAnalysis`, one of modality `face` gives `FaceAnalysis`.
    """

    info: ClassVar[AnalyzerInfo]

    def analyze(self, images: Sequence[Image]) -> Sequence[Analysis | Missing]: ...
