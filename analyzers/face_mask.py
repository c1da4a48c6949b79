"""The pixels of a face: those inside the convex hull of its landmarks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_FRACTION_BITS = 4
_FAR = 1 << 20
"""px; points beyond are no part of any image, and OpenCV's fixed-point numbers end soon after."""


def hull_mask(points: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """(H, W) bool: the convex hull of (n, 2) points in px, to a sixteenth of a px; empty outside the image.

    Args:
        points: finite, n >= 1.
        shape: (H, W) or (H, W, 3).
    """
    import cv2

    hull = cv2.convexHull(np.clip(points, -_FAR, _FAR).astype(np.float32))
    fixed = np.rint(hull * (1 << _FRACTION_BITS)).astype(np.int32)
    filled = np.zeros((int(shape[0]), int(shape[1])), np.uint8)
    cv2.fillConvexPoly(filled, fixed, 1, lineType=cv2.LINE_8, shift=_FRACTION_BITS)
    return filled.astype(np.bool_)
