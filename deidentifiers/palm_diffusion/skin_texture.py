"""Texture: detail as fine and as strong as a photograph's, which a model that paints small crops cannot give.

The painted lines are narrowed, and what they lack is filled band by band with detail of real skin from charts that
ship with deid-bench: pores, ridges and small wrinkles, put together from patches without lines (`training/palm_skin`).
Of the hole's own pixels one number a band is used, how strong its detail is; nothing of where it is.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from .seam import smooth
from .tone import Mask, Pixels, depth, masked_smooth

SKIN = "palm-skin"
"""Registry name of the charts."""
CHART_SCALE = 320.0
"""Chart px for one palm width."""
CHART_STEP = 32.0
"""Grey levels of a chart for one standard deviation of its detail; 128 is none."""
CUTS = (0.0, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.06)
"""Sigmas in palm widths between which a band of detail lies."""

_FINEST_SIGMA = 0.35
"""px; bands below hold nothing."""
_COARSE = 0.01
"""Bands from here on, in palm widths, hold lines."""
_SKIN, _SKIN_COARSE = (0.45, 1.0), (0.4, 0.6)
"""Shares of a band's strength that skin has at least and at most: where pores are, and where lines are, for which skin
is no substitute."""
_LINES, _MOST_GAIN, _MOST_GAIN_COARSEST = 0.75, 2.8, 1.3
"""Share of a band's strength that the painted lines are brought to, and how far they are strengthened at most."""
_NOISE = 0.5
"""Share of the finest band that is the camera's noise."""
_TURN, _SIZES, _SHIFT, _WARP = 25.0, (0.85, 1.1), 0.1, 0.05
"""How far a chart is turned (degrees), resized, moved and bent (palm widths)."""
_NARROWING, _NARROWINGS, _NARROW_STEP = 0.012, 2, 0.012
"""Strength, rounds and largest step (palm widths) of the narrowing of lines."""
_ENOUGH = 64
"""Pixels that a strength should rest on; in a smaller hole nothing is changed."""


@lru_cache(maxsize=2)
def read_charts(path: Path) -> NDArray[np.uint8]:
    """(n, side, side) charts of skin detail; see `CHART_SCALE` and `CHART_STEP`."""
    from safetensors.numpy import load_file

    return np.asarray(load_file(path)["charts"], dtype=np.uint8)


