"""The palm detector's anchors, decoding and suppression."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deid_bench.analyzers.ssd_anchors import INPUT_SIZE, anchors, decode, iou


def _output(hits: dict[int, tuple[float, list[float]]]) -> tuple[NDArray[Any], NDArray[Any]]:
    regressors, logits = np.zeros((2016, 18), np.float32), np.full((2016, 1), -50.0, np.float32)
    for index, (logit, values) in hits.items():
        logits[index], regressors[index, : len(values)] = logit, values
    return regressors, logits


def test_there_are_2016_anchors_on_two_grids() -> None:
    points = anchors()
    assert points.shape == (2016, 2)
    assert ((points > 0) & (points < 1)).all()
    np.testing.assert_allclose(points[:3], [[0.5 / 24, 0.5 / 24]] * 2 + [[1.5 / 24, 0.5 / 24]])
    np.testing.assert_allclose(points[1152:1158], [[0.5 / 12, 0.5 / 12]] * 6)
    np.testing.assert_allclose(points[-1], [11.5 / 12, 11.5 / 12])


def test_a_candidate_is_placed_relative_to_its_anchor() -> None:
    (palm,) = decode(*_output({1160: (2.0, [19.2, -9.6, 38.4, 19.2, 1.92, 3.84])}), min_score=0.5)
    x, y = anchors()[1160]
    np.testing.assert_allclose(palm.box, [x + 0.1 - 0.1, y - 0.05 - 0.05, x + 0.2, y], atol=1e-6)
    np.testing.assert_allclose(palm.keypoints[0], [x + 1.92 / INPUT_SIZE, y + 3.84 / INPUT_SIZE], atol=1e-6)
    assert palm.score == pytest.approx(1 / (1 + np.exp(-2.0)))


def test_overlapping_candidates_become_their_weighted_mean() -> None:
    low, high = 0.0, 1.0
    palms = decode(*_output({1152: (low, [40, 40, 40, 40]), 1153: (high, [44, 40, 40, 40])}), min_score=0.4)
    assert len(palms) == 1
    weights = 1 / (1 + np.exp(-np.array([low, high])))
    expected = (weights * [40, 44]).sum() / weights.sum() / INPUT_SIZE + anchors()[1152, 0]
    assert palms[0].box[[0, 2]].mean() == pytest.approx(expected)
    assert palms[0].score == pytest.approx(weights[1])


def test_separate_candidates_stay_apart_best_first() -> None:
    hits = {1152: (0.5, [40.0, 40, 30, 30]), 1153: (3.0, [120.0, 120, 30, 30])}
    palms = decode(*_output(hits), min_score=0.5)
    assert [round(p.score, 3) for p in palms] == [0.953, 0.622]


def test_the_threshold_drops_and_degenerate_boxes_end() -> None:
    assert decode(*_output({}), min_score=0.5) == []
    assert decode(*_output({5: (-0.1, [0, 0, 9, 9])}), min_score=0.5) == []
    assert len(decode(*_output({5: (4.0, [0, 0, 0, 0]), 6: (4.0, [0, 0, -3, 5])}), min_score=0.5)) == 2


def test_iou_of_known_boxes() -> None:
    others = np.array([[0, 0, 2, 2], [1, 0, 3, 2], [5, 5, 6, 6], [0, 0, 0, 0]], float)
    np.testing.assert_allclose(iou(others[0], others), [1, 1 / 3, 0, 0])
