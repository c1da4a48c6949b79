"""For datasets that ship palm squares instead of hands: the whole image is the palm square."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from ..datasets.types import Image
from .base import AnalyzerInfo, HandAnalysis, Missing
from .hand_checks import require_images, too_small

MAX_STRETCH = 1.1
"""Longer side over shorter side; what is less square than this is no palm square."""
PALM_WIDTH = 0.08
"""m, index MCP to little MCP of the hand that is assumed."""

# An open hand in units of its palm width: origin midway between index and little MCP, x towards the little finger, y
# towards the wrist. The means of 40 rendered hands; wrist and thumb base (0 and 1) moved outwards by up to 0.2, so that
# the palm polygon of `palm_region` contains the whole square.
_HAND = np.array(
    [
        *((0.33, 1.25), (-0.45, 0.98), (-0.74, 0.66), (-1.11, 0.46), (-1.42, 0.37)),
        *((-0.50, 0.00), (-0.64, -0.51), (-0.71, -0.81), (-0.76, -1.08)),
        *((-0.16, -0.10), (-0.28, -0.68), (-0.34, -1.03), (-0.38, -1.31)),
        *((0.17, -0.09), (0.14, -0.63), (0.14, -0.98), (0.12, -1.26)),
        *((0.50, 0.00), (0.48, -0.44), (0.50, -0.70), (0.50, -0.97)),
    ]
)
# The square `inner` of `palm_roi` on that hand: its upper left corner and its side.
_CORNER, _SIDE = np.array([-0.475, 0.055]), 0.85


class Precropped:
    """Takes every image as a palm square, as it is: nothing is looked for, turned or mirrored.

    Score 1, the mask all true, the box the whole image. The palm square is the image to the edge of its pixels (-0.5
    to W - 0.5), so that an image of 128 x 128 px reaches the recognisers unchanged. Images of other sizes are scaled;
    those whose sides differ by more than 10 % are no palm squares and give `Missing`.

    No keypoint can be known. Those reported are of a standard open hand, palm to the camera and index finger at the
    left, lying so that its square `inner` is the image: fingers and wrist are outside, the palm polygon contains the
    image, so that methods that repaint the palm repaint all of it. Handedness is always `left`, which is how such a
    picture looks; it says nothing about the person. Drifts are 0 for any method, and hand geometry knows nobody.
    """

    info: ClassVar[AnalyzerInfo] = AnalyzerInfo(
        name="precropped",
        version="1",
        modality="palm",
        description="takes each image as a palm square that was cut out before; finds nothing",
        licence="Apache-2.0",
        citation="deid-bench",
    )

    def analyze(self, images: Sequence[Image]) -> list[HandAnalysis | Missing]:
        """Describe each image on its own.

        Args:
            images: (H, W, 3) uint8 RGB each.

        Returns:
            One `HandAnalysis` or `Missing` per image, in order.

        Raises:
            TypeError: something is not an image as this toolkit defines it.
        """
        require_images(images)
        return [_describe(*image.shape[:2]) for image in images]


def _describe(height: int, width: int) -> HandAnalysis | Missing:
    if height * width == 0:
        return Missing("the image has no pixels")
    if max(height, width) > MAX_STRETCH * min(height, width):
        return Missing("the image is not square, so it is no palm square")
    keypoints = ((_HAND - _CORNER) * np.array([width, height]) / _SIDE - 0.5).astype(np.float32)
    if reason := too_small(keypoints):
        return Missing(reason)
    left, top, right, bottom = -0.5, -0.5, width - 0.5, height - 0.5
    flat = np.column_stack([_HAND - _HAND.mean(axis=0), np.zeros(len(_HAND))]) * PALM_WIDTH
    return HandAnalysis(
        box=np.array([left, top, right, bottom], np.float32),
        score=1.0,
        handedness="left",
        keypoints_2d=keypoints,
        keypoints_3d=flat.astype(np.float32),
        roi=np.array([[left, top], [right, top], [right, bottom], [left, bottom]], np.float32),
        mask=np.ones((height, width), np.bool_),
    )
