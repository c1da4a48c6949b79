"""MS-SSIM against other packages and against a slow evaluation of its definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from narrowed import present
from numpy.typing import NDArray
from scipy.signal import convolve2d

from deid_bench.benchmark.metrics.quality.multiscale import SMALLEST_SIDE, WEIGHTS, ms_ssim
from deid_bench.benchmark.metrics.values import Undefined

SHAPES = [(161, 161), (176, 192), (162, 193), (201, 230), (185, 187)]
PARTS = [(0, 1, 0, 1), (0.0, 0.1, 0.0, 0.05), (0.95, 1, 0.97, 1), (0.4, 0.6, 0.3, 0.5), (0.5, 0.51, 0, 1)]
"""Rows and columns that change, in parts of the image's sides."""


def pair(shape: tuple[int, int], part: tuple[float, ...], noise: float = 40.0) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(shape[0] + shape[1])
    y, x = np.mgrid[: shape[0], : shape[1]]
    smooth = 128 + 60 * np.sin(x / 9)[..., None] * np.cos(y / 7)[..., None] * rng.uniform(0.3, 1, 3)
    original = np.clip(smooth + rng.normal(0, 12, (*shape, 3)), 0, 255).astype(np.uint8)
    changed = original.copy()
    rows = slice(int(part[0] * shape[0]), max(int(part[1] * shape[0]), int(part[0] * shape[0]) + 1))
    columns = slice(int(part[2] * shape[1]), max(int(part[3] * shape[1]), int(part[2] * shape[1]) + 1))
    area = changed[rows, columns]
    area[:] = np.clip(area + rng.normal(0, noise, area.shape), 0, 255).astype(np.uint8)
    return original, changed


def by_definition(original: NDArray[Any], changed: NDArray[Any]) -> float:
    """Every scale whole, in double precision, with a two-dimensional window."""
    distance = np.arange(-5, 6)
    window = np.exp(-(distance[:, None] ** 2 + distance**2) / (2 * 1.5**2))
    window /= window.sum()
    total = 0.0
    for channel in range(3):
        x, y = original[..., channel] / 255.0, changed[..., channel] / 255.0
        product = 1.0
        for scale, weight in enumerate(WEIGHTS):
            if scale:
                x, y = halved(x), halved(y)
            mx, my, xx, yy, xy = (convolve2d(v, window, "valid") for v in (x, y, x * x, y * y, x * y))
            contrast = (2 * (xy - mx * my) + 9e-4) / (xx - mx * mx + yy - my * my + 9e-4)
            whole = (2 * mx * my + 1e-4) / (mx * mx + my * my + 1e-4) * contrast
            product *= max(np.mean(whole if scale == 4 else contrast), 0.0) ** weight
        total += product / 3
    return total


def halved(plane: NDArray[Any]) -> NDArray[Any]:
    extra = max(plane.shape[0] % 2, plane.shape[1] % 2)
    plane = np.pad(plane, ((extra, 0), (extra, 0)), mode="edge")
    plane = plane[: plane.shape[0] // 2 * 2, : plane.shape[1] // 2 * 2]
    return np.asarray((plane[::2, ::2] + plane[1::2, ::2] + plane[::2, 1::2] + plane[1::2, 1::2]) / 4)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("shape", SHAPES[1:4])
def test_equals_the_definition(shape: Any, part: Any) -> None:
    original, changed = pair(shape, part)
    assert ms_ssim(original, changed) == pytest.approx(by_definition(original, changed), abs=1e-6)


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_equals_piq(shape: tuple[int, int], part: Any) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    piq = pytest.importorskip("piq", reason="piq, the reference, is not installed")
    original, changed = pair(shape, part)
    tensors = [torch.from_numpy(v).permute(2, 0, 1)[None].double() / 255 for v in (original, changed)]
    assert ms_ssim(original, changed) == pytest.approx(piq.multi_scale_ssim(*tensors).item(), abs=1e-6)


def test_equals_pytorch_msssim_where_no_scale_is_odd() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    reference = pytest.importorskip("pytorch_msssim", reason="pytorch-msssim, a reference, is not installed")
    original, changed = pair((176, 192), PARTS[0])
    tensors = [torch.from_numpy(v).permute(2, 0, 1)[None].double() / 255 for v in (original, changed)]
    expected = reference.ms_ssim(*tensors, data_range=1).item()  # its window is float32 whatever the images are
    assert ms_ssim(original, changed) == pytest.approx(expected, abs=1e-5)


def test_identical_and_opposite_images() -> None:
    original, _ = pair((170, 170), PARTS[0])
    assert ms_ssim(original, original.copy()) == 1.0
    inverted = (255 - original).astype(np.uint8)
    assert ms_ssim(original, inverted) == 0.0  # negative correlation counts as none


def test_more_noise_is_less_alike() -> None:
    values = [present(ms_ssim(*pair((170, 170), PARTS[0], noise))) for noise in (5, 20, 80)]
    assert sorted(values, reverse=True) == values


def test_a_small_image_has_none() -> None:
    small = np.zeros((SMALLEST_SIDE - 1, 300, 3), np.uint8)
    found = ms_ssim(small, small)
    assert isinstance(found, Undefined)
    assert "161" in found.reason
    fits = np.zeros((SMALLEST_SIDE, 300, 3), np.uint8)
    assert ms_ssim(fits, fits) == 1.0
