"""The palm square: its geometry from 21 keypoints, and cutting it out of an image."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..datasets.types import Image

RoiName = Literal["inner", "mcp", "valley"]
Points = NDArray[np.float32]
WRIST, INDEX, MIDDLE, RING, LITTLE = 0, 5, 9, 13, 17
"""Keypoints: the wrist and the four MCP joints."""


def palm_width(keypoints_2d: Points) -> float:
    """L, the distance index MCP - little MCP in px: the unit of all lengths on a hand here."""
    return float(np.linalg.norm(keypoints_2d[LITTLE].astype(np.float64) - keypoints_2d[INDEX]))


def mcp_square(keypoints_2d: Points) -> Points:
    """The palm square hung on the index and little MCP joints.

    Side 1.05 L, centre 0.56 L from the joints' midpoint towards the wrist, top edge parallel to the line of the joints;
    L is their distance.

    Args:
        keypoints_2d: (21, 2) px.

    Returns:
        (4, 2) float32 corners in ROI order (see `HandAnalysis.roi`).
    """
    first, last = keypoints_2d[INDEX].astype(np.float64), keypoints_2d[LITTLE].astype(np.float64)
    side = 1.05 * float(np.linalg.norm(last - first))
    return _square(first, last, keypoints_2d[WRIST].astype(np.float64), side, top=0.56 / 1.05 * side - side / 2)


def inner_square(keypoints_2d: Points) -> Points:
    """The largest upright palm square that stays inside the palm: 99 % and more of it lie in the paper's polygon.

    Like `mcp_square`, with side 0.85 L, centre 0.48 L towards the wrist and 0.05 L towards the index finger. What a
    method repaints inside the polygon is then what the recogniser sees.

    Args:
        keypoints_2d: (21, 2) px.

    Returns:
        (4, 2) float32 corners in ROI order (see `HandAnalysis.roi`).
    """
    first, last = keypoints_2d[INDEX].astype(np.float64), keypoints_2d[LITTLE].astype(np.float64)
    aside = 0.05 * (first - last)
    width = float(np.linalg.norm(last - first))
    wrist = keypoints_2d[WRIST].astype(np.float64)
    return _square(first + aside, last + aside, wrist, 0.85 * width, top=(0.48 - 0.85 / 2) * width)


def valley_square(keypoints_2d: Points) -> Points:
    """The palm square hung on the valleys beside index and little finger, as competitive-coding work places it.

    The valleys X1 (index - middle) and X2 (ring - little) are taken midway between the MCP joints. Side 1.20 |X1 X2|,
    top edge 0.40 |X1 X2| from the valley line towards the wrist, centred on the valleys' midpoint (scheme of Zhang et
    al., Pattern Recognition 69, 2017, with the constants used for 21-keypoint detectors).

    Args:
        keypoints_2d: (21, 2) px.

    Returns:
        (4, 2) float32 corners in ROI order (see `HandAnalysis.roi`).
    """
    points = keypoints_2d.astype(np.float64)
    first, last = (points[INDEX] + points[MIDDLE]) / 2, (points[RING] + points[LITTLE]) / 2
    unit = float(np.linalg.norm(last - first))
    return _square(first, last, points[WRIST], 1.20 * unit, top=0.40 * unit)


ROIS: dict[RoiName, Callable[[Points], Points]] = {
    "inner": inner_square,
    "mcp": mcp_square,
    "valley": valley_square,
}


def _square(
    first: NDArray[np.float64], last: NDArray[np.float64], wrist: NDArray[np.float64], side: float, top: float
) -> Points:
    """A square whose top edge is parallel to first - last and `top` px from it towards the wrist.

    Left is always the side of `first`, the index finger, so the square of a hand and of its mirror image hold the same
    picture.
    """
    middle, across = (first + last) / 2, last - first
    across = across / max(float(np.linalg.norm(across)), 1e-9)
    down = np.array([-across[1], across[0]])
    if down @ (wrist - middle) < 0:
        down = -down
    half = across * side / 2
    upper, lower = middle + top * down, middle + (top + side) * down
    return np.stack([upper - half, upper + half, lower + half, lower - half]).astype(np.float32)


def roi_share_inside(roi: Points, height: int, width: int) -> float:
    """Share of a square ROI's area that lies inside the image, 0..1."""
    import cv2

    frame = np.array([[-0.5, -0.5], [width - 0.5, -0.5], [width - 0.5, height - 0.5], [-0.5, height - 0.5]], np.float32)
    area = abs(float(cv2.contourArea(roi.astype(np.float32))))
    if area <= 0.0:
        return 0.0
    shared, _ = cv2.intersectConvexConvex(roi.astype(np.float32), frame)
    return min(1.0, max(0.0, float(shared) / area))


def warp_roi(image: Image, roi: Points, size: int = 128) -> Image:
    """Cut a square out of an image and make it upright.

    Bilinear when enlarging; when shrinking, the square is sampled on a finer grid first and averaged over areas, so
    that fine lines do not alias. Outside the image the border pixels are repeated.

    Args:
        image: (H, W, 3) uint8; also (H, W) for a grey image or mask.
        roi: (4, 2) corners: top-left, top-right, bottom-right, bottom-left. Whole numbers are pixel centres.
        size: side of the result in px.

    Returns:
        (size, size, 3) uint8, or (size, size).
    """
    import cv2

    corners = roi.astype(np.float64)
    step = max(float(np.linalg.norm(corners[1] - corners[0])), float(np.linalg.norm(corners[3] - corners[0]))) / size
    fine = size * max(1, min(math.ceil(step), 16))
    # pixel (i, j) of the fine grid lies in the middle of its cell of the square
    across, down = (corners[1] - corners[0]) / fine, (corners[3] - corners[0]) / fine
    to_image = np.column_stack([across, down, corners[0] + (across + down) / 2])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    out = cv2.warpAffine(image, to_image, (fine, fine), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    if fine != size:
        out = cv2.resize(out, (size, size), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(out, dtype=np.uint8)
