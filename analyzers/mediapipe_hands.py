"""The built-in hand analyzer: MediaPipe's published networks, run without MediaPipe."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..datasets.types import Hand, Image
from ..weights.files import weight
from .base import AnalyzerInfo, Missing
from .keypoint_hands import FoundHand, KeypointHands
from .masks import HandMasks, MaskMethod
from .palm_roi import RoiName, palm_width
from .sam2_masks import DEFAULT as SAM2

if TYPE_CHECKING:
    from .hand_pipeline import HandPipeline, RawHand
    from .hand_search import View

BOX_MARGIN = 0.25
"""The box is the keypoints' box grown by this many L on each side: fingertips end beyond their last joint."""


class MediapipeHands(KeypointHands):
    """MediaPipe Hands (palm detection full + hand landmark full, version 0.10.21).

    An image with several hands yields the one whose palm is detected best. Where none is found, the picture is turned
    by quarter turns and then continued beyond its border, and `found_by` says so. `score` is the landmark network's
    presence score. Handedness is the person's own hand when the palm faces the camera (the network itself answers for a
    mirrored selfie); where the network and the order of the keypoints disagree, the keypoints count, and
    `handedness_by` says so. The box is the keypoints' box grown by 0.25 L on each side and not clipped to the image; L
    is the distance index MCP - little MCP.

    Args:
        min_detection_confidence: palms below this score are not looked at, 0..1.
        min_presence: hands whose landmarks have a lower presence score are dropped, 0..1.
        roi: which palm square to report, see `palm_roi`: `inner` lies inside the palm polygon, `mcp` is larger,
            `valley` is the published valley frame.
        mask: how the hand's pixels are found: `grabcut` is seeded by the keypoints, `sam2` prompted by them.
        sam2: Hugging Face id or folder of the SAM 2 model, for `mask=sam2`.
        device: where SAM 2 runs: `cpu`, `cuda`, `cuda:N` or `mps`. MediaPipe's networks run on the CPU.

    Raises:
        ValueError: a parameter is out of its range.
    """

    info: ClassVar[AnalyzerInfo] = AnalyzerInfo(
        name="mediapipe_hands",
        version="2",
        modality="palm",
        description="palm detector and 21 hand landmarks of MediaPipe 0.10.21; GrabCut hand mask",
        licence="Apache-2.0",
        citation="Zhang et al., MediaPipe Hands: On-device Real-time Hand Tracking, arXiv:2006.10214, 2020",
        weights=("mediapipe-palm-detection", "mediapipe-hand-landmark"),
    )

    def __init__(
        self,
        min_detection_confidence: float = 0.5,
        min_presence: float = 0.5,
        roi: RoiName = "inner",
        mask: MaskMethod = "grabcut",
        sam2: str = SAM2,
        device: str = "cpu",
    ) -> None:
        for name, value in (("min_detection_confidence", min_detection_confidence), ("min_presence", min_presence)):
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"{name} must be in 0..1, got {value}")
        super().__init__(roi, HandMasks(mask, sam2, device))
        self.min_detection_confidence = min_detection_confidence
        self.min_presence = min_presence

    @staticmethod
    def weight_hashes(params: Mapping[str, Any]) -> dict[str, str]:
        """SHA-256 by name of the files that it always reads and of those that its parameters choose.

        Raises:
            WeightsError: they cannot be had.
        """
        from ..weights.files import digest

        always = {name: digest(name) for name in MediapipeHands.info.weights}
        return {**always, **MediapipeHands(**params)._masks.digests()}

    def find(self, image: Image) -> FoundHand | Missing:
        """The hand whose palm is detected best."""
        hands = self.find_all(image)
        return hands if isinstance(hands, Missing) else hands[0]

    def find_all(self, image: Image) -> list[FoundHand] | Missing:
        """Every hand, the one whose palm is detected best first."""
        from .hand_search import find_hands

        found = find_hands(self._ready(), image, self.min_detection_confidence, self.min_presence)
        if isinstance(found, str):
            return Missing(found)
        hands, view = found
        return [_found(hand, view) for hand in hands]

    def _ready(self) -> HandPipeline:
        if self._pipeline is None:
            from .hand_pipeline import HandPipeline

            palm, landmark = (weight(name) for name in self.info.weights)
            self._pipeline = HandPipeline(palm, landmark)
        pipeline: HandPipeline = self._pipeline
        return pipeline


def _found(hand: RawHand, view: View) -> FoundHand:
    from .hand_search import AS_IT_IS, side_of

    points = hand.keypoints_2d
    grow = np.float32(BOX_MARGIN * palm_width(points))
    said: Hand = "right" if hand.left_score >= 0.5 else "left"
    side = side_of(points)
    return FoundHand(
        box=np.concatenate([points.min(axis=0) - grow, points.max(axis=0) + grow]).astype(np.float32),
        score=hand.presence,
        handedness=side,
        keypoints_2d=points,
        keypoints_3d=hand.keypoints_3d,
        found_by="" if str(view) == AS_IT_IS else str(view),
        handedness_by="" if said == side else "the order of the keypoints, against the network",
    )
