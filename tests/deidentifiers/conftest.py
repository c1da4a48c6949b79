"""A drawn hand: enough texture and geometry for the methods, without a renderer or a detector."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deid_bench.analyzers.base import HandAnalysis
from deid_bench.deidentifiers.base import Donor, Request

# Joints of an upright left hand, palm width 100 px around (120, 170) in a 240 x 300 image.
_FINGERS = {5: (75, 120), 9: (105, 112), 13: (138, 116), 17: (172, 130)}


def joints() -> NDArray[Any]:
    points = np.zeros((21, 2), np.float32)
    points[0] = (125, 260)
    points[1:5] = [(85, 235), (58, 205), (40, 180), (25, 160)]
    for first, (x, y) in _FINGERS.items():
        points[first : first + 4] = [(x, y - 28 * k) for k in range(4)]
    return points


def drawn_hand(seed: int, mirrored: bool = False) -> tuple[NDArray[Any], HandAnalysis]:
    """Skin-coloured texture, of its own for each seed, on dark noise, and where it is."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:300, :240].astype(np.float64)
    mask = ((x - 122) / 78) ** 2 + ((y - 185) / 100) ** 2 < 1
    for fx, fy in _FINGERS.values():
        mask |= (np.abs(x - fx) < 12) & (y > fy - 95) & (y < fy + 20)
    phases = rng.uniform(0, 6.28, 8)
    angles = rng.uniform(0, 3.14, 8)
    waves = sum(
        np.sin((x * np.cos(a) + y * np.sin(a)) / (2.5 + 0.7 * k) + p)
        for k, (a, p) in enumerate(zip(angles, phases, strict=True))
    )
    skin = np.array([190.0, 140.0, 120.0]) + 7 * waves[..., None] + rng.normal(0, 2, (300, 240, 3))
    image = np.where(mask[..., None], skin, rng.uniform(0, 15, (300, 240, 3)))
    pixels = np.clip(np.rint(image), 0, 255).astype(np.uint8)
    points = joints()
    if mirrored:
        pixels, mask, points = pixels[:, ::-1].copy(), mask[:, ::-1].copy(), points * [-1, 1] + [239, 0]
    rows, columns = np.nonzero(mask)
    analysis = HandAnalysis(
        box=np.array([columns.min(), rows.min(), columns.max(), rows.max()], np.float32),
        score=1.0,
        handedness="right" if mirrored else "left",
        keypoints_2d=points.astype(np.float32),
        keypoints_3d=np.zeros((21, 3), np.float32),
        roi=np.array([[90, 140], [160, 140], [160, 210], [90, 210]], np.float32),
        mask=mask,
    )
    return pixels, analysis


@pytest.fixture
def request_for() -> Callable[..., Request]:
    """request_for(seed, donor=…, donor_mirrored=…): a request, with another hand as donor if asked for."""

    def make(seed: int = 0, donor: int | None = None, donor_mirrored: bool = False) -> Request:
        image, analysis = drawn_hand(seed)
        image.setflags(write=False)
        other = None if donor is None else Donor(*drawn_hand(donor, donor_mirrored))
        return Request(image=image, analysis=analysis, seed=0, donor=other)

    return make
