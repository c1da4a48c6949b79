"""Masking, blurring and pixelation: the classical baselines of the palm paper (section IV-E, Tables V-VII).

The paper gives no strengths. Blurring's default gives its 41.0 dB PSNR over whole rendered images. Pixelation to its
37.6 dB would take blocks of a fifth of the palm, which leave nothing to recognise, while the paper's pixelation hides
next to nothing (RR 3.4 %); the default is therefore milder (39.9 dB). All strengths are relative to the palm width
L = |keypoint 5 - keypoint 17|, so that one setting means the same at every resolution. Pixels outside the region never
change.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..datasets.base import Failure, Image
from .base import MethodInfo, Request
from .regions import (
    DEFAULT_MARGIN,
    MaskPoints,
    Region,
    RegionError,
    RegionMethod,
    check_number,
    palm_width,
)

MaskColor = Literal["black", "grey", "skin"]

_PAPER = "Yan et al., Palmprint De-Identification Using Diffusion Model, arXiv:2504.08272, 2025"


class _Repainter(RegionMethod):
    """Gives the region's pixels new colours."""

    def _one(self, request: Request) -> Image | Failure:
        image, analysis = request.image, request.analysis
        try:
            mask = self.repaints(request)
            box = _box(mask)
            # Nothing outside the region's box is written, and inside it only what the mask allows.
            result = image.copy()
            result[box][mask[box]] = self._repaint(image, mask, analysis.mask, palm_width(analysis))
        except RegionError as error:
            return Failure(str(error))
        return result

    @abstractmethod
    def _repaint(
        self, image: Image, mask: NDArray[np.bool_], hand: NDArray[np.bool_], width: float
    ) -> NDArray[np.uint8]:
        """New colours (n, 3) of the mask's n pixels in row-major order."""


class Masking(_Repainter):
    """Paints the region in one colour.

    Args:
        color: `black`, `grey` (128) or `skin`, the median colour of the hand outside the region (of the whole hand
            if the region is the whole hand), which shows nothing of the palm's texture.
        region: `palm` or `hand`.
        mask_points: corners of the palm polygon, see `regions.MaskPoints`.
        mask_margin: growth of the palm polygon as a share of the palm width, 0..2.

    Raises:
        ValueError: a parameter is out of range.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        name="masking",
        version="1",
        modality=("palm",),
        description="Paints the palm in one colour",
        citation=_PAPER,
    )

    def __init__(
        self,
        color: MaskColor = "black",
        region: Region = "palm",
        mask_points: MaskPoints = "7",
        mask_margin: float = DEFAULT_MARGIN,
    ) -> None:
        if color not in get_args(MaskColor):
            raise ValueError(f"expected color black, grey or skin, got {color!r}; choose one of the three")
        super().__init__(region, mask_points, mask_margin)
        self.color: MaskColor = color

    def _repaint(
        self, image: Image, mask: NDArray[np.bool_], hand: NDArray[np.bool_], width: float
    ) -> NDArray[np.uint8]:
        if self.color == "skin":
            around = hand & ~mask
            colour = np.median(image[around if around.any() else hand], axis=0)
        else:
            colour = np.full(3, 128.0 if self.color == "grey" else 0.0)
        return np.broadcast_to(np.rint(colour).astype(np.uint8), (int(mask.sum()), 3))


class Blurring(_Repainter):
    """Gaussian blur of the hand, laid in through the region.

    Only the hand's own pixels are averaged (the blurred image is divided by the blurred hand mask), so that no
    background bleeds into the palm; where the kernel lies on the hand this is the plain Gaussian blur.

    Args:
        sigma: standard deviation of the Gaussian as a share of the palm width, 0..2.
        region: `palm` or `hand`.
        mask_points: corners of the palm polygon, see `regions.MaskPoints`.
        mask_margin: growth of the palm polygon as a share of the palm width, 0..2.

    Raises:
        ValueError: a parameter is out of range.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        name="blurring",
        version="1",
        modality=("palm",),
        description="Gaussian blur of the palm",
        citation=_PAPER,
    )

    def __init__(
        self,
        sigma: float = 0.038,
        region: Region = "palm",
        mask_points: MaskPoints = "7",
        mask_margin: float = DEFAULT_MARGIN,
    ) -> None:
        check_number("sigma", sigma, 0.0, 2.0)
        super().__init__(region, mask_points, mask_margin)
        self.sigma = float(sigma)

    def _repaint(
        self, image: Image, mask: NDArray[np.bool_], hand: NDArray[np.bool_], width: float
    ) -> NDArray[np.uint8]:
        sigma = self.sigma * width
        if sigma < 1e-3:
            return image[mask]
        rows, columns = _box(mask)
        reach = int(np.ceil(4 * sigma)) + 1
        around = (
            slice(max(0, rows.start - reach), rows.stop + reach),
            slice(max(0, columns.start - reach), columns.stop + reach),
        )
        blurred = _blur_inside(image[around], (hand | mask)[around], sigma)
        return blurred[mask[around]]


