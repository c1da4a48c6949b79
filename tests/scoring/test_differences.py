"""Differences by sign flips: exact values, agreement of p and interval, coverage, and places of many methods."""

from __future__ import annotations

import importlib.util
import sys
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from narrowed import present
from scipy.stats import permutation_test

from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.benchmark.statistics.bootstrap_replicates import share_replicates
from deid_bench.benchmark.statistics.bootstrap_scores import Clustered
from deid_bench.benchmark.statistics.comparison import difference
from deid_bench.benchmark.statistics.sign_flips import EXACT_UP_TO, Paired, confidence, p_value, step_down
from deid_bench.benchmark.statistics.standings import RankRange, rank_ranges, standings
from deid_bench.benchmark.statistics.uncertainty import (
    Draws,
    Interval,
    People,
    Replicates,
    bootstrap_p,
    draw_clusters,
    interval,
    split_rows,
)


def _load_study(name: str) -> Any:
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


STUDY, DISTANCES = _load_study("difference_study"), _load_study("distance_study")
CASES, study = STUDY.CASES, STUDY.study


def paired(differences: Any, share: bool = False) -> Paired:
    d = np.asarray(differences, dtype=float)
    return Paired(d / d.size, np.full(d.size, 1 / d.size), share)


@pytest.mark.parametrize("people", [6, 9, 14, 17])
def test_p_is_that_of_scipys_permutation_test_over_all_sign_patterns(people: int) -> None:
    d = np.random.default_rng(people).normal(0.6, 1.0, people)
    expected = permutation_test(
        (d, np.zeros(people)), lambda a, b: np.mean(a - b), permutation_type="samples", n_resamples=np.inf
    ).pvalue
    found = p_value(paired(d))
    assert found == pytest.approx(expected, abs=0.0 if people <= 9 else 0.02)
    if expected <= 0.01:
        assert found == pytest.approx(expected, rel=1e-9)


def test_a_small_p_is_counted_out_over_all_patterns() -> None:
    d = np.array([0.25] * 7 + [0.5] * 6 + [0.75] * 4 + [0.0] * 7)
    assert p_value(paired(d, share=True)) == 2.0**-16
    d[0] = -0.25
    signs = np.array(list(product((1, -1), repeat=17)))
    expected = np.mean(np.abs(signs @ np.abs(d[:17])) >= d.sum() - 1e-9)
    assert p_value(paired(d, share=True)) == pytest.approx(expected, rel=1e-12)


def test_more_people_than_can_be_counted_get_students_tail() -> None:
    d = np.random.default_rng(3).normal(0.8, 1.0, EXACT_UP_TO + 20)
    assert 1e-9 < p_value(paired(d)) < 1e-4
    assert p_value(paired(np.ones(EXACT_UP_TO + 20))) == 2.0 ** -(EXACT_UP_TO + 19)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from([-1.0, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0]), min_size=6, max_size=30),
    st.booleans(),
    st.sampled_from([0.9, 0.95, 0.99]),
)
def test_p_and_interval_never_contradict_each_other(differences: list[float], share: bool, level: float) -> None:
    given_ = paired(differences, share)
    within = confidence(given_, level)
    if isinstance(within, Undefined):
        assert p_value(given_) > 1 - level
        return
    assert (p_value(given_) <= 1 - level + 1e-12) == (not within.low <= 0 <= within.high)
    turned = confidence(paired([-each for each in differences], share), level)
    assert isinstance(turned, Interval)
    assert (turned.low, turned.high) == pytest.approx((-within.high, -within.low))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([6, 10, 24]), st.sampled_from([0.9, 0.95]))
def test_the_bootstrap_and_its_p_never_contradict_each_other(seed: int, people: int, level: float) -> None:
    rng = np.random.default_rng(seed)
    draws = draw_clusters(people, 300, seed=seed)
    assert isinstance(draws, Draws)
    values = rng.choice([rng.normal(0.5, 1, people), rng.integers(-2, 4, people), rng.lognormal(size=people) - 1])
    found = split_rows(draws.weights @ values / np.maximum(draws.weights.sum(axis=1), 1), draws, people)
    assert isinstance(found, Replicates)
    within = interval(found, level)
    if isinstance(within, Interval):
        assert (bootstrap_p(found) <= 1 - level) == (not within.low <= 0 <= within.high)


def test_nobody_differs() -> None:
    nothing = paired(np.zeros(12), share=True)
    assert p_value(nothing) == 1.0
    within = confidence(nothing)
    assert isinstance(within, Interval)
    assert within.low == -within.high < 0, "nothing seen among 12 is no proof of nothing"


def test_all_against_nothing_leaves_room_for_those_who_were_not_seen() -> None:
    within = confidence(paired(np.ones(12), share=True))
    assert isinstance(within, Interval)
    assert 0.6 < within.low < 0.85
    assert within.high == 1.0


def test_five_people_are_too_few_and_say_so() -> None:
    assert "too few" in str(confidence(paired(np.ones(5)), 0.99))


@pytest.mark.parametrize("case", [each for each in CASES if each.kind != "ratio"], ids=lambda case: case.name)
def test_intervals_hold_and_equal_methods_are_not_told_apart(case: Any) -> None:
    """Few rounds of the study: its whole table stands in docs/validation.md."""
    found = study(case, 12, 120)
    assert found.holds >= 0.88
    assert found.contradictions == 0
    if case.truth == 0:
        assert found.apart <= 0.09


