"""The hand's pixels: GrabCut seeded by the 21 keypoints (Rother, Kolmogorov and Blake 2004)."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ..datasets.types import Image
from .palm_roi import Points, palm_width

BONES = (
    *((0, 1), (1, 2), (2, 3), (3, 4)),
    *((0, 5), (5, 6), (6, 7), (7, 8)),
    *((0, 9), (9, 10), (10, 11), (11, 12)),
    *((0, 13), (13, 14), (14, 15), (15, 16)),
    *((0, 17), (17, 18), (18, 19), (19, 20)),
    *((5, 9), (9, 13), (13, 17), (2, 5)),
)
SURE, LIKELY, UNLIKELY = 0.12, 0.34, 0.85
"""Thickness of the bones in units of L: certainly hand, probably hand, probably background; beyond: background."""
MARGIN = 0.45
"""Background kept around the keypoints for the colour model, in units of L."""
WORKING_SIDE = 288
"""The longer side of the crop GrabCut works on, in px; larger crops are shrunk."""
ITERATIONS = 2
MIN_PIXELS = 16
"""GrabCut clusters hand and background into five colours each and needs pixels for that."""


def hand_mask(image: Image, keypoints_2d: Points) -> NDArray[np.bool_]:
    """Segment the hand.

    GrabCut runs on a shrunk crop around the keypoints; the mask is enlarged bilinearly. Pixels farther than 0.45 L from
    the keypoints' box are background, so a forearm is cut about half a palm width below the wrist.

    Args:
        image: (H, W, 3) uint8 RGB.
        keypoints_2d: (21, 2) px, may lie outside the image.

    Returns:
        (H, W) bool; all False when the hand lies outside the image. A pure function of the arguments: the generator
        that GrabCut's clustering draws from is seeded anew for every call.
    """
    height, width = image.shape[:2]
    unit = palm_width(keypoints_2d)
    low = np.floor(keypoints_2d.min(axis=0) - MARGIN * unit).astype(int)
    high = np.ceil(keypoints_2d.max(axis=0) + MARGIN * unit).astype(int) + 1
    x0, y0 = np.clip(low, 0, [width, height])
    x1, y1 = np.clip(high, 0, [width, height])
    out = np.zeros((height, width), dtype=bool)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return out
    crop = np.ascontiguousarray(image[y0:y1, x0:x1])
    out[y0:y1, x0:x1] = _segment_crop(crop, keypoints_2d.astype(np.float64) - [x0, y0], unit)
    return out


def _segment_crop(crop: Image, joints: NDArray[np.float64], unit: float) -> NDArray[np.bool_]:
    """Shrink, segment, enlarge."""
    height, width = crop.shape[:2]
    scale = min(1.0, WORKING_SIDE / max(height, width))
    if scale == 1.0:
        return _grabcut(crop, joints, unit)
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    small = np.asarray(cv2.resize(crop, size, interpolation=cv2.INTER_AREA), np.uint8)
    factor = np.array([size[0] / width, size[1] / height])
    found = _grabcut(small, (joints + 0.5) * factor - 0.5, unit * float(factor.mean()))
    large = cv2.resize(found.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large >= 0.5, dtype=bool)


def _grabcut(image: Image, joints: NDArray[np.float64], unit: float) -> NDArray[np.bool_]:
    labels = _seeds(image.shape[:2], joints, unit)
    hand = (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD)
    if min(np.count_nonzero(hand), np.count_nonzero(~hand)) < MIN_PIXELS:
        return np.asarray(hand, dtype=bool)
    certain = labels == cv2.GC_FGD
    cv2.setRNGSeed(0)  # k-means inside GrabCut draws from OpenCV's own generator; results must not depend on the past
    background, foreground = np.zeros((1, 65)), np.zeros((1, 65))
    whole = (0, 0, image.shape[1], image.shape[0])  # not looked at: the labels say where the hand is
    cv2.grabCut(image, labels, whole, background, foreground, ITERATIONS, cv2.GC_INIT_WITH_MASK)
    return _parts_with((labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD), certain)


def _seeds(shape: tuple[int, ...], joints: NDArray[np.float64], unit: float) -> NDArray[np.uint8]:
    labels = np.full(shape[:2], cv2.GC_BGD, np.uint8)
    limit = 4.0 * max(shape)  # far-away joints would overflow the fixed-point drawing
    points = np.round(np.clip(joints, -limit, limit)).astype(int)
    for thickness, label in ((UNLIKELY, cv2.GC_PR_BGD), (LIKELY, cv2.GC_PR_FGD), (SURE, cv2.GC_FGD)):
        for a, b in BONES:
            start, end = (int(points[a, 0]), int(points[a, 1])), (int(points[b, 0]), int(points[b, 1]))
            cv2.line(labels, start, end, int(label), max(1, round(thickness * unit)))
    return labels


def _parts_with(mask: NDArray[np.bool_], certain: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The parts that hold certain pixels; specks of skin colour elsewhere are background."""
    _, parts = cv2.connectedComponents(mask.astype(np.uint8), connectivity=4)
    keep = np.unique(parts[certain & mask])
    return np.asarray(np.isin(parts, keep[keep > 0]), dtype=bool)
