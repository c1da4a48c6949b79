"""Which pixels of a face a method repaints, and how wide the face is that its strength is relative to."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..analyzers.base import FaceAnalysis
from ..analyzers.face_alignment import TEMPLATE, similarity_to_template
from .regions import RegionError

FaceRegion = Literal["box", "mask", "eyes"]
"""`box`: the detector's box; `mask`: the face's own pixels; `eyes`: a bar over both eyes, turned with the head."""

WIDTH_IN_EYES = 2.2
"""Width of a face in distances of the pupils: 140 mm to 63 mm in adults."""

BAR_HEIGHT = 0.4
"""Of the bar over the eyes, as a share of the face width; it is one face width long and covers the eyebrows."""

MIN_WIDTH = 8.0
"""px; a smaller face has no region to speak of."""


def face_width(analysis: FaceAnalysis) -> float:
    """Width of the face in px: 2.2 distances of the eyes of a face seen from the front at this scale.

    The scale is that of the five landmarks' fit to the aligned face, so that a head turned sideways keeps its width.

    Raises:
        RegionError: the landmarks are unusable or the face is too small.
    """
    try:
        transform = similarity_to_template(analysis.landmarks_5)
    except ValueError:
        raise RegionError("the five landmarks of the face are not all there") from None
    scale = float(np.hypot(*transform[0, :2]))
    width = WIDTH_IN_EYES * _EYES / scale if scale > 0 else np.inf
    if not MIN_WIDTH <= width < np.inf:
        raise RegionError(f"the face is less than {MIN_WIDTH:g} px wide")
    return width


_EYES = float(np.hypot(*(TEMPLATE[1] - TEMPLATE[0])))


def face_mask(analysis: FaceAnalysis, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """(H, W), the face's own pixels.

    Raises:
        RegionError: the analyzer gave none, or one of another size.
    """
    if analysis.mask is None:
        raise RegionError("the analysis has no face mask; take region=box or eyes, or an analyzer with landmarks")
    if analysis.mask.shape != tuple(shape[:2]):
        raise RegionError("the face mask has another size than the image")
    return np.array(analysis.mask, dtype=np.bool_)


def face_region_mask(
    analysis: FaceAnalysis, shape: tuple[int, ...], region: FaceRegion, margin: float
) -> NDArray[np.bool_]:
    """The pixels a method may change.

    Args:
        analysis: where the face is.
        shape: (H, W) or (H, W, 3) of the image.
        region: which part of the face.
        margin: how far it is grown outwards on all sides, as a share of the face width.

    Returns:
        (H, W) bool, at least one pixel set.

    Raises:
        RegionError: the analysis lacks what the region needs, or no pixel of it lies in the image.
    """
    grow = margin * face_width(analysis)
    if region == "mask":
        found = _grown(face_mask(analysis, shape), grow)
    elif region == "eyes":
        found = _bar(analysis, shape, grow)
    else:
        found = _inside_box(analysis.box, shape, grow)
    if not found.any():
        raise RegionError("the region to change lies outside the image")
    return found


def _grown(mask: NDArray[np.bool_], reach: float) -> NDArray[np.bool_]:
    import cv2

    if reach <= 0 or not mask.any():
        return mask
    away = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.asarray(away <= reach, dtype=np.bool_)


def _inside_box(box: NDArray[np.float32], shape: tuple[int, ...], grow: float) -> NDArray[np.bool_]:
    """Pixels whose centre lies in the box."""
    if not np.isfinite(box).all():
        raise RegionError("the face's box is not finite")
    rows, columns = np.arange(shape[0]), np.arange(shape[1])
    x0, y0, x1, y1 = (float(value) for value in box)
    inside_rows = (rows >= y0 - grow) & (rows <= y1 + grow)
    inside_columns = (columns >= x0 - grow) & (columns <= x1 + grow)
    return np.asarray(inside_rows[:, None] & inside_columns[None, :], dtype=np.bool_)


def _bar(analysis: FaceAnalysis, shape: tuple[int, ...], grow: float) -> NDArray[np.bool_]:
    """Pixels of the bar over the eyes, centred between them, along the line of the eyes."""
    left, right = analysis.landmarks_5[:2].astype(np.float64)
    width = face_width(analysis)
    axis = right - left
    length = float(np.hypot(*axis))
    cosine, sine = axis / length if length > 0 else (1.0, 0.0)
    middle = (left + right) / 2
    y, x = np.mgrid[: shape[0], : shape[1]]
    along = (x - middle[0]) * cosine + (y - middle[1]) * sine
    across = (y - middle[1]) * cosine - (x - middle[0]) * sine
    inside = (np.abs(along) <= width / 2 + grow) & (np.abs(across) <= BAR_HEIGHT * width / 2 + grow)
    return np.asarray(inside, dtype=np.bool_)
