"""Which pixels of a hand a method repaints, and how large the palm is that its strength is relative to."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..analyzers.base import HandAnalysis
from ..analyzers.palm_roi import palm_width as knuckle_distance
from ..datasets.types import Failure, Image
from .base import Request
from .parameters import check_number

Region = Literal["palm", "hand"]
"""`palm`: a polygon of keypoints inside the hand; `hand`: the whole hand mask."""

MaskPoints = Literal["7", "6"]
"""Corners of the palm polygon. `7`: keypoints 0, 1, 2, 5, 9, 13, 17 as in the palm paper's text (section III-B2);
`6`: keypoints 0, 17, 13, 9, 5, 2 as in its authors' program."""

POINTS: dict[MaskPoints, tuple[int, ...]] = {"7": (0, 1, 2, 5, 9, 13, 17), "6": (0, 17, 13, 9, 5, 2)}
"""The keypoints behind each choice of `MaskPoints`."""

DEFAULT_MARGIN = 0.0
"""Growth of the palm polygon, as a share of the palm width; 0 is the paper's polygon. It covers more than 99 % of the
default ROI (`inner`); for the larger `mcp` square take 0.1, because 15 % of it would stay as they are."""


BACK = "the back of a hand"
"""Why a method for palms refuses it."""


class RegionError(ValueError):
    """The analysis of this image gives no region to work on; the message is a reason that can be counted."""


def check_region(region: str, mask_points: str, mask_margin: float) -> None:
    """Refuse parameters that no region can be made of.

    Raises:
        ValueError: a parameter is not among its choices or not a finite number of at least 0.
    """
    if region not in get_args(Region):
        raise ValueError(f"expected region palm or hand, got {region!r}; choose one of the two")
    if mask_points not in get_args(MaskPoints):
        raise ValueError(f"expected mask_points 7 or 6, got {mask_points!r}; choose one of the two")
    check_number("mask_margin", mask_margin, 0.0, 2.0)


def palm_width(analysis: HandAnalysis) -> float:
    """L, the distance in px between the knuckles of index and little finger (keypoints 5 and 17).

    Raises:
        RegionError: the keypoints are not finite or coincide.
    """
    width = knuckle_distance(analysis.keypoints_2d)
    if not np.isfinite(width) or width < 1.0:
        raise RegionError("the palm is less than 1 px wide")
    return width


def region_mask(
    analysis: HandAnalysis, shape: tuple[int, ...], region: Region, points: MaskPoints, margin: float
) -> NDArray[np.bool_]:
    """The pixels a method may change.

    Args:
        analysis: where the hand is.
        shape: (H, W) or (H, W, 3) of the image.
        region: the palm polygon or the whole hand.
        points: corners of the palm polygon; unused for the hand.
        margin: how far the polygon is grown outwards, as a share of the palm width |5-17|; unused for the hand.

    Returns:
        (H, W) bool, at least one pixel set.

    Raises:
        RegionError: the hand mask does not fit the image, the keypoints are unusable, or no pixel is left.
    """
    size = (int(shape[0]), int(shape[1]))
    if analysis.mask.shape != size:
        raise RegionError("the hand mask has another size than the image")
    palm_width(analysis)
    if region == "hand":
        mask = np.array(analysis.mask, dtype=np.bool_)
    else:
        from ..analyzers.palm_region import palm_mask

        mask = np.asarray(palm_mask(size, analysis, POINTS[points], margin), dtype=np.bool_)
    if not mask.any():
        raise RegionError("the region to change holds no pixel of the hand")
    return mask


def request_region(request: Request, region: Region, points: MaskPoints, margin: float) -> NDArray[np.bool_]:
    """`region_mask` of a request; the palm of a hand that shows its back is no region.

    Raises:
        RegionError: see `region_mask` and `refuse_back`.
    """
    if region == "palm":
        refuse_back(request)
    return region_mask(request.hand, request.image.shape, region, points, margin)


def refuse_back(request: Request) -> None:
    """Refuse the back of a hand, as far as the dataset's labels tell.

    A back looks to an analyzer like the palm of the other hand; but so does a palm in a mirrored picture, which is why
    the label has to say which side is seen.

    Raises:
        RegionError: it is a back.
    """
    if request.aspect == "dorsal":
        raise RegionError(BACK)


class RegionMethod(ABC):
    """A method for palms that changes each image inside its region alone.

    Args:
        region: `palm` or `hand`.
        mask_points: corners of the palm polygon.
        mask_margin: growth of the palm polygon as a share of the palm width, 0..2.

    Raises:
        ValueError: a parameter is out of range.
    """

    def __init__(self, region: Region, mask_points: MaskPoints, mask_margin: float) -> None:
        check_region(region, mask_points, mask_margin)
        self.region: Region = region
        self.mask_points: MaskPoints = mask_points
        self.mask_margin = float(mask_margin)

    def deidentify(self, batch: Sequence[Request]) -> list[Image | Failure]:
        """One image of the same shape per request, or the reason why there is none."""
        return [self._one(request) for request in batch]

    def repaints(self, request: Request) -> NDArray[np.bool_]:
        """(H, W) pixels that this method may change.

        Raises:
            RegionError: the analysis gives no region.
        """
        return request_region(request, self.region, self.mask_points, self.mask_margin)

    @abstractmethod
    def _one(self, request: Request) -> Image | Failure:
        """The result for one request."""
