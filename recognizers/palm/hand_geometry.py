"""Hand geometry: a few proportions of the hand, from the analyzer's keypoints alone; no pixel is looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...analyzers.base import HandAnalysis
from ...datasets.types import Failure, Image
from ..base import RecognizerInfo, Templates

BONES = tuple(tuple((joint, joint + 1) for joint in range(first, first + 3)) for first in (1, 5, 9, 13, 17))
"""The bones of each finger from its lowest joint to its tip, thumb to little finger, as pairs of keypoints."""
GAPS = ((5, 9), (9, 13), (13, 17))
"""Neighbouring MCP joints."""
SPREAD = np.array([0.046, 0.023, 0.026, 0.023, 0.024, 0.016, 0.009, 0.029])
"""Standard deviation of each log ratio between images of one palm: 40 rendered palms that no benchmark contains, six
images each, keypoints of mediapipe_hands (`training/hand_geometry/fit.py`)."""

_CROP = (7, 8, 3)
_POINTS = (21, 2)


class HandGeometry:
    """Eight proportions: the length of each finger and the widths between neighbouring MCP joints, over the palm's.

    A finger's length is the sum of its three bones, the palm's width the distance index MCP - little MCP, all in the
    image. The distance is the root mean square difference of the logarithms, each divided by its spread between images
    of one palm (`SPREAD`); about 1.4 between images of one palm.

    It shows what is left of a person when the palm alone is de-identified. What it sees are the keypoints it is aligned
    by: under a protocol that aligns by the original's keypoints (palm/1.0) all versions of an image are equal to it.
    """

    info: ClassVar[RecognizerInfo] = RecognizerInfo(
        name="hand_geometry",
        version="1",
        modality="palm",
        description="Finger lengths and MCP distances over the palm's width, from keypoints alone; no pixels.",
        licence="Apache-2.0",
        citation=(
            "After R. Sanchez-Reillo, C. Sanchez-Avila, A. Gonzalez-Marcos. Biometric identification through hand "
            "geometry measurements. IEEE Trans. Pattern Analysis and Machine Intelligence 22(10), 1168-1171, 2000."
        ),
        training_data="8 scale factors from rendered palms",
    )

    def align(self, image: Image, analysis: HandAnalysis) -> Image | Failure:
        """The keypoints' bytes.

        Args:
            image: not looked at.
            analysis: where the hand is.

        Returns:
            (7, 8, 3) uint8, an image in shape only: the (21, 2) float32 keypoints byte by byte, which `embed` reads
            back. A Failure where two keypoints that bound a length coincide, or are not finite.
        """
        points = np.asarray(analysis.keypoints_2d, np.float32)
        if points.shape != _POINTS or not np.isfinite(points).all():
            return Failure("keypoints are missing or not finite")
        if not np.isfinite(log_ratios(points)).all():
            return Failure("keypoints coincide")
        return points.astype("<f4").view(np.uint8).reshape(_CROP)

    def embed(self, crops: Sequence[Image]) -> Templates:
        """Templates of what `align` gave.

        Args:
            crops: (7, 8, 3) uint8 each.

        Returns:
            (n, 8) float32: logarithms of the ratios in units of `SPREAD`; fingers from the thumb on, then gaps from
            the index finger on.

        Raises:
            ValueError: a crop is none of `align`.
        """
        templates = np.empty((len(crops), len(SPREAD)), np.float32)
        for index, crop in enumerate(crops):
            if crop.shape != _CROP or crop.dtype != np.uint8:
                raise ValueError(
                    f"hand_geometry: expected what align() gives, shape {_CROP} and dtype uint8, "
                    f"got {crop.shape} and {crop.dtype} at index {index}"
                )
            points = np.frombuffer(crop.tobytes(), "<f4").reshape(_POINTS)
            templates[index] = log_ratios(points) / SPREAD
        return templates

    def distances(self, a: Templates, b: Templates) -> NDArray[np.float32]:
        """Root mean square differences of all pairs, >= 0.

        Args:
            a: (n, 8) float32.
            b: (m, 8) float32.

        Returns:
            (n, m) float32.

        Raises:
            ValueError: the arrays are not templates of this recognizer.
        """
        for templates in (a, b):
            if templates.ndim != 2 or templates.shape[1] != len(SPREAD):
                raise ValueError(
                    f"hand_geometry: expected templates of shape (n, {len(SPREAD)}), got {templates.shape}; "
                    "compare only templates that hand_geometry has made"
                )
        squares = np.zeros((len(a), len(b)))
        for left, right in zip(a.T.astype(np.float64), b.T.astype(np.float64), strict=True):
            squares += (left[:, None] - right[None]) ** 2
        return np.sqrt(squares / len(SPREAD)).astype(np.float32)


def log_ratios(points: NDArray[np.float32]) -> NDArray[np.float64]:
    """(8,) logarithms of the lengths over the palm's width; not finite where a length is 0."""

    def length(first: int, second: int) -> float:
        return float(np.linalg.norm(points[second].astype(np.float64) - points[first]))

    fingers = [sum(length(*bone) for bone in bones) for bones in BONES]
    with np.errstate(divide="ignore", invalid="ignore"):
        lengths = np.array([*fingers, *(length(*gap) for gap in GAPS)])
        ratios: NDArray[np.float64] = np.log(lengths) - np.log(length(GAPS[0][0], GAPS[-1][1]))
    return ratios
