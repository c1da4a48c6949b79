"""What makes a synthetic palm a certain person's: creases; and, shared by both hands, skin tone and hand shape.

Strokes are cubic Bezier curves in the chart (hand space, mm). Hand shape varies by about 3 % only, so that a method
that changes the palm alone is not judged on finger lengths; nothing but the strokes may carry identity in the 2-8 mm
band.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..types import Hand
from .hand_mesh import FINGER_JOINTS, Float32, Floats, HandShape, load_hand_mesh

SHAPE_TAG, SKIN_TAG, CREASE_TAG = 1, 2, 3
"""Last words of the seeds, so that no two draws share a stream."""

Point = tuple[float, float] | NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Strokes:
    """Creases of one kind."""

    control: Float32
    """(n, 4, 2) Bezier control points, mm."""
    width: Float32
    """(n,) mm."""
    strength: Float32
    """(n,) 0..1.1, how dark and deep."""
    phase: Float32
    """(n, 2) of the fine wobble, radians."""


@dataclass(frozen=True, slots=True)
class SkinTone:
    """Pigments of one person."""

    melanin: float
    """0 very light .. 1 very dark."""
    haemoglobin: float
    yellow: float


@dataclass(frozen=True, slots=True, eq=False)
class PalmIdentity:
    """One palm of one person."""

    hand: Hand
    shape: HandShape
    skin: SkinTone
    principal: Strokes
    """Life, head and heart line."""
    joints: Strokes
    """Creases across fingers and wrist."""
    fine: Strokes
    """Everything else."""


class _Sketch:
    """Collects strokes; the only mutable thing here."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        self.curves: list[Floats] = []
        self.widths: list[float] = []
        self.strengths: list[float] = []

    def curve(self, points: Sequence[Point], width: float, strength: float) -> None:
        self.curves.append(np.array([[p[0], p[1]] for p in points], float))
        self.widths.append(width)
        self.strengths.append(strength)

    def arc(self, start: Point, end: Point, bow: float, width: float, strength: float) -> None:
        """A nearly straight stroke; bow is the bulge as a share of its length."""
        a, b = np.asarray(start, float), np.asarray(end, float)
        along = b - a
        across = np.array([-along[1], along[0]])
        first, second = bow + self.rng.normal(0, 0.06, 2)
        self.curve([a, a + along / 3 + across * first, a + along * 2 / 3 + across * second, b], width, strength)

    def scatter(
        self,
        count: int,
        area: tuple[float, float, float, float],
        direction: tuple[float, float],
        length: tuple[float, float],
        strength: tuple[float, float],
        crossing: float = 0.0,
    ) -> None:
        """Short strokes anywhere in x0, x1, y0, y1; direction is mean and deviation, crossing the share set upright."""
        rng = self.rng
        for _ in range(count):
            centre = np.array([rng.uniform(*area[:2]), rng.uniform(*area[2:])])
            angle = rng.normal(*direction) + (np.pi / 2 if rng.random() < crossing else 0.0)
            half = np.array([np.cos(angle), np.sin(angle)]) * rng.uniform(*length) / 2
            width = float(rng.uniform(0.25, 0.45))
            self.arc(centre - half, centre + half, rng.normal(0, 0.1), width, float(rng.uniform(*strength)))

    def strokes(self) -> Strokes:
        return Strokes(
            control=np.array(self.curves, np.float32).reshape(-1, 4, 2),
            width=np.array(self.widths, np.float32),
            strength=np.array(self.strengths, np.float32),
            phase=self.rng.uniform(0, 2 * np.pi, (len(self.curves), 2)).astype(np.float32),
        )


def bezier(control: Floats, points: int) -> Float32:
    """(n, points, 2) along cubic curves with control points (n, 4, 2)."""
    t = np.linspace(0, 1, points)
    basis = np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3], axis=1)
    return np.asarray(np.einsum("pk,nkd->npd", basis, control), np.float32)


def palm_identity(seed: int) -> PalmIdentity:
    """The palm with this seed: subject seed // 2, the left hand when even, the right one when odd."""
    subject, hand_number = divmod(seed, 2)
    rng = np.random.default_rng([seed, CREASE_TAG])
    fine = _Sketch(rng)
    principal = _principal_lines(rng, fine)
    joints = _finger_creases(rng, fine)
    _wrist_creases(joints)
    _secondary_lines(fine)
    _wrinkles(fine)
    return PalmIdentity(
        hand="right" if hand_number else "left",
        shape=_hand_shape(np.random.default_rng([subject, SHAPE_TAG])),
        skin=_skin_tone(np.random.default_rng([subject, SKIN_TAG])),
        principal=principal.strokes(),
        joints=joints.strokes(),
        fine=fine.strokes(),
    )


