"""Noise fields, and the pool of skin textures that all renders share.

Nothing here belongs to an identity. Whatever lies in the band that palmprint codes look at (2-8 mm) and is not a crease
is drawn per sample from the pool, so that a recogniser cannot tell two palms apart by their texture.
"""

from __future__ import annotations

from functools import lru_cache

import cv2
import numpy as np
import scipy.fft

from .hand_mesh import FINGER_JOINTS, Float32, load_hand_mesh

CHART_SCALE = 4.0
"""Chart px per mm."""
CHART_ORIGIN = (-88.0, -142.0)
"""Hand-space x, y (mm) of the chart's corner."""
CHART_SIZE = (1000, 672)
"""Chart height and width, px."""

POOL_SEED = 20240607
POOL_MEMBERS = 6


def band_noise(
    rng: np.random.Generator,
    size: tuple[int, int],
    shortest: float,
    longest: float,
    direction: float | None = None,
    elongation: float = 1.0,
) -> Float32:
    """(height, width) noise of unit variance whose wavelengths lie around shortest..longest px.

    With a direction (radians) the pattern is stretched across it by 1 / elongation.
    """
    height, width = size
    spectrum = scipy.fft.rfft2(rng.standard_normal((height, width), dtype=np.float32))
    fy = np.fft.fftfreq(height).astype(np.float32)[:, None]
    fx = np.fft.rfftfreq(width).astype(np.float32)[None]
    if direction is None:
        power = fx * fx + fy * fy
    else:
        cos, sin = np.float32(np.cos(direction)), np.float32(np.sin(direction))
        power = (fx * cos + fy * sin) ** 2 + ((fy * cos - fx * sin) * np.float32(elongation)) ** 2
    octave = 0.5 * np.log(power + np.float32(1e-12)) + np.float32(0.5 * np.log(shortest * longest))
    spread = 0.5 * np.log(longest / shortest) + 1e-3
    field = scipy.fft.irfft2(spectrum * np.exp(octave * octave * np.float32(-0.5 / spread**2)), (height, width))
    return np.asarray(field / field.std(), np.float32)


@lru_cache(maxsize=1)
def skin_pool() -> tuple[Float32, ...]:
    """Skin textures over the chart, (height, width, 4): micro-line net 0..1, mottling, grain and ridges."""
    rng = np.random.default_rng(POOL_SEED)
    return tuple(_pool_member(rng) for _ in range(POOL_MEMBERS))


def _pool_member(rng: np.random.Generator) -> Float32:
    round_cells = band_noise(rng, CHART_SIZE, 8, 15)
    long_cells = band_noise(rng, CHART_SIZE, 12, 24, direction=rng.uniform(0, np.pi), elongation=0.5)
    net = np.exp(-((round_cells / 0.16) ** 2)) * 0.6 + np.exp(-((long_cells / 0.12) ** 2)) * 0.7
    mottling = cv2.GaussianBlur(band_noise(rng, CHART_SIZE, 40, 160), (0, 0), 2)
    mottling = mottling + 0.12 * band_noise(rng, CHART_SIZE, 10, 30)
    grain = band_noise(rng, CHART_SIZE, 3.2, 5.0)
    tilt = rng.uniform(-0.5, 0.5)
    ridges_a = band_noise(rng, CHART_SIZE, 2.6, 4.2, direction=0.9 + tilt, elongation=0.25)
    ridges_b = band_noise(rng, CHART_SIZE, 2.6, 4.2, direction=tilt - 0.5, elongation=0.25)
    share = 1 / (1 + np.exp(-2 * band_noise(rng, CHART_SIZE, 60, 160)))
    ridges = ridges_a * share + ridges_b * (1 - share)
    return np.dstack([cv2.GaussianBlur(net.astype(np.float32), (0, 0), 0.6), mottling, grain, ridges]).astype(
        np.float32
    )


@lru_cache(maxsize=1)
def chart_grid() -> tuple[Float32, Float32]:
    """Hand-space x and y (mm) of the pixels of a half-size chart."""
    height, width = CHART_SIZE[0] // 2, CHART_SIZE[1] // 2
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    step = 2 / CHART_SCALE
    return x * np.float32(step) + np.float32(CHART_ORIGIN[0]), y * np.float32(step) + np.float32(CHART_ORIGIN[1])


def _blob(centre: tuple[float, float], radii: tuple[float, float], along: tuple[float, float] = (1.0, 0.0)) -> Float32:
    """A Gaussian bump on the half-size chart; radii are standard deviations along and across."""
    x, y = chart_grid()
    dx, dy = x - np.float32(centre[0]), y - np.float32(centre[1])
    u = (dx * np.float32(along[0]) + dy * np.float32(along[1])) / np.float32(radii[0])
    v = (dy * np.float32(along[0]) - dx * np.float32(along[1])) / np.float32(radii[1])
    return np.asarray(np.exp(-0.5 * (u * u + v * v)), np.float32)


@lru_cache(maxsize=1)
def skin_flush() -> Float32:
    """Half-size chart: where every palm is redder (balls of thumb and hand, finger mounts, finger tips)."""
    flush = 0.55 * _blob((-18, 10), (13, 16)) + 0.6 * _blob((34, 14), (10, 17)) + 0.35 * _blob((10, -38), (28, 6))
    flush = flush - 0.35 * _blob((10, -5), (11, 13))
    joints = load_hand_mesh().joints
    for chain in FINGER_JOINTS.values():
        tip, last = joints[chain[-1]][:2], joints[chain[-2]][:2]
        ahead = tip + 0.2 * (tip - last)
        flush = flush + 0.55 * _blob((float(ahead[0]), float(ahead[1])), (6.5, 7.5))
    return np.asarray(flush, np.float32)


@lru_cache(maxsize=1)
def skin_relief() -> Float32:
    """Half-size chart: height (mm) of the pads that every hand has; without them a palm looks like a glove."""
    relief = np.zeros_like(skin_flush())
    joints = load_hand_mesh().joints
    for finger, chain in FINGER_JOINTS.items():
        if finger == "thumb":
            continue
        base, middle, last, tip = (joints[j][:2] for j in chain[1:])
        root = base + (middle - base) * 0.47
        unit = (middle - base) / np.linalg.norm(middle - base)
        for start, end, height in ((root, middle, 1.1), (middle, last, 1.0), (last, tip + (tip - last) * 0.9, 1.3)):
            centre, reach = (start + end) / 2, float(np.linalg.norm(end - start)) * 0.27
            pad = _blob((float(centre[0]), float(centre[1])), (reach, 5.0), (float(unit[0]), float(unit[1])))
            relief = relief + np.float32(height) * pad
    for x, y in ((-3, -45), (19, -42), (36, -31)):
        relief = relief + 1.3 * _blob((x, y), (6, 6))
    relief = relief - 1.5 * _blob((12, 2), (12, 9)) + 1.2 * _blob((34, 12), (10, 16)) + 1.2 * _blob((-16, 8), (11, 15))
    return np.asarray(relief, np.float32)
