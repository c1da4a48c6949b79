"""The camera: where the hand falls in the frame, and what the sensor makes of the light."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .hand_mesh import VIEW_AXIS, Float32, Floats, rotation

FRAME_SIZE = (640, 480)
"""Height, width, px."""
HAND_CENTRE = np.array([0.0, -18.0, -20.0])
"""Hand-space point (mm) that the camera turns about."""


@dataclass(frozen=True, slots=True)
class FramingNuisance:
    """Spread of the view; degrees, px and logarithms."""

    roll: float
    tilt: float
    """Out of plane, about both axes."""
    scale: float
    shift: float


@dataclass(frozen=True, slots=True)
class SensorNuisance:
    """What one capture's optics and electronics do."""

    exposure: float
    """Standard deviation of the log exposure."""
    white_balance: float
    falloff: float
    """Spread of a linear brightness gradient over the frame."""
    defocus: tuple[float, float]
    """Range of the blur's sigma, px."""
    noise: tuple[float, float]
    jpeg_quality: tuple[int, int]
    motion_chance: float


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A pinhole camera looking at the hand."""

    turn: Floats
    distance: float
    focal: float
    centre: Floats

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """Image coordinates (n, 2) with the first pixel's centre at (.5, .5), and camera-space points (n, 3)."""
        turned = (points - HAND_CENTRE) @ self.turn.T
        scale = self.focal / (self.distance - turned[:, 2])
        return turned[:, :2] * scale[:, None] + self.centre, turned


def frame_hand(hand: Floats, nuisance: FramingNuisance, rng: np.random.Generator) -> View:
    """A view that keeps the hand's own vertices (n, 3), wrist crease included, inside the frame."""
    height, width = FRAME_SIZE
    turn = rotation(VIEW_AXIS, rng.normal(0, nuisance.roll))
    turn = turn @ rotation(np.array([1.0, 0.0, 0.0]), rng.normal(0, nuisance.tilt))
    turn = turn @ rotation(np.array([0.0, 1.0, 0.0]), rng.normal(0, nuisance.tilt))
    distance = float(rng.uniform(380, 600))
    unit = View(turn, distance, distance, np.zeros(2))
    points = unit.project(hand)[0]
    low, high = points.min(axis=0) - 1, points.max(axis=0) + 1
    room = min((width - 10) / (high[0] - low[0]), height * 0.96 / (high[1] - low[1]))
    zoom = room * min(1.0, float(np.exp(rng.normal(-0.04, nuisance.scale))))
    slack = np.array([width, height]) - (high - low) * zoom
    wanted = slack * (0.5, 0.35) + rng.normal(0, nuisance.shift, 2)
    start = np.clip(wanted, np.minimum(2, slack), np.maximum(slack - 2, 2))
    return View(turn, distance, distance * zoom, start - low * zoom)


def expose(
    scene: Float32, hand: NDArray[np.bool_], target: float, sensor: SensorNuisance, rng: np.random.Generator
) -> Float32:
    """Linear light to display values 0..1: auto-exposure on the hand, lens, sensor noise, tone curve, sharpening.

    Args:
        scene: (H, W, 3) linear.
        hand: (H, W) the skin that the exposure is metered on.
        target: mean linear value wanted there.
        sensor: the nuisance of this setting.
        rng: this sample's generator.
    """
    height, width = scene.shape[:2]
    metered = float(scene[hand].mean()) if hand.any() else float(scene.mean())
    gain = target / max(metered, 1e-3) * float(np.exp(rng.normal(0, sensor.exposure)))
    balance = np.exp(rng.normal(0, sensor.white_balance, 3)).astype(np.float32)
    x = np.linspace(-0.5, 0.5, width, dtype=np.float32)[None]
    y = np.linspace(-0.5, 0.5, height, dtype=np.float32)[:, None]
    around = rng.uniform(0, 2 * np.pi)
    gradient = 1 + np.float32(2 * rng.normal(0, sensor.falloff)) * (x * np.cos(around) + y * np.sin(around))
    vignette = 1 - np.float32(2 * rng.uniform(0, 0.18)) * (x * x + y * y)
    image = scene * (np.clip(gradient * vignette, 0.2, None)[..., None] * (balance * gain)).astype(np.float32)
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(*sensor.defocus))
    if rng.random() < sensor.motion_chance:
        image = _motion_blur(image, rng)
    return _develop(_with_noise(image, rng.uniform(*sensor.noise), rng), rng)


def _motion_blur(image: Float32, rng: np.random.Generator) -> Float32:
    angle, length = rng.uniform(0, 2 * np.pi), rng.uniform(1, 3)
    kernel = np.zeros((9, 9), np.float32)
    for step in np.linspace(-length, length, 17):
        kernel[round(4 + step * np.sin(angle)), round(4 + step * np.cos(angle))] += 1
    return np.asarray(cv2.filter2D(image, -1, kernel / kernel.sum()), np.float32)


def _with_noise(image: Float32, level: float, rng: np.random.Generator) -> Float32:
    """Photon noise plus a little read noise, correlated over a pixel or so as after demosaicing."""
    noise = cv2.GaussianBlur(rng.standard_normal(image.shape, dtype=np.float32), (0, 0), 0.6) * np.float32(1.8)
    variance = np.clip(image, 0, None) * np.float32(4 * level**2) + np.float32(0.05 * level**2)
    return np.asarray(image + noise * np.sqrt(variance), np.float32)


def _develop(image: Float32, rng: np.random.Generator) -> Float32:
    shoulder = np.float32(0.55)
    image = np.clip(image, 0, None)
    image = np.where(image < shoulder, image, 1 - (1 - shoulder) * np.exp((shoulder - image) / (1 - shoulder)))
    image = image ** np.float32(1 / 2.2)
    image = image + np.float32(0.12) * (image - 0.5) * (1 - (2 * image - 1) ** 2)
    sharpened = image + np.float32(rng.uniform(0.1, 0.5)) * (image - cv2.GaussianBlur(image, (0, 0), 1.2))
    return np.asarray(np.clip(sharpened, 0, 1), np.float32)