def _hand_shape(rng: np.random.Generator) -> HandShape:
    overall = float(np.exp(rng.normal(-0.02, 0.02)))
    a, b, c, d, e = (float(overall * np.exp(rng.normal(0, 0.02))) for _ in range(5))
    return HandShape(
        palm_width=float(1.06 * np.exp(rng.normal(0, 0.03))),
        palm_length=float(np.exp(rng.normal(0, 0.02))),
        finger_width=float(1.24 * np.exp(rng.normal(0, 0.03))),
        finger_lengths=(a, b, c, d, e),
    )


def skin_group(seed: int) -> str:
    """How dark the skin of the palm with this seed is: `light`, `medium` or `dark`, thirds of the melanin scale."""
    melanin = _skin_tone(np.random.default_rng([seed // 2, SKIN_TAG])).melanin
    return "light" if melanin < 1 / 3 else "medium" if melanin < 2 / 3 else "dark"


def _skin_tone(rng: np.random.Generator) -> SkinTone:
    return SkinTone(
        melanin=float(np.clip(rng.beta(0.95, 1.15), 0.02, 0.97)),
        haemoglobin=float(rng.uniform(0.48, 0.85)),
        yellow=float(rng.normal(0, 0.05)),
    )


def _principal_lines(rng: np.random.Generator, fine: _Sketch) -> _Sketch:
    """Life, head and heart line, each with a few strands and forks beside it (these go to the fine strokes)."""
    g = rng.normal
    gap = abs(g(0, 2.2))
    life = [(-29, -20), (-2 + g(0, 4), -25 + g(0, 2)), (19 + g(0, 5.5), 6 + g(0, 3)), (2 + g(0, 5), 36 + g(0, 6))]
    head = [(-29, -22 - gap), (-6, -24 - gap + g(0, 2)), (20, -12 + g(0, 6)), (31 + g(0, 7), 6 + g(0, 10))]
    ending = ((-3, -46), (-14, -38), (8, -40))[rng.choice(3, p=(0.5, 0.3, 0.2))]
    heart = [(50, -8 + g(0, 4)), (30, -17 + g(0, 4)), (8, -18 + g(0, 5)), (ending[0] + g(0, 3), ending[1] + g(0, 2))]
    height = g(0, 2.2)
    lines = _Sketch(rng)
    for points, spread, width in ((life, 1.8, 1.0), (head, 2.0, 0.9), (heart, 2.0, 0.95)):
        control = np.array(points, float) + g(0, spread, (4, 2)) + (0.0, height)
        lines.curve(list(control), float(width * np.exp(g(0, 0.2))), float(np.clip(g(0.9, 0.13), 0.6, 1.1)))
        path = bezier(control[None], 80)[0]
        for _ in range(rng.integers(2, 6)):
            start = int(rng.integers(4, 70))
            end = min(start + int(rng.integers(10, 40)), 79)
            along = path[end] - path[start]
            across = np.array([-along[1], along[0]]) / (np.linalg.norm(along) + 1e-6)
            away = g(0, 1.6)
            strand = [
                path[start],
                path[(2 * start + end) // 3] + across * away * 0.5,
                path[(start + 2 * end) // 3] + across * away,
                path[end] + across * away * rng.uniform(0.6, 2.6),
            ]
            fine.curve(strand, float(0.45 * np.exp(g(0, 0.25))), float(rng.uniform(0.3, 0.7)))
    return lines


def _finger_creases(rng: np.random.Generator, fine: _Sketch) -> _Sketch:
    """Creases across the finger joints, and short lines on the phalanges (fine)."""
    joints = load_hand_mesh().joints[:, :2].astype(float)
    creases = _Sketch(rng)
    half_widths = {"index": 8.3, "middle": 8.6, "ring": 8.0, "little": 6.8}
    for finger, half in half_widths.items():
        base, middle, last, tip = (joints[j] for j in FINGER_JOINTS[finger][1:])
        _across(creases, base + (middle - base) * 0.47, middle - base, half, int(rng.integers(2, 4)), (0.6, 0.7, 1.3))
        _across(creases, middle, last - middle, half * 0.92, int(rng.integers(2, 4)), (0.55, 0.7, 1.6))
        _across(creases, last, tip - last, half * 0.82, int(rng.integers(1, 3)), (0.5, 0.65, 1.3))
        for start, end in ((base + (middle - base) * 0.5, middle), (middle, last), (last, tip)):
            _phalanx_lines(rng, fine, start, end)
    base, middle, tip = (joints[j] for j in FINGER_JOINTS["thumb"][1:])
    _across(creases, middle - _unit(tip - middle), middle - base, 8, 2, (0.55, 0.6, 1.3))
    _across(creases, base + _unit(middle - base), middle - base, 9, 2, (0.5, 0.5, 2.0))
    return creases


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / np.linalg.norm(vector))


def _across(
    sketch: _Sketch, centre: Floats, along: Floats, half: float, count: int, look: tuple[float, float, float]
) -> None:
    """A bundle of creases across a finger; look is width mm, strength and spacing mm."""
    rng = sketch.rng
    width, strength, spacing = look
    unit = _unit(along)
    side = np.array([-unit[1], unit[0]])
    for number in range(count):
        origin = centre + unit * ((number - (count - 1) / 2) * spacing + rng.normal(0, 0.3))
        bend = rng.normal(0, 0.04) * half * 2
        sketch.curve(
            [
                origin - side * half * rng.uniform(0.8, 1.1) + unit * rng.normal(0, 0.5),
                origin - side * half * 0.3 + unit * (bend + rng.normal(0, 0.35)),
                origin + side * half * 0.3 + unit * (bend + rng.normal(0, 0.35)),
                origin + side * half * rng.uniform(0.8, 1.1) + unit * rng.normal(0, 0.5),
            ],
            float(width * np.exp(rng.normal(0, 0.2))),
            float(strength * np.exp(rng.normal(0, 0.15))),
        )


def _phalanx_lines(rng: np.random.Generator, fine: _Sketch, start: Floats, end: Floats) -> None:
    unit = _unit(end - start)
    for _ in range(rng.integers(3, 8)):
        centre = start + (end - start) * rng.uniform(0.15, 0.9) + np.array([-unit[1], unit[0]]) * rng.uniform(-4, 4)
        angle = np.arctan2(unit[1], unit[0]) + (0 if rng.random() < 0.5 else np.pi / 2) + rng.normal(0, 0.2)
        half = np.array([np.cos(angle), np.sin(angle)]) * rng.uniform(3, 8) / 2
        fine.arc(centre - half, centre + half, 0.0, 0.25, float(rng.uniform(0.1, 0.3)))


def _wrist_creases(creases: _Sketch) -> None:
    rng = creases.rng
    for y, strength in ((43, 0.6), (47, 0.4), (53, 0.25)):
        if rng.random() < 0.85:
            height = y + rng.normal(0, 1)
            points = [
                (-18.0, height + 2),
                (0.0, height - 1 + rng.normal(0, 0.7)),
                (15.0, height - 1 + rng.normal(0, 0.7)),
                (32.0, height + 2),
            ]
            creases.curve(points, 0.6, float(strength * rng.uniform(0.7, 1.1)))


def _secondary_lines(fine: _Sketch) -> None:
    """Fate, sun and mercury line and the girdle of Venus; each only in some palms."""
    rng, g = fine.rng, fine.rng.normal
    if rng.random() < 0.65:
        start, end = (4 + g(0, 4), 36 + g(0, 4)), (12 + g(0, 4), -25 + g(0, 9))
        fine.arc(start, end, g(0, 0.06), 0.55, float(rng.uniform(0.35, 0.75)))
    if rng.random() < 0.5:
        start, end = (24 + g(0, 4), 5 + g(0, 8)), (27 + g(0, 3), -36 + g(0, 4))
        fine.arc(start, end, g(0, 0.06), 0.45, float(rng.uniform(0.3, 0.6)))
    if rng.random() < 0.5:
        start, end = (14 + g(0, 5), 38 + g(0, 4)), (40 + g(0, 4), -5 + g(0, 8))
        fine.arc(start, end, g(0, 0.1), 0.45, float(rng.uniform(0.25, 0.55)))
    if rng.random() < 0.35:
        fine.arc((-4 + g(0, 3), -44), (26 + g(0, 3), -42), -0.22 + g(0, 0.05), 0.4, float(rng.uniform(0.25, 0.5)))


def _wrinkles(fine: _Sketch) -> None:
    """Fine lines by region, each with its usual direction, then faint ones anywhere."""
    rng = fine.rng
    fine.scatter(int(rng.integers(34, 60)), (-36, 4, -16, 32), (0.55, 0.35), (6, 22), (0.22, 0.62), crossing=0.25)
    fine.scatter(int(rng.integers(18, 32)), (-22, 44, -48, -22), (np.pi / 2, 0.3), (6, 20), (0.22, 0.62))
    fine.scatter(int(rng.integers(26, 44)), (12, 48, -6, 36), (-0.2, 0.45), (6, 22), (0.22, 0.62), crossing=0.15)
    fine.scatter(int(rng.integers(18, 34)), (-10, 32, -24, 24), (0.9, 0.7), (7, 24), (0.22, 0.62), crossing=0.3)
    fine.scatter(int(rng.integers(120, 190)), (-34, 48, -48, 38), (0.0, 2.0), (3, 13), (0.18, 0.55))
