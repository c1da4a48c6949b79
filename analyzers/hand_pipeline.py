"""The two-stage hand pipeline: palm detector, rotated crop, landmark network, back to the image.

Crop geometry, thresholds and post-processing follow the hand graphs of MediaPipe 0.10.21 (Zhang et al. 2020,
arXiv:2006.10214; Apache-2.0) so that the published networks see what they were trained on; `docs/analyzers.md` says how
closely. Only the TensorFlow Lite interpreter is needed, not MediaPipe itself.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from ..datasets.types import Image
from .litert_network import LiteRtNetwork
from .ssd_anchors import INPUT_SIZE, PalmCandidate, decode

LANDMARK_SIZE = 224
CROP_SCALE = 2.6
CROP_SHIFT = -0.5
"""The crop's centre lies half a palm box from the palm's centre towards the fingers."""
MAX_SIDE = 16384
"""OpenCV warps no image with a side of 32767 px or more; larger images are shrunk first."""


@dataclass(frozen=True, slots=True, eq=False)
class Crop:
    """A rotated square in the image."""

    centre: NDArray[np.float64]
    """(2,) px."""
    side: float
    """px."""
    rotation: float
    """Radians, clockwise on the screen; 0 when the fingers point up."""

    def to_input(self, size: int) -> NDArray[np.float64]:
        """(2, 3) affine map from image px to px of a `size` x `size` input."""
        cos, sin = math.cos(self.rotation), math.sin(self.rotation)
        linear = np.array([[cos, sin], [-sin, cos]]) * (size / self.side)
        return np.column_stack([linear, size / 2 - linear @ self.centre])


@dataclass(frozen=True, slots=True, eq=False)
class RawHand:
    """What the networks say about one hand."""

    palm_score: float
    presence: float
    """0..1, of the landmark network."""
    left_score: float
    """0..1, that a person looking into a mirror would call it the left hand."""
    keypoints_2d: NDArray[np.float32]
    """(21, 2) px of the image."""
    keypoints_3d: NDArray[np.float32]
    """(21, 3) m, axes along the image's x, y and away from the camera."""


def letterbox(height: int, width: int) -> Crop:
    """The upright square around the whole image."""
    return Crop(np.array([width / 2, height / 2]), float(max(height, width)), 0.0)


def palm_crop(palm: PalmCandidate, frame: Crop) -> Crop:
    """The landmark network's square for a palm found inside `frame`.

    It is rotated so that the line wrist - middle MCP points up, moved by `CROP_SHIFT` palm heights and 2.6 times as
    long as the palm box's longer side.
    """
    corner = frame.centre - frame.side / 2
    box = palm.box.reshape(2, 2) * frame.side + corner
    wrist, middle = palm.keypoints[0] * frame.side, palm.keypoints[2] * frame.side
    rotation = math.pi / 2 - math.atan2(wrist[1] - middle[1], middle[0] - wrist[0])
    rotation -= 2 * math.pi * math.floor((rotation + math.pi) / (2 * math.pi))
    width, height = box[1] - box[0]
    shift = CROP_SHIFT * height * np.array([-math.sin(rotation), math.cos(rotation)])
    return Crop(box.mean(axis=0) + shift, CROP_SCALE * float(max(width, height)), rotation)


class HandPipeline:
    """Finds the best hand of an image. One interpreter pair; calls from several threads take turns."""

    def __init__(self, palm_model: Path, landmark_model: Path) -> None:
        self._palm = LiteRtNetwork(palm_model)
        self._landmark = LiteRtNetwork(landmark_model)
        self._lock = threading.Lock()

    def palms(self, image: Image, min_score: float) -> list[PalmCandidate]:
        """All palms in coordinates of the letterboxed image (0..1), best first."""
        height, width = image.shape[:2]
        pixels = _sample(image, letterbox(height, width), INPUT_SIZE, cv2.BORDER_CONSTANT)
        with self._lock:
            regressors, logits = self._palm(pixels)
        return decode(regressors, logits, min_score)

    def landmarks(self, image: Image, palm: PalmCandidate) -> RawHand:
        """The landmark network's view of one palm, whatever its presence score."""
        crop = palm_crop(palm, letterbox(*image.shape[:2]))
        pixels = _sample(image, crop, LANDMARK_SIZE, cv2.BORDER_REPLICATE)
        with self._lock:
            points, presence, left, world = self._landmark(pixels)
        back = cv2.invertAffineTransform(crop.to_input(LANDMARK_SIZE))
        keypoints_2d = points.reshape(21, 3)[:, :2].astype(np.float64) @ back[:, :2].T + back[:, 2]
        keypoints_3d = world.reshape(21, 3).astype(np.float64)
        cos, sin = math.cos(crop.rotation), math.sin(crop.rotation)
        keypoints_3d[:, :2] = keypoints_3d[:, :2] @ np.array([[cos, sin], [-sin, cos]])
        return RawHand(
            palm.score,
            float(presence.reshape(-1)[0]),
            float(left.reshape(-1)[0]),
            keypoints_2d.astype(np.float32),
            keypoints_3d.astype(np.float32),
        )

    def hands(self, image: Image, min_detection: float, min_presence: float) -> list[RawHand] | str:
        """Hands whose landmarks are present, the one with the best palm first, or the reason why there are none.

        A palm that lies on a hand found before is not looked at again.
        """
        shrink = min(1.0, MAX_SIDE / max(image.shape[:2]))
        if shrink < 1.0:
            size = tuple(max(1, round(side * shrink)) for side in (image.shape[1], image.shape[0]))
            image = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
        palms = self.palms(image, min_detection)
        found: list[RawHand] = []
        for palm in palms:
            if palm.box[2] <= palm.box[0] or palm.box[3] <= palm.box[1]:
                continue
            hand = self.landmarks(image, palm)
            if hand.presence < min_presence or any(_same_hand(hand, other) for other in found):
                continue
            found.append(hand)
        for hand in found:
            hand.keypoints_2d[:] /= np.float32(shrink)
        if found:
            return found
        return "a palm was found, but no hand landmarks on it" if palms else "no hand found"


def _same_hand(one: RawHand, other: RawHand) -> bool:
    """Whether two findings are one hand: their keypoints lie within half a palm of each other."""
    palm = float(np.linalg.norm(other.keypoints_2d[17] - other.keypoints_2d[5]))
    return float(np.linalg.norm(one.keypoints_2d - other.keypoints_2d, axis=1).mean()) < 0.5 * palm


def _sample(image: Image, crop: Crop, size: int, border: int) -> NDArray[np.float32]:
    """(1, size, size, 3) in 0..1: the crop, bilinear, rounded to 8 bit first as the original does."""
    pixels = cv2.warpAffine(image, crop.to_input(size), (size, size), flags=cv2.INTER_LINEAR, borderMode=border)
    return (pixels.astype(np.float32) / np.float32(255.0))[None]
