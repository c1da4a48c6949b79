"""LPIPS against the lpips package, with random weights everywhere and with the real ones where they are at hand."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from narrowed import present, undefined
from numpy.typing import NDArray

from deid_bench.benchmark.metrics.quality.changes import Box

pytest.importorskip("torch", reason="torch is not installed")

import torch

from deid_bench.benchmark.metrics.quality import perceptual
from deid_bench.benchmark.metrics.quality.distribution import set_features
from deid_bench.benchmark.metrics.quality.image_quality import image_quality
from deid_bench.benchmark.metrics.quality.networks import feature_networks
from deid_bench.benchmark.metrics.quality.perceptual import Perceptual, look, lpips
from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.weights import files as weights

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:torchvision.models._utils")

NETS: tuple[Literal["alex", "vgg"], ...] = ("alex", "vgg")
CONVOLUTIONS = {
    "alex": [(11, 3, 64), (5, 64, 192), (3, 192, 384), (3, 384, 256), (3, 256, 256)],
    "vgg": [
        (3, a, b)
        for a, b in zip(
            (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512),
            (64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512),
            strict=True,
        )
    ],
}
HEADS = {"alex": (64, 192, 384, 256, 256), "vgg": (64, 128, 256, 512, 512)}


@lru_cache(maxsize=2)
def random_arrays(name: str) -> dict[str, NDArray[Any]]:
    """Arrays like those of a weight file, from a generator."""
    net = name.removeprefix("lpips-")
    rng = np.random.default_rng(len(net))
    prefix = {"alex": "AlexNet_0", "vgg": "VGG16_0"}[net]
    arrays = {}
    for i, (k, a, b) in enumerate(CONVOLUTIONS[net]):
        arrays[f"{prefix}.Conv_{i}.kernel"] = rng.normal(0, (2 / (k * k * a)) ** 0.5, (k, k, a, b)).astype(np.float32)
        arrays[f"{prefix}.Conv_{i}.bias"] = rng.normal(0, 0.1, b).astype(np.float32)
    for i, c in enumerate(HEADS[net]):
        arrays[f"NetLinLayer_{i}.Conv_0.kernel"] = rng.uniform(0, 0.1, (1, 1, c, 1)).astype(np.float32)
    return arrays


def random_heads(net: str) -> dict[str, torch.Tensor]:
    """Linear layers under the names that the lpips package has for them."""
    arrays = random_arrays(f"lpips-{net}")
    return {
        f"lin{i}.model.1.weight": torch.from_numpy(arrays[f"NetLinLayer_{i}.Conv_0.kernel"]).reshape(1, -1, 1, 1)
        for i in range(5)
    }


def forget() -> None:
    feature_networks.trunk.cache_clear()
    perceptual._missing_weights.cache_clear()


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """No network of another test, and one thread: the tests may share their cores."""
    forget()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
    forget()


@pytest.fixture
def random_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feature_networks, "tensors", random_arrays)
    monkeypatch.setattr(feature_networks, "head_weights", random_heads)


def reference(net: str, *, spatial: bool = False, arrays: Any = random_arrays) -> Any:
    package = pytest.importorskip("lpips", reason="lpips, the reference, is not installed")
    model = package.LPIPS(net=net, pnet_rand=True, pretrained=False, spatial=spatial, verbose=False)
    values = arrays(f"lpips-{net}")
    kernels = [name for name in values if name.endswith(".kernel") and not name.startswith("NetLin")]
    convolutions = [module for module in model.net.modules() if isinstance(module, torch.nn.Conv2d)]
    for i, module in enumerate(convolutions):
        name = next(k for k in kernels if k.endswith(f"Conv_{i}.kernel"))
        module.weight.data = torch.from_numpy(values[name]).permute(3, 2, 0, 1).contiguous()
        present(module.bias).data = torch.from_numpy(values[name.replace("kernel", "bias")])
    for i, head in enumerate(model.lins):
        head.model[-1].weight.data = torch.from_numpy(values[f"NetLinLayer_{i}.Conv_0.kernel"]).reshape(1, -1, 1, 1)
    return model.eval()


def as_tensor(image: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 127.5 - 1


def pair(shape: tuple[int, int], box: tuple[int, int, int, int], seed: int = 0) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(seed)
    original = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    changed = original.copy()
    part = changed[box[0] : box[1], box[2] : box[3]]
    part[:] = np.clip(part + rng.normal(0, 50, part.shape), 0, 255).astype(np.uint8)
    return original, changed


CASES = [
    ((40, 56), (0, 40, 0, 56)),
    ((33, 70), (0, 1, 0, 1)),
    ((70, 33), (68, 70, 30, 33)),
    ((97, 90), (40, 60, 20, 31)),
    ((64, 64), (0, 64, 31, 33)),
    ((81, 47), (7, 12, 40, 47)),
]
"""Image and the box that changes, with sides that leave rests at every stride."""


@pytest.mark.parametrize("net", NETS)
@pytest.mark.usefixtures("random_weights")
def test_equals_the_lpips_package_wherever_the_change_lies(net: Literal["alex", "vgg"]) -> None:
    plain, spatial = reference(net), reference(net, spatial=True)
    for shape, box in CASES:
        a, b = pair(shape, box)
        region = np.random.default_rng(1).random(shape) < 0.4
        found = present(lpips([a], [b], net, [region])[0])
        with torch.inference_mode():
            value = plain(as_tensor(a), as_tensor(b)).item()
            local = spatial(as_tensor(a), as_tensor(b))[0, 0].numpy()
        assert found.value == pytest.approx(value, abs=1e-5, rel=1e-4)
        assert found.region == pytest.approx(float(local[region].mean()), abs=1e-5, rel=1e-4)


@pytest.mark.parametrize("net", NETS)
@pytest.mark.usefixtures("random_weights")
def test_only_the_changed_part_is_computed_and_nothing_is_lost(net: str) -> None:
    """The update gives the features that a run over the whole changed image gives; outside they are the original's."""
    network = feature_networks.trunk(net)
    for shape, (top, bottom, left, right) in CASES:
        a, b = pair(shape, (top, bottom, left, right))
        part = network.prepared([b[top:bottom, left:right]])
        box = Box(top, bottom, left, right)
        with torch.inference_mode():
            taps = list(network.walk(network.prepared([a]), [(box, part)]))
            whole = list(network.walk(network.prepared([b]), []))
        for tap, full in zip(taps, whole, strict=True):
            where, patch = tap.after[0]
            merged = tap.before.clone()
            if not where.empty:
                merged[:, :, where.top : where.bottom, where.left : where.right] = patch
            torch.testing.assert_close(merged, full.before, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("net", NETS)
@pytest.mark.usefixtures("random_weights")
def test_batches_give_the_values_of_single_pairs(net: Literal["alex", "vgg"]) -> None:
    pairs = [pair((48, 40), (i, 20 + 4 * i, 3 * i, 30), i) for i in range(3)]
    pairs += [pair((40, 48), (0, 40, 0, 48), 8), (pairs[0][0], pairs[0][0].copy())]
    originals, changed = [p[0] for p in pairs], [p[1] for p in pairs]
    regions = [np.arange(v[0].shape[0] * v[0].shape[1]).reshape(v[0].shape[:2]) % 3 == 0 for v in pairs]
    one_by_one = [lpips([a], [b], net, [r])[0] for a, b, r in zip(originals, changed, regions, strict=True)]
    together = lpips(originals, changed, net, regions, batch=8)
    assert [present(v).value for v in together] == pytest.approx([present(v).value for v in one_by_one], abs=1e-5)
    assert [present(v).region for v in together] == pytest.approx([present(v).region for v in one_by_one], abs=1e-5)
    assert present(together[-1]).value == 0.0


@pytest.mark.usefixtures("random_weights")
def test_one_walk_gives_lpips_and_the_features_of_both_images() -> None:
    """As the lpips package has them: its value, and its own network's last layer of the whole changed image."""
    model = reference("alex")
    for a, b in (*(pair(*case) for case in CASES), (pair(*CASES[0])[0],) * 2):
        found = present(look(a, b))
        assert found.value == present(lpips([a], [b])[0]).value
        with torch.inference_mode():
            assert found.value == pytest.approx(model(as_tensor(a), as_tensor(b)).item(), abs=1e-5, rel=1e-4)
            layers = [model.net(model.scaling_layer(as_tensor(image)))[-1] for image in (a, b)]
        expected = [layer.mean(dim=(2, 3))[0].numpy() for layer in layers]
        np.testing.assert_allclose(found.original, expected[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(found.changed, expected[1], rtol=1e-4, atol=1e-5)
        both = present(set_features([a, b], "alexnet"))
        np.testing.assert_allclose(np.stack([found.original, found.changed]), both, rtol=1e-5)


@pytest.mark.usefixtures("random_weights")
def test_too_small_an_image_has_no_look() -> None:
    small = np.zeros((31, 40, 3), np.uint8)
    assert undefined(look(small, small)) == undefined(lpips([small], [small])[0])
    assert "AlexNet features need at least 32 px" in undefined(set_features([small], "alexnet")).reason


@pytest.mark.usefixtures("random_weights")
def test_order_of_the_images_does_not_matter() -> None:
    a, b = pair((40, 40), (5, 30, 5, 30))
    assert present(lpips([a], [b])[0]).value == pytest.approx(present(lpips([b], [a])[0]).value, rel=1e-5)


@pytest.mark.usefixtures("random_weights")
def test_what_has_no_value_says_why() -> None:
    a, b = pair((40, 40), (5, 30, 5, 30))
    no_region = lpips([a], [b])[0]
    assert isinstance(no_region, Perceptual)
    assert isinstance(no_region.region, Undefined)
    empty = present(lpips([a], [b], "alex", [np.zeros((40, 40), bool)])[0])
    assert "empty" in undefined(empty.region).reason
    small = lpips([a[:31]], [b[:31]])[0]
    assert isinstance(small, Undefined)
    assert "32 px" in small.reason
    assert isinstance(lpips([a[:16]], [b[:16]], "vgg")[0], Perceptual)
    assert isinstance(lpips([a[:15]], [b[:15]], "vgg")[0], Undefined)


@pytest.mark.usefixtures("random_weights")
def test_wrong_inputs_are_refused() -> None:
    a, b = pair((40, 40), (5, 30, 5, 30))
    with pytest.raises(ValueError, match="one shape"):
        lpips([a], [b[:-1]])
    with pytest.raises(ValueError, match="region"):
        lpips([a], [b], "alex", [np.ones((40, 41), bool)])
    assert lpips([], []) == []


@pytest.mark.usefixtures("random_weights")
def test_image_quality_has_every_metric() -> None:
    a, b = pair((40, 40), (5, 30, 5, 30))
    region = np.zeros((40, 40), bool)
    region[5:30, 5:30] = True
    found = image_quality(a, b, region)
    assert {f"lpips_{net}{end}" for net in NETS for end in ("", "_region")} < set(found)
    assert found["lpips_vgg"] == present(lpips([a], [b], "vgg")[0]).value
    assert present(found["lpips_alex_region"]) > present(found["lpips_alex"])  # the change lies in the region


def test_without_the_weight_file_there_is_a_reason_and_no_crash(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DEID_BENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("DEID_BENCH_OFFLINE", "1")
    monkeypatch.delenv("DEID_BENCH_WEIGHTS", raising=False)
    a, b = pair((40, 40), (5, 30, 5, 30))
    found = lpips([a], [b], "vgg")[0]
    assert isinstance(found, Undefined)
    assert found.reason.startswith("unavailable: weights lpips-vgg")


# --- with the real weights ------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def _own_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine's, if it has them."""
    monkeypatch.delenv("DEID_BENCH_WEIGHTS")


def real(net: str) -> None:
    if weights.find(f"lpips-{net}") is None:
        pytest.skip(f"weights lpips-{net} are not on this machine: deid-bench weights fetch lpips-{net}")


def astronaut() -> NDArray[Any]:
    cv2 = pytest.importorskip("cv2")
    from skimage import data

    return np.asarray(cv2.resize(data.astronaut(), (256, 256), interpolation=cv2.INTER_AREA))


@pytest.mark.parametrize("net", NETS)
def test_real_weights_equal_the_lpips_package(net: Literal["alex", "vgg"]) -> None:
    real(net)
    package = pytest.importorskip("lpips", reason="lpips, the reference, is not installed")
    model = reference(net, arrays=weights.tensors)
    own_heads = package.LPIPS(net=net, pnet_rand=True, pretrained=True, verbose=False)
    for ours, theirs in zip(model.lins, own_heads.lins, strict=True):
        assert torch.equal(ours.model[-1].weight, theirs.model[-1].weight)
    a = astronaut()[:120, 40:200]
    b = np.clip(a + np.random.default_rng(0).normal(0, 15, a.shape), 0, 255).astype(np.uint8)
    with torch.inference_mode():
        expected = model(as_tensor(a), as_tensor(b)).item()
    assert present(lpips([a], [b], net)[0]).value == pytest.approx(expected, abs=1e-5)


def test_linear_layers_are_those_of_the_package_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    for net in NETS:
        assert [each.shape[1] for each in feature_networks.head_weights(net).values()] == list(HEADS[net])
    monkeypatch.setitem(feature_networks.HEADS, "alex", "0" * 64)
    with pytest.raises(weights.WeightsError, match=r"alex\.pth: expected sha256 0000"):
        feature_networks.head_weights("alex")


def test_known_values() -> None:
    real("alex")
    import cv2

    a = astronaut()
    noisy = np.clip(a + np.random.default_rng(0).normal(0, 10, a.shape), 0, 255).astype(np.uint8)
    changed = [cv2.GaussianBlur(a, (0, 0), 1), cv2.GaussianBlur(a, (0, 0), 4), noisy, np.roll(a, 2, axis=1)]
    values = [present(v).value for v in lpips([a] * len(changed), changed, "alex")]
    assert values == pytest.approx([0.184, 0.627, 0.101, 0.060], abs=6e-4)
