"""Crop geometry of the two-stage pipeline; no weight files needed."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deid_bench.analyzers.hand_pipeline import Crop, letterbox, palm_crop
from deid_bench.analyzers.ssd_anchors import PalmCandidate


def _palm(wrist: tuple[float, float], middle: tuple[float, float], box: list[float]) -> PalmCandidate:
    keypoints = np.zeros((7, 2))
    keypoints[0], keypoints[2] = wrist, middle
    return PalmCandidate(0.9, np.array(box), keypoints)


@pytest.mark.parametrize(("height", "width"), [(480, 640), (640, 480), (1, 500), (33, 33)])
def test_the_letterbox_centres_the_whole_image(height: int, width: int) -> None:
    to_input = letterbox(height, width).to_input(192)
    corners = np.array([[0, 0, 1], [width, height, 1]]) @ to_input.T
    scale = 192 / max(height, width)
    np.testing.assert_allclose(corners.mean(axis=0), [96, 96], atol=1e-9)
    np.testing.assert_allclose(corners[1] - corners[0], [width * scale, height * scale])


@pytest.mark.parametrize(
    ("middle", "degrees", "shift"),
    [((0.5, 0.3), 0, (0, -1)), ((0.7, 0.5), 90, (1, 0)), ((0.3, 0.5), -90, (-1, 0)), ((0.5, 0.7), -180, (0, 1))],
)
def test_the_crop_points_up_the_fingers(middle: tuple[float, float], degrees: float, shift: tuple[int, int]) -> None:
    frame = letterbox(400, 400)
    crop = palm_crop(_palm((0.5, 0.5), middle, [0.4, 0.35, 0.6, 0.55]), frame)
    assert math.degrees(crop.rotation) == pytest.approx(degrees)
    assert crop.side == pytest.approx(2.6 * 80)
    np.testing.assert_allclose(crop.centre, np.array([200, 180]) + 0.5 * 80 * np.array(shift), atol=1e-9)
    to_input = crop.to_input(224)
    wrist = to_input @ [200, 200, 1]
    finger = to_input @ [middle[0] * 400, middle[1] * 400, 1]
    assert finger[0] == pytest.approx(wrist[0], abs=1e-9)
    assert finger[1] < wrist[1]


def test_the_longer_side_counts_and_letterbox_bars_are_removed() -> None:
    frame = letterbox(200, 400)  # bars of 100 px above and below
    crop = palm_crop(_palm((0.5, 0.6), (0.5, 0.4), [0.4, 0.4, 0.7, 0.5]), frame)
    assert crop.side == pytest.approx(2.6 * 120)
    np.testing.assert_allclose(crop.centre, [220, 180 - 100 - 20], atol=1e-9)


def test_the_crop_map_keeps_shape() -> None:
    crop = Crop(np.array([50.0, 70.0]), 100.0, 0.6)
    linear = crop.to_input(224)[:, :2]
    np.testing.assert_allclose(linear @ linear.T, np.eye(2) * 2.24**2, atol=1e-9)
    np.testing.assert_allclose(crop.to_input(224) @ [50, 70, 1], [112, 112])
    assert np.linalg.det(linear) > 0
