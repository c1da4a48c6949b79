"""What every hand analyzer has to keep, as one function that a test calls."""

from __future__ import annotations

import pickle
import random
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from deid_bench.analyzers.base import Analyzer, AnalyzerInfo, FaceAnalysis, HandAnalysis, Missing
from deid_bench.datasets.base import Image

SHAPES = {"box": (4,), "keypoints_2d": (21, 2), "keypoints_3d": (21, 3), "roi": (4, 2)}


def same(a: object, b: object) -> bool:
    """True when two results agree to the bit."""
    if isinstance(a, Missing) or isinstance(b, Missing):
        return a == b
    assert isinstance(a, HandAnalysis)
    assert isinstance(b, HandAnalysis)
    arrays = all(np.array_equal(getattr(a, name), getattr(b, name)) for name in (*SHAPES, "mask"))
    return arrays and (a.score, a.handedness) == (b.score, b.handedness)


def check_analyzer(analyzer: Any, images: Sequence[Image]) -> list[HandAnalysis | FaceAnalysis | Missing]:
    """Assert the contract on some images, the first of which shows a hand; returns what was found."""
    assert isinstance(analyzer, Analyzer)
    assert isinstance(analyzer.info, AnalyzerInfo)
    assert all(getattr(analyzer.info, name) for name in ("name", "version", "description", "licence", "citation"))
    shown = [image.copy() for image in images]
    for image in shown:
        image.flags.writeable = False
    before = np.random.get_state()[1].copy(), random.getstate()  # type: ignore[index] # noqa: NPY002
    found = list(analyzer.analyze(shown))
    assert np.array_equal(np.random.get_state()[1], before[0])  # type: ignore[index] # noqa: NPY002
    assert random.getstate() == before[1]
    assert all(np.array_equal(a, b) for a, b in zip(shown, images, strict=True)), "it wrote into an image"
    for image, one in zip(images, found, strict=True):
        _check_result(one, image)
    assert isinstance(found[0], HandAnalysis)
    _check_independence(analyzer, images, found)
    assert analyzer.analyze([]) == []
    assert analyzer.analyze([np.zeros((0, 5, 3), np.uint8)]) == [Missing("the image has no pixels")]
    unfit: tuple[Any, ...] = (
        np.zeros((9, 9), np.uint8),
        np.zeros((9, 9, 4), np.uint8),
        np.zeros((9, 9, 3), np.float32),
    )
    for wrong in unfit:
        with pytest.raises(TypeError, match="uint8 RGB"):
            analyzer.analyze([wrong])
    return found


def _check_result(one: HandAnalysis | FaceAnalysis | Missing, image: Image) -> None:
    if isinstance(one, Missing):
        assert one.reason
        return
    assert isinstance(one, HandAnalysis)
    for name, shape in SHAPES.items():
        array = getattr(one, name)
        assert (array.shape, array.dtype) == (shape, np.dtype(np.float32)), name
        assert np.isfinite(array).all()
    assert (one.mask.shape, one.mask.dtype) == (image.shape[:2], np.dtype(np.bool_))
    assert 0.0 <= one.score <= 1.0
    assert one.handedness in ("left", "right")


def _check_independence(analyzer: Any, images: Sequence[Image], found: Sequence[object]) -> None:
    """The result for an image depends on that image alone, in this process and in another one."""
    backwards = list(reversed(analyzer.analyze(list(reversed(images)))))
    copy = pickle.loads(pickle.dumps(analyzer))  # noqa: S301
    alone = [copy.analyze([image])[0] for image in images]
    for other in (backwards, alone):
        assert all(same(a, b) for a, b in zip(found, other, strict=True))
