"""Linking and singling out against enumeration of all galleries."""

from __future__ import annotations

from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from deid_bench.benchmark.metrics.privacy.effective_eer import effective_eer
from deid_bench.benchmark.metrics.privacy.singling_out import (
    Nearest,
    default_sizes,
    linkability,
    nearest_by_identity,
    singling_out,
)
from deid_bench.benchmark.metrics.recognition.identification import Identification, identify
from deid_bench.benchmark.metrics.values import Undefined


def reduced(*arguments: Any, **options: Any) -> Nearest:
    found = nearest_by_identity(*arguments, **options)
    assert isinstance(found, Nearest), found
    return found


def table(seed: int, people: int = 5, probes: int = 2, entries: int = 3, levels: int | None = None) -> Any:
    """Few levels make ties the rule."""
    rng = np.random.default_rng(seed)
    mine = [f"p{k}" for k in range(people) for _ in range(probes)]
    theirs = [f"p{k}" for k in range(people) for _ in range(entries)]
    order = rng.permutation(len(theirs))
    distances = rng.random((len(mine), len(theirs)))
    distances -= 0.3 * (np.array(mine)[:, None] == np.array(theirs)[None])
    if levels:
        distances = np.round(distances * levels) / levels
    return distances[:, order], mine, [theirs[k] for k in order]


def by_person(distances: NDArray[Any], mine: Any, theirs: Any) -> Any:
    people = sorted(set(theirs))
    columns = {name: [k for k, each in enumerate(theirs) if each == name] for name in people}
    return [
        (row[columns[name]].min(), [row[columns[other]].min() for other in people if other != name])
        for row, name in zip(distances, mine, strict=True)
    ]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([None, 3, 6]))
def test_linkability_equals_enumeration(seed: int, levels: Any) -> None:
    distances, mine, theirs = table(seed, levels=levels)
    curve = linkability(reduced(distances, mine, theirs), range(2, 6))
    for k, n in enumerate(range(2, 6)):
        chances = []
        for own, others in by_person(distances, mine, theirs):
            wins = [
                0.0 if min(chosen) < own else 1 / (1 + sum(each == own for each in chosen))
                for chosen in combinations(others, n - 1)
            ]
            chances.append(np.mean(wins))
        assert curve.by_probe[k] == pytest.approx(chances)
        assert curve.risk[k] == pytest.approx(np.mean(chances))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from([None, 4]), st.sampled_from([0.1, 0.25, 0.5, 0.75]))
def test_singling_out_equals_enumeration(seed: int, levels: Any, threshold: Any) -> None:
    distances, mine, theirs = table(seed, levels=levels)
    found = singling_out(reduced(distances, mine, theirs), threshold, range(2, 6))
    for k, n in enumerate(range(2, 6)):
        chances = [
            np.mean([own <= threshold < min(chosen) for chosen in combinations(others, n - 1)])
            for own, others in by_person(distances, mine, theirs)
        ]
        assert found.by_probe[k] == pytest.approx(chances)
        assert found.thresholds[k] == threshold


def test_best_threshold_is_the_best() -> None:
    distances, mine, theirs = table(3, people=8)
    nearest = reduced(distances, mine, theirs)
    best = singling_out(nearest, sizes=[2, 5, 8])
    for threshold in np.linspace(-0.3, 1, 60):
        assert (singling_out(nearest, float(threshold), [2, 5, 8]).risk <= best.risk + 1e-12).all()
    for k, n in enumerate((2, 5, 8)):
        assert singling_out(nearest, float(best.thresholds[k]), [n]).risk[0] == pytest.approx(best.risk[k])


@pytest.mark.parametrize("levels", [None, 4])
def test_linkability_among_all_is_rank_1(levels: int | None) -> None:
    distances, mine, theirs = table(4, people=9, levels=levels)
    found = identify(distances, mine, theirs)
    assert isinstance(found, Identification)
    assert linkability(reduced(distances, mine, theirs)).risk[-1] == pytest.approx(found.rank1)


