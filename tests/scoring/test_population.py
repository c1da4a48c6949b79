"""Populations: what is read from sorted distances is exact, in whatever form they come."""

from __future__ import annotations

import errno
from functools import partial
from operator import lt
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from deid_bench.benchmark.metrics.privacy.deidentification_ratio import dir_ratio
from deid_bench.benchmark.metrics.recognition.decidability import d_prime
from deid_bench.benchmark.metrics.recognition.error_rates import (
    ErrorCurve,
    eer,
    fmr_fnmr_curve,
    fnmr_at_fmr,
    rejection_rate,
)
from deid_bench.benchmark.metrics.recognition.population import Ordered, Rest, search
from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.benchmark.statistics.bootstrap_replicates import recognition_replicates
from deid_bench.benchmark.statistics.bootstrap_scores import Clustered
from deid_bench.benchmark.statistics.pairing import pair_across, pair_up
from deid_bench.benchmark.statistics.uncertainty import Replicates, draw_clusters
from deid_bench.benchmark.storage.spilled import Spilled
from deid_bench.benchmark.storage.store import StoreError

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


@pytest.mark.parametrize("held", [0.2, 1, 8, 1000])
def test_distances_in_a_scratch_file_answer_as_those_in_memory(held: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same comparisons, sorted in parts of `held` times the step that stays in memory."""
    monkeypatch.setattr("deid_bench.benchmark.storage.spilled.STEP", 5)
    rng = np.random.default_rng(8)
    table = np.round(rng.normal(0.3, 1, (25, 24)), 1).astype(np.float32)  # ties and both signs
    clusters = rng.integers(0, 5, 25), rng.integers(0, 5, 24)
    sources = rng.integers(0, 24, 25)
    stable = pair_across(table, clusters, 5, sources)
    monkeypatch.setattr("deid_bench.benchmark.storage.spilled.HELD", max(1, int(5 * held)))
    spilled = pair_across(table, clusters, 5, sources)
    if held < 1000:
        assert isinstance(spilled.impostor, Rest)
    np.testing.assert_array_equal(spilled.table.distances[:], stable.table.distances)
    assert sorted(zip(spilled.table.distances[:], spilled.table.code[:], strict=True)) == sorted(
        zip(stable.table.distances[:], stable.table.code[:], strict=True)
    )
    np.testing.assert_array_equal(spilled.genuine, stable.genuine)
    assert sorted(spilled.genuine_first) == sorted(stable.genuine_first)
    held_ones, others = stable.impostor, spilled.impostor
    assert others.size == held_ones.size == 25 * 23 - stable.genuine.size
    np.testing.assert_array_equal(np.concatenate([*others.rising()]), np.concatenate([*held_ones.rising()]))
    at = np.unique(np.concatenate([table.ravel(), [-9.0, 0.05, 9.0]]))
    np.testing.assert_array_equal(others.at_most(at), held_ones.at_most(at))
    np.testing.assert_array_equal(others.below(at), held_ones.below(at))
    for t in at.tolist():
        assert others.largest_below(t) == held_ones.largest_below(t)
        assert others.smallest_above(t) == held_ones.smallest_above(t)
        assert others.first(partial(lt, t)) == held_ones.first(partial(lt, t))
    assert [others.place(rank) for rank in range(others.size)] == [held_ones.place(rank) for rank in range(others.size)]
    assert others.moments() == pytest.approx(held_ones.moments(), rel=1e-12)
    mated = np.round(rng.normal(0, 1, 40), 1).astype(np.float32)  # some of these are removed from the file, too
    for genuine in (stable.genuine, mated):
        assert eer(genuine, others) == eer(genuine, held_ones)
        assert fnmr_at_fmr(genuine, others) == fnmr_at_fmr(genuine, held_ones)
        for points in (None, 7, 4096):
            one, other = (fmr_fnmr_curve(genuine, each, points) for each in (others, held_ones))
            assert isinstance(one, ErrorCurve)
            assert isinstance(other, ErrorCurve)
            np.testing.assert_array_equal(one.thresholds, other.thresholds)
            np.testing.assert_array_equal(one.fmr, other.fmr)


def test_resamples_of_comparisons_in_a_scratch_file_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(9)
    identity = np.repeat(np.arange(12), 4)
    table = rng.normal(0, 1, (48, 48)) + 2.0 * (identity[:, None] != identity)
    distances = np.round((table + table.T) / 2, 2).astype(np.float32)
    draws = draw_clusters(12, 50)
    assert not isinstance(draws, Undefined)
    own = Clustered(rng.normal(1, 1, 48), identity)

    def numbers() -> dict[str, Replicates | Undefined]:
        return recognition_replicates(pair_up(distances, identity), {"": own}, draws, {"fnmr_at_fmr_1": 0.01})

    stable = numbers()
    monkeypatch.setattr("deid_bench.benchmark.storage.spilled.STEP", 16)
    monkeypatch.setattr("deid_bench.benchmark.storage.spilled.HELD", 100)
    for name, each in numbers().items():
        expected = stable[name]
        assert isinstance(each, Replicates)
        assert isinstance(expected, Replicates)
        near = 1e-10 if name in ("d_prime", "dir") else 0.0  # sums of the same numbers in another order
        np.testing.assert_allclose(each.resampled, expected.resampled, rtol=near, err_msg=name)
        np.testing.assert_allclose(each.left_out, expected.left_out, rtol=near, err_msg=name)


def test_a_full_disk_ends_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = Spilled(np.float32)

    def full(_: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(numbers, "_file", SimpleNamespace(write=full))
    with pytest.raises(StoreError, match="the disk is full"):
        numbers.append(np.zeros(3, np.float32))
