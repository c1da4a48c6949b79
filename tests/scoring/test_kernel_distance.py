"""Kernel distance between sets of features."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from narrowed import present
from numpy.typing import NDArray

from deid_bench.benchmark.metrics.quality.frechet import SetDistance
from deid_bench.benchmark.metrics.quality.kernel_distance import kernel_distance, mmd2
from deid_bench.benchmark.metrics.values import Undefined


def sets(n: int, m: int, d: int = 12, shift: float = 0.3) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(n + m)
    return rng.normal(size=(n, d)), rng.normal(shift, 1.1, (m, d))


def test_equals_the_double_sum() -> None:
    x, y = sets(9, 7, 4)

    def k(a: NDArray[Any], b: NDArray[Any]) -> float:
        return float((a @ b / 4 + 1) ** 3)

    within_x = np.mean([k(x[i], x[j]) for i in range(9) for j in range(9) if i != j])
    within_y = np.mean([k(y[i], y[j]) for i in range(7) for j in range(7) if i != j])
    between = np.mean([k(a, b) for a in x for b in y])
    assert mmd2(x, y) == pytest.approx(within_x + within_y - 2 * between, rel=1e-12)


def test_equals_clean_fids_formula() -> None:
    x, y = sets(200, 200)
    a = (x @ x.T / 12 + 1) ** 3 + (y @ y.T / 12 + 1) ** 3
    b = (x @ y.T / 12 + 1) ** 3
    expected = ((a.sum() - np.diag(a).sum()) / 199 - b.sum() * 2 / 200) / 200
    found = kernel_distance(x, y)
    assert isinstance(found, SetDistance)
    assert found.value == pytest.approx(expected, rel=1e-10)


def test_equals_torchmetrics() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    reference = pytest.importorskip("torchmetrics.image.kid", reason="torchmetrics, a reference, is not installed")
    x, y = sets(60, 60)
    expected = reference.poly_mmd(torch.from_numpy(x), torch.from_numpy(y))
    assert mmd2(x, y) == pytest.approx(float(expected), rel=1e-10)


def test_is_unbiased() -> None:
    rng = np.random.default_rng(0)
    values = [mmd2(rng.normal(size=(20, 6)), rng.normal(size=(20, 6))) for _ in range(400)]
    assert min(values) < 0
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(400)


def test_subsets_are_repeatable_and_near_the_whole() -> None:
    x, y = sets(300, 260)
    first, again = (present(kernel_distance(x, y, subset_size=100, subsets=50, seed=4)) for _ in range(2))
    other = present(kernel_distance(x, y, subset_size=100, subsets=50, seed=5))
    assert first == again
    assert first.value != other.value
    spread = present(first.spread)
    assert spread > 0
    assert first.value == pytest.approx(mmd2(x, y), abs=4 * spread / np.sqrt(50))


def test_small_sets_are_taken_whole_and_say_so() -> None:
    x, y = sets(30, 40)
    found = present(kernel_distance(x, y))
    assert found.value == mmd2(x, y)
    assert found.spread is None
    assert "30 and 40" in found.caveat


def test_too_few_images_and_wrong_inputs() -> None:
    x, y = sets(30, 30)
    assert isinstance(kernel_distance(x[:1], y), Undefined)
    with pytest.raises(ValueError, match="finite"):
        mmd2(np.full((3, 2), np.nan), np.ones((3, 2)))
    with pytest.raises(ValueError, match="expected"):
        mmd2(np.ones((3, 2)), np.ones((3, 4)))
