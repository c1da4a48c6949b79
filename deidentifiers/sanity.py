"""The two ends of the scale: nothing is hidden (`Identity`), and the palm is another person's (`Other`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..analyzers.base import HandAnalysis
from ..datasets.types import Failure, Image
from .base import Donor, MethodInfo, Request
from .parameters import check_number
from .regions import (
    DEFAULT_MARGIN,
    MaskPoints,
    Region,
    RegionError,
    RegionMethod,
    palm_width,
)

_ANCHORS = (0, 1, 5, 9, 13, 17)
"""Keypoints around the palm that tie the donor's to the target's."""

_CONTRAST_LIMITS = (0.5, 2.0)
"""Bounds of the colour match's gain: a flat target must not erase the donor's lines, nor noise be blown up."""

_LEAST_COVER = 0.5
"""Share of the region that the donor's hand has to cover; less would not be another person's palm."""


class Identity:
    """Returns the image as it is: what a recogniser scores when nothing is hidden."""

    info: ClassVar[MethodInfo] = MethodInfo(
        name="identity",
        version="1",
        modality=("palm", "face"),
        description="Returns the image unchanged",
        family="sanity",
    )

    def deidentify(self, batch: Sequence[Request]) -> list[Image | Failure]:
        """A copy of each request's image."""
        return [request.image.copy() for request in batch]


class Other(RegionMethod):
    """Lays another person's palm over the target's: what a recogniser scores when the palm is truly another.

    The donor's image is carried over by the affine map that best takes its palm keypoints (0, 1, 5, 9, 13, 17) to
    the target's in the least-squares sense; a left hand on a right one comes out mirrored by that. Mean and standard
    deviation of each colour channel are matched to the target's region. Where the donor's hand does not reach, its
    nearby skin colour is continued.

    Args:
        region: `palm` or `hand`.
        mask_points: corners of the palm polygon, see `regions.MaskPoints`.
        mask_margin: growth of the palm polygon as a share of the palm width, 0..2.
        feather: width, inside the region's border, over which the donor fades in, as a share of the palm width,
            0..0.5. The border keeps some of the target there; 0 is a hard edge.

    Raises:
        ValueError: a parameter is out of range.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        name="other",
        version="1",
        modality=("palm",),
        description="Lays another person's palm over the target's",
        family="sanity",
        needs=("donor",),
    )

    def __init__(
        self,
        region: Region = "palm",
        mask_points: MaskPoints = "7",
        mask_margin: float = DEFAULT_MARGIN,
        feather: float = 0.02,
    ) -> None:
        super().__init__(region, mask_points, mask_margin)
        check_number("feather", feather, 0.0, 0.5)
        self.feather = float(feather)

    def _one(self, request: Request) -> Image | Failure:
        if request.donor is None:
            return Failure("no donor was handed over")
        image, analysis = request.image, request.hand
        try:
            mask = self.repaints(request)
            width = palm_width(analysis)
            colours = _carry_over(request.donor, analysis, mask, width)
        except RegionError as error:
            return Failure(str(error))
        target = image[mask].astype(np.float64)
        opacity = _opacity(mask, self.feather * width)[mask][:, None]
        blended = opacity * _match(colours, target) + (1.0 - opacity) * target
        result = image.copy()
        result[mask] = np.clip(np.rint(blended), 0, 255).astype(np.uint8)
        return result


def _carry_over(donor: Donor, target: HandAnalysis, mask: NDArray[np.bool_], width: float) -> NDArray[np.float64]:
    """The donor's colours (n, 3) at the mask's n pixels."""
    import cv2

    if donor.hand.mask.shape != donor.image.shape[:2]:
        raise RegionError("the donor's hand mask has another size than its image")
    matrix = _affine(donor.hand, target)
    size = (mask.shape[1], mask.shape[0])
    colour = cv2.warpAffine(donor.image, matrix, size, flags=cv2.INTER_CUBIC).astype(np.float32)
    hand = cv2.warpAffine(donor.hand.mask.astype(np.uint8), matrix, size, flags=cv2.INTER_NEAREST) > 0
    if hand[mask].mean() < _LEAST_COVER:
        raise RegionError("the donor's hand covers less than half of the region")
    return _continued(colour, hand, 0.1 * width)[mask].astype(np.float64)


def _affine(source: HandAnalysis, target: HandAnalysis) -> NDArray[np.float64]:
    """(2, 3) least-squares map from the source's palm keypoints to the target's."""
    a = np.asarray(source.keypoints_2d, dtype=np.float64)[list(_ANCHORS)]
    b = np.asarray(target.keypoints_2d, dtype=np.float64)[list(_ANCHORS)]
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise RegionError("the palm keypoints are not finite")
    centre = a.mean(axis=0)
    if np.linalg.matrix_rank(a - centre, tol=1.0) < 2:
        raise RegionError("the donor's palm keypoints lie on a line")
    solution, *_ = np.linalg.lstsq(np.column_stack([a, np.ones(len(a))]), b, rcond=None)
    return np.ascontiguousarray(solution.T)


def _continued(colour: NDArray[np.float32], hand: NDArray[np.bool_], sigma: float) -> NDArray[np.float32]:
    """Fill what is not hand with the nearby hand's mean colour, far away with the whole hand's."""
    import cv2

    weight = hand.astype(np.float32)[..., None]
    soft = cv2.GaussianBlur(np.dstack([colour * weight, weight]), (0, 0), max(sigma, 1.0))
    # A trace of the overall mean keeps the quotient defined out of the kernel's reach.
    trace = np.float32(1e-4)
    overall = colour[hand].mean(axis=0)
    near = (soft[..., :3] + trace * overall) / (soft[..., 3:] + trace)
    filled: NDArray[np.float32] = np.where(hand[..., None], colour, near).astype(np.float32)
    return filled


def _match(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = source.std(axis=0)
    gain = np.clip(target.std(axis=0) / np.maximum(spread, 1e-6), *_CONTRAST_LIMITS)
    matched: NDArray[np.float64] = (source - source.mean(axis=0)) * gain + target.mean(axis=0)
    return matched


def _opacity(mask: NDArray[np.bool_], ramp: float) -> NDArray[np.float64]:
    """1 well inside the region, falling to 0 at its border over `ramp` px."""
    if ramp <= 0:
        return mask.astype(np.float64)
    import cv2

    depth = cv2.distanceTransform(np.pad(mask, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    opacity: NDArray[np.float64] = np.clip(depth / ramp, 0.0, 1.0).astype(np.float64)
    return opacity
