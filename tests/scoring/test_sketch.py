"""Populations: what is read from sorted distances is exact, and what is read from a histogram keeps to its bound."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from deid_bench.benchmark.metrics.privacy.deidentification_ratio import dir_ratio
from deid_bench.benchmark.metrics.privacy.rejection import rejection_rate
from deid_bench.benchmark.metrics.recognition.decidability import d_prime
from deid_bench.benchmark.metrics.recognition.error_rates import EerPoint, ErrorCurve, eer, fmr_fnmr_curve, fnmr_at_fmr
from deid_bench.benchmark.metrics.recognition.population import Collector, Ordered, Population, Sketch, search
from deid_bench.benchmark.statistics.pairing import pair_across

F32Array = NDArray[np.float32]


def _distances(seed: int, genuine: int = 2000, impostor: int = 40_000) -> tuple[F32Array, F32Array, F32Array]:
    rng = np.random.default_rng(seed)
    sides = rng.normal(0.32, 0.05, genuine), rng.normal(0.45, 0.03, impostor), rng.normal(0.41, 0.05, genuine)
    first, second, third = (each.astype(np.float32) for each in sides)
    return first, second, third


def _sketch(values: F32Array, bins: int = 2**12) -> Sketch:
    found = Sketch(0.0, 1.0, bins)
    found.add(values)
    return found


def _mass(values: F32Array, t: float, half_bin: float) -> float:
    """Share of distances within a bin of t."""
    return float(np.mean(np.abs(values.astype(np.float64) - t) <= 2 * half_bin))


def test_what_fits_is_exact() -> None:
    genuine, impostor, other = _distances(1)
    parts = []
    for values in (genuine, impostor, other):
        collector = Collector()
        for part in np.array_split(values, 7):
            collector.add(part)
        parts.append(collector.finish())
    g, i, d = parts
    assert isinstance(i, Ordered)
    assert i.half_bin == 0
    assert eer(g, i) == eer(genuine, impostor)
    assert fnmr_at_fmr(g, i) == fnmr_at_fmr(genuine, impostor)
    assert rejection_rate(d, 0.4) == rejection_rate(other, 0.4)
    assert d_prime(g, i) == pytest.approx(d_prime(genuine, impostor), rel=1e-12)
    assert dir_ratio(g, i, d) == pytest.approx(dir_ratio(genuine, impostor, other), rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_a_sketch_keeps_to_its_bound(seed: int) -> None:
    genuine, impostor, other = _distances(seed)
    g, i, d = (_sketch(each) for each in (genuine, impostor, other))
    assert i.half_bin == pytest.approx(0.5 / 2**12)
    exact, found = eer(genuine, impostor), eer(g, i)
    assert isinstance(exact, EerPoint)
    assert isinstance(found, EerPoint)
    bound = _mass(genuine, exact.threshold, g.half_bin) + _mass(impostor, exact.threshold, i.half_bin)
    assert found.eer == pytest.approx(exact.eer, abs=bound)
    assert found.threshold == pytest.approx(exact.threshold, abs=2 * (g.half_bin + i.half_bin))
    for t in (0.3, 0.38, 0.45):
        low, high = rejection_rate(other, t + d.half_bin), rejection_rate(other, t - d.half_bin)
        assert isinstance(low, float)
        assert isinstance(high, float)
        rate = rejection_rate(d, t)
        assert isinstance(rate, float)
        assert low <= rate <= high
    assert d_prime(g, i) == pytest.approx(d_prime(genuine, impostor), rel=1e-9)
    assert dir_ratio(g, i, d) == pytest.approx(dir_ratio(genuine, impostor, other), rel=1e-9)
    for mine, theirs in zip(fnmr_at_fmr(g, i), fnmr_at_fmr(genuine, impostor), strict=True):
        assert theirs.threshold is not None
        assert mine.fnmr == pytest.approx(theirs.fnmr, abs=2 * _mass(genuine, theirs.threshold, 2 * g.half_bin) + 1e-3)


def test_finer_bins_come_nearer() -> None:
    genuine, impostor, _ = _distances(4)
    exact = eer(genuine, impostor)
    assert isinstance(exact, EerPoint)
    errors = []
    for bins in (2**5, 2**9, 2**18):
        found = eer(_sketch(genuine, bins), _sketch(impostor, bins))
        assert isinstance(found, EerPoint)
        errors.append(abs(found.eer - exact.eer))
    assert errors[2] <= errors[1] <= errors[0]
    assert errors[2] < 1e-4


def test_a_collector_turns_to_a_histogram_when_its_budget_is_spent() -> None:
    _, impostor, _ = _distances(5)
    collector = Collector(budget=2**16, bins=2**14)
    for part in np.array_split(impostor, 40):
        collector.add(part)
    found = collector.finish()
    assert isinstance(found, Sketch)
    assert found.size == impostor.size
    assert found.at_most([np.inf, -np.inf]).tolist() == [impostor.size, 0]
    thresholds = np.linspace(0.3, 0.6, 50)
    exact = Ordered.of(impostor, "impostor")
    counts = found.at_most(thresholds)
    assert (exact.at_most(thresholds - found.half_bin) <= counts).all()
    assert (counts <= exact.at_most(thresholds + found.half_bin)).all()
    mean, variance = found.moments()
    assert mean == pytest.approx(impostor.mean(dtype=np.float64), rel=1e-12)
    assert variance == pytest.approx(impostor.astype(np.float64).var(), rel=1e-9)


def test_the_range_of_a_sketch_grows_both_ways() -> None:
    values = np.random.default_rng(6).normal(0, 10, 5000)
    found = Sketch(-0.1, 0.1, 2**10)
    for part in np.array_split(values, 9):
        found.add(part)
    assert found.size == values.size
    thresholds = np.linspace(-30, 30, 61)
    counts, rising = found.at_most(thresholds), np.sort(values)
    assert (np.searchsorted(rising, thresholds - found.half_bin * 1.001, "right") <= counts).all()
    assert (counts <= np.searchsorted(rising, thresholds + found.half_bin * 1.001, "right")).all()


def test_equal_distances_do_not_vary_in_any_form() -> None:
    same = np.full(100, 0.3, np.float32)
    for population in (Ordered.of(same, "same"), _sketch(same)):
        mean, variance = population.moments()
        assert mean == pytest.approx(0.3, rel=1e-6)
        assert variance == 0.0
    empty: list[Population] = [Ordered.of([], "none"), Sketch(0, 1)]
    assert all(each.size == 0 and np.isnan(each.moments()).all() for each in empty)


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
    for take in (Collector().add, Sketch(0, 1).add, lambda v: Ordered.of(v, "genuine")):
        with pytest.raises(ValueError, match="finite"):
            take(values)
    with pytest.raises(ValueError, match="low < high"):
        Sketch(1.0, 1.0)


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
