"""PSNR and SSIM of images and of regions, and the box of changed pixels they rest on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from deid_bench.benchmark.metrics.quality.changes import Box, changed_box
from deid_bench.benchmark.metrics.quality.image_quality import image_quality
from deid_bench.benchmark.metrics.quality.similarity import similarity
from deid_bench.benchmark.metrics.values import Undefined

BOXES = [
    (0, 60, 0, 80),
    (0, 1, 0, 1),
    (59, 60, 79, 80),
    (20, 31, 40, 44),
    (0, 9, 70, 80),
    (3, 4, 2, 60),
    (50, 60, 0, 80),
]


def pair(box: tuple[int, int, int, int], noise: float = 40.0, shape: tuple[int, int] = (60, 80)) -> Any:
    rng = np.random.default_rng(sum(box))
    original = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    changed = original.copy()
    part = changed[box[0] : box[1], box[2] : box[3]]
    part[:] = np.clip(part + rng.normal(0, noise, part.shape), 0, 255).astype(np.uint8)
    part[0, 0] = original[box[0], box[2]] ^ 1
    part[-1, -1] = original[box[1] - 1, box[3] - 1] ^ 1
    return original, changed


@pytest.mark.parametrize("box", BOXES)
def test_the_box_holds_every_changed_pixel_and_no_more(box: tuple[int, int, int, int]) -> None:
    original, changed = pair(box)
    assert changed_box(original, changed) == Box(*box)


def test_identical_images_have_no_box() -> None:
    original, _ = pair(BOXES[0])
    assert changed_box(original, original.copy()) is None


@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("noise", [2.0, 100.0])
def test_whole_image_equals_scikit_image(box: tuple[int, int, int, int], noise: float) -> None:
    original, changed = pair(box, noise)
    found = similarity(original, changed)
    assert found.ssim == pytest.approx(structural_similarity(original, changed, channel_axis=-1), abs=1e-12)
    assert found.psnr == pytest.approx(peak_signal_noise_ratio(original, changed), abs=1e-9)


@pytest.mark.parametrize("box", BOXES)
def test_a_region_takes_the_mean_of_scikit_images_map(box: tuple[int, int, int, int]) -> None:
    original, changed = pair(box)
    region = np.random.default_rng(5).random(original.shape[:2]) < 0.3
    _, whole_map = structural_similarity(original, changed, channel_axis=-1, full=True)
    inner = np.zeros_like(region)
    inner[3:-3, 3:-3] = region[3:-3, 3:-3]
    found = similarity(original, changed, region)
    assert found.ssim_region == pytest.approx(whole_map.mean(axis=2)[inner].mean(), abs=1e-12)
    error = np.mean((original[region].astype(float) - changed[region]) ** 2)
    expected = math.inf if error == 0 else 10 * math.log10(255**2 / error)
    assert found.psnr_region == pytest.approx(expected, abs=1e-9)


def test_the_whole_image_as_region_changes_nothing() -> None:
    original, changed = pair(BOXES[3])
    found = similarity(original, changed, np.ones(original.shape[:2], bool))
    assert found.psnr_region == pytest.approx(found.psnr, abs=1e-12)
    assert found.ssim_region == pytest.approx(found.ssim, abs=1e-12)


def test_saturated_images_do_not_overflow() -> None:
    black, white = np.zeros((20, 20, 3), np.uint8), np.full((20, 20, 3), 255, np.uint8)
    for a, b in ((black, white), (white, black)):
        expected = structural_similarity(a, b, channel_axis=-1)
        assert similarity(a, b).ssim == pytest.approx(expected, abs=1e-12)
    white2 = white.copy()
    white2[10, 10] = 254
    assert similarity(white, white2).ssim == pytest.approx(
        structural_similarity(white, white2, channel_axis=-1), abs=1e-12
    )


def test_identical_images() -> None:
    original, _ = pair(BOXES[0])
    found = similarity(original, original.copy(), np.ones((60, 80), bool))
    assert (found.psnr, found.ssim, found.psnr_region, found.ssim_region) == (math.inf, 1.0, math.inf, 1.0)


def test_what_has_no_value_says_why() -> None:
    original, changed = pair(BOXES[0])
    nothing = similarity(original, changed)
    assert isinstance(nothing.psnr_region, Undefined)
    assert isinstance(nothing.ssim_region, Undefined)
    assert "no region" in nothing.ssim_region.reason
    empty = similarity(original, changed, np.zeros((60, 80), bool))
    assert isinstance(empty.psnr_region, Undefined)
    assert "empty" in empty.psnr_region.reason
    border = np.zeros((60, 80), bool)
    border[:2] = True
    at_border = similarity(original, changed, border)
    assert isinstance(at_border.psnr_region, float)
    assert isinstance(at_border.ssim_region, Undefined)
    small = similarity(original[:6], changed[:6])
    assert isinstance(small.ssim, Undefined)
    assert isinstance(small.psnr, float)


def test_wrong_inputs_are_refused() -> None:
    original, changed = pair(BOXES[0])
    others: tuple[Any, ...] = (changed[:-1], changed.astype(float), changed[..., 0])
    for bad in others:
        with pytest.raises(ValueError, match="expected"):
            similarity(original, bad)
    regions: tuple[Any, ...] = (np.ones((60, 79), bool), np.ones((60, 80), np.uint8))
    for region in regions:
        with pytest.raises(ValueError, match="region"):
            similarity(original, changed, region)


def test_image_quality_without_networks_has_the_pixel_metrics() -> None:
    original, changed = pair(BOXES[3])
    found = image_quality(original, changed, np.ones((60, 80), bool), nets=())
    assert set(found) == {"psnr", "ssim", "ms_ssim", "psnr_region", "ssim_region"}
    assert found["ssim"] == similarity(original, changed).ssim
    assert isinstance(found["ms_ssim"], Undefined)
