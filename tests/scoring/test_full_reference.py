"""What piq adds: its own functions on our images, and DISTS put together from files whose digests are known."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from narrowed import present
from numpy.typing import NDArray
from tiny_vgg import arrays_of_vgg, heads_of_vgg

from deid_bench.benchmark.metrics.quality import full_reference
from deid_bench.benchmark.metrics.quality.full_reference import SMALLEST_SIDE, dists, further_similarity
from deid_bench.benchmark.metrics.quality.networks import feature_networks
from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.benchmark.stages.measure import perceive
from deid_bench.weights import files as weights

GENERATOR = np.random.default_rng(0)
A = GENERATOR.integers(0, 256, (64, 72, 3), dtype=np.uint8)
B = A.copy()
B[10:50, 20:60] = np.clip(B[10:50, 20:60] + GENERATOR.normal(0, 50, (40, 40, 3)), 0, 255).astype(np.uint8)


def unit(image: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


def test_values_are_piqs() -> None:
    import piq

    found = further_similarity(A, B)
    for name in SMALLEST_SIDE:
        assert found[name] == pytest.approx(float(getattr(piq, name)(unit(A), unit(B))), abs=1e-7)
    assert present(found["gmsd"]) > 0
    assert 0 < present(found["haarpsi"]) < present(found["fsim"]) < 1


def test_identical_images_have_the_best_values() -> None:
    found = further_similarity(A, A)
    assert found == pytest.approx({"fsim": 1, "vif_p": 1, "gmsd": 0, "haarpsi": 1}, abs=1e-5)


def test_small_images_have_reasons_and_the_rest_has_values() -> None:
    found = further_similarity(A[:30], B[:30])
    assert isinstance(found["vif_p"], Undefined)
    assert isinstance(found["fsim"], float)
    assert all(isinstance(each, Undefined) for each in further_similarity(A[:15], B[:15]).values())


def test_dists_is_piqs_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """piq's own constructor is given, in place of its two downloads, what ours reads from the registry."""
    import piq

    drawn = torch.rand((2, 1, 1475, 1, 1), generator=torch.Generator().manual_seed(1))
    state = {"alpha": drawn[0] / drawn.sum(), "beta": drawn[1] / drawn.sum()}
    monkeypatch.setattr(feature_networks, "tensors", lambda _: arrays_of_vgg())
    monkeypatch.setattr(feature_networks, "head_weights", lambda _: heads_of_vgg())
    monkeypatch.setattr(weights, "tensors", lambda name: {key: each.numpy() for key, each in state.items()})
    full_reference._dists_network.cache_clear()
    found = dists(A, B)
    full_reference._dists_network.cache_clear()
    vgg = feature_networks.lpips_network("vgg").net
    features = torch.nn.Sequential(*(each for number in range(1, 6) for each in getattr(vgg, f"slice{number}")))
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *_, **__: state)
    monkeypatch.setattr(piq.perceptual, "vgg16", lambda **_: SimpleNamespace(features=features))
    with torch.inference_mode():
        expected = float(piq.DISTS()(unit(A), unit(B)))
    assert 0.01 < expected < 1
    assert found == pytest.approx(expected, abs=1e-6)


def test_without_any_weights_what_needs_none_is_measured() -> None:
    values = perceive(A, B, None, ())
    lacking = {name for name, why in values["reasons"].items() if why.startswith("unavailable")}
    of_networks = {f"lpips_{net}{part}" for net in ("alex", "vgg") for part in ("", "_region")}
    assert lacking == {*of_networks, "lpips_paper", "dists"}
    assert "lpips-vgg" in values["reasons"]["lpips_vgg"]
    assert "lpips-alex" in values["reasons"]["lpips_alex"]
    for name in ("psnr_paper", "ssim_paper", "ms_ssim_paper", "fsim", "vif_p", "gmsd", "haarpsi"):
        assert values["values"][name] is not None, name
