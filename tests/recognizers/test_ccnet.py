"""CCNet: the published network step by step, its checkpoints, its distance and its classes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from deid_bench.recognizers.palm.ccnet import CCNet
from deid_bench.recognizers.palm.ccnet_network import BLOCKS, HEAD, GaborLayer, from_state, normalise
from deid_bench.recognizers.palm.ccnet_network import CCNet as Network
from deid_bench.weights.files import WeightsError

Crop = NDArray[np.uint8]

# --- the network, written a second time: slow, in float64, without a thought to speed ------------------------------


def _kernels(state: Mapping[str, Tensor], layer: str, size: int) -> Tensor:
    gamma, sigma, f, psi = (float(state[f"{layer}.{name}"]) for name in ("gamma", "sigma", "f", "psi"))
    kernels = []
    for theta in state[f"{layer}.theta"].tolist():
        kernel = np.zeros((size, size))
        for row in range(size):
            for column in range(size):
                x, y = row - size // 2, column - size // 2
                along = x * math.cos(theta) + y * math.sin(theta)
                across = -x * math.sin(theta) + y * math.cos(theta)
                envelope = math.exp(-0.5 * ((gamma * along) ** 2 + across**2) / (8 * sigma**2))
                kernel[row, column] = -envelope * math.cos(2 * math.pi * f * along + psi)
        kernels.append(torch.from_numpy(kernel - kernel.mean()))
    return torch.stack(kernels)


def _filtered(maps: Tensor, kernels: Tensor) -> Tensor:
    """As published: each kernel repeated over all input channels, stride 2."""
    repeated = kernels[:, None].repeat(1, maps.shape[1], 1, 1)
    return functional.conv2d(maps, repeated, stride=2, padding=kernels.shape[-1] // 2)


def _order(state: Mapping[str, Tensor], block: str, order: int, responses: Tensor) -> Tensor:
    channels, rows, columns = (torch.exp(responses - responses.amax(dim, keepdim=True)) for dim in (1, 2, 3))
    maps = 0.8 * channels / channels.sum(1, keepdim=True)
    maps = maps + 0.1 * rows / rows.sum(2, keepdim=True) + 0.1 * columns / columns.sum(3, keepdim=True)
    hidden = torch.relu(maps.mean((2, 3)) @ state[f"{block}.se{order}.fc.0.weight"].T)
    gate = 1 / (1 + torch.exp(-hidden @ state[f"{block}.se{order}.fc.2.weight"].T))
    weight, bias = state[f"{block}.conv{order}_1.weight"], state[f"{block}.conv{order}_1.bias"]
    seen = functional.conv2d(maps * gate[..., None, None], weight, bias, stride=2)
    half = seen.shape[-1] // 2
    seen = seen[..., : 2 * half, : 2 * half].reshape(len(seen), 16, half, 2, half, 2).amax((3, 5))
    return seen.reshape(len(seen), -1)


def _reference(state: Mapping[str, Tensor], images: Tensor) -> Tensor:
    state = {name: value.double() for name, value in state.items()}
    features = []
    for block, (size, _, _) in zip(("cb1", "cb2", "cb3"), BLOCKS, strict=True):
        first = _filtered(images.double(), _kernels(state, f"{block}.gabor_conv2d", size))
        second = _filtered(first, _kernels(state, f"{block}.gabor_conv2d2", size))
        features += [_order(state, block, 1, first), _order(state, block, 2, second)]
    hidden = torch.cat(features, 1) @ state["fc.weight"].T + state["fc.bias"]
    out = hidden @ state["fc1.weight"].T + state["fc1.bias"]
    return torch.div(out, out.norm(dim=1, keepdim=True))


@pytest.fixture(scope="module")
def random_state() -> dict[str, Tensor]:
    """A small head and five classes; Gabor parameters off their starting values."""
    torch.manual_seed(3)
    network = Network(classes=5, hidden=24, dimension=16)
    state = {name: value.clone() for name, value in network.state_dict().items()}
    for name, value in state.items():
        if name.endswith((".gamma", ".sigma", ".f")):
            value *= 1.1
        if name.endswith(".psi"):
            value += 0.2
    return state


def test_equals_the_reference(random_state: dict[str, Tensor]) -> None:
    rng = np.random.default_rng(4)
    images = torch.from_numpy(rng.normal(size=(2, 1, 128, 128)).astype(np.float32))
    images[1] *= 0.01  # so that the softmaxes are soft once, too
    with torch.inference_mode():
        found = from_state(random_state)(images)
    torch.testing.assert_close(found.double(), _reference(random_state, images), rtol=0, atol=1e-5)


# --- facts about the published network ------------------------------------------------------------------------------


def test_first_kernel_has_the_published_values() -> None:
    kernel = GaborLayer(35, 9, 1.0).kernels()[0, 0].detach().numpy()
    assert kernel[17, 17] == pytest.approx(-1.0189890, abs=1e-6)
    assert kernel[0, 0] == pytest.approx(-0.3565161, abs=1e-6)


def test_parameters_are_those_of_the_official_network() -> None:
    with torch.device("meta"):
        network = Network(classes=460)
    sizes = {name: value.numel() for name, value in network.state_dict().items()}
    assert len(sizes) == 59
    assert sum(sizes.values()) == 63_256_684
    assert sum(sizes.values()) - sizes[HEAD] == 62_314_604
    gabor = [f"{layer}.{name}" for layer in ("gabor_conv2d", "gabor_conv2d2") for name in _GABOR]
    block = [*gabor, *_BLOCK]
    head = ["fc.weight", "fc.bias", "fc1.weight", "fc1.bias", "arclayer_.weight"]
    assert list(sizes) == [f"cb{k}.{name}" for k in (1, 2, 3) for name in block] + head
    shapes = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    assert shapes["cb2.gabor_conv2d2.theta"] == (36,)
    assert shapes["cb2.conv2_1.weight"] == (16, 36, 5, 5)
    assert shapes["cb3.se1.fc.0.weight"] == (9, 9)
    assert shapes["fc.weight"] == (4096, 13152)
    assert shapes["arclayer_.weight"] == (460, 2048)


_GABOR = ("gamma", "sigma", "theta", "f", "psi")
_BLOCK = (
    *("conv1_1.weight", "conv1_1.bias", "conv2_1.weight", "conv2_1.bias"),
    *("se1.fc.0.weight", "se1.fc.2.weight", "se2.fc.0.weight", "se2.fc.2.weight"),
)


def test_orientations_and_phase_are_stored_but_not_learned() -> None:
    layer = GaborLayer(7, 9, 0.25)
    assert [name for name, value in layer.named_parameters() if not value.requires_grad] == ["theta", "psi"]


def test_normalisation_ignores_black_pixels() -> None:
    grey = torch.rand(1, 1, 128, 128) * 0.9 + 0.05
    grey[..., :40, :] = 0
    seen = normalise(grey)
    assert (seen[..., :40, :] == 0).all()
    palm = seen[..., 40:, :]
    assert float(palm.mean()) == pytest.approx(0, abs=1e-5)
    assert float(palm.std(correction=1)) == pytest.approx(1, abs=1e-4)
    torch.testing.assert_close(normalise(grey * 0.5), seen, rtol=0, atol=1e-4)
    assert (normalise(torch.zeros(1, 1, 128, 128)) == 0).all()
    few = normalise(torch.tensor([0.0, 0.2, 0.4, 0.9]).reshape(1, 1, 2, 2)).flatten()
    values = np.array([0.2, 0.4, 0.9])
    np.testing.assert_allclose(few[1:], (values - 0.5) / np.std(values, ddof=1), atol=1e-4)


# --- weight files ---------------------------------------------------------------------------------------------------


def _crops(n: int) -> list[Crop]:
    rng = np.random.default_rng(8)
    coarse = rng.integers(30, 220, (n, 32, 32), dtype=np.uint8)
    return [np.repeat(np.kron(each, np.ones((4, 4), np.uint8))[..., None], 3, axis=2) for each in coarse]


@pytest.mark.parametrize(("classes", "prefix"), [(5, ""), (600, "module."), (0, "")])
def test_reads_checkpoints_of_any_class_count(
    tmp_path: Path, random_state: dict[str, Tensor], classes: int, prefix: str
) -> None:
    state = {**random_state, HEAD: torch.randn(classes, 16)}
    if not classes:
        del state[HEAD]
    torch.save({prefix + name: value for name, value in state.items()}, tmp_path / "net_params_best.pth")
    crops = _crops(2)
    templates = CCNet(str(tmp_path / "net_params_best.pth")).embed(crops)
    grey = torch.stack([torch.from_numpy(crop[..., 0])[None].float() / 255 for crop in crops])
    expected = from_state(random_state)(normalise(grey))
    # As above: two ways through one network round apart, by 1.3e-6 on a processor without AVX-512; another head or
    # another weight moves templates by tenths.
    np.testing.assert_allclose(templates, expected.numpy(), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("broken", "named"),
    [
        ({"cb2.se1.fc.0.weight": None}, "cb2.se1.fc.0.weight"),
        ({"fc1.weight": None}, "fc1.weight"),
        ({"extra.weight": torch.ones(2)}, "extra.weight"),
        ({"cb1.conv1_1.weight": torch.ones(16, 8, 5, 5)}, "cb1.conv1_1.weight"),
    ],
)
def test_names_what_is_wrong_with_a_checkpoint(
    tmp_path: Path, random_state: dict[str, Tensor], broken: dict[str, Tensor | None], named: str
) -> None:
    state = {name: value for name, value in {**random_state, **broken}.items() if value is not None}
    torch.save(state, tmp_path / "broken.pth")
    with pytest.raises(WeightsError, match=named.replace(".", r"\.")):
        CCNet(str(tmp_path / "broken.pth")).embed(_crops(1))


def test_refuses_pickles_that_run_code(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self: Any) -> tuple[object, tuple[str]]:
            return print, ("ran",)

    torch.save({"fc.weight": Bomb()}, tmp_path / "bomb.pth")
    with pytest.raises(WeightsError):
        CCNet(str(tmp_path / "bomb.pth")).embed(_crops(1))


def test_hashes_follow_the_file(tmp_path: Path, random_state: dict[str, Tensor]) -> None:
    torch.save(random_state, tmp_path / "mine.pth")
    assert set(CCNet.weight_hashes({"weights": "ccnet"})) == {"ccnet"}
    before = CCNet.weight_hashes({"weights": str(tmp_path / "mine.pth")})
    torch.save({**random_state, "fc.bias": torch.ones(24)}, tmp_path / "mine.pth")
    after = CCNet.weight_hashes({"weights": str(tmp_path / "mine.pth")})
    assert set(before) == set(after) == {"mine.pth"}
    assert before != after


# --- comparing ------------------------------------------------------------------------------------------------------


def test_distance_is_the_angle_over_pi() -> None:
    rows = np.array([[1, 0, 0], [0.5, math.sqrt(0.75), 0], [0, 1, 0], [-1, 0, 0]], np.float32)
    found = CCNet().distances(rows[:1], rows)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [[0, 1 / 3, 1 / 2, 1]], atol=1e-6)
    with pytest.raises(ValueError, match="same weights"):
        CCNet().distances(rows, rows[:, :2])


def test_classes_are_the_nearest_centres(tmp_path: Path, random_state: dict[str, Tensor]) -> None:
    centres = torch.randn(9, 16)
    torch.save({**random_state, HEAD: centres * torch.rand(9, 1)}, tmp_path / "nine.pth")
    unit = functional.normalize(centres).numpy()
    np.testing.assert_array_equal(CCNet(str(tmp_path / "nine.pth")).classify(unit[::-1]), np.arange(9)[::-1])
    torch.save({name: value for name, value in random_state.items() if name != HEAD}, tmp_path / "none.pth")
    with pytest.raises(WeightsError, match="no classes"):
        CCNet(str(tmp_path / "none.pth")).classify(unit)
