"""Fréchet distance between sets of features."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import pytest
from narrowed import present
from numpy.typing import NDArray
from scipy.linalg import sqrtm

from deid_bench.benchmark.metrics.quality.frechet import Moments, SetDistance, frechet_distance, gaussian_distance
from deid_bench.benchmark.metrics.values import Undefined


def spread(rng: np.random.Generator, d: int) -> NDArray[Any]:
    a = rng.normal(size=(d, 2 * d))
    return a @ a.T / (2 * d)


def test_equal_covariances_leave_the_distance_of_the_means() -> None:
    s = spread(np.random.default_rng(0), 6)
    assert gaussian_distance(np.zeros(6), s, np.full(6, 2.0), s) == pytest.approx(24.0, abs=1e-9)


def test_commuting_covariances_have_a_closed_form() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.uniform(0.1, 4, 8), rng.uniform(0.1, 4, 8)
    turn, _ = np.linalg.qr(rng.normal(size=(8, 8)))
    expected = np.sum((np.sqrt(a) - np.sqrt(b)) ** 2)
    found = gaussian_distance(np.zeros(8), turn * a @ turn.T, np.zeros(8), turn * b @ turn.T)
    assert found == pytest.approx(expected, abs=1e-10)


def test_one_dimension() -> None:
    assert gaussian_distance(1.0, 4.0, 3.0, 9.0) == pytest.approx(4 + 1)


@pytest.mark.parametrize("d", [2, 5, 40])
def test_equals_the_matrix_root_where_that_is_safe(d: int) -> None:
    rng = np.random.default_rng(d)
    a, b, m = spread(rng, d), spread(rng, d), rng.normal(size=d)
    expected = m @ m + np.trace(a + b - 2 * sqrtm(a @ b).real)
    assert gaussian_distance(m, a, np.zeros(d), b) == pytest.approx(expected, rel=1e-8)


@pytest.mark.filterwarnings("ignore:The `disp` argument:DeprecationWarning")
def test_equals_pytorch_fid() -> None:
    reference = pytest.importorskip("pytorch_fid.fid_score", reason="pytorch-fid, a reference, is not installed")
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(300, 64)), rng.normal(0.3, 1.4, (300, 64))
    arguments = [f(v) for v in (a, b) for f in (lambda v: v.mean(axis=0), lambda v: np.cov(v, rowvar=False))]
    try:
        expected = reference.calculate_frechet_distance(*arguments)
    except TypeError as error:
        pytest.skip(f"pytorch-fid does not run with this SciPy: {error}")
    found = frechet_distance(Moments.of(a), Moments.of(b))
    assert isinstance(found, SetDistance)
    assert found.value == pytest.approx(expected, rel=1e-8)
    assert found.caveat == ""


def test_equals_torchmetrics() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    reference = pytest.importorskip("torchmetrics.image.fid", reason="torchmetrics, a reference, is not installed")
    rng = np.random.default_rng(4)
    m, s, t = rng.normal(size=20), spread(rng, 20), spread(rng, 20)
    expected = reference._compute_fid(*(torch.from_numpy(v) for v in (m, s, np.zeros(20), t)))
    assert gaussian_distance(m, s, np.zeros(20), t) == pytest.approx(float(expected), rel=1e-8)


def test_rank_deficient_covariances_are_no_trouble() -> None:
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(10, 50)), rng.normal(size=(12, 50))
    # Tr (S_a S_b)^1/2 is the sum of the singular values of the product of the centred, scaled features
    x, y = (v - v.mean(axis=0) for v in (a, b))
    overlap = np.linalg.svd(x @ y.T / np.sqrt(9 * 11), compute_uv=False).sum()
    s_a, s_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    expected = np.sum((a.mean(axis=0) - b.mean(axis=0)) ** 2) + np.trace(s_a + s_b) - 2 * overlap
    found = frechet_distance(Moments.of(a), Moments.of(b))
    assert isinstance(found, SetDistance)
    assert found.value == pytest.approx(expected, rel=1e-6)
    assert "rank-deficient" in found.caveat
    assert "10 images" in found.caveat


def test_a_set_has_no_distance_from_itself_and_order_does_not_matter() -> None:
    rng = np.random.default_rng(6)
    a, b = Moments.of(rng.normal(size=(90, 30))), Moments.of(rng.normal(0.1, 1, (80, 30)))
    same, there, back = frechet_distance(a, a), frechet_distance(a, b), frechet_distance(b, a)
    assert present(same).value == pytest.approx(0, abs=1e-10)
    assert present(there).value == pytest.approx(present(back).value, rel=1e-9)
    assert present(there).value > 0.01


def test_portions_merge_to_the_whole_in_any_order() -> None:
    rng = np.random.default_rng(7)
    rows = rng.normal(1e4, 1, (101, 7))  # far from zero, where sums of squares would cancel
    portions = np.split(rows, [1, 40, 41, 77])
    states = [reduce(Moments.merged, map(Moments.of, each)) for each in (portions, portions[::-1], [rows])]
    for state in states:
        assert state.count == 101
        np.testing.assert_allclose(state.mean, rows.mean(axis=0), rtol=1e-13)
        np.testing.assert_allclose(state.covariance, np.cov(rows, rowvar=False), rtol=1e-7, atol=1e-9)


def test_few_images_are_flagged_and_fewer_refused() -> None:
    rng = np.random.default_rng(8)
    enough, few = (Moments.of(rng.normal(size=(n, 4))) for n in (6, 3))
    assert present(frechet_distance(enough, enough)).caveat == ""
    assert "3 images" in present(frechet_distance(enough, few)).caveat
    assert "100 or more" in present(frechet_distance(enough, enough, samples=100)).caveat
    one = Moments.of(np.zeros((1, 4)))
    assert isinstance(frechet_distance(one, enough), Undefined)


def test_wrong_inputs_are_refused() -> None:
    for bad in (np.zeros(3), np.zeros((0, 3)), np.array([[np.nan, 1.0]])):
        with pytest.raises(ValueError, match="expected"):
            Moments.of(bad)
    with pytest.raises(ValueError, match="length 3"):
        Moments.of(np.ones((2, 3))).merged(Moments.of(np.ones((2, 4))))
    with pytest.raises(ValueError, match="at least 2"):
        _ = Moments.of(np.ones((1, 3))).covariance
    with pytest.raises(ValueError, match="expected means"):
        gaussian_distance(np.zeros(2), np.eye(3), np.zeros(2), np.eye(3))
