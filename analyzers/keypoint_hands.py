"""What the keypoint-based hand analyzers share: from a hand's keypoints to its analysis, or why there is none."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..datasets.types import Hand, Image
from .base import AnalyzerInfo, HandAnalysis, Missing
from .hand_checks import cut_off, require_images, too_small
from .masks import HandMasks
from .palm_roi import ROIS, RoiName


@dataclass(frozen=True, slots=True, eq=False)
class FoundHand:
    """A hand as a network gives it. Shapes and units as in `HandAnalysis`."""

    box: NDArray[np.float32]
    score: float
    handedness: Hand
    keypoints_2d: NDArray[np.float32]
    keypoints_3d: NDArray[np.float32]
    found_by: str = ""
    handedness_by: str = ""


class KeypointHands(ABC):
    """An analyzer that finds 21 keypoints; palm square and mask follow from them.

    Args:
        roi: which palm square to report, see `palm_roi`.
        masks: how the hand's pixels are found.

    Raises:
        ValueError: there is no such palm square.
    """

    info: ClassVar[AnalyzerInfo]

    def __init__(self, roi: RoiName, masks: HandMasks) -> None:
        if roi not in ROIS:
            raise ValueError(f"roi must be one of {', '.join(ROIS)}, got {roi!r}")
        self.roi: RoiName = roi
        self._masks = masks
        self._pipeline: Any = None
        """The networks, loaded when the first image comes."""

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_pipeline": None}  # each process loads its own

    @abstractmethod
    def find(self, image: Image) -> FoundHand | Missing:
        """The hand in one image that has pixels."""

    def analyze(self, images: Sequence[Image]) -> list[HandAnalysis | Missing]:
        """Analyse each image on its own.

        Args:
            images: (H, W, 3) uint8 RGB each, of any size.

        Returns:
            One `HandAnalysis` or `Missing` per image, in order.

        Raises:
            TypeError: something is not an image as this toolkit defines it.
            ToolError: an external tool does not work here.
            WeightsError: the networks' files are absent and cannot be fetched.
        """
        require_images(images)
        return [self._analyze_one(image) for image in images]

    def find_all(self, image: Image) -> Sequence[FoundHand] | Missing:
        """Every hand in one image that has pixels, the one of `find` first; that one alone where no more are known."""
        hand = self.find(image)
        return hand if isinstance(hand, Missing) else [hand]

    def analyze_all(self, image: Image) -> list[HandAnalysis | Missing]:
        """Every hand in one image, the one of `analyze` first; a single `Missing` where there is none.

        Args:
            image: (H, W, 3) uint8 RGB.

        Raises:
            As `analyze`.
        """
        require_images([image])
        if image.size == 0:
            return [Missing("the image has no pixels")]
        hands = self.find_all(image)
        return [hands] if isinstance(hands, Missing) else [self._finished(image, hand) for hand in hands]

    def _analyze_one(self, image: Image) -> HandAnalysis | Missing:
        if image.size == 0:
            return Missing("the image has no pixels")
        hand = self.find(image)
        return hand if isinstance(hand, Missing) else self._finished(image, hand)

    def _finished(self, image: Image, hand: FoundHand) -> HandAnalysis | Missing:
        if reason := too_small(hand.keypoints_2d):
            return Missing(reason)
        roi = ROIS[self.roi](hand.keypoints_2d)
        if reason := cut_off(roi, image.shape):
            return Missing(reason)
        return HandAnalysis(
            box=hand.box,
            score=hand.score,
            handedness=hand.handedness,
            keypoints_2d=hand.keypoints_2d,
            keypoints_3d=hand.keypoints_3d,
            roi=roi,
            mask=self._masks(image, hand.keypoints_2d),
            found_by=hand.found_by,
            handedness_by=hand.handedness_by,
        )
