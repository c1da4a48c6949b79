"""Tone: what is coarser than lines comes from the photograph itself, and the surround goes on without a step.

All in CIELAB, where light and colour are apart. Blurs know the pixels of a mask alone, so that neither a bright
background nor the rest of the hand bleeds in.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .seam import smooth

Pixels = NDArray[np.float32]
Mask = NDArray[np.bool_]

_REACHES = ((0.01, 1.0), (0.04, 0.02))
"""Sigmas in palm widths, and weights, of what is carried over the border: near pixels decide."""
_FADE = 0.05
"""Depth in palm widths at which that has mostly gone."""
_CLEAR = 0.02
"""Palm widths that a known pixel keeps from the hand's outline."""
_FOREIGN = 24.0
"""Distance in CIELAB, lightness at half weight, from the palm's colour from where a pixel at its outline is no skin."""
_FEWEST = 0.15
"""Share of known pixels around below which the border is left alone."""


def to_lab(pixels: Pixels) -> Pixels:
    """(..., 3) CIELAB of (..., 3) RGB, 0..255."""
    import cv2

    return np.asarray(cv2.cvtColor(np.clip(pixels, 0, 255) / np.float32(255), cv2.COLOR_RGB2LAB), dtype=np.float32)


def to_rgb(lab: Pixels) -> Pixels:
    """(..., 3) RGB, 0..255, of CIELAB; colours that a screen lacks are clipped."""
    import cv2

    return np.asarray(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB) * np.float32(255), dtype=np.float32)


def depth(mask: Mask) -> Pixels:
    """(h, w) px to the nearest pixel outside the mask; the picture's border does not count as one."""
    import cv2

    framed = np.pad(mask.astype(np.uint8), 1, mode="edge")
    return np.asarray(cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1], dtype=np.float32)


def masked_smooth(values: Pixels, mask: Mask, sigma: float) -> Pixels:
    """Gaussian blur over the mask's pixels alone; outside it goes on as far as the blur reaches."""
    weight = mask.astype(np.float32)
    around = np.maximum(smooth(weight, sigma), np.float32(1e-4))
    if values.ndim == 2:
        return np.asarray(smooth(values * weight, sigma) / around, dtype=np.float32)
    return np.asarray(smooth(values * weight[..., None], sigma) / around[..., None], dtype=np.float32)


def carry_tone(painted: Pixels, original: Pixels, hole: Mask, sigma: float) -> Pixels:
    """The painted picture with the original's low frequencies inside the hole.

    Args:
        painted: (h, w, 3) CIELAB.
        original: (h, w, 3) CIELAB.
        hole: (h, w), what was painted.
        sigma: px; what is coarser comes from the original.

    Returns:
        (h, w, 3); outside the hole the correction goes on as far as the blur reaches.
    """
    return np.asarray(painted + masked_smooth(original - painted, hole, sigma), dtype=np.float32)


def border_step(painted: Pixels, original: Pixels, hole: Mask, hand: Mask, palm_width: float) -> Pixels:
    """(h, w, 3): what the painted picture lacks just outside the hole, carried over its border and fading inside.

    No pixel of the hole is looked at. Where the hole's border is the hand's outline, nothing is known and nothing done.

    Args:
        painted: (h, w, 3) CIELAB, outside the hole too.
        original: (h, w, 3) CIELAB.
        hole: (h, w).
        hand: (h, w), the hand's pixels.
        palm_width: px.
    """
    known = (depth(hand) > _CLEAR * palm_width) & ~hole
    weight = known.astype(np.float32)
    lacking = np.where(known[..., None], original - painted, np.float32(0))
    total, amount = np.zeros_like(painted), np.full(weight.shape, 1e-6, np.float32)
    for reach, share in _REACHES:
        sigma = max(0.5, reach * palm_width)
        total += np.float32(share) * smooth(lacking, sigma)
        amount += np.float32(share) * smooth(weight, sigma)
    fade = np.exp(-((depth(hole) / np.float32(_FADE * palm_width)) ** 2))
    fade = fade * np.clip(smooth(weight, max(0.5, _REACHES[-1][0] * palm_width)) / np.float32(_FEWEST), 0, 1)
    return np.asarray(total / amount[..., None] * fade[..., None], dtype=np.float32)


def foreign_pixels(original: Pixels, hole: Mask, palm_width: float) -> Pixels:
    """(h, w) shares 0..1 of what the hole holds besides skin: a sleeve, a ring, a bright background at its outline.

    Only patches that reach the hole's outline count, and of them what is far from the palm's own colour; lines and
    shadows are not, so that nothing of them is kept.

    Args:
        original: (h, w, 3) CIELAB.
        hole: (h, w).
        palm_width: px.
    """
    import cv2

    middle = np.median(original[hole], axis=0)
    weights = np.array([0.5, 1, 1], np.float32)
    away = np.sqrt((((smooth(original, max(0.5, 0.01 * palm_width)) - middle) * weights) ** 2).sum(axis=2))
    rough = (away > _FOREIGN) & hole
    side = 2 * max(1, round(0.015 * palm_width)) + 1
    opened = cv2.morphologyEx(rough.astype(np.uint8), cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
    _, parts = cv2.connectedComponents(opened)
    outline = hole & (depth(hole) < 0.03 * palm_width)
    kept = np.isin(parts, np.setdiff1d(np.unique(parts[outline]), [0]))
    grown = cv2.dilate(kept.astype(np.uint8), np.ones((side, side), np.uint8)).astype(np.float32)
    return np.asarray(smooth(grown, max(0.5, 0.005 * palm_width)), dtype=np.float32)
