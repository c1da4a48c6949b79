"""D_sys against closed forms, its bias and its bounds; the axes of DET plots."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.stats import norm

from deid_bench.benchmark.metrics.privacy.unlinkability import MIN_MATED, Unlinkability, unlinkability
from deid_bench.benchmark.metrics.recognition.det import DET_FLOOR, probit
from deid_bench.benchmark.metrics.values import Undefined


def found(mated: NDArray[Any], non_mated: NDArray[Any], **options: Any) -> Unlinkability:
    result = unlinkability(mated, non_mated, **options)
    assert isinstance(result, Unlinkability), result
    return result


@pytest.mark.parametrize(("apart", "expected"), [(0.5, 0.128), (1, 0.294), (2, 0.617), (4, 0.943), (8, 0.9999)])
def test_gaussians_have_their_known_values(apart: float, expected: float) -> None:
    rng = np.random.default_rng(0)
    result = found(rng.normal(0, 1, 200_000), rng.normal(apart, 1, 200_000))
    assert result.d_sys == pytest.approx(expected, abs=0.004)
    assert result.null < 0.01


@pytest.mark.parametrize("omega", [0.5, 1.0, 2.0])
def test_local_linkability_follows_the_definition(omega: float) -> None:
    rng = np.random.default_rng(1)
    result = found(rng.normal(0, 1, 400_000), rng.normal(1, 1, 400_000), omega=omega)

    def density(s: float) -> float:
        ratio = omega * norm.pdf(s) / norm.pdf(s, 1)
        return float(norm.pdf(s) * max(0.0, 2 * ratio / (1 + ratio) - 1))

    assert result.d_sys == pytest.approx(quad(density, -8, 9)[0], abs=0.006)


def test_direction_does_not_matter() -> None:
    """Mated comparisons that are systematically far are as linkable as near ones."""
    rng = np.random.default_rng(2)
    near, far = rng.normal(0, 1, 50_000), rng.normal(2, 1, 50_000)
    assert found(near, far).d_sys == pytest.approx(found(far, near).d_sys, abs=0.02)


def test_perfect_separation_is_1_even_in_the_outermost_bins() -> None:
    result = found(np.zeros(100), np.ones(100))
    assert result.d_sys == 1.0


@pytest.mark.parametrize(("mated", "low", "high"), [(500, 0.04, 0.07), (5_000, 0.018, 0.03)])
def test_null_is_the_bias_of_identical_distributions(mated: int, low: float, high: float) -> None:
    values = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        values.append(found(rng.normal(size=mated), rng.normal(size=20 * mated), permutations=20))
    bias = np.mean([each.d_sys for each in values])
    assert low < bias < high
    assert np.mean([each.null for each in values]) == pytest.approx(bias, rel=0.1)


def test_null_knows_both_sizes() -> None:
    few = [np.random.default_rng(seed).normal(size=(2, 400)) for seed in range(40)]
    values = [found(mated, non_mated, permutations=20) for mated, non_mated in few]
    assert np.mean([each.null for each in values]) == pytest.approx(np.mean([each.d_sys for each in values]), rel=0.1)


def test_null_repeats_with_the_seed() -> None:
    rng = np.random.default_rng(3)
    mated, non_mated = rng.normal(size=200), rng.normal(size=900)
    assert found(mated, non_mated, seed=5).null == found(mated, non_mated, seed=5).null
    assert found(mated, non_mated, seed=5).null != found(mated, non_mated, seed=6).null


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(-3, 3), st.integers(MIN_MATED, 300), st.integers(1, 300))
def test_bounds_and_masses(seed: int, shift: float, mated: int, non_mated: int) -> None:
    rng = np.random.default_rng(seed)
    result = found(rng.normal(shift, 1, mated), rng.normal(0, 1, non_mated), permutations=5)
    assert 0 <= result.d_sys <= 1
    assert 0 <= result.null <= 1
    assert ((result.local >= 0) & (result.local <= 1)).all()
    assert result.mated.sum() == pytest.approx(1)
    assert result.non_mated.sum() == pytest.approx(1)
    assert result.edges.size == result.local.size + 1 == min(mated // 10, 100) + 1
    assert result.d_sys == pytest.approx((result.mated * result.local).sum())


def test_scale_and_shift_change_nothing() -> None:
    rng = np.random.default_rng(4)
    mated, non_mated = rng.normal(size=400), rng.normal(1, 1, 4000)
    one, other = found(mated, non_mated), found(mated * 8 + 3, non_mated * 8 + 3)
    assert one.d_sys == pytest.approx(other.d_sys, abs=0.01)


def test_degenerate_sets() -> None:
    assert isinstance(unlinkability(np.zeros(MIN_MATED - 1), np.ones(10)), Undefined)
    assert isinstance(unlinkability(np.zeros(50), []), Undefined)
    assert isinstance(unlinkability(np.ones(50), np.ones(50)), Undefined)
    with pytest.raises(ValueError, match="finite"):
        unlinkability(np.full(50, np.nan), np.ones(50))
    with pytest.raises(ValueError, match="omega"):
        unlinkability(np.zeros(50), np.ones(50), omega=0)


def test_probit() -> None:
    rates = np.array([[0.5, 0.025], [0.975, 0.1587]])
    assert probit(rates) == pytest.approx(norm.ppf(rates))
    assert probit([0.0, 1.0]) == pytest.approx([norm.ppf(DET_FLOOR), -norm.ppf(DET_FLOOR)])
    assert probit([0.0], floor=0.01)[0] == pytest.approx(norm.ppf(0.01))
    for bad in ([1.5], [np.nan]):
        with pytest.raises(ValueError, match="rates"):
            probit(bad)
    with pytest.raises(ValueError, match="floor"):
        probit([0.5], floor=0.0)
