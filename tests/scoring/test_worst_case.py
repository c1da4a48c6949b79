"""Choosing on some people and reporting for others, and the largest of many shares: by simulation of a known truth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from narrowed import present
from numpy.typing import NDArray

from deid_bench.benchmark.metrics.privacy.worst_case import disclosure_bits, people_found
from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.benchmark.statistics.bootstrap_replicates import share_replicates
from deid_bench.benchmark.statistics.bootstrap_scores import Clustered
from deid_bench.benchmark.statistics.simultaneous import Largest, largest_share
from deid_bench.benchmark.statistics.uncertainty import Draws, Interval, Replicates, draw_clusters

PEOPLE, IMAGES, ATTACKS = 24, 4, 12


def drawn(people: int = PEOPLE) -> Draws:
    found = draw_clusters(people, 300, 7)
    assert isinstance(found, Draws)
    return found


def outcomes(rng: np.random.Generator, chances: NDArray[Any], people: int = PEOPLE) -> NDArray[Any]:
    """(attacks, people, images) hits; a person's images are alike, and attacks agree about whom they find."""
    ease = rng.normal(size=(1, people, 1)) + 0.7 * rng.normal(size=(len(chances), people, 1))
    noise = rng.normal(size=(len(chances), people, IMAGES))
    total = (ease + noise) / np.sqrt(1 + 0.49 + 1)
    from scipy.special import ndtri

    return np.asarray(total < ndtri(chances)[:, None, None])


def replicates(hits: NDArray[Any], draws: Draws) -> Replicates:
    people, images = hits.shape
    found = share_replicates(Clustered(hits.ravel().astype(float), np.repeat(np.arange(people), images)), draws)
    assert isinstance(found, Replicates)
    return found


def test_the_simultaneous_bound_holds_the_largest_truth() -> None:
    draws, held, above = drawn(), 0, 0
    chances = np.linspace(0.35, 0.5, ATTACKS)
    runs = 200
    rng = np.random.default_rng(1)
    for _ in range(runs):
        hits = outcomes(rng, chances)
        largest = largest_share([replicates(each, draws) for each in hits])
        assert isinstance(largest, Largest)
        assert isinstance(largest.within, Interval)
        held += largest.within.low <= chances.max() <= largest.within.high
        above += chances.max() <= largest.within.high
    assert held / runs >= 0.94
    assert above / runs >= 0.95


def test_where_all_attacks_are_equal_the_plain_maximum_is_too_large_and_choosing_apart_is_not() -> None:
    rng = np.random.default_rng(2)
    truth, plain, chosen = 0.3, [], []
    for _ in range(400):
        hits = outcomes(rng, np.full(ATTACKS, truth))
        plain.append(hits.mean(axis=(1, 2)).max())
        parts = np.array_split(rng.permutation(PEOPLE), 3)
        values = []
        for part in parts:
            rest = np.setdiff1d(np.arange(PEOPLE), part)
            best = int(np.argmax(hits[:, rest].mean(axis=(1, 2))))
            values.append(hits[best, part].mean())
        chosen.append(np.mean(values))
    assert np.mean(plain) - truth > 0.05
    error = np.std(chosen) / np.sqrt(len(chosen))
    assert abs(np.mean(chosen) - truth) < 3 * error


def test_an_attack_that_finds_nobody_or_everybody_still_has_a_width() -> None:
    draws = drawn()
    for value in (0.0, 1.0):
        largest = largest_share([replicates(np.full((PEOPLE, IMAGES), value), draws)] * 3)
        assert isinstance(largest, Largest)
        assert isinstance(largest.within, Interval)
        assert largest.share == value
        assert largest.within.high - largest.within.low > 0.1


def test_the_first_of_equals_is_named_and_nothing_gives_a_reason() -> None:
    draws, rng = drawn(), np.random.default_rng(3)
    hits = outcomes(rng, np.array([0.5]))[0]
    largest = largest_share([replicates(hits, draws)] * 2)
    assert isinstance(largest, Largest)
    assert largest.index == 0
    assert isinstance(largest_share([]), Undefined)


