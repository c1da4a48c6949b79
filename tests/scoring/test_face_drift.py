"""Drift of a face analyzer's outputs."""

from __future__ import annotations

import numpy as np
import pytest

from deid_bench.analyzers.base import FaceAnalysis
from deid_bench.benchmark.metrics.usability.drift import face_drift
from deid_bench.benchmark.metrics.values import Undefined

SHAPE = (100, 200, 3)


def face(shift: tuple[float, float] = (0, 0), dense: bool = True, masked: bool = True) -> FaceAnalysis:
    rng = np.random.default_rng(1)
    five, many = (rng.uniform(20, 80, (count, 2)).astype(np.float32) + np.array(shift, np.float32) for count in (5, 68))
    mask = np.zeros(SHAPE[:2], bool)
    mask[20 : 60 + int(shift[1]), 20:60] = True
    box = np.array([20, 20, 60, 60], np.float32) + np.tile(np.array(shift, np.float32), 2)
    return FaceAnalysis(box, 0.9, five, many if dense else None, mask if masked else None)


def test_nothing_moved() -> None:
    found = face_drift(face(), face(), SHAPE)
    assert (found.box, found.landmarks_5, found.landmarks_68, found.mask) == (0, 0, 0, 0)


def test_a_shift_is_a_share_of_width_and_height() -> None:
    found = face_drift(face(), face((10, 0)), SHAPE)
    # 10 of 200 px in x, nothing in y: 5 % and 0 %, in the mean 2.5 %.
    assert found.box == pytest.approx(2.5, rel=1e-5)
    assert found.landmarks_5 == pytest.approx(2.5, rel=1e-4)
    assert found.landmarks_68 == pytest.approx(2.5, rel=1e-4)
    assert face_drift(face(), face((0, 10)), SHAPE).mask == pytest.approx(100 * 400 / 20000)


def test_what_the_analyzer_does_not_give_has_a_reason() -> None:
    found = face_drift(face(), face(dense=False, masked=False), SHAPE)
    assert isinstance(found.landmarks_68, Undefined)
    assert isinstance(found.mask, Undefined)
