"""Masking, blurring and pixelation: the classical baselines of the palm paper (section IV-E), for faces too.

The paper gives no strengths. Blurring's default gives its 41.0 dB PSNR over whole rendered images. Pixelation to its
37.6 dB would take blocks of a fifth of the palm, which leave nothing to recognise, while the paper's pixelation hides
next to nothing (RR 3.4 %); the default is therefore milder (39.9 dB). All strengths are relative to the palm width
L = |keypoint 5 - keypoint 17| or to the face width (see `face_regions.face_width`), so that one setting means the same
at every resolution. Pixels outside the region never change.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..analyzers.base import FaceAnalysis
from ..datasets.types import Failure, Image
from .base import MethodInfo, Request
from .face_regions import FaceRegion, face_mask, face_region_mask, face_width
from .parameters import check_number
from .regions import (
    DEFAULT_MARGIN,
    MaskPoints,
    Region,
    RegionError,
    check_region,
    palm_width,
    request_region,
)

MaskColor = Literal["black", "grey", "skin"]
PalmOrFaceRegion = Literal["auto", Region, FaceRegion]
"""`palm`, `hand`: see `regions.Region`; `box`, `mask`, `eyes`: see `face_regions.FaceRegion`. `auto`: `palm` of a hand,
`mask` of a face."""

_PAPER = "Yan et al., Palmprint De-Identification Using Diffusion Model, arXiv:2504.08272, 2025"


@dataclass(frozen=True, slots=True, eq=False)
class _Area:
    """Where one image is to be changed."""

    region: NDArray[np.bool_]
    """(H, W) pixels to change, at least one."""
    subject: NDArray[np.bool_]
    """(H, W) pixels of the whole hand or face; where a face has no mask, the region."""
    width: float
    """Of the palm or the face, in px."""


class _Repainter(ABC):
    """Gives the region's pixels new colours.

    Args:
        region: `auto`, `palm`, `hand`, `box`, `mask` or `eyes`.
        mask_points: corners of the palm polygon.
        mask_margin: growth of the region; see the methods.

    Raises:
        ValueError: a parameter is out of range.
    """

    def __init__(self, region: PalmOrFaceRegion, mask_points: MaskPoints, mask_margin: float) -> None:
        palm: Region = "hand" if region == "hand" else "palm"
        if region not in ("auto", "palm", "hand", *get_args(FaceRegion)):
            raise ValueError(f"expected region auto, palm, hand, box, mask or eyes, got {region!r}; choose one of them")
        check_region(palm, mask_points, mask_margin)
        self.region: PalmOrFaceRegion = region
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
        return self._area(request).region

    def _one(self, request: Request) -> Image | Failure:
        image = request.image
        try:
            area = self._area(request)
            box = _box(area.region)
            # Nothing outside the region's box is written, and inside it only what the mask allows.
            result = image.copy()
            result[box][area.region[box]] = self._repaint(image, area.region, area.subject, area.width)
        except RegionError as error:
            return Failure(str(error))
        return result

    def _area(self, request: Request) -> _Area:
        shape = request.image.shape
        if isinstance(request.analysis, FaceAnalysis):
            return self._face_area(request.analysis, shape)
        if self.region not in ("auto", *get_args(Region)):
            raise RegionError(f"region={self.region} is for faces; take palm or hand")
        hand = request.hand
        palm: Region = "hand" if self.region == "hand" else "palm"
        region = request_region(request, palm, self.mask_points, self.mask_margin)
        return _Area(region, hand.mask, palm_width(hand))

    def _face_area(self, face: FaceAnalysis, shape: tuple[int, ...]) -> _Area:
        if self.region == "palm" or self.region == "hand":
            raise RegionError(f"region={self.region} is for palms; take box, mask or eyes")
        part: FaceRegion = "mask" if self.region == "auto" else self.region
        region = face_region_mask(face, shape, part, self.mask_margin)
        subject = region if face.mask is None else face_mask(face, shape)
        return _Area(region, subject, face_width(face))

    @abstractmethod
    def _repaint(
        self, image: Image, mask: NDArray[np.bool_], subject: NDArray[np.bool_], width: float
    ) -> NDArray[np.uint8]:
        """New colours (n, 3) of the mask's n pixels in row-major order."""


