"""What makes a painted palm continue its surround: colour without a step, the camera's grain, a soft border.

All of it is learned from pixels outside the hole.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ...datasets.types import Image

Pixels = NDArray[np.float32]
Mask = NDArray[np.bool_]

_REACHES = ((0.04, 1.0), (0.12, 0.05), (0.33, 0.002))
"""Sigmas in palm widths, and weights: near pixels decide, and far ones where no near one is known."""
_GRAIN_CUTS = (0.0, 0.9, 2.0)
"""Sigmas in px of the model's crop: fine grain between the first two, coarse grain between the last two."""
_WIDE = 6.0
"""Sigma in px that a blur keeps on a smaller picture."""
_ENOUGH = 200
"""Pixels that the strength of the grain should rest on."""


def match_surround(painted: Pixels, crop: Image, hole: Mask, hand: Mask, palm_width: float) -> Pixels:
    """Add to the painted crop the smooth part of what it lacks on the known hand pixels, carried on into the hole.

    Args:
        painted: (S, S, 3) RGB, the decoded crop.
        crop: (S, S, 3), the original.
        hole: (S, S), not to be looked at.
        hand: (S, S), the hand's pixels.
        palm_width: px of the crop.

    Returns:
        (S, S, 3), not clipped.
    """
    import cv2

    rim = np.ones((5, 5), np.uint8)
    known = (cv2.erode(hand.astype(np.uint8), rim) > 0) & (cv2.dilate(hole.astype(np.uint8), rim) == 0)
    weight = known.astype(np.float32)
    lacking = (crop.astype(np.float32) - painted) * weight[..., None]
    total, amount = np.zeros_like(painted), np.full(weight.shape, 1e-6, np.float32)
    for reach, share in _REACHES:
        sigma = max(0.5, reach * palm_width)
        total += share * cv2.GaussianBlur(lacking, (0, 0), sigma)
        amount += share * cv2.GaussianBlur(weight, (0, 0), sigma)
    return np.asarray(painted + total / amount[..., None], dtype=np.float32)


def add_grain(painted: Pixels, original: Pixels, hole: Mask, hand: Mask, scale: float, seed: int) -> Pixels:
    """Add luminance noise as strong as the fine structure that the painted picture lacks around the hole.

    Args:
        painted: (h, w, 3) RGB, at the image's resolution.
        original: (h, w, 3).
        hole: (h, w), not to be looked at.
        hand: (h, w), the hand's pixels.
        scale: px of the image for one of the model's, >= 1.
        seed: of the noise.

    Returns:
        (h, w, 3), not clipped.
    """
    import cv2

    rim = np.ones((3, 3), np.uint8)
    known = (cv2.erode(hand.astype(np.uint8), rim, iterations=2) > 0) & (cv2.dilate(hole.astype(np.uint8), rim) == 0)
    if known.sum() < _ENOUGH:
        return painted
    # Inside the hole the difference is the original's lines: it is emptied before anything is averaged.
    lacking = np.where(known, (original - painted).mean(axis=2), np.float32(0))
    noise = np.random.default_rng([seed, 1]).standard_normal(hole.shape, dtype=np.float32)
    for fine, coarse in pairwise(cut * scale for cut in _GRAIN_CUTS):
        there, made = _band(lacking, fine, coarse), _band(noise, fine, coarse)
        # Creases and rims are strong and few: the median passes them over (0.6745: the median of a normal |x|).
        strength = float(np.median(np.abs(there[known]))) / 0.6745 / max(float(made.std()), 1e-6)
        painted = painted + np.float32(strength) * made[..., None]
    return painted


def _band(values: Pixels, fine: float, coarse: float) -> Pixels:
    """What lies between two Gaussian scales."""
    lower = smooth(values, fine) if fine > 0 else values
    return np.asarray(lower - smooth(values, coarse), dtype=np.float32)


def smooth(values: Pixels, sigma: float) -> Pixels:
    """Gaussian blur; a wide one on a smaller picture, because images of 8000 px would otherwise take minutes."""
    import cv2

    shrink = int(sigma // _WIDE)
    if shrink < 2:
        return np.asarray(cv2.GaussianBlur(values, (0, 0), sigma), dtype=np.float32)
    height, width = values.shape[:2]
    size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
    small = cv2.GaussianBlur(cv2.resize(values, size, interpolation=cv2.INTER_AREA), (0, 0), sigma / shrink)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def feather(region: Mask, width: float) -> Pixels:
    """(h, w) shares 0..1 of the painted picture: 0 outside the region, rising to 1 over `width` px inside it."""
    import cv2

    framed = np.pad(region.astype(np.uint8), 1, mode="edge")  # the image's border is no border of the region
    distance = cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    ramp = np.clip(distance / max(width, 1.0), 0, 1)
    return np.asarray(ramp * ramp * (3 - 2 * ramp), dtype=np.float32)
