"""Coverage of the palm square by a region and by changed pixels."""

from __future__ import annotations

import numpy as np
import pytest
from narrowed import present

from deid_bench.benchmark.metrics.usability.coverage import roi_changed, roi_coverage
from deid_bench.benchmark.metrics.values import Undefined

SQUARE = np.array([[20, 20], [84, 20], [84, 84], [20, 84]], np.float32)


def test_full_none_and_half() -> None:
    region = np.zeros((120, 120), bool)
    assert roi_coverage(SQUARE, region) == 0
    region[:, :52] = True
    assert roi_coverage(SQUARE, region) == pytest.approx(50, abs=1.6)
    region[:] = True
    assert roi_coverage(SQUARE, region) == 100


def test_the_corner_order_and_a_turn_do_not_matter() -> None:
    region = np.zeros((160, 160), bool)
    region[40:100, 30:77] = True
    turn = np.deg2rad(30)
    rotated = (SQUARE - 52) @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]) + 70
    value = present(roi_coverage(rotated, region))
    assert 0 < value < 100
    assert roi_coverage(np.roll(rotated, 1, axis=0), region) == pytest.approx(value, abs=0.5)
    assert roi_coverage(rotated[::-1], region) == pytest.approx(value, abs=0.5)


def test_what_lies_outside_the_image_does_not_count() -> None:
    region = np.ones((60, 60), bool)
    assert roi_coverage(SQUARE, region) == 100
    assert isinstance(roi_coverage(SQUARE + 500, region), Undefined)


def test_changed_pixels_in_any_channel_count() -> None:
    original = np.full((120, 120, 3), 90, np.uint8)
    deidentified = original.copy()
    assert roi_changed(SQUARE, original, deidentified) == 0
    deidentified[:52, :, 2] += 1
    assert roi_changed(SQUARE, original, deidentified) == pytest.approx(50, abs=1.6)
    assert roi_changed(SQUARE, original, original - 1) == 100


def test_refuses_bad_corners_and_shapes() -> None:
    with pytest.raises(ValueError, match="four finite"):
        roi_coverage(SQUARE[:3], np.ones((9, 9), bool))
    with pytest.raises(ValueError, match="four finite"):
        roi_coverage(SQUARE * np.nan, np.ones((9, 9), bool))
    with pytest.raises(ValueError, match="one shape"):
        roi_changed(SQUARE, np.zeros((9, 9, 3), np.uint8), np.zeros((8, 9, 3), np.uint8))