class Masking(_Repainter):
    """Paints the region in one colour.

    Args:
        color: `black`, `grey` (128) or `skin`, the median colour of the hand or face outside the region (of the whole
            hand or face if nothing of it is outside), which shows nothing of the region's texture.
        region: `palm` or `hand`; of faces `box`, `mask` or `eyes`; `auto` is `palm` and `mask`.
        mask_points: corners of the palm polygon, see `regions.MaskPoints`; of no effect on faces.
        mask_margin: growth of the palm polygon, or of a face region, as a share of the palm or face width, 0..2.

    Raises:
        ValueError: a parameter is out of range.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        name="masking",
        version="1",
        modality=("palm", "face"),
        description="Paints the palm or the face in one colour",
        citation=_PAPER,
    )

    def __init__(
        self,
        color: MaskColor = "black",
        region: PalmOrFaceRegion = "auto",
        mask_points: MaskPoints = "7",
        mask_margin: float = DEFAULT_MARGIN,
    ) -> None:
        if color not in get_args(MaskColor):
            raise ValueError(f"expected color black, grey or skin, got {color!r}; choose one of the three")
        super().__init__(region, mask_points, mask_margin)
        self.color: MaskColor = color

    def _repaint(
        self, image: Image, mask: NDArray[np.bool_], subject: NDArray[np.bool_], width: float
    ) -> NDArray[np.uint8]:
        if self.color == "skin":
            around = subject & ~mask
            colour = np.median(image[around if around.any() else subject], axis=0)
        else:
            colour = np.full(3, 128.0 if self.color == "grey" else 0.0)
        return np.broadcast_to(np.rint(colour).astype(np.uint8), (int(mask.sum()), 3))


class Blurring(_Repainter):
    """Gaussian blur of the hand or face, laid in through the region.

    Only the hand's or face's and the region's own pixels are averaged (the blurred image is divided by the blurred
    mask), so that no background bleeds in; where the kernel lies on them this is the plain Gaussian blur.

    Args:
        sigma: standard deviation of the Gaussian as a share of the palm or face width, 0..2.
        region: `palm` or `hand`; of faces `box`, `mask` or `eyes`; `auto` is `palm` and `mask`.
        mask_points: corners of the palm polygon, see `regions.MaskPoints`; of no effect on faces.
        mask_margin: growth of the palm polygon, or of a face region, as a share of the palm or face width, 0..2.

    Raises:
        ValueError: a parameter is out of range.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        name="blurring",
        version="1",
        modality=("palm", "face"),
        description="Gaussian blur of the palm or the face",
        degradation="blur",
        citation=_PAPER,
    )

    def __init__(
        self,
        sigma: float = 0.038,
        region: PalmOrFaceRegion = "auto",
        mask_points: MaskPoints = "7",
        mask_margin: float = DEFAULT_MARGIN,
    ) -> None:
        check_number("sigma", sigma, 0.0, 2.0)
        super().__init__(region, mask_points, mask_margin)
        self.sigma = float(sigma)

    def degradation(self, request: Request) -> dict[str, str | float]:
        """How wide the blur of this image is, in px.

        Raises:
            RegionError: the analysis gives no region.
        """
        return {"kind": "blur", "sigma": self.sigma * self._area(request).width}

    def _repaint(
        self, image: Image, mask: NDArray[np.bool_], subject: NDArray[np.bool_], width: float
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
        blurred = _blur_inside(image[around], (subject | mask)[around], sigma)
        return blurred[mask[around]]


class Pixelation(_Repainter):
    """Replaces the region by square blocks of one colour each.

    The grid starts at the upper left corner of the region's bounding box; a block's colour is the mean of those of
    its pixels that lie in the region, so that no background enters.

    Args:
        block: side of a block as a share of the palm or face width, above 0, at most 4; it need not be whole pixels.
        region: `palm` or `hand`; of faces `box`, `mask` or `eyes`; `auto` is `palm` and `mask`.
        mask_points: corners of the palm polygon, see `regions.MaskPoints`; of no effect on faces.
        mask_margin: growth of the palm polygon, or of a face region, as a share of the palm or face width, 0..2.

    Raises:
        ValueError: a parameter is out of range.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        name="pixelation",
        version="1",
        modality=("palm", "face"),
        description="Blocks of the palm's or face's mean colour",
        degradation="mosaic",
        citation=_PAPER,
    )

    def __init__(
        self,
        block: float = 0.09,
        region: PalmOrFaceRegion = "auto",
        mask_points: MaskPoints = "7",
        mask_margin: float = DEFAULT_MARGIN,
    ) -> None:
        check_number("block", block, 0.0, 4.0)
        if block == 0:
            raise ValueError("expected block to be above 0, got 0; choose a share of the width such as 0.09")
        super().__init__(region, mask_points, mask_margin)
        self.block = float(block)

    def degradation(self, request: Request) -> dict[str, str | float]:
        """Where the blocks of this image lie, in px.

        Raises:
            RegionError: the analysis gives no region.
        """
        area = self._area(request)
        rows, columns = _box(area.region)
        side = max(1.0, self.block * area.width)
        return {"kind": "mosaic", "side": side, "top": float(rows.start), "left": float(columns.start)}

    def _repaint(
        self, image: Image, mask: NDArray[np.bool_], subject: NDArray[np.bool_], width: float
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