class Pixelation(_Repainter):
    """Replaces the region by square blocks of one colour each.

    The grid starts at the upper left corner of the region's bounding box; a block's colour is the mean of those of
    its pixels that lie in the region, so that no background enters.

    Args:
        block: side of a block as a share of the palm width, above 0, at most 4; blocks need not be whole pixels.
        region: `palm` or `hand`.
        mask_points: corners of the palm polygon, see `regions.MaskPoints`.
        mask_margin: growth of the palm polygon as a share of the palm width, 0..2.

    Raises:
        ValueError: a parameter is out of range.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        name="pixelation",
        version="1",
        modality=("palm",),
        description="Blocks of the palm's mean colour",
        citation=_PAPER,
    )

    def __init__(
        self,
        block: float = 0.09,
        region: Region = "palm",
        mask_points: MaskPoints = "7",
        mask_margin: float = DEFAULT_MARGIN,
    ) -> None:
        check_number("block", block, 0.0, 4.0)
        if block == 0:
            raise ValueError("expected block to be above 0, got 0; choose a share of the palm width such as 0.09")
        super().__init__(region, mask_points, mask_margin)
        self.block = float(block)

    def _repaint(
        self, image: Image, mask: NDArray[np.bool_], hand: NDArray[np.bool_], width: float
    ) -> NDArray[np.uint8]:
        side = max(1.0, self.block * width)
        rows, columns = _box(mask)
        y, x = np.nonzero(mask)
        across = int((columns.stop - columns.start) / side) + 1
        cell = ((y - rows.start) / side).astype(np.int64) * across + ((x - columns.start) / side).astype(np.int64)
        count = np.bincount(cell)
        means = np.stack(
            [np.bincount(cell, image[y, x, channel]) / np.maximum(count, 1) for channel in range(3)], axis=1
        )
        colours: NDArray[np.uint8] = np.rint(means).astype(np.uint8)[cell]
        return colours


def _box(mask: NDArray[np.bool_]) -> tuple[slice, slice]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return slice(int(rows[0]), int(rows[-1]) + 1), slice(int(columns[0]), int(columns[-1]) + 1)


def _blur_inside(image: Image, support: NDArray[np.bool_], sigma: float) -> Image:
    """Gaussian mean of the supporting pixels alone, (H, W, 3); meaningful where there is support."""
    import cv2

    weight = support.astype(np.float32)
    stacked = np.dstack([image.astype(np.float32) * weight[..., None], weight])
    side = 2 * int(np.ceil(4 * sigma)) + 1
    blurred = cv2.GaussianBlur(stacked, (side, side), sigma, borderType=cv2.BORDER_CONSTANT)
    colour = blurred[..., :3] / np.maximum(blurred[..., 3:], np.float32(1e-6))
    return np.clip(np.rint(colour), 0, 255).astype(np.uint8)
