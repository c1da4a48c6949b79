"""Formula images with known codes, and random crops."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

Crop = NDArray[np.uint8]


def _formula_crop(row_offset: int, column_offset: int) -> Crop:
    r, c = np.mgrid[:128, :128].astype(np.float64)
    r, c = r + row_offset, c + column_offset
    value = 128 + 45 * np.sin(0.21 * r + 0.13 * c) + 35 * np.cos(0.0031 * r * c) + 25 * np.sin(0.37 * c - 0.11 * r)
    grey = np.clip(np.floor(value + 0.5), 0, 255).astype(np.uint8)
    return np.repeat(grey[..., None], 3, axis=2)


@pytest.fixture(scope="session")
def formula_pair() -> tuple[Crop, Crop]:
    """Two views of the same pattern, one grid point apart in both directions."""
    pair = _formula_crop(0, 0), _formula_crop(4, -4)
    assert [int(crop[..., 0].sum()) for crop in pair] == [2122079, 2116448]
    return pair


@pytest.fixture(scope="session")
def random_crops() -> list[Crop]:
    """Noise, smooth noise and a crop whose upper half is masked black."""
    rng = np.random.default_rng(20)
    noise = rng.integers(0, 256, (128, 128, 3), dtype=np.uint8)
    smooth = np.kron(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))
    masked = noise.copy()
    masked[:64] = 0
    return [noise, smooth, masked]
