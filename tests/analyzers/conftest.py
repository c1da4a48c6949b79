"""The built-in analyzer and two small rendered hands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from narrowed import present
from numpy.typing import NDArray

from deid_bench.analyzers.mediapipe_hands import MediapipeHands
from deid_bench.weights import files as weights

DATA = Path(__file__).parent / "data"


def _read(name: str) -> NDArray[Any]:
    return np.ascontiguousarray(present(cv2.imread(str(DATA / name), cv2.IMREAD_COLOR))[..., ::-1])


@pytest.fixture(scope="session")
def hand_images() -> dict[str, NDArray[Any]]:
    """(320, 240, 3) RGB renderings of a left and a right hand, palm to the camera."""
    return {side: _read(f"{side}.jpg") for side in ("left", "right")}


@pytest.fixture(scope="session")
def analyzer() -> MediapipeHands:
    """The analyzer with its defaults; its weight files are fetched when they are absent."""
    names = MediapipeHands.info.weights
    if weights.offline() and any(weights.find(name) is None for name in names):
        pytest.skip("the hand networks' weight files are absent and DEID_BENCH_OFFLINE forbids fetching them")
    return MediapipeHands()
