"""Paired comparisons: correction, calibration, power and ranks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.benchmark.statistics.bootstrap_replicates import mean_replicates, share_replicates
from deid_bench.benchmark.statistics.bootstrap_scores import Clustered
from deid_bench.benchmark.statistics.comparison import (
    Difference,
    compare,
    difference,
    holm,
)
from deid_bench.benchmark.statistics.standings import MIN_RANKED_IDENTITIES, RankRange, rank_ranges
from deid_bench.benchmark.statistics.uncertainty import Draws, Interval, Replicates, draw_clusters, interval

K = 40
IDENTITY = np.repeat(np.arange(K), 3)


def drawn(clusters: int = K, resamples: int = 300, seed: int = 0) -> Draws:
    draws = draw_clusters(clusters, resamples, seed)
    assert isinstance(draws, Draws)
    return draws


def means(values: Any, draws: Draws | None = None) -> Replicates:
    found = mean_replicates(Clustered(np.asarray(values, float), IDENTITY), draws or drawn())
    assert isinstance(found, Replicates)
    return found


def compared(first: Any, second: Any, **options: Any) -> Difference:
    found = difference(first, second, **options)
    assert isinstance(found, Difference), found
    return found


def test_holm_known_values() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.7, 0.9]) == [1.0, 1.0]
    with pytest.raises(ValueError, match="p-values"):
        holm([1.2])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=12))
def test_holm_rejects_what_the_step_down_procedure_rejects(p_values: Any) -> None:
    order = sorted(range(len(p_values)), key=lambda k: p_values[k])
    rejected = set()
    for step, k in enumerate(order):
        if p_values[k] * (len(p_values) - step) > 0.05:
            break
        rejected.add(k)
    assert {k for k, p in enumerate(holm(p_values)) if p <= 0.05} == rejected


def test_equal_methods_do_not_differ() -> None:
    values = means(np.random.default_rng(0).normal(size=IDENTITY.size))
    found = compared(values, values)
    assert (found.value, found.p) == (0.0, 1.0)
    assert isinstance(found.interval, Interval)
    assert (found.interval.low, found.interval.high) == (0.0, 0.0)


def test_pairing_sees_through_what_images_have_in_common() -> None:
    rng = np.random.default_rng(1)
    hard = rng.normal(0, 1, K)[IDENTITY]
    a, b = hard + rng.normal(0.0, 0.1, hard.size), hard + rng.normal(0.1, 0.1, hard.size)
    found = compared(means(a), means(b))
    assert found.p < 1e-4
    assert isinstance(found.interval, Interval)
    assert found.interval.high < 0
    one, other = interval(means(a)), interval(means(b))
    assert isinstance(one, Interval)
    assert isinstance(other, Interval)
    assert one.high > other.low  # the intervals of the two overlap all the same
    others = compared(means(a), means(np.roll(b, 3)))
    assert others.p > 0.1


def test_p_values_are_calibrated() -> None:
    """No difference: about 5 % of the p-values are below 5 %, and the intervals hold 0 in about 95 %."""
    low, held, rounds = 0, 0, 400
    for seed in range(rounds):
        rng = np.random.default_rng([7, seed])
        hard = rng.normal(size=K)[IDENTITY]
        a, b = (hard + rng.normal(0, 0.5, K)[IDENTITY] + rng.normal(0, 1, hard.size) for _ in range(2))
        draws = drawn(resamples=200, seed=seed)
        found = compared(means(a, draws), means(b, draws))
        low += found.p <= 0.05
        held += isinstance(found.interval, Interval) and found.interval.low <= 0 <= found.interval.high
    assert 0.025 <= low / rounds <= 0.08
    assert 0.92 <= held / rounds <= 0.98


def test_all_against_nothing_is_as_sure_as_a_sign_test() -> None:
    draws = drawn()
    a, b = (share_replicates(Clustered(np.full(IDENTITY.size, v), IDENTITY), draws) for v in (1.0, 0.0))
    found = compared(a, b)
    assert found.value == 1.0
    assert found.p == pytest.approx(2.0 ** (1 - K))


def test_targets_compare_distances_from_the_target() -> None:
    rng = np.random.default_rng(2)
    below, above = means(rng.normal(90, 1, IDENTITY.size)), means(rng.normal(110, 1, IDENTITY.size))
    assert compared(below, above).p < 1e-6
    assert compared(below, above, target=100.0).p > 0.05
    assert compared(below, above, target=90.0).value < 0


def test_what_cannot_be_compared() -> None:
    good = means(np.arange(IDENTITY.size))
    assert difference(good, Undefined("no number")) == Undefined("no number")
    with pytest.raises(ValueError, match="same draws"):
        difference(good, means(np.arange(IDENTITY.size), drawn(resamples=100)))


def test_compare_corrects_over_metrics() -> None:
    rng = np.random.default_rng(3)
    draws = drawn()
    first: dict[str, Replicates | Undefined] = {
        name: means(rng.normal(shift, 1, IDENTITY.size), draws) for name, shift in (("ssim", 0), ("psnr", 0.4))
    }
    second: dict[str, Replicates | Undefined] = {
        name: means(rng.normal(0, 1, IDENTITY.size), draws) for name in ("psnr", "ssim", "only here")
    }
    first["lost"], second["lost"] = Undefined("no image"), Undefined("no image")
    found = compare(first, second)
    assert list(found) == ["ssim", "psnr", "lost"]
    asked = [each for each in found.values() if isinstance(each, Difference)]
    assert [each.p_holm for each in asked] == pytest.approx(holm([each.p for each in asked]))
    assert found["lost"] == Undefined("no image")


def test_ranks_of_clear_and_of_equal_methods() -> None:
    rng = np.random.default_rng(4)
    draws = drawn()
    hard = rng.normal(size=K)[IDENTITY]
    shifts = {"best": 3.0, "twin a": 1.0, "twin b": 1.0, "worst": 0.0}
    methods: dict[str, Replicates | Undefined] = {
        name: means(hard + shift + rng.normal(0, 0.2, hard.size), draws) for name, shift in shifts.items()
    }
    methods["broken"] = Undefined("no image")
    found = rank_ranges(methods, "higher")
    assert {name: str(each) for name, each in found.items() if isinstance(each, RankRange)} == {
        "best": "1",
        "twin a": "2–3",
        "twin b": "2–3",
        "worst": "4",
    }
    assert found["broken"] == Undefined("no image")
    assert found["best"] == RankRange(1, 1)
    turned = rank_ranges(methods, "lower")
    assert turned["best"] == RankRange(4, 4)
    aimed = rank_ranges(methods, "target", target=float(hard.mean()))
    assert aimed["worst"] == RankRange(1, 1)


def test_equal_methods_share_all_ranks_most_of_the_time() -> None:
    alarms, rounds = 0, 120
    for seed in range(rounds):
        rng = np.random.default_rng([8, seed])
        draws = drawn(resamples=150, seed=seed)
        methods = {str(k): means(rng.normal(size=IDENTITY.size), draws) for k in range(5)}
        alarms += any(each != RankRange(1, 5) for each in rank_ranges(methods, "higher").values())
    assert alarms / rounds <= 0.09


def test_few_identities_have_no_ranks() -> None:
    few = MIN_RANKED_IDENTITIES - 1
    draws = drawn(few)
    methods = {
        name: mean_replicates(Clustered(np.arange(float(few)) * k, np.arange(few)), draws)
        for k, name in enumerate("ab", 1)
    }
    found = rank_ranges({**methods, "c": Undefined("none")}, "higher")
    assert all(isinstance(each, Undefined) for each in found.values())
    assert str(few) in str(found["a"])
    assert found["c"] == Undefined("none")


def test_targets_are_asked_for() -> None:
    with pytest.raises(ValueError, match="target"):
        rank_ranges({}, "target")
    with pytest.raises(ValueError, match="target"):
        rank_ranges({}, "higher", target=1.0)