def skin_layer(
    charts: NDArray[np.uint8], shape: tuple[int, int], middle: tuple[float, float], up: float, palm: float, seed: int
) -> Pixels:
    """(h, w) detail of skin of about unit strength: a chart of the seed's choice, turned, resized, moved and bent.

    Args:
        charts: see `read_charts`.
        shape: of the picture.
        middle: (x, y) of the palm in it, px.
        up: which way the fingers point, radians clockwise from upwards.
        palm: its width, px.
        seed: of all choices.
    """
    import cv2

    rng = np.random.default_rng([seed, 2])
    chart = (charts[rng.integers(len(charts))].astype(np.float32) - 128) / np.float32(CHART_STEP)
    turn = np.radians(rng.uniform(-_TURN, _TURN)) - up
    scale = CHART_SCALE / palm * rng.uniform(*_SIZES)
    shift = (chart.shape[0] - 1) / 2 + rng.uniform(-_SHIFT, _SHIFT, 2) * CHART_SCALE
    bends = rng.standard_normal((2, 6, 6)).astype(np.float32) * np.float32(_WARP * CHART_SCALE)
    if scale > 1.25:
        chart = smooth(chart, 0.4 * (scale - 0.6))
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    x, y = columns - np.float32(middle[0]), rows - np.float32(middle[1])
    cos, sin = np.float32(scale * np.cos(turn)), np.float32(scale * np.sin(turn))
    places = [cos * x - sin * y, sin * x + cos * y]
    for axis, bend in enumerate(bends):
        wide = cv2.resize(bend, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
        places[axis] = places[axis] + np.float32(shift[axis]) + wide
    # Charts are of one stuff all over, so that a palm that reaches beyond goes on in the mirror.
    return np.asarray(
        cv2.remap(chart, places[0], places[1], cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101), dtype=np.float32
    )


def narrow_lines(detail: Pixels, palm: float) -> Pixels:
    """Detail (h, w) with its dark lines narrower: every pixel is taken from a little further off the line's middle."""
    import cv2

    rows, columns = np.mgrid[: detail.shape[0], : detail.shape[1]].astype(np.float32)
    strength = np.float32(_NARROWING * palm) ** 2
    for _ in range(_NARROWINGS):
        dark = np.maximum(-smooth(detail, max(0.5, 0.006 * palm)), 0)
        dark = np.minimum(dark / np.float32(max(float(np.percentile(dark, 99)), 1e-3)), 1)
        dx, dy = (strength * cv2.Sobel(dark, cv2.CV_32F, 1 - axis, axis, ksize=3, scale=1 / 8) for axis in (0, 1))
        far = np.maximum(np.hypot(dx, dy) / np.float32(_NARROW_STEP * palm), 1)
        places = (columns - dx / far, rows - dy / far)
        narrower = cv2.remap(detail, *places, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT_101)
        detail = np.asarray(narrower, dtype=np.float32)
    return detail


def fill_texture(
    painted: Pixels, original: Pixels, hole: Mask, palm: float, skin: Pixels, noise: Pixels | None
) -> Pixels:
    """Painted lightness whose detail is as strong as the original's in every band.

    Args:
        painted: (h, w), L* of CIELAB.
        original: (h, w), L*; used for one strength a band, inside the hole.
        hole: (h, w), what was painted.
        palm: its width, px.
        skin: (h, w), of any strength.
        noise: (h, w), of any strength, mixed into the finest band; None: no noise.
    """
    inner = depth(hole) > CUTS[-2] * palm
    cuts = [0.0, *(cut for cut in CUTS[1:] if cut * palm >= _FINEST_SIGMA)]
    if len(cuts) < 2 or np.count_nonzero(inner) < _ENOUGH:
        return painted
    coarsest = cuts[-1] * palm
    base = masked_smooth(painted, hole, coarsest)
    layers = [original - masked_smooth(original, hole, coarsest), narrow_lines(painted - base, palm), skin]
    detail = np.zeros_like(painted)
    for fine, coarse in pairwise(cuts):
        if coarse == cuts[-1]:
            bands, layers = layers, []
        else:
            below = [masked_smooth(layer, hole, coarse * palm) for layer in layers]
            bands, layers = [a - b for a, b in zip(layers, below, strict=True)], below
        there, lines, pores = bands
        if fine == 0 and noise is not None:
            grain = noise - smooth(noise, coarse * palm)
            share = np.float32(_NOISE**0.5)
            pores = (1 - share) * pores / _strength(pores, inner) + share * grain / _strength(grain, inner)
        detail += _mixed(there, lines, pores, inner, fine, coarse)
    return np.asarray(base + detail, dtype=np.float32)


def _mixed(there: Pixels, lines: Pixels, pores: Pixels, inner: Mask, fine: float, coarse: float) -> Pixels:
    """One band: the painted lines, and skin for what they lack of the original's strength."""
    wanted, painted = _strength(there, inner), _strength(lines, inner)
    if fine >= CUTS[-2]:  # coarser than texture: lines alone
        return np.asarray(lines * np.float32(np.clip(wanted / painted, 0.3, _MOST_GAIN_COARSEST)), dtype=np.float32)
    gain = min(_LINES * wanted / painted, _MOST_GAIN)
    least, most = _SKIN_COARSE if fine >= _COARSE else _SKIN
    lacking = float(np.clip(max(0.0, wanted**2 - (gain * painted) ** 2) ** 0.5, least * wanted, most * wanted))
    mixed = np.float32(gain) * lines + np.float32(lacking / _strength(pores, inner)) * pores
    over = max(1.0, _strength(mixed, inner) / wanted)
    return np.asarray(mixed / np.float32(over), dtype=np.float32)


def _strength(band: Pixels, where: Mask) -> float:
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(band[where], dtype=np.float64)))) + 1e-4
