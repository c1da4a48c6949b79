"""Drift and survival on hand-made analyses."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from deid_bench.analyzers.base import HandAnalysis
from deid_bench.benchmark.metrics.usability.drift import Drift, coordinate_drift, drift, joint_drift, mask_drift
from deid_bench.benchmark.metrics.values import Undefined

SHAPE = (200, 100, 3)


@pytest.fixture
def hand() -> HandAnalysis:
    rng = np.random.default_rng(0)
    joints = rng.uniform(-0.1, 0.1, (21, 3)).astype(np.float32)
    joints[0], joints[1] = (0, 0, -0.5), (0, 0, 0.5)  # extent 1
    return HandAnalysis(
        box=np.array([10, 20, 60, 90], np.float32),
        score=0.9,
        handedness="left",
        keypoints_2d=rng.uniform(20, 80, (21, 2)).astype(np.float32),
        keypoints_3d=joints,
        roi=np.array([[30, 30], [50, 30], [50, 50], [30, 50]], np.float32),
        mask=np.zeros(SHAPE[:2], bool),
    )


def test_nothing_moved(hand: HandAnalysis) -> None:
    assert drift(hand, hand, SHAPE) == Drift(0, 0, 0, 0, 0)


def test_each_output_is_measured_on_its_own(hand: HandAnalysis) -> None:
    mask = hand.mask.copy()
    mask[:50] = True
    moved = replace(
        hand,
        box=hand.box + np.array([10, 0, 10, 0], np.float32),  # 10 % of the width in x, nothing in y
        keypoints_2d=hand.keypoints_2d + np.array([0, 20], np.float32),  # 10 % of the height in y
        keypoints_3d=hand.keypoints_3d + np.array([0.3, 0, 0], np.float32),  # a third of 30 % of the extent
        roi=hand.roi + np.array([2, 4], np.float32),  # 2 % in both
        mask=mask,
    )
    result = drift(hand, moved, SHAPE)
    assert result.box == pytest.approx(5, abs=1e-4)
    assert result.keypoints_2d == pytest.approx(5, abs=1e-4)
    assert result.keypoints_3d == pytest.approx(10, abs=1e-4)
    assert result.roi == pytest.approx(2, abs=1e-4)
    assert result.mask == pytest.approx(25)
    back = drift(moved, hand, SHAPE)
    assert (back.box, back.roi, back.mask) == pytest.approx((result.box, result.roi, result.mask))


def test_drift_is_the_same_at_twice_the_resolution() -> None:
    a, b = np.array([[10.0, 20.0]]), np.array([[13.0, 28.0]])
    assert coordinate_drift(2 * a, 2 * b, (400, 200)) == pytest.approx(coordinate_drift(a, b, (200, 100)))


def test_drift_is_limited_to_100() -> None:
    assert coordinate_drift([[0, 0]], [[5000, 5000]], (10, 10)) == 100
    assert joint_drift([[0, 0, 0], [1, 0, 0]], [[50, 50, 50], [50, 50, 50]]) == 100


def test_joints_without_extent_have_no_drift() -> None:
    assert isinstance(joint_drift(np.zeros((21, 3)), np.ones((21, 3))), Undefined)


def test_refuses_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="arrays of one shape"):
        coordinate_drift(np.zeros((4, 2)), np.zeros((3, 2)), (9, 9))
    with pytest.raises(ValueError, match="masks of shape"):
        mask_drift(np.zeros((5, 5), bool), np.zeros((5, 5), bool), (5, 6))