def test_what_knows_nothing_is_at_chance() -> None:
    rng = np.random.default_rng(5)
    people = 40
    names = [f"p{k:02}" for k in range(people)]
    distances = rng.random((people * 60, people))
    nearest = reduced(distances, names * 60, names)
    links = linkability(nearest, [2, 5, 10, 40])
    assert links.risk == pytest.approx(links.chance, abs=0.02)
    # A predicate that holds for a share w of people: w (1 - w)^(n - 1).
    for n, w in ((2, 0.5), (5, 0.2), (10, 0.1)):
        found = singling_out(nearest, w, [n])
        assert found.risk[0] == pytest.approx(w * (1 - w) ** (n - 1), abs=0.01)
        assert found.chance[0] == pytest.approx(1 / n * (1 - 1 / n) ** (n - 1))


def test_images_left_as_they_are_are_linked_and_singled_out() -> None:
    names = ["a", "b", "c"]
    distances = 1.0 - np.eye(3)
    nearest = reduced(distances, names, names)
    assert (linkability(nearest).risk == 1).all()
    assert (singling_out(nearest, 0.5).risk == 1).all()
    assert (singling_out(nearest, 2.0).risk == 0).all()


def test_constant_distances_link_by_chance_only() -> None:
    names = [f"p{k}" for k in range(6)]
    found = linkability(reduced(np.ones((6, 6)), names, names), range(2, 7))
    assert found.risk == pytest.approx(found.chance)


def test_linkability_falls_with_the_number_of_people() -> None:
    distances, mine, theirs = table(6, people=30)
    assert (np.diff(linkability(reduced(distances, mine, theirs), range(2, 31)).risk) <= 1e-12).all()


def test_large_numbers_of_people_stay_exact() -> None:
    others = np.sort(np.random.default_rng(7).random((1, 999)), axis=1)
    nearest = Nearest(np.array([0.1]), others, np.array([0]), 0)
    nearer = int((others < 0.1).sum())
    found = linkability(nearest, [500]).risk[0]
    assert found == pytest.approx(comb(999 - nearer, 499) / comb(999, 499), rel=1e-9)


def test_sources_are_left_out() -> None:
    distances = np.array([[0.0, 0.6, 0.5], [0.7, 0.0, 0.8]])
    leave_out = np.array([[True, False, False], [False, True, False]])
    found = reduced(distances, ["a", "b"], ["a", "a", "b"], leave_out)
    assert found.own.tolist() == [0.6, 0.8]
    assert found.others.tolist() == [[0.5], [0.7]]
    alone = reduced(distances, ["a", "b"], ["a", "b", "b"], leave_out)
    assert alone.probe.tolist() == [1]
    assert alone.without_mate == 1


def test_degenerate_tables() -> None:
    assert isinstance(nearest_by_identity(np.zeros((1, 2)), ["a"], ["a", "a"]), Undefined)
    assert isinstance(nearest_by_identity(np.zeros((1, 2)), ["c"], ["a", "b"]), Undefined)
    assert isinstance(nearest_by_identity(np.zeros((0, 0)), [], []), Undefined)
    with pytest.raises(ValueError, match="shape"):
        nearest_by_identity(np.zeros((1, 2)), ["a"], ["a"])
    with pytest.raises(ValueError, match="finite"):
        nearest_by_identity([[np.nan, 0]], ["a"], ["a", "b"])
    nearest = reduced([[0.0, 1.0]], ["a"], ["a", "b"])
    with pytest.raises(ValueError, match="expected numbers of people"):
        linkability(nearest, [3])
    with pytest.raises(ValueError, match="NaN"):
        singling_out(nearest, float("nan"))


def test_default_sizes() -> None:
    assert default_sizes(2) == [2]
    assert default_sizes(10) == [2, 5, 10]
    assert default_sizes(60) == [2, 5, 10, 20, 50, 60]


def test_effective_eer_folds() -> None:
    rng = np.random.default_rng(8)
    near, far = rng.normal(0, 1, 2000), rng.normal(2, 1, 2000)
    assert effective_eer(near, far) == pytest.approx(0.1587, abs=0.02)
    assert effective_eer(far, near) == pytest.approx(effective_eer(near, far), abs=1e-3)
    assert effective_eer(near, near) == pytest.approx(0.5, abs=0.01)
    assert isinstance(effective_eer([], far), Undefined)
