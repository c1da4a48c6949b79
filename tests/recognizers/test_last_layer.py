"""The opened last layers of built-in networks: together with what enters them they are the recogniser."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from narrowed import present

from deid_bench.recognizers.face.mobilefacenet import MobileFaceNet
from deid_bench.recognizers.last_layer import has_last_layer, layered
from deid_bench.recognizers.palm.ccnet import CCNet
from deid_bench.recognizers.palm.eehnet_style import EehnetStyle
from deid_bench.recognizers.palm.mtcc import Mtcc


@pytest.mark.parametrize(("recognizer", "side"), [(CCNet(), 128), (EehnetStyle(), 352), (MobileFaceNet(), 112)])
def test_what_enters_the_last_layer_and_the_layer_give_the_template(recognizer: Any, side: int) -> None:
    rng = np.random.default_rng(4)
    crops = [np.kron(rng.integers(30, 220, (side // 8, side // 8, 3)), np.ones((8, 8, 1))).astype(np.uint8)] * 2
    crops[1] = crops[1][::-1].copy()
    opened = present(layered(recognizer))
    weights, offsets = opened.last()
    made = opened.before_last(crops).astype(np.float64) @ weights.astype(np.float64).T + offsets
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    wanted = recognizer.embed(crops)
    assert weights.shape == (wanted.shape[1], opened.before_last(crops).shape[1])
    np.testing.assert_allclose(made, wanted, atol=2e-4)
    assert has_last_layer(type(recognizer))


def test_codes_have_no_last_layer() -> None:
    assert layered(Mtcc()) is None
    assert not has_last_layer(Mtcc)
