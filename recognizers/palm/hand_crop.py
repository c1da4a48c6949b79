"""The square that holds the whole hand, upright: what full-hand recognizers look at."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...analyzers.base import HandAnalysis
from ...analyzers.palm_roi import INDEX, LITTLE, MIDDLE, WRIST, warp_roi
from ...datasets.types import Failure, Image

HAND_SIZE = 352
"""Side of the crop, px."""
ROOM = 1.25
"""Side of the crop over the longer side of the box around the keypoints."""
MIN_HAND = 48.0
"""Hands with a shorter box (px of the image) show no lines worth comparing."""


def hand_square(keypoints_2d: NDArray[np.float32]) -> NDArray[np.float32]:
    """Corners of the square around a hand: wrist - middle MCP points up, the index finger is at the left.

    One of the two hands is thereby mirrored, as in `HandAnalysis.roi`.

    Args:
        keypoints_2d: (21, 2) px.

    Returns:
        (4, 2) float32: top-left, top-right, bottom-right, bottom-left.
    """
    points = keypoints_2d.astype(np.float64)
    up = points[MIDDLE] - points[WRIST]
    up = up / max(float(np.linalg.norm(up)), 1e-9)
    across = np.array([-up[1], up[0]])
    if across @ (points[LITTLE] - points[INDEX]) < 0:
        across = -across
    along = points @ np.column_stack([across, -up])
    low, high = along.min(axis=0), along.max(axis=0)
    middle = np.column_stack([across, -up]) @ ((low + high) / 2)
    half = ROOM / 2 * float((high - low).max())
    corners = [middle + half * (x * across - y * up) for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    return np.array(corners, dtype=np.float32)


def align_hand(image: Image, analysis: HandAnalysis) -> Image | Failure:
    """Cut the hand to (352, 352, 3) uint8 RGB, or say why it cannot be."""
    keypoints = np.asarray(analysis.keypoints_2d)
    if keypoints.shape != (21, 2):
        return Failure(f"keypoints have shape {keypoints.shape}, expected (21, 2)")
    if not np.isfinite(keypoints).all():
        return Failure("keypoints are not finite")
    if float(np.ptp(keypoints, axis=0).max()) < MIN_HAND:
        return Failure(f"hand is smaller than {MIN_HAND:.0f} px")
    height, width = image.shape[:2]
    inside = (keypoints >= 0).all(axis=1) & (keypoints[:, 0] < width) & (keypoints[:, 1] < height)
    if not inside.any():
        return Failure("hand lies outside the image")
    return warp_roi(image, hand_square(keypoints), size=HAND_SIZE)
