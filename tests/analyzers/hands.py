"""A hand's keypoints for tests that need no network."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_LEFT_PALM_UP = [
    *[(50, 100), (33, 92), (20, 78), (11, 66), (3, 58)],
    *[(32, 50), (29, 32), (28, 20), (27, 10)],
    *[(46, 47), (46, 26), (46, 13), (46, 2)],
    *[(59, 50), (62, 31), (63, 19), (64, 9)],
    *[(71, 57), (77, 43), (81, 34), (84, 26)],
]
"""A left hand, palm to the camera, fingers up: the index finger is at the left. Units are arbitrary."""


def left_hand(scale: float = 2.0, x: float = 60.0, y: float = 50.0, degrees: float = 0.0) -> NDArray[Any]:
    """(21, 2) float32 keypoints: rotated clockwise about the hand's middle, scaled, moved."""
    points = np.array(_LEFT_PALM_UP, float)
    turn = np.radians(degrees)
    middle = points.mean(axis=0)
    matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    points = (points - middle) @ matrix.T + middle
    return np.asarray((points * scale + [x, y]).astype(np.float32))


def right_hand(width: int, **where: float) -> NDArray[Any]:
    """The mirror image of `left_hand` in an image of `width` px."""
    points = left_hand(**where)
    points[:, 0] = width - 1 - points[:, 0]
    return points
