"""Verification scores against brute force, scikit-learn, bob.measure and closed forms."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from narrowed import present
from numpy.typing import NDArray
from scipy.stats import norm
from sklearn.metrics import roc_curve

from deid_bench.benchmark.metrics.privacy.deidentification_ratio import dir_ratio
from deid_bench.benchmark.metrics.recognition.decidability import d_prime
from deid_bench.benchmark.metrics.recognition.error_rates import (
    EerPoint,
    ErrorCurve,
    eer,
    fmr_fnmr_curve,
    fnmr_at_fmr,
    rejection_rate,
)
from deid_bench.benchmark.metrics.values import Undefined

GOLDEN = json.loads(Path(__file__).with_name("golden").joinpath("bob_golden.json").read_text(encoding="utf-8"))
CASES = {case["name"]: case for case in GOLDEN["cases"]}

# Few distinct values, so that ties within and between the sets are the rule.
scores = st.lists(st.integers(0, 12).map(lambda k: k / 4), min_size=1, max_size=25)
quick = settings(max_examples=80, deadline=None)


def random_sets(seed: int, ties: bool) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(seed)
    genuine, impostor = rng.normal(0.35, 0.06, 120), rng.normal(0.45, 0.05, 700)
    return (np.round(genuine, 2), np.round(impostor, 2)) if ties else (genuine, impostor)


def brute_rates(genuine: NDArray[Any], impostor: NDArray[Any], threshold: float) -> tuple[float, float]:
    accepted = sum(d <= threshold for d in impostor)
    rejected = sum(d > threshold for d in genuine)
    return accepted / len(impostor), rejected / len(genuine)


def brute_eer(genuine: NDArray[Any], impostor: NDArray[Any]) -> tuple[float, float]:
    rows = [(t, *brute_rates(genuine, impostor, t)) for t in [-math.inf, *sorted({*genuine, *impostor})]]
    least = min(abs(fmr - fnmr) for _, fmr, fnmr in rows)
    best = [row for row in rows if math.isclose(abs(row[1] - row[2]), least, abs_tol=1e-12)]
    finite = [row for row in best if math.isfinite(row[0])]
    return sum((fmr + fnmr) / 2 for _, fmr, fnmr in best) / len(best), finite[0][0]


@quick
@given(scores, scores)
def test_eer_equals_brute_force(genuine: Any, impostor: Any) -> None:
    point = present(eer(genuine, impostor))
    expected, threshold = brute_eer(genuine, impostor)
    assert point.eer == pytest.approx(expected, abs=1e-12)
    assert point.threshold == threshold
    assert (point.fmr, point.fnmr) == pytest.approx(brute_rates(genuine, impostor, point.threshold))


@quick
@given(scores, scores, st.randoms(use_true_random=False))
def test_eer_ignores_order(genuine: Any, impostor: Any, random: Any) -> None:
    before = eer(genuine, impostor)
    random.shuffle(genuine)
    random.shuffle(impostor)
    assert eer(genuine, impostor) == before


@quick
@given(scores, scores)
def test_eer_is_symmetric_when_both_roles_are_mirrored(genuine: Any, impostor: Any) -> None:
    mirrored = present(eer([-d for d in impostor], [-d for d in genuine]))
    assert mirrored.eer == pytest.approx(present(eer(genuine, impostor)).eer, abs=1e-12)


@quick
@given(scores, scores, st.floats(0.25, 8), st.integers(-3, 3))
def test_eer_is_unchanged_by_a_rising_transform(genuine: Any, impostor: Any, factor: float, offset: int) -> None:
    moved = present(eer([factor * d + offset for d in genuine], [factor * d + offset for d in impostor]))
    assert moved.eer == pytest.approx(present(eer(genuine, impostor)).eer, abs=1e-12)


@quick
@given(scores, scores)
def test_all_thresholds_up_to_upper_decide_alike(genuine: Any, impostor: Any) -> None:
    point = present(eer(genuine, impostor))
    between = point.threshold + 1.0 if point.upper is None else (point.threshold + point.upper) / 2
    assert brute_rates(genuine, impostor, between) == pytest.approx((point.fmr, point.fnmr))
    if point.upper is not None:
        assert brute_rates(genuine, impostor, point.upper) != pytest.approx((point.fmr, point.fnmr))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_curve_agrees_with_scikit_learn(seed: int, ties: bool) -> None:
    genuine, impostor = random_sets(seed, ties)
    curve = present(fmr_fnmr_curve(genuine, impostor))
    labels = np.r_[np.ones(genuine.size), np.zeros(impostor.size)]
    fpr, tpr, thresholds = roc_curve(labels, -np.r_[genuine, impostor], drop_intermediate=False)
    assert curve.fmr == pytest.approx(fpr)
    assert curve.fnmr == pytest.approx(1 - tpr)
    assert curve.thresholds[1:] == pytest.approx(-thresholds[1:])
    assert present(eer(genuine, impostor)).eer == pytest.approx(
        np.mean([fpr, 1 - tpr], axis=0)[np.argmin(np.abs(fpr - (1 - tpr)))], abs=1 / 120
    )


@quick
@given(scores, scores)
def test_curve_is_monotone_from_all_rejected_to_all_accepted(genuine: Any, impostor: Any) -> None:
    curve = fmr_fnmr_curve(genuine, impostor)
    assert isinstance(curve, ErrorCurve)
    assert (np.diff(curve.thresholds) > 0).all()
    assert (np.diff(curve.fmr) >= 0).all()
    assert (np.diff(curve.fnmr) <= 0).all()
    assert (curve.fmr[0], curve.fnmr[0], curve.fmr[-1], curve.fnmr[-1]) == (0, 1, 1, 0)


@pytest.mark.parametrize("name", CASES)
def test_rates_agree_with_bob(name: Any) -> None:
    case = CASES[name]
    curve = present(fmr_fnmr_curve(case["genuine"], case["impostor"]))
    for row in case["rates"]:
        at = np.searchsorted(curve.thresholds, row["threshold"], side="right") - 1
        assert (curve.fmr[at], curve.fnmr[at]) == pytest.approx((row["fmr"], row["fnmr"]))


@pytest.mark.parametrize("name", CASES)
def test_eer_agrees_with_bob(name: Any) -> None:
    case = CASES[name]
    point = present(eer(case["genuine"], case["impostor"]))
    assert point.eer == pytest.approx(case["eer"], abs=1e-12)
    # bob places its threshold between two observed scores; ours stands at the lower of them.
    assert point.threshold <= case["eer_threshold"] <= point.upper


@pytest.mark.parametrize("name", CASES)
def test_fnmr_at_fmr_is_never_worse_than_bobs(name: Any) -> None:
    case = CASES[name]
    targets = [row["target"] for row in case["fnmr_at_fmr"]]
    for point, row in zip(fnmr_at_fmr(case["genuine"], case["impostor"], targets), case["fnmr_at_fmr"], strict=True):
        if point.fnmr is None:
            assert len(case["impostor"]) * point.target < 1
        else:
            assert present(point.fmr) <= point.target
            assert point.fnmr <= row["fnmr"]
            assert point.fnmr >= row["fnmr"] - 1.5 / len(case["genuine"])


def test_eer_of_two_gaussians_approaches_its_closed_form() -> None:
    rng = np.random.default_rng(5)
    genuine, impostor = rng.normal(0, 1, 100_000), rng.normal(2, 1, 100_000)
    point = present(eer(genuine, impostor))
    assert point.eer == pytest.approx(norm.sf(1), abs=0.004)
    assert point.threshold == pytest.approx(1, abs=0.03)


def test_eer_of_separated_sets_is_zero_at_the_largest_genuine_distance() -> None:
    assert eer([0.1, 0.2], [0.7, 0.8, 0.9]) == EerPoint(eer=0.0, threshold=0.2, upper=0.7, fmr=0.0, fnmr=0.0, end=0.7)


def test_eer_of_indistinguishable_scores_is_one_half() -> None:
    point = present(eer([0.5, 0.5], [0.5]))
    assert (point.eer, point.threshold, point.upper) == (0.5, 0.5, None)


def test_equal_gaps_on_both_sides_give_the_crossing_of_straight_lines() -> None:
    # At t=1 (FMR, FNMR) is (1/4, 1/2), at t=2 it is (3/4, 1/2): the lines cross at (1/2, 1/2).
    point = present(eer([1, 3], [1, 2, 2, 4]))
    assert point.eer == pytest.approx((0.375 + 0.625) / 2)
    assert point.threshold == 1


def test_an_empty_side_is_undefined_with_a_reason() -> None:
    assert eer([], [1.0]) == Undefined("no genuine comparisons")
    assert eer([1.0], []) == Undefined("no impostor comparisons")


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_distances_that_are_not_numbers_are_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match="finite genuine"):
        eer([0.1, bad], [0.5])
    with pytest.raises(ValueError, match="finite de-identified"):
        rejection_rate([bad], 0.5)


@quick
@given(scores, scores, st.sampled_from([0.05, 0.1, 0.25, 0.5, 1.0]))
def test_fnmr_at_fmr_is_the_best_that_keeps_to_the_limit(genuine: Any, impostor: Any, target: Any) -> None:
    (point,) = fnmr_at_fmr(genuine, impostor, [target])
    assert point.impostors == len(impostor)
    if target * len(impostor) < 1 - 1e-9:
        assert point.fnmr is None
        assert f"{math.ceil(1 / target)} impostor" in point.reason
        return
    allowed = [-math.inf, *sorted({*genuine, *impostor})]
    rates = [brute_rates(genuine, impostor, t) for t in allowed]
    assert point.fnmr == pytest.approx(min(fnmr for fmr, fnmr in rates if fmr <= target + 1e-12))
    assert brute_rates(genuine, impostor, present(point.threshold)) == pytest.approx((point.fmr, point.fnmr))
    assert point.reason == ""


def test_fnmr_at_fmr_allows_exactly_the_share_of_impostors() -> None:
    impostor = np.arange(3000) / 3000
    (point,) = fnmr_at_fmr([0.0005, 0.0008, 0.5], impostor, [0.001])
    assert point.fmr == pytest.approx(0.001)
    assert point.fnmr == pytest.approx(1 / 3)
    (point,) = fnmr_at_fmr([0.5], np.arange(100), [0.29])  # 0.29 * 100 falls short of 29 in floating point
    assert point.fmr == pytest.approx(0.29)


def test_fnmr_at_fmr_refuses_targets_that_are_no_rates() -> None:
    with pytest.raises(ValueError, match="targets"):
        fnmr_at_fmr([1], [1], [0.0])


@quick
@given(scores, st.integers(0, 12).map(lambda k: k / 4))
def test_rejection_rate_counts_what_lies_beyond(deidentified: Any, threshold: Any) -> None:
    expected = sum(d > threshold for d in deidentified) / len(deidentified)
    assert rejection_rate(deidentified, threshold) == pytest.approx(expected)
    assert rejection_rate(deidentified, threshold + 0.25) <= expected


def test_rejection_rate_accepts_at_the_threshold() -> None:
    assert rejection_rate([0.4, 0.5, 0.6], 0.5) == pytest.approx(1 / 3)
    assert isinstance(rejection_rate([], 0.5), Undefined)


def test_d_prime_uses_population_variances() -> None:
    # Means 1 and 5, population variances 1 and 1; sample variances would be 2.
    assert d_prime([0, 2], [4, 6]) == pytest.approx(4.0)


def test_d_prime_of_gaussians_is_the_distance_in_standard_deviations() -> None:
    rng = np.random.default_rng(3)
    assert d_prime(rng.normal(0, 2, 100_000), rng.normal(5, 2, 100_000)) == pytest.approx(2.5, abs=0.02)


def test_d_prime_needs_spread() -> None:
    assert isinstance(d_prime([0.1] * 3, [0.7] * 3), Undefined)
    assert isinstance(d_prime([], [0.7]), Undefined)
    assert d_prime([0.1] * 3, [0.7, 0.9]) == pytest.approx(0.7 / math.sqrt(0.01 / 2))


@quick
@given(scores, scores)
def test_dir_is_100_for_impostors_and_0_for_genuine(genuine: Any, impostor: Any) -> None:
    ratio = dir_ratio(genuine, impostor, impostor)
    if isinstance(ratio, Undefined):
        assert np.mean(genuine) == np.mean(impostor) or len({*genuine}) == len({*impostor}) == 1
        return
    assert ratio == pytest.approx(100)
    zero = dir_ratio(genuine, impostor, genuine)
    assert isinstance(zero, Undefined) or zero == pytest.approx(0)


def test_dir_follows_equation_4() -> None:
    genuine, impostor, deidentified = np.array([0.2, 0.3, 0.4]), np.array([0.5, 0.6, 0.8]), np.array([0.4, 0.7])
    g, i, d = genuine.std(), impostor.std(), deidentified.std()
    expected = (
        (genuine.mean() - deidentified.mean())
        / (genuine.mean() - impostor.mean())
        * np.sqrt(g**2 + i**2)
        / np.sqrt(g**2 + d**2)
        * 100
    )
    assert dir_ratio(genuine, impostor, deidentified) == pytest.approx(expected)


def test_dir_agrees_with_the_ratio_of_d_primes_where_the_sign_is_positive() -> None:
    rng = np.random.default_rng(11)
    genuine, impostor, deidentified = rng.normal(0.3, 0.05, 200), rng.normal(0.5, 0.03, 900), rng.normal(0.45, 0.04, 80)
    expected = present(d_prime(genuine, deidentified)) / present(d_prime(genuine, impostor)) * 100
    assert dir_ratio(genuine, impostor, deidentified) == pytest.approx(expected)


def test_dir_keeps_its_sign_for_unchanged_images() -> None:
    # An unchanged image is closer to its original (0) than another capture of the same palm.
    assert present(dir_ratio([0.3, 0.4], [0.5, 0.6], [0.0, 0.0])) < 0


def test_dir_exceeds_100_beyond_the_impostors() -> None:
    assert present(dir_ratio([0.1, 0.2], [0.5, 0.6], [0.8, 0.9])) > 100


@pytest.mark.parametrize(
    ("genuine", "impostor", "deidentified", "reason"),
    [
        ([], [1.0], [1.0], "genuine"),
        ([1.0], [], [1.0], "impostor"),
        ([1.0], [2.0], [], "de-identified"),
        ([1.0, 2.0], [1.0, 2.0], [5.0], "same mean"),
        ([1.0, 1.0], [2.0, 3.0], [2.0, 2.0], "do not vary"),
    ],
)
def test_dir_is_undefined_with_a_reason(genuine: Any, impostor: Any, deidentified: Any, reason: str) -> None:
    ratio = dir_ratio(genuine, impostor, deidentified)
    assert isinstance(ratio, Undefined)
    assert reason in ratio.reason
