"""What the palm recognizers share: cutting the 128 x 128 palm square and reading it as grey values."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ...analyzers.base import HandAnalysis
from ...datasets.types import Failure, Image

CROP_SIZE = 128
MIN_SIDE = 16.0
"""Palm squares with a smaller side (px of the image, root of the area) carry no lines worth comparing."""


def align_palm(image: Image, analysis: HandAnalysis) -> Image | Failure:
    """Warp the palm square of `analysis` to (128, 128, 3) uint8 RGB, or say why it cannot be."""
    corners = np.asarray(analysis.roi, dtype=np.float64)
    if corners.shape != (4, 2):
        return Failure(f"palm square has shape {corners.shape}, expected (4, 2) corners")
    if not np.isfinite(corners).all():
        return Failure("palm square has corners that are not finite")
    if np.sqrt(abs(_area(corners))) < MIN_SIDE:
        return Failure(f"palm square is degenerate or smaller than {MIN_SIDE:.0f} px")
    if _outside(corners, image.shape[0], image.shape[1]):
        return Failure("palm square lies outside the image")
    from ...analyzers.palm_roi import warp_roi

    return warp_roi(image, analysis.roi, size=CROP_SIZE)


def to_grey(crop: Image) -> NDArray[np.uint8]:
    """ITU-R BT.601 luma in integers, as Pillow's mode "L"; three equal channels come back unchanged.

    Args:
        crop: (H, W, 3) uint8 RGB.

    Returns:
        (H, W) uint8.
    """
    red, green, blue = (crop[..., channel].astype(np.uint32) for channel in range(3))
    return ((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16).astype(np.uint8)


def check_crops(crops: Sequence[Image], recognizer: str) -> None:
    """Refuse anything but (128, 128, 3) uint8 crops.

    Raises:
        ValueError: naming the first crop that does not fit.
    """
    expected = (CROP_SIZE, CROP_SIZE, 3)
    for index, crop in enumerate(crops):
        if crop.shape != expected or crop.dtype != np.uint8:
            raise ValueError(
                f"{recognizer}: expected crops of shape {expected} and dtype uint8, "
                f"got {crop.shape} and {crop.dtype} at index {index}; cut them with {recognizer}'s align()"
            )


def _area(corners: NDArray[np.float64]) -> float:
    """Signed area of the polygon, px^2."""
    following = np.roll(corners, -1, axis=0)
    return float((corners[:, 0] * following[:, 1] - corners[:, 1] * following[:, 0]).sum() / 2)


def _outside(corners: NDArray[np.float64], height: int, width: int) -> bool:
    """Whether the (convex) square and the image share no pixel, by separating axes."""
    frame = np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]], dtype=np.float64)
    edges = np.roll(corners, -1, axis=0) - corners
    normals = np.vstack([np.column_stack([-edges[:, 1], edges[:, 0]]), np.eye(2)])
    square, image = corners @ normals.T, frame @ normals.T
    return bool(((square.max(axis=0) < image.min(axis=0)) | (image.max(axis=0) < square.min(axis=0))).any())
