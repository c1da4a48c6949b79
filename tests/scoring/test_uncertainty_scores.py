"""Weighted statistics against the multiset that a resample stands for, written out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from single_pairs import sort_pairs

from deid_bench.benchmark.metrics.privacy.deidentification_ratio import dir_ratio
from deid_bench.benchmark.metrics.recognition.decidability import d_prime
from deid_bench.benchmark.metrics.recognition.error_rates import (
    DEFAULT_TARGETS,
    EerPoint,
    eer,
    fnmr_at_fmr,
    rejection_rate,
)
from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.benchmark.statistics import _crossing
from deid_bench.benchmark.statistics.bootstrap_replicates import (
    draw_repetitions,
    effective_eer_interval,
    mean_replicates,
    recognition_replicates,
    share_replicates,
)
from deid_bench.benchmark.statistics.bootstrap_scores import (
    Clustered,
    cut_pairs,
    d_prime_rows,
    dir_rows,
    eer_rows,
    fnmr_rows,
    mean_rows,
    rejection_rows,
)
from deid_bench.benchmark.statistics.pairing import Pairs, pair_up
from deid_bench.benchmark.statistics.uncertainty import Draws, Interval, Replicates, draw_clusters, interval


def world(identities: int, samples: int, seed: int, decimals: int | None) -> Any:
    rng = np.random.default_rng(seed)
    identity = np.repeat(np.arange(identities), samples)
    codes = rng.normal(size=(identities, 6))[identity] + 0.6 * rng.normal(size=(identity.size, 6))
    distances = np.linalg.norm(codes[:, None] - codes[None], axis=2)
    own = np.abs(rng.normal(1.5, 0.5, identity.size))
    if decimals is not None:
        distances, own = np.round(distances, decimals), np.round(own, decimals)
    return identity, distances, own


def drawn(clusters: int, resamples: int, seed: int = 0) -> Draws:
    draws = draw_clusters(clusters, resamples, seed)
    assert isinstance(draws, Draws)
    return draws


def written_out(distances: NDArray[Any], identity: Any, weights: Any) -> Any:
    """Genuine and impostor distances of a resample, every copy in full, with loops as plain as can be."""
    genuine: list[Any] = []
    impostor: list[Any] = []
    for i in range(len(identity)):
        for j in range(i + 1, len(identity)):
            a, b = identity[i], identity[j]
            if a == b:
                genuine += [distances[i, j]] * int(weights[a])
            else:
                impostor += [distances[i, j]] * int(weights[a] * weights[b])
    return np.array(genuine), np.array(impostor)


@pytest.mark.parametrize("decimals", [None, 1, 0])
@pytest.mark.parametrize(("identities", "samples"), [(6, 3), (14, 4)])
def test_all_rows_equal_the_written_out_multiset(
    identities: int, samples: int, decimals: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_crossing, "SHORT", 32)  # so that the cuts are refined on small data too
    identity, distances, own = world(identities, samples, 5, decimals)
    draws = drawn(identities, 25)
    pairs, scores = pair_up(distances, identity), Clustered(own, identity)
    weights = draws.weights
    point, rates = eer_rows(pairs, weights), fnmr_rows(pairs, weights)
    rejected, apart = rejection_rows(scores, point.threshold, weights), d_prime_rows(pairs, weights)
    ratio, means = dir_rows(pairs, scores, weights), mean_rows(scores, weights)
    for row, counts in enumerate(weights):
        genuine, impostor = written_out(distances, identity, counts)
        kept = np.repeat(own, counts[identity].astype(int))
        expected = eer(genuine, impostor)
        assert isinstance(expected, EerPoint)
        assert point.eer[row] == pytest.approx(expected.eer, abs=1e-12)
        assert point.threshold[row] == expected.threshold
        for operating, rate in zip(fnmr_at_fmr(genuine, impostor, DEFAULT_TARGETS), rates, strict=True):
            assert (operating.fnmr is None) == np.isnan(rate[row])
            assert operating.fnmr is None or rate[row] == pytest.approx(operating.fnmr, abs=1e-12)
        assert rejected[row] == pytest.approx(rejection_rate(kept, expected.threshold), abs=1e-12)
        assert apart[row] == pytest.approx(d_prime(genuine, impostor), rel=1e-9)
        assert ratio[row] == pytest.approx(dir_ratio(genuine, impostor, kept), rel=1e-9)
        assert means[row] == pytest.approx(kept.mean(), rel=1e-12)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=14),
    st.lists(st.integers(0, 3), min_size=4, max_size=4),
)
def test_ties_between_rates_and_distances(comparisons: Any, counts: Any) -> None:
    """Few comparisons on few levels: equal gaps on both sides of the crossing are the rule."""
    d, first, second = (np.array(each) for each in zip(*comparisons, strict=True))
    pairs = sort_pairs(d / 4, first == second, first, second, 4)
    weights = np.array([np.ones(4), counts], dtype=float)
    found, rates = eer_rows(pairs, weights), fnmr_rows(pairs, weights, [0.3, 1.0])
    for row, count in enumerate(weights.astype(int)):
        times = np.where(first == second, count[first], count[first] * count[second])
        genuine, impostor = (np.repeat(d / 4, times * kind) for kind in (first == second, first != second))
        expected = eer(genuine, impostor)
        if isinstance(expected, Undefined):
            assert np.isnan(found.eer[row])
            assert np.isnan(found.threshold[row])
            continue
        assert found.eer[row] == pytest.approx(expected.eer, abs=1e-12)
        assert found.threshold[row] == expected.threshold
        for operating, rate in zip(fnmr_at_fmr(genuine, impostor, [0.3, 1.0]), rates, strict=True):
            assert (operating.fnmr is None) == np.isnan(rate[row])
            assert operating.fnmr is None or rate[row] == pytest.approx(operating.fnmr, abs=1e-12)


def test_refined_cuts_change_nothing() -> None:
    identity, distances, _ = world(40, 5, 1, None)
    weights = drawn(40, 30).weights
    pairs = pair_up(distances, identity)
    coarse = eer_rows(pairs, weights)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_crossing, "SHORT", 1)
        fine = eer_rows(pairs, weights, cut_pairs(pairs, weights))
        refined = fnmr_rows(pairs, weights)
    assert (coarse.eer == fine.eer).all()
    assert (coarse.threshold == fine.threshold).all()
    for a, b in zip(refined, fnmr_rows(pairs, weights), strict=True):
        np.testing.assert_array_equal(a, b)


def test_all_distances_equal() -> None:
    identity = np.repeat(np.arange(6), 2)
    pairs = pair_up(np.full((12, 12), 0.5), identity)
    draws = drawn(6, 20)
    point = eer_rows(pairs, draws.weights)
    defined = np.isfinite(point.eer)
    assert defined[0]
    assert (point.eer[defined] == 0.5).all()
    assert (point.threshold[defined] == 0.5).all()
    assert np.isnan(d_prime_rows(pairs, draws.weights)).all()


def test_a_perfect_recogniser_has_an_interval_of_some_width() -> None:
    identity = np.repeat(np.arange(24), 4)
    distances = np.where(identity[:, None] == identity[None], 0.1, 0.6) + np.random.default_rng(0).uniform(
        0, 0.1, (96, 96)
    )
    found = recognition_replicates(pair_up(distances, identity), {}, drawn(24, 100))["eer"]
    got = interval(found)
    assert isinstance(got, Interval)
    assert got.low == 0
    assert 0.05 < got.high < 0.25


def test_no_genuine_or_no_impostor_comparisons() -> None:
    draws = drawn(8, 10)
    alone = pair_up(np.random.default_rng(0).random((8, 8)), np.arange(8))
    assert np.isnan(eer_rows(alone, draws.weights).eer).all()
    assert all(np.isnan(each).all() for each in fnmr_rows(alone, draws.weights))
    found = recognition_replicates(alone, {"": Clustered(np.ones(8), np.arange(8))}, draws, {"fnmr": 0.1})
    assert all(isinstance(each, Undefined) for each in found.values())


def test_lost_comparisons_are_rejected() -> None:
    identity, distances, own = world(8, 3, 2, None)
    draws, pairs = drawn(8, 20), pair_up(distances, identity)
    threshold = eer_rows(pairs, draws.weights).threshold
    with_lost = rejection_rows(Clustered(own[:20], identity[:20], lost=identity[20:]), threshold, draws.weights)
    infinite = rejection_rows(Clustered(np.r_[own[:20], np.full(4, 1e9)], identity), threshold, draws.weights)
    assert with_lost == pytest.approx(infinite, abs=1e-12)


def test_subjects_as_clusters_keep_both_hands_together() -> None:
    """Left and right hand are two identities of one cluster: their impostor pairs count with the cluster, once."""
    identity, distances, _ = world(10, 3, 3, None)
    draws = drawn(5, 15)
    pairs = pair_up(distances, identity, clusters=identity // 2)
    found = eer_rows(pairs, draws.weights)
    for row, counts in enumerate(draws.weights):
        genuine: list[Any] = []
        impostor: list[Any] = []
        for i in range(30):
            for j in range(i + 1, 30):
                a, b = identity[i] // 2, identity[j] // 2
                times = int(counts[a] if a == b else counts[a] * counts[b])
                (genuine if identity[i] == identity[j] else impostor).extend([distances[i, j]] * times)
        expected = eer(genuine, impostor)
        assert isinstance(expected, EerPoint)
        assert found.eer[row] == pytest.approx(expected.eer, abs=1e-12)
        assert found.threshold[row] == expected.threshold


def test_threshold_of_other_identities() -> None:
    """Development identities set the threshold, evaluated ones are judged; both are drawn, each for itself."""
    identity, distances, own = world(16, 3, 4, None)
    dev = identity < 6
    draws = draw_clusters(16, 30, strata=np.arange(16) < 6)
    assert isinstance(draws, Draws)
    setting = pair_up(distances[np.ix_(dev, dev)], identity[dev], identity[dev], 16)
    judged = pair_up(distances[np.ix_(~dev, ~dev)], identity[~dev], identity[~dev], 16)
    scores = Clustered(own[~dev], identity[~dev])
    found = recognition_replicates(judged, {"": scores}, draws, threshold_from=setting)
    threshold, rejected = found["eer_threshold"], found["rr"]
    assert isinstance(threshold, Replicates)
    assert isinstance(rejected, Replicates)
    expected = eer(setting.genuine, setting.impostor)
    assert isinstance(expected, EerPoint)
    assert threshold.estimate == expected.threshold
    assert threshold.clusters == 6
    assert rejected.estimate == pytest.approx(rejection_rate(own[~dev], expected.threshold))
    assert np.std(threshold.resampled) > 0


def test_recognition_replicates_start_from_the_reported_numbers() -> None:
    identity, distances, own = world(20, 4, 6, None)
    pairs, draws = pair_up(distances, identity), drawn(20, 50)
    scores = Clustered(own, identity)
    found = recognition_replicates(pairs, {"": scores, "_cross": scores}, draws, {"fnmr_at_fmr_1": 0.01})
    point = eer(pairs.genuine, pairs.impostor)
    assert isinstance(point, EerPoint)
    expected = {
        "eer": point.eer,
        "eer_threshold": point.threshold,
        "d_prime": d_prime(pairs.genuine, pairs.impostor),
        "fnmr_at_fmr_1": fnmr_at_fmr(pairs.genuine, pairs.impostor, [0.01])[0].fnmr,
        "rr": rejection_rate(own, point.threshold),
        "dir": dir_ratio(pairs.genuine, pairs.impostor, own),
    }
    expected |= {"rr_cross": expected["rr"], "dir_cross": expected["dir"]}
    assert set(found) == set(expected)
    for name, value in expected.items():
        each = found[name]
        assert isinstance(each, Replicates)
        assert each.estimate == pytest.approx(value, rel=1e-9), name
        assert each.resampled.shape == (50,)
        got = interval(each)
        assert isinstance(got, Interval)
        assert got.low <= each.estimate <= got.high


def test_repetitions_are_drawn_within_samples() -> None:
    identity = np.repeat(np.arange(6), 6)
    sample = np.repeat(np.arange(12), 3)
    draws = drawn(6, 40)
    weights = draw_repetitions(draws, identity, sample, seed=1)
    assert weights.shape == (draws.weights.shape[0], 36)
    assert (weights[0] == 1).all()
    assert (weights[41:] == draws.weights[41:][:, identity]).all()
    for each in range(12):
        total = weights[1:41][:, sample == each].sum(axis=1)
        assert (total == 3 * draws.weights[1:41, identity[sample == each][0]]).all()
    assert len(np.unique(weights[1:41][:, sample == 0], axis=0)) > 5
    assert (weights == draw_repetitions(draws, identity, sample, seed=1)).all()


def test_single_repetitions_stay_as_they_are() -> None:
    draws = drawn(6, 10)
    identity = np.repeat(np.arange(6), 2)
    assert (draw_repetitions(draws, identity, np.arange(12)) == draws.weights[:, identity]).all()


def test_means_and_shares() -> None:
    draws = drawn(10, 30)
    column = np.repeat(np.arange(10), 2)
    hits = Clustered(np.r_[np.ones(4), 0.5, np.zeros(15)], column)
    found = share_replicates(hits, draws)
    assert isinstance(found, Replicates)
    assert found.estimate == pytest.approx(4.5 / 20)
    assert (found.trials, found.minority, found.clusters) == (20, 3, 10)
    average = mean_replicates(hits, draws)
    assert isinstance(average, Replicates)
    assert average.trials is None
    assert (average.resampled == found.resampled).all()


@pytest.mark.parametrize(("apart", "expected"), [(1.0, 0.309), (-1.0, 0.309), (0.0, 0.5)])
def test_effective_eer_interval_is_folded(apart: float, expected: float) -> None:
    rng = np.random.default_rng(9)
    first, second = rng.integers(0, 30, (2, 4000))
    genuine = rng.random(4000) < 0.5
    second = np.where(genuine, first, np.where(second == first, (second + 1) % 30, second))
    distances = rng.normal(size=4000) + apart * ~genuine
    found = effective_eer_interval([sort_pairs(distances, genuine, first, second, 30)], [], drawn(30, 200))
    assert isinstance(found, Interval)
    assert 0 <= found.low <= expected <= found.high <= 0.5
    assert found.high - found.low < 0.1


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: pair_up(np.zeros((3, 2)), [0, 1, 2]), "shape"),
        (lambda: pair_up(np.zeros((3, 3)), [0, 1, 2], [0, 1]), "one cluster per sample"),
        (lambda: pair_up(np.full((3, 3), np.nan), [0, 1, 2]), "finite"),
        (lambda: sort_pairs([1.0], [True], [0], [5], 3), "clusters 0..2"),
        (lambda: Clustered(np.zeros(3), np.zeros(2, int)), "one column per value"),
        (lambda: Clustered(np.array([np.inf]), np.zeros(1, int)), "finite"),
        (lambda: eer_rows(_pairs(), np.ones((2, 9))), "weights of 3 clusters"),
    ],
)
def test_bad_input_is_named(build: Callable[..., Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()


def _pairs() -> Pairs:
    return pair_up(np.random.default_rng(0).random((6, 6)), np.repeat(np.arange(3), 2))
