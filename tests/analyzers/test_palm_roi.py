"""The palm square's geometry and how it is cut out."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from deid_bench.analyzers.palm_roi import (
    ROIS,
    mcp_square,
    palm_width,
    roi_share_inside,
    valley_square,
    warp_roi,
)

from .hands import left_hand, right_hand

WIDTH = 320


@pytest.mark.parametrize("name", sorted(ROIS))
@pytest.mark.parametrize("degrees", [0, 37, 90, 180, 271])
def test_corners_form_an_upright_square_of_the_hand(name: Literal["inner", "mcp", "valley"], degrees: float) -> None:
    points = left_hand(degrees=degrees).astype(float)
    top_left, top_right, bottom_right, bottom_left = ROIS[name](points.astype(np.float32)).astype(float)
    side = float(np.linalg.norm(top_right - top_left))
    assert np.linalg.norm(bottom_left - top_left) == pytest.approx(side, rel=1e-4)
    np.testing.assert_allclose(top_right - top_left, bottom_right - bottom_left, atol=1e-3)
    assert (top_right - top_left) @ (bottom_left - top_left) == pytest.approx(0, abs=1e-2 * side)
    centre = (top_left + bottom_right) / 2
    fingers, wrist, index, little = points[12], points[0], points[5], points[17]
    assert np.linalg.norm((top_left + top_right) / 2 - fingers) < np.linalg.norm(centre - fingers)
    assert np.linalg.norm((bottom_left + bottom_right) / 2 - wrist) < np.linalg.norm(centre - wrist)
    assert np.linalg.norm(top_left - index) < np.linalg.norm(top_right - index)
    assert np.linalg.norm(top_right - little) < np.linalg.norm(top_left - little)


def test_published_lengths() -> None:
    points = left_hand().astype(float)
    unit = np.linalg.norm(points[17] - points[5])
    assert palm_width(left_hand()) == pytest.approx(unit, rel=1e-6)
    square = mcp_square(left_hand()).astype(float)
    assert np.linalg.norm(square[1] - square[0]) == pytest.approx(1.05 * unit, rel=1e-4)
    middle = (points[5] + points[17]) / 2
    assert np.linalg.norm(square.mean(axis=0) - middle) == pytest.approx(0.56 * unit, rel=1e-4)

    first, last = (points[5] + points[9]) / 2, (points[13] + points[17]) / 2
    unit = np.linalg.norm(last - first)
    square = valley_square(left_hand()).astype(float)
    assert np.linalg.norm(square[1] - square[0]) == pytest.approx(1.20 * unit, rel=1e-4)
    top = (square[0] + square[1]) / 2
    assert np.linalg.norm(top - (first + last) / 2) == pytest.approx(0.40 * unit, rel=1e-4)


@pytest.mark.parametrize("name", sorted(ROIS))
def test_a_hand_and_its_mirror_image_give_the_same_crop(name: Literal["inner", "mcp", "valley"]) -> None:
    image = np.random.default_rng(3).integers(0, 256, (340, WIDTH, 3), dtype=np.uint8)
    left = warp_roi(image, ROIS[name](left_hand(degrees=12)), 64)
    right = warp_roi(image[:, ::-1].copy(), ROIS[name](right_hand(WIDTH, degrees=12)), 64)
    # fixed-point interpolation rounds to 1/32 px, and differently on the two sides
    assert np.abs(left.astype(int) - right).mean() < 2


@given(st.floats(0, 360), st.floats(0.05, 50), st.floats(-500, 500))
def test_squares_are_finite_for_any_pose(degrees: float, scale: float, x: float) -> None:
    for square in (valley_square, mcp_square):
        assert np.isfinite(square(left_hand(scale=scale, x=x, degrees=degrees))).all()
    assert np.isfinite(valley_square(np.zeros((21, 2), np.float32))).all()


def _checkerboard(cells: int, cell: int) -> NDArray[Any]:
    board = np.indices((cells, cells)).sum(axis=0) % 2 * 255
    return np.repeat(np.kron(board, np.ones((cell, cell))).astype(np.uint8)[..., None], 3, axis=2)


def _square(x0: float, y0: float, side: float) -> NDArray[Any]:
    """Corners of the square that covers whole pixels: pixel centres are whole numbers."""
    x0, y0, x1, y1 = x0 - 0.5, y0 - 0.5, x0 + side - 0.5, y0 + side - 0.5
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)


def test_an_aligned_square_is_copied_exactly() -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    np.testing.assert_array_equal(warp_roi(image, _square(20, 30, 32), 32), image[30:62, 20:52])


def test_corner_order_turns_and_mirrors() -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    square = _square(20, 30, 32)
    turned = warp_roi(image, np.roll(square, -1, axis=0), 32)
    np.testing.assert_array_equal(turned, np.rot90(image[30:62, 20:52]))
    mirrored = warp_roi(image, square[[1, 0, 3, 2]], 32)
    np.testing.assert_array_equal(mirrored, image[30:62, 20:52][:, ::-1])


def test_shrinking_averages_instead_of_aliasing() -> None:
    board = _checkerboard(64, 1)
    shrunk = warp_roi(board, _square(0, 0, 64), 16)
    np.testing.assert_allclose(shrunk, 127.5, atol=1)
    coarse = warp_roi(_checkerboard(8, 32), _square(0, 0, 256), 64)
    np.testing.assert_array_equal(coarse, _checkerboard(8, 8))


def test_grey_images_and_squares_beyond_the_border() -> None:
    grey = np.full((40, 40), 9, np.uint8)
    out = warp_roi(grey, _square(-30, -30, 64), 16)
    assert out.shape == (16, 16)
    assert (out == 9).all()


def test_share_inside() -> None:
    assert roi_share_inside(_square(0, 0, 10), 20, 20) == pytest.approx(1.0)
    assert roi_share_inside(_square(15, 0, 10), 20, 20) == pytest.approx(0.5)
    assert roi_share_inside(_square(50, 50, 10), 20, 20) == 0.0
    assert roi_share_inside(np.zeros((4, 2), np.float32), 20, 20) == 0.0
