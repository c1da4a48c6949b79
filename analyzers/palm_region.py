"""The palm's region in the image: what de-identifiers change and coverage is measured on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .base import HandAnalysis
from .palm_roi import Points, palm_width

PALM_POINTS = (0, 1, 2, 5, 9, 13, 17)
"""Wrist, the thumb's base, and the four MCP joints."""
_ARC_STEPS = 16
ROUNDING = 1e-6
"""px; a pixel whose centre lies on the outline belongs to the polygon."""


def palm_polygon(keypoints_2d: Points, points: Sequence[int] = PALM_POINTS, margin: float = 0.0) -> Points:
    """Convex hull of some keypoints, grown outwards.

    Args:
        keypoints_2d: (21, 2) px.
        points: keypoints to enclose.
        margin: distance to grow by, in units of L = |index MCP - little MCP|; corners become round. >= 0.

    Returns:
        (n, 2) float32 corners of a convex polygon, in px.

    Raises:
        ValueError: negative margin, or fewer than three points.
    """
    import cv2

    if margin < 0 or len(points) < 3:
        raise ValueError(f"expected margin >= 0 and three points or more, got {margin} and {len(points)} points")
    corners = keypoints_2d[list(points)].astype(np.float32)
    if margin > 0:  # the hull of discs around the points is the hull grown by the discs' radius
        angles = np.arange(_ARC_STEPS) * (2 * np.pi / _ARC_STEPS)
        radius = margin * palm_width(keypoints_2d) / np.cos(np.pi / _ARC_STEPS)  # the 16-gon must contain the disc
        disc = radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        corners = (corners[:, None] + disc.astype(np.float32)).reshape(-1, 2)
    return np.asarray(cv2.convexHull(corners), np.float32).reshape(-1, 2)


def palm_mask(
    shape: tuple[int, ...],
    analysis: HandAnalysis,
    points: Sequence[int] = PALM_POINTS,
    margin: float = 0.0,
) -> NDArray[np.bool_]:
    """Pixels of the palm: the polygon of `palm_polygon` cut to the hand's own pixels.

    Args:
        shape: the image's shape; its first two entries are used and must be those of `analysis.mask`.
        analysis: where the hand is.
        points: keypoints to enclose.
        margin: growth of the polygon in units of L.

    Returns:
        (H, W) bool.
    """
    height, width = int(shape[0]), int(shape[1])
    if analysis.mask.shape != (height, width):
        raise ValueError(f"the analysis is of a {analysis.mask.shape} image, got one of {(height, width)}")
    polygon = palm_polygon(analysis.keypoints_2d, points, margin)
    return fill_polygon((height, width), polygon) & analysis.mask


def fill_polygon(shape: tuple[int, int], polygon: Points) -> NDArray[np.bool_]:
    """(H, W) bool: pixels whose centre lies in a convex polygon; corners may lie far outside the image."""
    corners = polygon.astype(np.float64)
    ahead = np.roll(corners, -1, axis=0)
    area = float((corners[:, 0] * ahead[:, 1] - ahead[:, 0] * corners[:, 1]).sum())
    if area == 0.0:
        return np.zeros(shape, dtype=bool)
    rows = np.arange(shape[0], dtype=np.float64)
    first, last = np.full(shape[0], -np.inf), np.full(shape[0], np.inf)
    for (xa, ya), (xb, yb) in zip(corners, ahead, strict=True):
        rise = float(np.sign(area) * (yb - ya))
        run = np.sign(area) * (xb - xa) * (rows - ya)
        if rise == 0.0:  # a level edge closes the rows on its outer side
            last[run < 0] = -np.inf
        elif rise > 0:
            last = np.minimum(last, xa + run / rise)
        else:
            first = np.maximum(first, xa + run / rise)
    x = np.arange(shape[1])[None, :]
    return (x >= first[:, None] - ROUNDING) & (x <= last[:, None] + ROUNDING)
