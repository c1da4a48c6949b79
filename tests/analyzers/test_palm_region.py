"""The palm polygon and its mask."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deid_bench.analyzers.base import HandAnalysis
from deid_bench.analyzers.palm_region import fill_polygon, palm_mask, palm_polygon
from deid_bench.analyzers.palm_roi import palm_width, valley_square

from .hands import left_hand

SHAPE = (340, 320)


def _analysis(mask: NDArray[Any]) -> HandAnalysis:
    points = left_hand()
    return HandAnalysis(
        box=np.zeros(4, np.float32),
        score=1.0,
        handedness="left",
        keypoints_2d=points,
        keypoints_3d=np.zeros((21, 3), np.float32),
        roi=valley_square(points),
        mask=mask,
    )


def test_the_polygon_is_the_hull_of_the_palm_points() -> None:
    polygon = palm_polygon(left_hand())
    assert polygon.dtype == np.float32
    points = {tuple(p) for p in left_hand()[[0, 1, 2, 5, 9, 13, 17]].tolist()}
    assert {tuple(p) for p in polygon.tolist()} <= points
    assert tuple(left_hand()[0].tolist()) in {tuple(p) for p in polygon.tolist()}


def test_a_margin_grows_the_polygon_by_its_distance() -> None:
    areas, extents = [], []
    before = np.zeros(SHAPE, bool)
    for margin in (0.0, 0.05, 0.1, 0.2, 0.4):
        polygon = palm_polygon(left_hand(), margin=margin)
        now = fill_polygon(SHAPE, polygon)
        assert not (before & ~now).any()
        before = now
        areas.append(now.sum())
        extents.append(polygon[:, 1].max())
    assert np.all(np.diff(areas) > 0)
    growth = (np.array(extents) - extents[0]) / palm_width(left_hand())
    np.testing.assert_allclose(growth, [0.0, 0.05, 0.1, 0.2, 0.4], rtol=0.03, atol=1e-6)


def test_other_points_give_another_polygon() -> None:
    small = fill_polygon(SHAPE, palm_polygon(left_hand(), points=(5, 9, 17, 0)))
    large = fill_polygon(SHAPE, palm_polygon(left_hand()))
    assert 0 < small.sum() < large.sum()


@pytest.mark.parametrize(("points", "margin"), [((0, 5), 0.0), ((0, 5, 17), -0.1)])
def test_nonsense_is_refused(points: tuple[int, ...], margin: float) -> None:
    with pytest.raises(ValueError, match="margin"):
        palm_polygon(left_hand(), points, margin)


def test_the_mask_is_polygon_and_hand() -> None:
    hand = np.zeros(SHAPE, bool)
    hand[:, :160] = True
    mask = palm_mask((*SHAPE, 3), _analysis(hand))
    np.testing.assert_array_equal(mask, hand & fill_polygon(SHAPE, palm_polygon(left_hand())))
    assert 0 < mask.sum() < hand.sum()
    with pytest.raises(ValueError, match="image"):
        palm_mask((10, 10), _analysis(hand))


def test_filling_a_known_polygon() -> None:
    square = np.array([[2, 1], [5, 1], [5, 3], [2, 3]], np.float32)
    expected = np.zeros((6, 8), bool)
    expected[1:4, 2:6] = True
    np.testing.assert_array_equal(fill_polygon((6, 8), square), expected)
    np.testing.assert_array_equal(fill_polygon((6, 8), square[::-1]), expected)
    assert not fill_polygon((6, 8), np.array([[1, 1], [3, 3], [5, 5]], np.float32)).any()
    assert fill_polygon((6, 8), np.array([[-1e5, -1e5], [1e5, -1e5], [0, 1e5]], np.float32)).all()