@pytest.mark.parametrize("world", DISTANCES.WORLDS, ids=lambda world: world.name)
def test_methods_that_do_the_same_are_not_told_apart_from_distances(world: Any) -> None:
    """Few rounds of the study: its table stands in docs/validation.md. In no round may p and interval disagree."""
    assert DISTANCES.study(world, 12, 100, shares=False, resamples=200)["DIR"] <= 0.06
    assert max(DISTANCES.study(world, 12, 20, shares=True).values()) <= 0.1


def test_of_numbers_that_are_no_means_bootstrap_and_sign_flips_have_to_agree() -> None:
    rng = np.random.default_rng(9)
    draws = draw_clusters(20, 300, seed=3)
    assert isinstance(draws, Draws)
    values = rng.standard_t(2, (2, 20)) + np.array([[1.0], [0.0]])
    means = (draws.weights @ each / draws.weights.sum(axis=1) for each in values)
    first, second = (present(split_rows(each, draws, 20)) for each in means)
    found = present(difference(first, second))
    apart = Replicates(
        first.estimate - second.estimate, first.resampled - second.resampled, first.left_out - second.left_out, 20
    )
    flipped = present(Paired.by_leaving_out(apart))
    both, within = (present(interval(apart)), present(confidence(flipped))), present(found.interval)
    assert (within.low, within.high) == (min(e.low for e in both), max(e.high for e in both))
    assert found.p == max(bootstrap_p(apart), p_value(flipped))
    assert within.method == "bootstrap-t-bca+sign-flips"


def test_what_each_person_changes_sums_up_to_the_difference() -> None:
    rng = np.random.default_rng(8)
    values = rng.lognormal(size=30)
    left = np.array([np.delete(values, each).mean() for each in range(30)])
    found = Paired.by_leaving_out(Replicates(values.mean(), values, left, 30))
    assert found is not None
    assert found.difference == pytest.approx(values / 30)  # of a mean, the very contributions
    assert Paired.by_leaving_out(Replicates(1.0, values, np.append(left[1:], np.nan), 30)) is None


def methods_of(rates: Any, people: int, seed: int = 0) -> dict[str, Replicates]:
    """Rejection rates of as many methods, four images of each person."""
    rng = np.random.default_rng(seed)
    draws = draw_clusters(people, 50, seed=0)
    assert isinstance(draws, Draws)
    found = {}
    for index, rate in enumerate(rates):
        own = rng.beta(4 * rate, 4 * (1 - rate), people) if 0 < rate < 1 else np.full(people, rate)
        hits = (rng.random((people, 4)) < own[:, None]).astype(float).ravel()
        made = share_replicates(Clustered(hits, np.repeat(np.arange(people), 4)), draws)
        assert isinstance(made, Replicates)
        found[f"m{index}"] = made
    return found


def test_forty_methods_of_twelve_people_can_be_told_apart() -> None:
    """780 pairs: uncorrected sign flips reach 2 / 4096 at best, which Holm's correction would turn into 0.38."""
    places = rank_ranges(methods_of(np.linspace(0, 1, 40), 12), "higher")
    assert all(isinstance(each, RankRange) for each in places.values())
    worst, best = places["m0"], places["m39"]
    assert present(worst).best > 15
    assert present(best).worst < 25
    assert present(places["m20"]).best < present(places["m20"]).worst


def test_nothing_and_everything_of_twelve_people_are_told_apart_among_forty() -> None:
    places = rank_ranges(methods_of([0.0] * 20 + [1.0] * 20, 12), "higher")
    assert {str(each) for each in list(places.values())[:20]} == {"21–40"}
    assert {str(each) for each in list(places.values())[20:]} == {"1–20"}


def test_forty_equal_methods_are_rarely_told_apart() -> None:
    alarms = sum(
        any(str(each) != "1–40" for each in rank_ranges(methods_of([0.5] * 40, 12, seed), "higher").values())
        for seed in range(60)
    )
    assert alarms <= 7


def test_the_step_down_of_one_pair_is_its_own_p_value() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.normal(0.5, 1, 10), rng.normal(0, 1, 10)
    p = step_down(np.stack([first, second]) / 10)
    signs = np.array(list(product((1, -1), repeat=10)))
    expected = np.mean(np.abs(signs @ (first - second)) >= abs((first - second).sum()) - 1e-9)
    assert p == pytest.approx([expected])


def test_many_methods_take_the_same_way_with_fewer_patterns() -> None:
    found = standings(methods_of(np.linspace(0.05, 0.95, 150), 24), "higher")
    assert found["m149"].ranks.worst < 100 < found["m0"].ranks.worst


def test_people_beyond_the_most_are_grouped() -> None:
    rng = np.random.default_rng(0)
    count = np.full(1000, 4.0)
    first, second = (People(rng.binomial(4, rate, 1000).astype(float), count) for rate in (0.6, 0.5))
    made = Paired.of(first, second, share=True)
    assert made.difference.size == 200
    assert made.value == pytest.approx((first.total.sum() - second.total.sum()) / 4000)
    assert p_value(made) < 1e-6
