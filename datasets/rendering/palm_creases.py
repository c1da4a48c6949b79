"""Draws the creases of an identity for one sample."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from .hand_mesh import Float32
from .palm_identity import PalmIdentity, Strokes, bezier
from .palm_texture import CHART_ORIGIN, CHART_SCALE, CHART_SIZE

SUBPIXEL_BITS = 4


@dataclass(frozen=True, slots=True)
class CreaseNuisance:
    """How much the same crease differs between two captures."""

    jitter: float
    """Standard deviation of every control point, mm."""
    drop: float
    """Chance that a fine stroke does not show."""


@dataclass(frozen=True, slots=True, eq=False)
class CreaseMaps:
    """Full-size chart, 0..about 1."""

    deep: Float32
    """Principal lines and creases across joints."""
    fine: Float32


def draw_creases(identity: PalmIdentity, nuisance: CreaseNuisance, rng: np.random.Generator) -> CreaseMaps:
    """Draw all strokes with this sample's jitter, contrast and losses."""
    contrast = float(np.exp(rng.normal(0, 0.1)))
    deep_ink, fine_ink = np.zeros(CHART_SIZE, np.uint8), np.zeros(CHART_SIZE, np.uint8)
    _draw(fine_ink, identity.fine, nuisance, rng, contrast, points=12, fade=4.0, floor=0.05)
    _draw(deep_ink, identity.joints, nuisance, rng, contrast, points=16, fade=9.0, floor=0.35)
    _draw(deep_ink, identity.principal, nuisance, rng, contrast**0.5, points=48, fade=9.0, floor=0.2, weaken=0.35)
    deep, fine = deep_ink.astype(np.float32) / 255, fine_ink.astype(np.float32) / 255
    narrow, broad = cv2.GaussianBlur(deep, (0, 0), 1.0), cv2.GaussianBlur(deep, (0, 0), 3.2)
    hairline, furrow = cv2.GaussianBlur(fine, (0, 0), 1.1), cv2.GaussianBlur(fine, (0, 0), 3.6)
    return CreaseMaps(deep=0.62 * narrow + 0.5 * broad, fine=0.75 * hairline + 1.6 * furrow)


def no_creases() -> CreaseMaps:
    """Blank maps, for the control experiment that shows where the identity sits."""
    return CreaseMaps(np.zeros(CHART_SIZE, np.float32), np.zeros(CHART_SIZE, np.float32))


def _draw(
    ink: cv2.typing.MatLike,
    strokes: Strokes,
    nuisance: CreaseNuisance,
    rng: np.random.Generator,
    contrast: float,
    *,
    points: int,
    fade: float,
    floor: float,
    weaken: float = 0.0,
) -> None:
    """Draw one kind of stroke, weak ones first.

    Args:
        fade: how fast a stroke reaches its full strength from its ends (slope over its length).
        floor: strength at the very ends.
        weaken: how much of the strength a stroke loses from its first to its last point.
    """
    count = len(strokes.width)
    shifted = strokes.control + rng.normal(0, nuisance.jitter, strokes.control.shape)
    strength = strokes.strength * np.exp(rng.normal(0, 0.1, count)) * contrast
    width = strokes.width * np.exp(rng.normal(0, 0.08, count)) * CHART_SCALE
    optional = strokes.strength < 0.55
    shown = ~(optional & (rng.random(count) < nuisance.drop))
    t = np.linspace(0, 1, points)
    envelope = np.minimum(1, np.minimum(t, 1 - t) * fade + floor) * (1 - weaken * t)
    path = wobble(bezier(shifted, points), strokes.phase)
    pixels = np.rint((path - CHART_ORIGIN) * CHART_SCALE * (1 << SUBPIXEL_BITS)).astype(np.int32)
    wanted = width[:, None] * (0.34 + 0.41 * envelope)
    thickness = np.maximum(1, np.rint(wanted)).astype(int)
    # Whole pixels are too coarse for hairlines: what the thickness cannot say, the darkness does.
    levels = np.clip(strength[:, None] * envelope * np.clip(wanted / thickness, 0.5, 1.3) * 215, 0, 255)
    for stroke in np.argsort(strokes.strength, kind="stable"):
        if not shown[stroke]:
            continue
        line, level, thick = pixels[stroke].tolist(), levels[stroke].tolist(), thickness[stroke].tolist()
        for k in range(points - 1):
            cv2.line(ink, line[k], line[k + 1], level[k], thick[k], cv2.LINE_AA, SUBPIXEL_BITS)


def wobble(path: Float32, phase: Float32) -> Float32:
    """Bend curves (n, points, 2) sideways by tenths of a millimetre; drawn Bezier curves look too smooth."""
    t = np.linspace(0, 1, path.shape[1])[None]
    along = np.gradient(path, axis=1)
    across = np.stack([-along[..., 1], along[..., 0]], axis=2)
    across = across / (np.linalg.norm(along, axis=2, keepdims=True) + 1e-9)
    length = np.linalg.norm(path[:, -1] - path[:, 0], axis=1)[:, None] + 1e-6
    slow = np.minimum(0.28, 0.018 * length) * np.sin(phase[:, :1] + t * length * 0.42)
    fast = np.minimum(0.16, 0.010 * length) * np.sin(phase[:, 1:] + t * length * 1.05)
    return np.asarray(path + across * (slow + fast)[..., None], np.float32)
