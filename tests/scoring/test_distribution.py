"""Distances between sets of images: the networks' features and what is said when there are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from narrowed import present
from numpy.typing import NDArray

pytest.importorskip("torch", reason="torch is not installed")

import torch

from deid_bench.benchmark.metrics.quality.distribution import set_distances, set_features
from deid_bench.benchmark.metrics.quality.frechet import SetDistance
from deid_bench.benchmark.metrics.quality.networks import feature_networks
from deid_bench.benchmark.metrics.quality.networks.inception import features, network_of
from deid_bench.benchmark.metrics.values import Undefined


def images(count: int, seed: int = 0) -> list[NDArray[Any]]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (40 + i % 2, 36, 3), dtype=np.uint8) for i in range(count)]


def random_state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Weights under which no value of the network dies out or explodes."""
    generator = torch.Generator().manual_seed(1)
    state = model.state_dict()
    for name, value in state.items():
        if name.endswith(("running_var", "bn.weight")):
            value.copy_(torch.rand(value.shape, generator=generator) + 0.5)
        elif name.endswith("conv.weight"):
            value.copy_(torch.randn(value.shape, generator=generator) * (2 / value[0].numel()) ** 0.5)
        elif value.is_floating_point():
            value.copy_(torch.randn(value.shape, generator=generator) * 0.1)
    return state


def test_folded_batch_norms_leave_the_features_of_pytorch_fids_network_as_they_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    package = pytest.importorskip("pytorch_fid.inception", reason="pytorch-fid, the reference, is not installed")
    taken: dict[str, torch.Tensor] = {}

    def load(self: Any, state: Any) -> None:  # the published weights would be downloaded here
        taken.update({name: value.clone() for name, value in random_state(self).items()})

    monkeypatch.setattr(package, "load_state_dict_from_url", lambda *_, **__: {})
    monkeypatch.setattr(package.torchvision.models.Inception3, "load_state_dict", load)
    model = package.InceptionV3([3]).eval()
    monkeypatch.undo()
    ours = network_of(taken)
    image = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    with torch.inference_mode():
        expected = model(torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255)[0].squeeze().numpy()
        found = features(ours, image)
    assert expected.max() > 1
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_vgg_features_are_the_mean_of_the_last_compared_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel = np.random.default_rng(0).normal(0, 0.3, (512, 3, 1, 1)).astype(np.float32)
    weight = torch.from_numpy(kernel)
    layer = feature_networks.Layer(1, 1, 0, weight, torch.zeros(512), torch.ones(512))
    small = feature_networks.Trunk((layer,), torch.device("cpu"), torch.nn.Identity())
    monkeypatch.setattr(feature_networks, "trunk", lambda *_: small)
    given = images(3)
    found = present(set_features(given, "vgg16"))
    assert found.shape == (3, 512)
    with torch.inference_mode():
        expected = [layer(small.prepared([image])).mean(dim=(2, 3))[0].numpy() for image in given]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_distances_have_the_names_of_their_network() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(40, 6)), rng.normal(0.5, 1, (40, 6))
    assert set(set_distances(a, b, "inception")) == {"fid", "kid"}
    assert set(set_distances(a, b, "alexnet")) == {"fd_alexnet", "kd_alexnet"}
    found = set_distances(a, b, "vgg16")
    assert set(found) == {"fd_vgg16", "kd_vgg16"}
    assert all(isinstance(distance, SetDistance) and distance.value > 0 for distance in found.values())
    assert present(found["fd_vgg16"]).caveat == ""


def test_fid_of_fewer_images_than_features_is_flagged() -> None:
    rng = np.random.default_rng(2)
    found = set_distances(rng.normal(size=(20, 64)), rng.normal(size=(20, 64)), "inception")
    assert "20 images a side, 64 or more" in present(found["fid"]).caveat
    assert "rank-deficient" in present(found["fid"]).caveat


def test_what_has_no_value_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DEID_BENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("DEID_BENCH_OFFLINE", "1")
    monkeypatch.delenv("DEID_BENCH_WEIGHTS", raising=False)
    absent = set_features(images(2), "inception")
    assert isinstance(absent, Undefined)
    assert absent.reason.startswith("unavailable: weights fid-inception")
    assert set_distances(absent, np.ones((3, 4)), "inception") == {"fid": absent, "kid": absent}
    one = set_distances(np.ones((1, 4)), np.ones((3, 4)), "vgg16")
    assert isinstance(one["fd_vgg16"], Undefined)
    assert isinstance(one["kd_vgg16"], Undefined)
    small = set_features([np.zeros((15, 40, 3), np.uint8)], "vgg16")
    assert isinstance(small, Undefined)
    assert "16 px" in small.reason
