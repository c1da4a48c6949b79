"""Built-in methods as their own encoders."""

from __future__ import annotations

import numpy as np
from narrowed import present

from deid_bench.benchmark.plugin_checks.material import requests
from deid_bench.deidentifiers.classical import Blurring
from deid_bench.deidentifiers.encoders import encoder_of, has_encoder, surrogate_of
from deid_bench.deidentifiers.palm_diffusion.palm_diffusion import PalmDiffusion


def test_palm_diffusion_sees_palms_and_tells_them_apart() -> None:
    encoder = present(encoder_of(PalmDiffusion()))
    first, second = (present(encoder.encode(each)) for each in requests("palm", 0)[:2])
    assert first.ndim == 1
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert np.array_equal(first, present(encoder.encode(requests("palm", 0)[0])))
    assert not np.array_equal(first, second)
    assert has_encoder(PalmDiffusion)


def test_what_looks_into_nothing_has_no_encoder() -> None:
    assert encoder_of(Blurring()) is None
    assert not has_encoder(Blurring)
    assert surrogate_of("black box", {"surrogate": "mobilefacenet"}) == ""
    assert surrogate_of("surrogate=mobilefacenet", {"surrogate": "mobilefacenet"}) == "mobilefacenet"
