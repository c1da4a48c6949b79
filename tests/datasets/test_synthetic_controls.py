"""Permanent controls: a recogniser knows rendered palms by their creases, and by nothing else.

The true palm square is used instead of a detector's, so that no weight file is needed.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import pytest
from numpy.typing import NDArray

from deid_bench.analyzers.palm_roi import warp_roi
from deid_bench.datasets.rendering.palm_render import SettingName, render
from deid_bench.recognizers.palm.mtcc import Mtcc

pytestmark = pytest.mark.slow

FIRST_IDENTITY = 600
"""Reserved for the mini set's range but not part of the mini set."""
IDENTITIES, SAMPLES = 20, 4

Scores = tuple[NDArray[np.float32], NDArray[np.float32]]


def scores(
    setting: SettingName, strokes: Literal["all", "none"] = "all", texture: Literal["sampled", "shared"] = "sampled"
) -> Scores:
    """Genuine and impostor distances of all pairs."""
    crops, labels = [], []
    for identity in range(FIRST_IDENTITY, FIRST_IDENTITY + IDENTITIES):
        for sample in range(SAMPLES):
            capture = render(identity, sample, setting, strokes=strokes, texture=texture)
            crops.append(warp_roi(capture.image(), capture.truth.roi, size=128))
            labels.append(identity)
    recognizer = Mtcc("yan")
    templates = recognizer.embed(crops)
    first, second = np.triu_indices(len(crops), 1)
    distances = recognizer.distances(templates, templates)[first, second]
    same = np.array(labels)[first] == np.array(labels)[second]
    return distances[same], distances[~same]


def equal_error_rate(genuine: NDArray[np.float32], impostor: NDArray[np.float32]) -> float:
    thresholds = np.unique(np.concatenate([genuine, impostor]))
    fnmr = 1 - np.searchsorted(np.sort(genuine), thresholds, "right") / len(genuine)
    fmr = np.searchsorted(np.sort(impostor), thresholds, "right") / len(impostor)
    crossing = np.argmin(np.abs(fnmr - fmr))
    return float((fnmr[crossing] + fmr[crossing]) / 2)


@pytest.mark.parametrize(("setting", "limit"), [("controlled", 0.03), ("wild", 0.06)])
def test_creases_identify(setting: SettingName, limit: float) -> None:
    genuine, impostor = scores(setting)
    assert equal_error_rate(genuine, impostor) < limit
    assert impostor.mean() - genuine.mean() > 0.06


@pytest.mark.parametrize("setting", ["controlled", "wild"])
def test_without_creases_nobody_is_recognised(setting: SettingName) -> None:
    assert equal_error_rate(*scores(setting, strokes="none")) > 0.30


@pytest.mark.parametrize("setting", ["controlled", "wild"])
def test_hand_shape_alone_identifies_nobody(setting: SettingName) -> None:
    assert equal_error_rate(*scores(setting, strokes="none", texture="shared")) > 0.30
