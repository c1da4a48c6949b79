"""The palm paper's evaluation: which images it looks at, and its means."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from deid_bench.benchmark.metrics.quality import paper_preset
from deid_bench.benchmark.metrics.quality.paper_preset import enlarged, paper_lpips, paper_similarity, reduced
from deid_bench.benchmark.metrics.quality.perceptual import Perceptual
from deid_bench.benchmark.metrics.values import Undefined


def picture(height: int, width: int, seed: int = 0) -> NDArray[Any]:
    small = np.random.default_rng(seed).integers(0, 256, (12, 12, 3), dtype=np.uint8)
    return np.array(Image.fromarray(small).resize((width, height)))


@pytest.mark.parametrize(
    ("shape", "expected"), [((2000, 30), (2000, 30)), ((2400, 300), (2000, 250)), ((161, 161), (161, 161))]
)
def test_large_images_are_reduced(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    image = picture(*shape)
    assert reduced(image).shape == (*expected, 3)
    thumbnail = Image.fromarray(image)
    if shape != expected:
        thumbnail.thumbnail((2000, 2000), resample=Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(reduced(image), np.array(thumbnail))


@pytest.mark.parametrize(("shape", "expected"), [((160, 400), (200, 200)), ((161, 400), (161, 400))])
def test_small_images_become_a_square_of_200(shape: tuple[int, int], expected: tuple[int, int]) -> None:
    assert enlarged(picture(*shape)).shape == (*expected, 3)


@pytest.mark.parametrize("shape", [(180, 170), (128, 128)])
def test_similarity_is_that_of_the_resized_images(shape: tuple[int, int]) -> None:
    a = picture(*shape)
    b = np.clip(picture(*shape) + np.random.default_rng(3).normal(0, 9, (*shape, 3)), 0, 255).astype(np.uint8)
    if shape[0] < 161:
        x, y = (np.array(Image.fromarray(v).resize((200, 200), resample=Image.Resampling.LANCZOS)) for v in (a, b))
    else:
        x, y = a, b
    found = paper_similarity(a, b)
    assert found["psnr"] == pytest.approx(peak_signal_noise_ratio(x, y, data_range=255), abs=1e-9)
    assert found["ssim"] == pytest.approx(structural_similarity(x, y, data_range=255, channel_axis=-1), abs=1e-12)
    torch = pytest.importorskip("torch", reason="torch is not installed")
    piq = pytest.importorskip("piq", reason="piq, the reference, is not installed")
    tensors = [torch.from_numpy(v).permute(2, 0, 1)[None].float() / 255 for v in (x, y)]
    assert found["ms_ssim"] == pytest.approx(piq.multi_scale_ssim(*tensors).item(), abs=1e-5)


def test_lpips_is_vggs_and_does_not_enlarge(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def record(originals: NDArray[Any], changed: Any, net: Any, *, device: Any) -> Any:
        asked.append((originals[0].shape, net))
        return [Perceptual(0.25, 0.5)]

    monkeypatch.setattr(paper_preset, "lpips", record)
    assert paper_lpips(picture(128, 128), picture(128, 128, 1)) == 0.25
    assert paper_lpips(picture(2400, 60), picture(2400, 60, 1)) == 0.25
    assert asked == [((128, 128, 3), "vgg"), ((2000, 50, 3), "vgg")]


def test_pairs_of_two_shapes_are_left_out() -> None:
    a, b = picture(170, 180), picture(180, 170)
    assert all(isinstance(value, Undefined) for value in paper_similarity(a, b).values())
    assert isinstance(paper_lpips(a, b), Undefined)
    # two small images of different shapes become the same square
    assert isinstance(paper_similarity(picture(100, 90), picture(90, 100))["ssim"], float)
