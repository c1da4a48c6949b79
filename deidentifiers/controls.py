"""Methods whose privacy is known beforehand, to hold attackers against: nothing is hidden that a learner cannot find
(`PixelPermutation`), and one in k is the most that anybody can find (`KSame`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..analyzers.base import Analysis, FaceAnalysis
from ..datasets.types import Failure, Image
from .base import MethodInfo, Request
from .face_regions import face_region_mask
from .regions import RegionError, palm_width, refuse_back, region_mask

GRID = 32
"""Cells a side of the square whose contents are permuted."""


def _region(request: Request) -> NDArray[np.bool_]:
    if isinstance(request.analysis, FaceAnalysis):
        return face_region_mask(request.face, request.image.shape, "mask", 0.0)
    palm_width(request.hand)
    return region_mask(request.hand, request.image.shape, "palm", "7", 0.0)


def _square(analysis: Analysis, region: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Corners of the square in which everybody's region lies alike: the palm square, or the box of the face."""
    if not isinstance(analysis, FaceAnalysis):
        return np.asarray(analysis.roi, np.float32)
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    x0, x1, y0, y1 = columns[0], columns[-1], rows[0], rows[-1]
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float32)


class PixelPermutation:
    """Puts the cells of the palm square, or of the face's box, into another order, the same for all images.

    A recogniser sees noise; who learns on permuted images, or just compares permuted ones with each other, loses
    nothing but the detail inside a cell.

    Args:
        key: of the permutation; whoever knows it undoes it.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        name="pixel_permutation",
        version="1",
        modality=("palm", "face"),
        description="Permutes the cells of the palm or face in one secret order",
        family="sanity",
        citation="Positive control of Todt, Hanisch & Strufe, Fantomas, arXiv:2210.10651",
    )

    def __init__(self, key: int = 0) -> None:
        self.key = int(key)

    def deidentify(self, batch: Sequence[Request]) -> list[Image | Failure]:
        """The permuted image of each request."""
        return [self._one(request) for request in batch]

    def repaints(self, request: Request) -> NDArray[np.bool_]:
        """(H, W) pixels that may change.

        Raises:
            RegionError: the analysis gives no region, or that of the back of a hand.
        """
        if not isinstance(request.analysis, FaceAnalysis):
            refuse_back(request)
        return _region(request)

    def _one(self, request: Request) -> Image | Failure:
        import cv2

        try:
            region = self.repaints(request)
        except RegionError as error:
            return Failure(str(error))
        corners = _square(request.analysis, region)
        flat = np.array([(0, 0), (GRID, 0), (GRID, GRID), (0, GRID)], np.float32)
        there = cv2.getPerspectiveTransform(corners, flat - 0.5)
        side = float(np.linalg.norm(corners[1] - corners[0]))
        # Averaged to the size of a cell first, so that a cell is its mean colour.
        smooth = cv2.blur(request.image, (max(1, round(side / GRID)),) * 2)
        cells = cv2.warpPerspective(
            smooth, there, (GRID, GRID), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        order = np.random.default_rng(self.key).permutation(GRID * GRID)
        permuted = np.ascontiguousarray(cells.reshape(GRID * GRID, 3)[order].reshape(GRID, GRID, 3))
        size = (request.image.shape[1], request.image.shape[0])
        back = cv2.warpPerspective(
            permuted, there, size, flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP, borderMode=cv2.BORDER_REPLICATE
        )
        result = request.image.copy()
        result[region] = back[region]
        return result


class KSame:
    """Gives each picture one of a few flat colours, by how bright the palm or face is: a group's pictures are equal.

    k-Same (Newton, Sweeney & Malin, 2005) makes the faces of k people equal, so that nobody is found with a chance
    above 1/k. This is its simplest form, without a picture of anybody: brightness parts the pictures into `groups`,
    and the whole picture is painted over. Whatever an attacker does, he learns the group: with N people he names at
    most `groups` of N right, which is 1/k for groups of k people.

    Args:
        groups: number of groups, 2..64.

    Raises:
        ValueError: the number is out of range.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        name="k_same",
        version="1",
        modality=("palm", "face"),
        description="Makes whole groups of pictures equal: nobody is found with a chance above 1/k",
        family="sanity",
        citation="After Newton, Sweeney & Malin, Preserving privacy by de-identifying face images, TKDE 17(2), 2005",
    )

    def __init__(self, groups: int = 4) -> None:
        if not 2 <= groups <= 64:
            raise ValueError(f"expected groups to be 2..64, got {groups}")
        self.groups = int(groups)

    def deidentify(self, batch: Sequence[Request]) -> list[Image | Failure]:
        """The painted picture of each request."""
        return [self._one(request) for request in batch]

    def repaints(self, request: Request) -> NDArray[np.bool_]:
        """(H, W) pixels that may change: all."""
        return np.ones(request.image.shape[:2], dtype=np.bool_)

    def _one(self, request: Request) -> Image | Failure:
        try:
            region = _region(request)
        except RegionError as error:
            return Failure(str(error))
        bright = float(request.image[region].mean()) / 256.0
        group = int(bright * self.groups)
        return np.full_like(request.image, np.uint8(255 * (group + 0.5) / self.groups))
