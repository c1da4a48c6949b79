"""What every hand analyzer asks of an image and of the hand that it found."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..datasets.types import Image
from .palm_roi import Points, palm_width, roi_share_inside

MIN_PALM_WIDTH = 8.0
"""px between index and little MCP; below, there is no palm texture to speak of."""
MIN_ROI_INSIDE = 0.5


def require_images(images: Sequence[Image]) -> None:
    """Do nothing for images as this toolkit defines them.

    Raises:
        TypeError: one is not (H, W, 3) uint8.
    """
    for image in images:
        if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
            raise TypeError(f"expected an (H, W, 3) uint8 RGB image, got shape {image.shape}, {image.dtype}")


def too_small(keypoints_2d: Points) -> str | None:
    """Why keypoints (21, 2) in px are no use, as the reason of a `Missing`; None when they are."""
    if not np.isfinite(keypoints_2d).all() or palm_width(keypoints_2d) < MIN_PALM_WIDTH:
        return "the hand is too small"
    return None


def cut_off(roi: Points, shape: tuple[int, ...]) -> str | None:
    """Why a palm square (4, 2) in an image of that shape is no use; None when it is."""
    if roi_share_inside(roi, *shape[:2]) < MIN_ROI_INSIDE:
        return "the palm lies mostly outside the image"
    return None
