"""PSNR and SSIM against scikit-image."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from narrowed import present, undefined
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from deid_bench.benchmark.metrics.quality.similarity import similarity
from deid_bench.datasets.types import Image


def psnr(original: Image, changed: Image) -> float:
    return present(similarity(original, changed).psnr)


def ssim(original: Image, changed: Image) -> float:
    return present(similarity(original, changed).ssim)


def pair(seed: int, shape: tuple[int, int], noise: float) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: shape[0], : shape[1]]
    base = 128 + 80 * np.sin(x / 9)[..., None] * np.cos(y / 7)[..., None] * rng.uniform(0.3, 1, 3)
    changed = base + rng.normal(0, noise, (*shape, 3))
    return tuple(np.clip(np.rint(image), 0, 255).astype(np.uint8) for image in (base, changed))


PAIRS = [((64, 96), 12.0), ((7, 7), 30.0), ((7, 50), 4.0), ((121, 33), 0.6), ((40, 40), 90.0)]


@pytest.mark.parametrize(("shape", "noise"), PAIRS)
def test_ssim_equals_scikit_image(shape: tuple[int, int], noise: float) -> None:
    a, b = pair(1, shape, noise)
    assert ssim(a, b) == pytest.approx(structural_similarity(a, b, channel_axis=-1, data_range=255), abs=1e-9)


@pytest.mark.parametrize(("shape", "noise"), PAIRS)
def test_psnr_equals_scikit_image(shape: tuple[int, int], noise: float) -> None:
    a, b = pair(2, shape, noise)
    assert psnr(a, b) == pytest.approx(peak_signal_noise_ratio(a, b, data_range=255), abs=1e-9)


def test_ssim_of_saturated_and_flat_images_equals_scikit_image() -> None:
    black, white = np.zeros((20, 20, 3), np.uint8), np.full((20, 20, 3), 255, np.uint8)
    expected = structural_similarity(black, white, channel_axis=-1, data_range=255)
    assert ssim(black, white) == pytest.approx(expected, abs=1e-9)
    assert psnr(black, white) == 0


def test_identical_images() -> None:
    image, _ = pair(3, (32, 32), 1)
    assert ssim(image, image.copy()) == pytest.approx(1, abs=1e-12)
    assert psnr(image, image.copy()) == math.inf


def test_both_are_symmetric_and_fall_with_noise() -> None:
    pairs = [pair(4, (60, 60), noise) for noise in (2, 8, 25)]
    assert psnr(*pairs[1]) == pytest.approx(psnr(*reversed(pairs[1])))
    assert ssim(*pairs[1]) == pytest.approx(ssim(*reversed(pairs[1])))
    for metric in (psnr, ssim):
        values = [metric(*p) for p in pairs]
        assert values == sorted(values, reverse=True)


def test_small_images_have_no_ssim() -> None:
    tiny = np.zeros((6, 30, 3), np.uint8)
    assert "7 px" in undefined(similarity(tiny, tiny).ssim).reason


@pytest.mark.parametrize("metric", [psnr, ssim])
def test_refuses_other_shapes_and_types(metric: Any) -> None:
    image = np.zeros((10, 10, 3), np.uint8)
    with pytest.raises(ValueError, match="one shape"):
        metric(image, image[:9])
    with pytest.raises(ValueError, match="uint8"):
        metric(image.astype(float), image)
    with pytest.raises(ValueError, match="uint8"):
        metric(image[..., 0], image[..., 0])
