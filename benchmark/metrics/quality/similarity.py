"""SSIM and PSNR over the whole image and over a region, looking at changed pixels only."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ....datasets.types import Image
from ..citations import HOUSE, PALM_PAPER, SSIM
from ..metric import Metric
from ..values import Undefined
from .changes import Box, Region, changed_box, check_pair
from .wording import COVERAGE, PAIR, REGION, SIZE

_PEAK = 255.0
_WINDOW = 7
_REACH = _WINDOW // 2
_PIXELS = _WINDOW**2
_C1, _C2 = (0.01 * _PEAK) ** 2, (0.03 * _PEAK) ** 2


@dataclass(frozen=True, slots=True)
class Similarity:
    """PSNR in dB (infinite when nothing differs) and SSIM."""

    psnr: float | Undefined
    ssim: float | Undefined
    psnr_region: float | Undefined
    ssim_region: float | Undefined


def similarity(original: Image, changed: Image, region: Region | None = None) -> Similarity:
    """PSNR and SSIM as scikit-image's defaults define them, of the image and of a region.

    SSIM: uniform 7 x 7 window, sample covariances, K1 = 0.01, K2 = 0.03, data range 255, mean over colour channels and
    over the positions where the window lies inside the image. Over a region: the mean of the same map over the
    region's pixels that are such positions; windows at the region's border see pixels outside it. PSNR over a region
    takes the mean squared error over the region's pixels.

    All sums are whole numbers; only the last division rounds.

    Args:
        original: (H, W, 3) uint8.
        changed: same shape.
        region: (H, W) bool, the protected part.

    Raises:
        ValueError: the shapes or types differ from these.

    >>> black = np.zeros((8, 8, 3), np.uint8)
    >>> dotted = black.copy()
    >>> dotted[0, 0] = 255
    >>> round(similarity(black, dotted).psnr, 4)  # one pixel of 64: 10 log10(64)
    18.0618
    >>> similarity(black, black).ssim
    1.0
    """
    check_pair(original, changed, region)
    box = changed_box(original, changed)
    whole_psnr, region_psnr = _psnr(original, changed, region, box)
    whole_ssim, region_ssim = _ssim(original, changed, region, box)
    return Similarity(whole_psnr, whole_ssim, region_psnr, region_ssim)


def _missing(region: Region | None, pixels: int) -> Undefined | None:
    if region is None:
        return Undefined("no region was given")
    return None if pixels else Undefined("the region is empty")


def _psnr(original: Image, changed: Image, region: Region | None, box: Box | None) -> tuple[float, float | Undefined]:
    in_region = 0 if region is None else int(np.count_nonzero(region))
    missing = _missing(region, in_region)
    if box is None:
        return math.inf, missing or math.inf
    part = np.s_[box.top : box.bottom, box.left : box.right]
    difference = original[part].astype(np.int32) - changed[part]
    errors = np.square(difference, out=difference).sum(axis=2)
    whole = _decibel(int(errors.sum(dtype=np.int64)), original.size)
    if missing is not None or region is None:
        return whole, missing or Undefined("no region was given")
    return whole, _decibel(int(errors[region[part]].sum(dtype=np.int64)), 3 * in_region)


def _decibel(squared_error: int, values: int) -> float:
    return math.inf if squared_error == 0 else 10.0 * math.log10(_PEAK**2 * values / squared_error)


def _ssim(
    original: Image, changed: Image, region: Region | None, box: Box | None
) -> tuple[float | Undefined, float | Undefined]:
    height, width = original.shape[:2]
    if min(height, width) < _WINDOW:
        small = Undefined(f"SSIM needs at least {_WINDOW} px a side")
        return small, small
    inside = None if region is None else region[_REACH : height - _REACH, _REACH : width - _REACH]
    in_region = 0 if inside is None else int(np.count_nonzero(inside))
    missing = _missing(region, in_region)
    if box is None:
        return 1.0, missing or 1.0
    # window centres that see the box, counted from the first centre of the image
    top, bottom = max(box.top - 2 * _REACH, 0), min(box.bottom, height - 2 * _REACH)
    left, right = max(box.left - 2 * _REACH, 0), min(box.right, width - 2 * _REACH)
    pixels = np.s_[top : bottom + 2 * _REACH, left : right + 2 * _REACH]
    loss = 1.0 - _local(original[pixels], changed[pixels])
    whole = 1.0 - float(loss.sum()) / (height - 2 * _REACH) / (width - 2 * _REACH)
    if missing is not None or inside is None:
        return whole, missing or Undefined("no region was given")
    return whole, 1.0 - float(loss[inside[top:bottom, left:right]].sum()) / in_region


def _local(original: Image, changed: Image) -> NDArray[np.float64]:
    """SSIM at the positions where the window lies inside, mean over channels, (H - 6, W - 6)."""
    x, y = original.astype(np.uint16), changed.astype(np.uint16)
    sum_x, sum_y = _window_sum(x), _window_sum(y)
    squares = _window_sum(x * x) + _window_sum(y * y)
    products = _window_sum(x * y)
    means_product, means_squares = sum_x * sum_y, sum_x * sum_x + sum_y * sum_y
    unbiased = _PIXELS * (_PIXELS - 1)
    luminance = (2 * means_product + _PIXELS**2 * _C1) / (means_squares + _PIXELS**2 * _C1)
    above = 2 * (_PIXELS * products - means_product) + unbiased * _C2
    below = _PIXELS * squares - means_squares + unbiased * _C2
    luminance *= above
    luminance /= below
    return np.asarray(luminance.mean(axis=2), dtype=np.float64)


def _window_sum(values: NDArray[np.uint16]) -> NDArray[np.int32]:
    """Exact sums over the window; the largest, of two squared images, is 2 x 7² x 255² and fits by far."""
    import cv2

    sums = cv2.boxFilter(values, cv2.CV_32S, (_WINDOW, _WINDOW), normalize=False).astype(np.int32, copy=False)
    return sums[_REACH:-_REACH, _REACH:-_REACH]


METRICS = (
    Metric(
        name="psnr",
        title="PSNR",
        group="quality",
        unit="dB",
        better="higher",
        low=0.0,
        high=None,
        definition=(
            "Peak signal-to-noise ratio between original and de-identified image, over all pixels and channels. "
            "Unchanged images have none (infinite); they are left out of the mean and counted."
        ),
        formula="10 log10(255^2 / MSE)",
        citation=f"{PALM_PAPER}, Table III",
        function=similarity,
        source="rows",
        order=30,
        blocks=frozenset({"quality"}),
        resampling="images",
        protocol=("images",),
        how=PAIR,
        caveat=f"{SIZE} On grey images, as some give it, it comes out higher than on colour.",
    ),
    Metric(
        name="ssim",
        title="SSIM",
        group="quality",
        unit="",
        better="higher",
        low=-1.0,
        high=1.0,
        definition=(
            "Structural similarity between original and de-identified image: uniform 7 x 7 window, sample covariances, "
            "mean over colour channels."
        ),
        formula="mean of (2 mx my + c1)(2 sxy + c2) / ((mx^2 + my^2 + c1)(sx^2 + sy^2 + c2))",
        citation=SSIM,
        function=similarity,
        source="rows",
        decimals=3,
        order=10,
        blocks=frozenset({"quality", "overview"}),
        resampling="images",
        protocol=("images",),
        how=PAIR,
        caveat=(
            f"{SIZE} It differs in the second decimal from the Gaussian window of 11 x 11 that other packages have by "
            "default, and in the first where they reduce the image beforehand."
        ),
    ),
    Metric(
        name="psnr_region",
        title="PSNR (region)",
        group="quality",
        unit="dB",
        better="higher",
        low=0.0,
        high=None,
        definition="PSNR over the pixels of the protected region. Regions left unchanged have none (infinite).",
        formula="10 log10(255^2 / MSE), MSE over the region",
        citation=HOUSE,
        function=similarity,
        source="rows",
        order=100,
        resampling="images",
        protocol=("images",),
        how=REGION,
        caveat=COVERAGE,
    ),
    Metric(
        name="ssim_region",
        title="SSIM (region)",
        group="quality",
        unit="",
        better="higher",
        low=-1.0,
        high=1.0,
        definition=(
            "Mean of the SSIM map over the pixels of the protected region; windows at its border see pixels outside, "
            "and the outermost 3 px of the image belong to no window."
        ),
        formula="mean of the SSIM map over the region",
        citation=f"{HOUSE}; {SSIM}",
        function=similarity,
        source="rows",
        decimals=3,
        order=110,
        resampling="images",
        protocol=("images",),
        how=REGION,
        caveat=COVERAGE,
    ),
)
