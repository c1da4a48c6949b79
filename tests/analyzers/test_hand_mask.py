"""The GrabCut hand mask on drawn hands; no weight files needed."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from deid_bench.analyzers.hand_mask import BONES, hand_mask
from deid_bench.analyzers.palm_roi import palm_width

from .hands import left_hand

SHAPE = (340, 320)


def _drawn(points: NDArray[Any], shape: tuple[int, int] = SHAPE, seed: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
    """A skin-coloured hand with noise on a blue-grey ground, and its true mask."""
    mask = np.zeros(shape, np.uint8)
    thickness = max(1, round(0.3 * palm_width(points)))
    whole = np.round(points).astype(int)
    for a, b in BONES:
        cv2.line(mask, tuple(map(int, whole[a])), tuple(map(int, whole[b])), 1, thickness)
    cv2.fillConvexPoly(mask, cv2.convexHull(whole[[0, 1, 2, 5, 9, 13, 17]].astype(np.int32)), 1)
    image = np.where(mask[..., None] > 0, [205, 160, 140], [90, 100, 130])
    noise = np.random.default_rng(seed).normal(0, 9, (*shape, 3))
    return np.clip(image + noise, 0, 255).astype(np.uint8), mask > 0


@pytest.mark.parametrize("scale", [0.6, 2.0, 9.0])
def test_a_drawn_hand_is_found_at_any_size(scale: float) -> None:
    points = left_hand(scale=scale, x=30 * scale, y=25 * scale)
    shape = (round(170 * scale), round(160 * scale))
    image, truth = _drawn(points, shape)
    found = hand_mask(image, points)
    assert found.shape == shape
    assert found.dtype == np.bool_
    assert (found & truth).sum() / (found | truth).sum() > 0.93


def test_results_do_not_depend_on_the_past() -> None:
    hands = [left_hand(degrees=d) for d in (0, 15, 40)]
    images = [_drawn(points, seed=i)[0] for i, points in enumerate(hands)]
    first = [hand_mask(image, points) for image, points in zip(images, hands, strict=True)]
    cv2.setRNGSeed(99)
    again = [hand_mask(image, points) for image, points in reversed(list(zip(images, hands, strict=True)))]
    for a, b in zip(first, reversed(again), strict=True):
        np.testing.assert_array_equal(a, b)


def test_skin_colour_elsewhere_stays_background() -> None:
    points = left_hand()
    image, _ = _drawn(points)
    image[5:40, 270:315] = [205, 160, 140]
    assert not hand_mask(image, points)[5:40, 270:315].any()


def test_a_hand_outside_the_image_has_no_pixels() -> None:
    image, _ = _drawn(left_hand())
    assert not hand_mask(image, left_hand(x=5000)).any()


@settings(max_examples=40, deadline=None)
@given(
    st.integers(1, 40), st.integers(1, 40), st.floats(0.01, 3), st.floats(-60, 60), st.floats(-60, 60), st.booleans()
)
def test_no_image_and_no_pose_raises(height: int, width: int, scale: float, x: float, y: float, flat: bool) -> None:
    image = np.full((height, width, 3), 77, np.uint8)
    if not flat:
        image = np.random.default_rng(height).integers(0, 256, image.shape, dtype=np.uint8)
    found = hand_mask(image, left_hand(scale=scale, x=x, y=y))
    assert found.shape == (height, width)
