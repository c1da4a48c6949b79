"""What lies behind the hand, as linear RGB."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from .hand_mesh import Float32
from .palm_texture import band_noise

Size = tuple[int, int]


def dark_cloth(rng: np.random.Generator, size: Size) -> Float32:
    """(H, W, 3): the nearly black backing of a controlled capture."""
    tint = rng.uniform(0.003, 0.014) * np.exp(rng.normal(0, 0.08, 3))
    folds = _coarse_noise(rng, size, 4, 20, 120)
    light = (1 + 0.12 * folds) * (1 + 0.12 * band_noise(rng, size, 2, 5))
    return _finish(light[..., None] * tint.astype(np.float32))


def everyday(rng: np.random.Generator, size: Size) -> Float32:
    """(H, W, 3): a table, cloth, wall or an out-of-focus room."""
    scenes: tuple[Callable[[np.random.Generator, Size], Float32], ...] = (_wood, _cloth, _plaster, _room)
    scene = scenes[rng.choice(4, p=(0.22, 0.2, 0.18, 0.4))]
    image = scene(rng, size)
    return _finish(image * (1 + 0.04 * band_noise(rng, size, 2, 6))[..., None])


def _finish(image: Float32) -> Float32:
    return np.clip(image, 0.002, 1.0).astype(np.float32)


def muted_colour(rng: np.random.Generator) -> Float32:
    """Linear RGB of low saturation, warm more often than not."""
    hue = rng.normal(0.08, 0.03) % 1 if rng.random() < 0.6 else rng.random()
    hsv = [hue * 179, min(0.45, rng.beta(1.2, 4.5)) * 255, rng.uniform(0.12, 0.9) * 255]
    rgb = cv2.cvtColor(np.array([[hsv]], np.uint8), cv2.COLOR_HSV2RGB)[0, 0]
    return np.asarray((rgb.astype(np.float32) / 255) ** 2.2, np.float32)


def _coarse_noise(
    rng: np.random.Generator,
    size: Size,
    step: int,
    shortest: float,
    longest: float,
    direction: float | None = None,
    elongation: float = 1.0,
) -> Float32:
    """Noise made on a grid `step` times coarser (wavelengths in px of that grid)."""
    small = band_noise(rng, (size[0] // step, size[1] // step), shortest, longest, direction, elongation)
    return np.asarray(cv2.resize(small, (size[1], size[0]), interpolation=cv2.INTER_CUBIC), np.float32)


def _turned_axes(rng: np.random.Generator, size: Size) -> tuple[Float32, Float32, float]:
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32)
    angle = float(rng.uniform(0, np.pi))
    cos, sin = np.float32(np.cos(angle)), np.float32(np.sin(angle))
    return x * cos + y * sin, y * cos - x * sin, angle


def _wood(rng: np.random.Generator, size: Size) -> Float32:
    colour = np.array([0.20, 0.14, 0.09]) * rng.uniform(0.3, 2.0) * np.exp(rng.normal(0, 0.10, 3))
    _, v, angle = _turned_axes(rng, size)
    plank = rng.uniform(70, 200)
    place = v / plank + rng.uniform(0, 1)
    tones = rng.normal(0, 0.16, 64).astype(np.float32)[np.floor(place).astype(int) % 64]
    across = angle + np.pi / 2
    pattern = 0.16 * _coarse_noise(rng, size, 4, 30, 140, across, 0.22)
    pattern += 0.10 * band_noise(rng, size, 2.5, 9, across, 0.06) + 0.13 * band_noise(rng, size, 8, 30, across, 0.10)
    gaps = np.abs(place % 1 - 0.5) > 0.5 - 1.2 / plank
    light = np.exp(tones + pattern) * (1 - gaps * 0.6 * rng.uniform(0, 1))
    planks = np.asarray(light[..., None] * colour, np.float32)
    return np.asarray(cv2.GaussianBlur(planks, (0, 0), rng.uniform(0.5, 2.5)), np.float32)


def _cloth(rng: np.random.Generator, size: Size) -> Float32:
    u, v, _ = _turned_axes(rng, size)
    thread = rng.uniform(3, 7)
    weave = 0.5 * np.sin(2 * np.pi / thread * u) + 0.5 * np.sin(2 * np.pi / thread * v)
    light = 1 + 0.12 * weave + 0.25 * _coarse_noise(rng, size, 8, 20, 60)
    if rng.random() < 0.4:
        light = light * (1 + 0.5 / (1 + np.exp(-12 * (np.sin(2 * np.pi / (thread * 9) * u) - 0.3))))
    return np.asarray(light[..., None] * muted_colour(rng), np.float32)


def _plaster(rng: np.random.Generator, size: Size) -> Float32:
    rough = rng.uniform(0.03, 0.13) * band_noise(rng, size, 3, 9)
    light = 1 + 0.12 * _coarse_noise(rng, size, 4, 20, 100) + rough
    return np.asarray(light[..., None] * muted_colour(rng), np.float32)


def _room(rng: np.random.Generator, size: Size) -> Float32:
    """Two large planes and some things on them, well out of focus."""
    height, width = size
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    edge = y - height * rng.uniform(0.2, 0.9) - rng.normal(0, 0.15) * (x - width / 2)
    share = (1 / (1 + np.exp(-np.clip(edge / rng.uniform(4, 9), -50, 50))))[..., None]
    slope = 1 + 0.25 * (x / width - 0.5) * rng.normal()
    image = ((muted_colour(rng) * (1 - share) + muted_colour(rng) * share) * slope[..., None]).astype(np.float32)
    for _ in range(rng.integers(4, 14)):
        image = _add_thing(rng, image)
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(4, 14))
    return np.asarray(image * (1 + 0.10 * _coarse_noise(rng, size, 4, 40, 160))[..., None], np.float32)


def _add_thing(rng: np.random.Generator, image: Float32) -> Float32:
    height, width = image.shape[:2]
    colour = muted_colour(rng).tolist()
    centre = (float(rng.uniform(-0.1, 1.1) * width), float(rng.uniform(-0.1, 1.1) * height))
    w, h = (float(v) for v in np.exp(rng.uniform(np.log(25), np.log(260), 2)))
    angle = float(rng.normal(0, 8) + 90 * rng.integers(0, 2))
    after = image.copy()
    if rng.random() < 0.6:
        cv2.fillPoly(after, [cv2.boxPoints((centre, (w, h), angle)).astype(np.int32)], colour)
    else:
        middle, radii = (int(centre[0]), int(centre[1])), (int(w / 2), int(w / 2 * rng.uniform(0.4, 1)))
        cv2.ellipse(after, middle, radii, angle, 0, 360, colour, -1)
    changed = (np.abs(after - image).sum(axis=2) > 0.01).astype(np.float32)
    contact = cv2.GaussianBlur(changed, (0, 0), 9)  # things darken the ground next to them
    return np.asarray(after * (1 - 0.12 * contact)[..., None], np.float32)