def test_disclosure_is_near_nothing_at_chance_and_near_all_where_everybody_is_found() -> None:
    rng = np.random.default_rng(4)
    people = np.repeat(np.arange(PEOPLE), IMAGES)
    found = present(disclosure_bits(np.ones(people.size), people, PEOPLE))
    guessed = [
        present(disclosure_bits(rng.integers(1, PEOPLE + 1, people.size), people, PEOPLE)).mean() for _ in range(50)
    ]
    assert 0.9 * np.log2(PEOPLE) < found.mean() < np.log2(PEOPLE)
    assert -0.3 < np.mean(guessed) < 0.05
    assert isinstance(disclosure_bits([1, 1], [0, 0], 5), Undefined)


def test_half_of_the_images_is_enough() -> None:
    assert people_found({3: 0.5, 4: 0.499, 5: 1.0}) == [1.0, 0.0, 1.0]


def test_a_fusion_finds_what_two_halves_show_and_is_fitted_on_others() -> None:
    from deid_bench.benchmark.scoring.attack_choice import Fold
    from deid_bench.benchmark.scoring.attack_fusion import fused
    from deid_bench.benchmark.scoring.attack_tables import Searches

    rng = np.random.default_rng(6)
    names = np.array([f"p{each}" for each in range(PEOPLE)], dtype=object)
    own = np.repeat(np.arange(PEOPLE), IMAGES)

    def half() -> Searches:
        distances = rng.normal(size=(own.size, PEOPLE)) - 1.6 * (own[:, None] == np.arange(PEOPLE)[None])
        none = np.full(own.size, -1)
        return Searches(distances.astype(np.float32), own, np.arange(PEOPLE), none, names[own], names, own)

    halves = [half(), half(), half()]
    everybody = frozenset(names.tolist())
    parts = [
        Fold(everybody - part, everybody, part, everybody)
        for part in (frozenset(names[start::3].tolist()) for start in range(3))
    ]
    made = fused(halves, parts)
    assert not isinstance(made, str)
    alone = max(present(each.rank1()) for each in halves)
    together = np.mean(
        [present(each.among(part.evaluated, part.gallery).rank1()) for each, part in zip(made, parts, strict=True)]
    )
    assert together > alone + 0.15
    assert "only one" in fused(halves[:1], parts)
    assert "dev people" in fused(halves, [Fold(frozenset(), everybody, everybody, everybody)])


def thirds(rng: np.random.Generator, apart: float, people: int = PEOPLE) -> Any:
    """Searches of three parts of the people, each before the gallery of all, as another attack each would give them."""
    from deid_bench.benchmark.scoring.attack_choice import Chosen
    from deid_bench.benchmark.scoring.attack_tables import Searches

    names = np.array([f"p{each}" for each in range(people)], dtype=object)
    found = []
    for start in range(3):
        own = np.repeat(np.arange(start, people, 3), IMAGES)
        hard = rng.normal(scale=0.5, size=people)[own][:, None]
        shift = (apart + hard) * (own[:, None] == np.arange(people)[None])
        distances = (rng.normal(size=(own.size, people)) - shift).astype(np.float32)
        none = np.full(own.size, -1)
        found.append(Chosen(start, Searches(distances, own, np.arange(people), none, names[own], names, own)))
    return found


def interval_in(found: object) -> Interval:
    """The interval, which is there."""
    assert isinstance(found, Interval), found
    return found


def test_folds_with_different_attacks_have_one_interval_of_their_mean() -> None:
    from deid_bench.benchmark.scoring.attack_choice import accepted, error_rate

    chosen, draws = thirds(np.random.default_rng(7), 1.5), drawn()
    eer, tpr = error_rate(chosen, draws), accepted(chosen, draws, "tpr_at_fmr_1")
    assert isinstance(eer.within, Interval)
    assert eer.within.low < present(eer.value) < eer.within.high <= 0.5
    assert isinstance(tpr.within, Replicates)
    assert tpr.within.estimate == pytest.approx(tpr.value)
    alone = interval_in(error_rate(chosen[:1], draws).within)
    assert eer.within.high - eer.within.low < alone.high - alone.low
    assert error_rate(chosen, Undefined("too few")).within is None


def test_the_interval_over_folds_holds_the_true_error_rate() -> None:
    from deid_bench.benchmark.scoring.attack_choice import error_rate

    rng = np.random.default_rng(8)
    truth = float(np.mean([error_rate(thirds(rng, 1.2, 300), Undefined("")).value for _ in range(6)]))
    draws = draw_clusters(PEOPLE, 200, 3)
    within = [interval_in(error_rate(thirds(rng, 1.2), draws).within) for _ in range(60)]
    held = np.mean([each.low <= truth <= each.high for each in within])
    assert held >= 0.85
