"""How much an image changed for the eye: PSNR and SSIM, as the palm paper's evaluation computes them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ...datasets.base import Image
from .values import Undefined

_PEAK = 255.0
_WINDOW = 7
_K1, _K2 = 0.01, 0.03


def psnr(original: Image, changed: Image) -> float:
    """Peak signal-to-noise ratio 10 log10(255² / MSE) over all pixels and channels.

    Args:
        original: (H, W, 3) uint8.
        changed: same shape.

    Returns:
        dB; infinity when the images are identical.

    Raises:
        ValueError: the shapes differ or the images are not uint8.
    """
    _check_pair(original, changed)
    difference = original.astype(np.int32) - changed
    error = float(np.mean(np.square(difference, dtype=np.int64)))
    return math.inf if error == 0 else 10.0 * math.log10(_PEAK**2 / error)


def ssim(original: Image, changed: Image) -> float | Undefined:
    """Structural similarity (Wang et al. 2004), mean over positions and colour channels.

    A uniform 7 x 7 window, sample covariances (n - 1), K1 = 0.01, K2 = 0.03, data range 255, averaged over the
    positions where the window lies inside the image: the defaults of scikit-image's `structural_similarity` with
    `channel_axis=-1`, which the palm paper's evaluation uses.

    Args:
        original: (H, W, 3) uint8.
        changed: same shape.

    Returns:
        -1..1, 1 for identical images; or why there is none (a side below 7 px).

    Raises:
        ValueError: the shapes differ or the images are not uint8.
    """
    _check_pair(original, changed)
    if min(original.shape[:2]) < _WINDOW:
        return Undefined(f"SSIM needs at least {_WINDOW} px a side")
    x, y = original.astype(np.float64), changed.astype(np.float64)
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    n = _WINDOW**2
    unbiased = n / (n - 1)
    var_x = unbiased * (_window_mean(x * x) - mean_x * mean_x)
    var_y = unbiased * (_window_mean(y * y) - mean_y * mean_y)
    covariance = unbiased * (_window_mean(x * y) - mean_x * mean_y)
    c1, c2 = (_K1 * _PEAK) ** 2, (_K2 * _PEAK) ** 2
    above = (2 * mean_x * mean_y + c1) * (2 * covariance + c2)
    below = (mean_x**2 + mean_y**2 + c1) * (var_x + var_y + c2)
    return float(np.mean(above / below))


def _window_mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the window at the positions where it lies inside the image, (H - 6, W - 6, 3)."""
    import cv2

    margin = _WINDOW // 2
    means = cv2.boxFilter(values, cv2.CV_64F, (_WINDOW, _WINDOW)).astype(np.float64, copy=False)
    return means[margin:-margin, margin:-margin]


def _check_pair(original: Image, changed: Image) -> None:
    for image in (original, changed):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise ValueError(f"expected (H, W, 3) uint8 images, got {image.shape} {image.dtype}; convert them first")
    if original.shape != changed.shape:
        raise ValueError(f"expected images of one shape, got {original.shape} and {changed.shape}; resize neither")
