"""Populations: what is read from sorted distances is exact, in whatever form they come."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from deid_bench.benchmark.metrics.privacy.deidentification_ratio import dir_ratio
from deid_bench.benchmark.metrics.privacy.rejection import rejection_rate
from deid_bench.benchmark.metrics.recognition.decidability import d_prime
from deid_bench.benchmark.metrics.recognition.error_rates import ErrorCurve, eer, fmr_fnmr_curve, fnmr_at_fmr
from deid_bench.benchmark.metrics.recognition.population import Ordered, search
from deid_bench.benchmark.statistics.pairing import pair_across

F32Array = NDArray[np.float32]


def _distances(seed: int, genuine: int = 2000, impostor: int = 40_000) -> tuple[F32Array, F32Array, F32Array]:
    rng = np.random.default_rng(seed)
    sides = rng.normal(0.32, 0.05, genuine), rng.normal(0.45, 0.03, impostor), rng.normal(0.41, 0.05, genuine)
    first, second, third = (each.astype(np.float32) for each in sides)
    return first, second, third


def test_sorted_once_is_the_same() -> None:
    genuine, impostor, other = _distances(1)
    g, i, d = (Ordered.of(each, "distances") for each in (genuine, impostor, other))
    assert eer(g, i) == eer(genuine, impostor)
    assert fnmr_at_fmr(g, i) == fnmr_at_fmr(genuine, impostor)
    assert rejection_rate(d, 0.4) == rejection_rate(other, 0.4)
    assert d_prime(g, i) == pytest.approx(d_prime(genuine, impostor), rel=1e-12)
    assert dir_ratio(g, i, d) == pytest.approx(dir_ratio(genuine, impostor, other), rel=1e-12)


def test_equal_distances_do_not_vary_in_any_form() -> None:
    same = np.full(100, 0.3, np.float32)
    mean, variance = Ordered.of(same, "same").moments()
    assert mean == pytest.approx(0.3, rel=1e-6)
    assert variance == 0.0
    empty = Ordered.of([], "none")
    assert empty.size == 0
    assert np.isnan(empty.moments()).all()


@pytest.mark.parametrize("points", [2, 17, 200, 10**6])
def test_a_thinned_curve_has_the_points_of_the_whole_one(points: int) -> None:
    genuine, impostor, _ = _distances(7, 300, 3000)
    impostor = np.round(impostor, 3)
    whole, thin = fmr_fnmr_curve(genuine, impostor), fmr_fnmr_curve(genuine, impostor, points)
    assert isinstance(whole, ErrorCurve)
    assert isinstance(thin, ErrorCurve)
    kept = np.unique(np.linspace(0, whole.fmr.size - 1, points).round().astype(int))
    if points > whole.fmr.size:
        kept = np.arange(whole.fmr.size)
    for name in ("thresholds", "fmr", "fnmr"):
        np.testing.assert_array_equal(getattr(thin, name), getattr(whole, name)[kept])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.floats(-2, 2, width=32), min_size=1, max_size=20),
    st.floats(-3, 3),
    st.sampled_from(["left", "right"]),
)
def test_single_precision_is_searched_by_exact_values(values: list[float], t: float, side: str) -> None:
    steps = np.sort(np.array(values, np.float32))
    expected = np.searchsorted(steps.astype(np.float64), t, side)  # type: ignore[call-overload]
    assert search(steps, t, side) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_distance_is_refused(bad: float) -> None:
    values = np.array([0.1, bad], np.float32)
    with pytest.raises(ValueError, match="finite"):
        Ordered.of(values, "genuine")


@pytest.mark.parametrize("left_out", [None, [0, 3, 1, 2, 2]])
def test_comparisons_sorted_in_place_are_the_same(left_out: list[int] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(8)
    table = np.round(rng.normal(0, 1, (5, 4)), 1).astype(np.float32)  # ties and both signs
    clusters = rng.integers(0, 3, 5), rng.integers(0, 3, 4)
    sources = None if left_out is None else np.array(left_out, dtype=np.intp)
    stable = pair_across(table, clusters, 3, sources)
    monkeypatch.setattr("deid_bench.benchmark.statistics.pairing._PACKED_FROM", 0)
    packed = pair_across(table, clusters, 3, sources)
    assert packed.table.distances.size == 20 - (0 if left_out is None else 5)
    np.testing.assert_array_equal(packed.table.distances, stable.table.distances)
    for pairs in (packed, stable):
        assert (np.diff(pairs.table.distances) >= 0).all()
    assert sorted(zip(packed.table.distances, packed.table.code, strict=True)) == sorted(
        zip(stable.table.distances, stable.table.code, strict=True)
    )
