"""Multi-scale structural similarity, the piq package's variant of it, which the palm paper's evaluation uses."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ....datasets.types import Image
from ..citations import HOUSE
from ..metric import Metric
from ..values import Undefined
from .changes import Box, changed_box, check_pair
from .wording import BOX, PAIR, SIZE

Plane = NDArray[np.float32]
"""(H, W, 3) in 0..1"""

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales (Wang, Simoncelli & Bovik 2003)."""

_TAPS, _SIGMA = 11, 1.5
_C1, _C2 = 0.01**2, 0.03**2

SMALLEST_SIDE = (_TAPS - 1) * 2 ** (len(WEIGHTS) - 1) + 1
"""161: below, the window does not fit into the coarsest scale."""


def ms_ssim(original: Image, changed: Image) -> float | Undefined:
    """MS-SSIM of two images with values in 0..1.

    A Gaussian window of 11 x 11 and sigma 1.5, positions where it lies inside the image, K1 = 0.01, K2 = 0.03, five
    scales made by 2 x 2 means; an image with an odd side first gets one more row and column, copies of its first ones.
    Negative factors count as 0. The product of the scales is taken per colour channel, then the mean. So does
    `piq.multi_scale_ssim` with its defaults.

    Where the images are alike the local similarity is 1, so that only the neighbourhood of the changed pixels is
    looked at; the value is the same.

    Args:
        original: (H, W, 3) uint8.
        changed: same shape.

    Returns:
        0..1, 1 for identical images; or why there is none (a side below 161 px).

    Raises:
        ValueError: the shapes differ or the images are not uint8.

    >>> grey = np.full((161, 161, 3), 128, np.uint8)
    >>> ms_ssim(grey, grey)
    1.0
    >>> ms_ssim(grey[:99], grey[:99]).reason
    'MS-SSIM needs at least 161 px a side, got 99'
    """
    check_pair(original, changed)
    if min(original.shape[:2]) < SMALLEST_SIDE:
        return Undefined(f"MS-SSIM needs at least {SMALLEST_SIDE} px a side, got {min(original.shape[:2])}")
    box = changed_box(original, changed)
    if box is None:
        return 1.0
    x, y = original.astype(np.float32) / np.float32(255), changed.astype(np.float32) / np.float32(255)
    product = np.ones(3)
    for scale, weight in enumerate(WEIGHTS):
        if scale:
            x, y, box = _halved(x), _halved(y), _halved_box(box, x.shape)
        luminance, contrast = _mean_similarity(x, y, box)
        factor = luminance if scale == len(WEIGHTS) - 1 else contrast
        product *= np.maximum(factor, 0.0) ** weight
    return float(product.mean())


def _halved(plane: Plane) -> Plane:
    import cv2

    extra = max(plane.shape[0] % 2, plane.shape[1] % 2)
    if extra:
        plane = cv2.copyMakeBorder(plane, extra, 0, extra, 0, cv2.BORDER_REPLICATE).astype(np.float32, copy=False)
    rows, columns = plane.shape[0] // 2, plane.shape[1] // 2
    size = (columns, rows)
    return cv2.resize(plane[: 2 * rows, : 2 * columns], size, interpolation=cv2.INTER_AREA).astype(
        np.float32, copy=False
    )


def _halved_box(box: Box, shape: tuple[int, ...]) -> Box:
    """Pixels of the next scale that a pixel of the box has part in; copies at the border share the first one's."""
    extra = max(shape[0] % 2, shape[1] % 2)
    rows, columns = (shape[0] + extra) // 2, (shape[1] + extra) // 2
    return Box(
        (box.top + extra) // 2,
        min((box.bottom - 1 + extra) // 2 + 1, rows),
        (box.left + extra) // 2,
        min((box.right - 1 + extra) // 2 + 1, columns),
    )


def _mean_similarity(x: Plane, y: Plane, box: Box) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean SSIM and mean contrast-structure term, (3,) each, over all window positions."""
    reach = _TAPS // 2
    height, width = x.shape[:2]
    positions = (height - 2 * reach) * (width - 2 * reach)
    # window centres that see the box, then the pixels that these windows see
    top, bottom = max(box.top - reach, reach), min(box.bottom + reach, height - reach)
    left, right = max(box.left - reach, reach), min(box.right + reach, width - reach)
    if top >= bottom or left >= right:
        return np.ones(3), np.ones(3)
    part = np.s_[top - reach : bottom + reach, left - reach : right + reach]
    x, y = x[part], y[part]
    mean_x, mean_y = _gaussian(x), _gaussian(y)
    square_x, square_y, product = mean_x * mean_x, mean_y * mean_y, mean_x * mean_y
    both = _gaussian(x * x + y * y) - square_x - square_y
    covariance = _gaussian(x * y) - product
    contrast = (2 * covariance + np.float32(_C2)) / (both + np.float32(_C2))
    whole = (2 * product + np.float32(_C1)) / (square_x + square_y + np.float32(_C1)) * contrast
    alike = positions - contrast.shape[0] * contrast.shape[1]
    means = [(values.sum(axis=(0, 1), dtype=np.float64) + alike) / positions for values in (whole, contrast)]
    return means[0], means[1]


@lru_cache(maxsize=1)
def _window() -> NDArray[np.float32]:
    distance = np.arange(_TAPS) - _TAPS // 2
    bell = np.exp(-(distance**2) / (2 * _SIGMA**2))
    return np.asarray(bell / bell.sum(), dtype=np.float32)


def _gaussian(plane: Plane) -> Plane:
    """Weighted mean over the window at the positions where it lies inside, (H - 10, W - 10, 3)."""
    import cv2

    reach = _TAPS // 2
    means = cv2.sepFilter2D(np.ascontiguousarray(plane), cv2.CV_32F, _window(), _window())
    return means[reach:-reach, reach:-reach].astype(np.float32, copy=False)


MS_SSIM = Metric(
    name="ms_ssim",
    title="MS-SSIM",
    group="quality",
    unit="",
    better="higher",
    low=0.0,
    high=1.0,
    definition=(
        "Structural similarity at five scales: Gaussian window of 11 x 11 px, sigma 1.5, values in 0..1, mean over "
        "colour channels. Images with a side below 161 px have none."
    ),
    formula="l_5^w5 prod_j cs_j^wj, w = 0.0448, 0.2856, 0.3001, 0.2363, 0.1333",
    citation="Wang, Simoncelli & Bovik, Asilomar 2003",
    function=ms_ssim,
    source="rows",
    decimals=3,
    order=20,
    blocks=frozenset({"quality"}),
    resampling="images",
    protocol=("images",),
    how=PAIR,
    caveat=f"{SIZE} Packages differ where a scale has an odd side; ours pads as piq does.",
)
MS_SSIM_REGION = replace(
    MS_SSIM,
    name="ms_ssim_region",
    title="MS-SSIM (region)",
    definition="MS-SSIM over the bounding box of the protected region.",
    formula="ms_ssim of the boxes cut out of both images",
    citation=f"{HOUSE}; {MS_SSIM.citation}",
    order=140,
    blocks=frozenset(),
    how=BOX,
    caveat=f"The box holds pixels beside the region, too. {MS_SSIM.caveat}",
)
