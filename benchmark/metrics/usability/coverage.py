"""How much of what the recogniser sees a method could repaint, and how much it did."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ....analyzers.base import Analysis, HandAnalysis
from ....analyzers.face_alignment import FACE_SIZE, similarity_to_template
from ....datasets.types import Image
from ..citations import HOUSE
from ..metric import Metric
from ..values import Undefined

_GRID = 64
"""Samples a side, laid over the ROI in its own frame."""


def recognised_square(analysis: Analysis) -> NDArray[np.float64]:
    """Corners of what recognisers look at: the palm square of a hand, the square of the aligned face of a face.

    Returns:
        (4, 2) px in ROI order: top-left, top-right, bottom-right, bottom-left.

    Raises:
        ValueError: the face's landmarks cannot be aligned.
    """
    if isinstance(analysis, HandAnalysis):
        return np.asarray(analysis.roi, dtype=np.float64)
    transform = similarity_to_template(analysis.landmarks_5)
    low, high = -0.5, FACE_SIZE - 0.5
    corners = np.array([[low, low], [high, low], [high, high], [low, high]])
    return np.asarray((corners - transform[:, 2]) @ np.linalg.inv(transform[:, :2]).T, dtype=np.float64)


def roi_coverage(roi: ArrayLike, region: NDArray[np.bool_]) -> float | Undefined:
    """Share of the palm square that lies in the method's region.

    A low value means that the recogniser still sees untouched skin, whatever the method does inside its region.

    Args:
        roi: (4, 2) corners in px: top-left, top-right, bottom-right, bottom-left.
        region: (H, W), the pixels that the method may change.

    Returns:
        %, over the part of the square inside the image; or why there is none (it lies outside).

    Raises:
        ValueError: the corners are not four finite points.

    >>> region = np.zeros((64, 64), bool)
    >>> region[:, :32] = True
    >>> roi_coverage([[-0.5, -0.5], [63.5, -0.5], [63.5, 63.5], [-0.5, 63.5]], region)
    50.0
    """
    return _share(roi, region)


def roi_changed(roi: ArrayLike, original: Image, deidentified: Image) -> float | Undefined:
    """Share of the palm square's pixels that differ in any channel between original and de-identified image.

    Args:
        roi: (4, 2) corners in px in the original.
        original: (H, W, 3) uint8.
        deidentified: same shape.

    Returns:
        %, over the part of the square inside the image; or why there is none (it lies outside).

    Raises:
        ValueError: the images' shapes differ or the corners are not four finite points.

    >>> original, painted = np.zeros((2, 64, 64, 3), np.uint8)
    >>> painted[:16] = 1
    >>> roi_changed([[-0.5, -0.5], [63.5, -0.5], [63.5, 63.5], [-0.5, 63.5]], original, painted)
    25.0
    """
    if original.shape != deidentified.shape:
        raise ValueError(f"expected images of one shape, got {original.shape} and {deidentified.shape}; resize neither")
    return _share(roi, (original != deidentified).any(axis=2))


def _share(roi: ArrayLike, marked: NDArray[np.bool_]) -> float | Undefined:
    corners = np.asarray(roi, dtype=np.float64)
    if corners.shape != (4, 2) or not np.isfinite(corners).all():
        raise ValueError(
            f"expected four finite ROI corners of shape (4, 2), got shape {corners.shape}; pass analysis.roi"
        )
    steps = (np.arange(_GRID) + 0.5) / _GRID
    u, v = steps[None, :, None], steps[:, None, None]
    top = corners[0] + u * (corners[1] - corners[0])
    bottom = corners[3] + u * (corners[2] - corners[3])
    points = np.rint(top + v * (bottom - top)).astype(np.int64).reshape(-1, 2)
    height, width = marked.shape
    inside = points[((points >= 0) & (points < [width, height])).all(axis=1)]
    if not inside.size:
        return Undefined("the ROI lies outside the image")
    return 100.0 * float(marked[inside[:, 1], inside[:, 0]].mean())


ROI_COVERAGE = Metric(
    name="roi_coverage",
    title="ROI coverage",
    short="ROI covered",
    group="privacy",
    unit="%",
    better="higher",
    low=0.0,
    high=100.0,
    definition=(
        "Share of the palm square, or aligned face, that a recogniser looks at which the method's region covers."
    ),
    formula="share of a 64 x 64 grid over the ROI inside the region",
    citation=HOUSE,
    function=roi_coverage,
    source="rows",
    order=130,
    blocks=frozenset({"images"}),
    resampling="images",
    protocol=("images",),
    how="Palm square or aligned face of the original; methods that do not say what they may repaint have none.",
    caveat="Covered is not changed, and changed is not hidden.",
)
ROI_CHANGED = Metric(
    name="roi_changed",
    title="ROI changed",
    group="privacy",
    unit="%",
    better="higher",
    low=0.0,
    high=100.0,
    definition=(
        "Share of the palm square, or aligned face, whose pixels differ between original and de-identified image."
    ),
    formula="share of a 64 x 64 grid over the ROI with any channel changed",
    citation=HOUSE,
    function=roi_changed,
    source="rows",
    order=140,
    resampling="images",
    protocol=("images",),
    how="Palm square or aligned face of the original, images that were made.",
    caveat="A change by one grey level counts as much as black.",
)
