"""Attackers at the edges: people without another image, images without a distance, dev people who taught."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from narrowed import present

from deid_bench.attackers.shortlist import shortlist
from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.benchmark.protocols import get_protocol
from deid_bench.benchmark.results.attacks import AttackResults, VariantDistances, VariantName
from deid_bench.benchmark.results.cell import AttackSetting, Setting
from deid_bench.benchmark.scoring.attack_choice import Fold, by_rank1, choose, folds
from deid_bench.benchmark.scoring.attack_controls import judge
from deid_bench.benchmark.scoring.attack_fusion import fused, with_a_mate
from deid_bench.benchmark.scoring.attack_tables import Searches, half_known
from deid_bench.benchmark.submission.attack_check import attack_problems, untried
from deid_bench.benchmark.suites import IDENTITY, STRANGER, get_suite
from deid_bench.datasets.base import Sample

PEOPLE, IMAGES, LONELY = 16, 3, 16


def searched(rng: np.random.Generator, apart: float = 4.0, lonely: int = 0) -> Searches:
    """Images of people in a gallery of their originals, of which none finds its own; the last have one image alone."""
    own = np.concatenate([np.repeat(np.arange(PEOPLE), IMAGES), PEOPLE + np.arange(lonely)])
    distances = rng.normal(size=(own.size, own.size)) - apart * (own[:, None] == own[None])
    names = np.array([f"p{each}" for each in own], dtype=object)
    places = np.arange(own.size)
    return Searches(distances.astype(np.float32), own, own, places, names, names, own)


def thirds(names: list[str]) -> list[Fold]:
    everybody = frozenset(names)
    parts = [frozenset(names[start::3]) for start in range(3)]
    return [Fold(everybody - part, everybody, part, everybody) for part in parts]


def test_a_fusion_searches_nobody_without_another_image() -> None:
    rng = np.random.default_rng(1)
    several = [searched(rng, lonely=LONELY) for _ in range(3)]
    parts = thirds([f"p{each}" for each in range(PEOPLE + LONELY)])
    made = fused(with_a_mate(several), parts)
    assert not isinstance(made, str)
    assert {len(each.own) for each in made} == {PEOPLE * IMAGES}
    shares = [present(each.among(part.evaluated, part.gallery).rank1()) for each, part in zip(made, parts, strict=True)]
    assert min(shares) > 0.9
    # All are kept where everybody has another image, and where an image is lost for all.
    nobody = searched(rng)
    nobody.distances[0] = np.nan
    assert [len(each.own) for each in with_a_mate([nobody, nobody])] == [PEOPLE * IMAGES] * 2


def test_controls_count_those_who_can_be_found() -> None:
    rng = np.random.default_rng(2)
    plain = searched(rng, 9.0, lonely=10 * LONELY)
    attack = replace(plain, distances=plain.distances.copy())
    attack.distances[:4] = rng.normal(size=attack.distances[:4].shape)
    verdict = present(judge(IDENTITY, attack, plain))
    assert verdict.low == pytest.approx(100 * (PEOPLE * IMAGES) / (PEOPLE * IMAGES + 1.96**2), abs=1.5)
    assert present(judge(IDENTITY, attack, plain, of_all=True)).low > verdict.low + 3


def test_strangers_of_whom_nothing_is_seen_prove_nothing() -> None:
    rng = np.random.default_rng(3)
    plain = searched(rng)
    blind = replace(plain, distances=np.full_like(plain.distances, np.nan))
    assert not present(judge(STRANGER, blind, plain)).passed
    assert judge(STRANGER, blind, blind) is None
    assert present(judge(STRANGER, blind, plain, of_all=True)).passed


def test_half_of_the_distances_are_none() -> None:
    table = np.array([[1, 2], [np.nan, 2], [np.nan, np.nan]], np.float32)
    assert half_known(table).tolist() == [False, True, False]


def test_who_cannot_be_searched_chooses_nobody() -> None:
    rng = np.random.default_rng(4)
    first, second = searched(rng), searched(rng, 0.5)
    names = [f"p{each}" for each in range(PEOPLE)]
    for each in (first, second):
        each.distances[IMAGES:] = np.nan  # of one person alone there is something
    part = Fold(frozenset(names[1:]), frozenset(names), frozenset(names[:1]), frozenset(names))
    found = choose([[first], [second]], [part], by_rank1)
    assert isinstance(found, Undefined)
    assert "15 people" in found.reason
    assert not isinstance(choose([[first]], [part], by_rank1), Undefined)
    assert not isinstance(choose([[first], [second]], [part], by_rank1, first=True), Undefined)


def test_a_recogniser_without_templates_has_no_say_in_a_shortlist() -> None:
    known = np.array([[0.5, 0.4, 0.3, 0.2, 0.1]], np.float32)
    people, nowhere = [0, 1, 2, 3, 4], [-1]
    alone = shortlist([known], people, nowhere, 2)
    assert alone == [[4, 3]]
    assert shortlist([np.full_like(known, np.nan), known], people, nowhere, 2) == alone


def setting(people: int, version: int = 4) -> Setting:
    """Two palms of each person, four images of each palm, of which attackers learned on the dev part."""
    samples = [
        Sample(f"{person}-{hand}-{image}", f"{person}-{hand}", str(person), None, "")  # type: ignore[arg-type]
        for person in range(people)
        for hand in "lr"
        for image in range(4)
    ]
    suite = get_suite("attacks/1.0")
    told = AttackSetting(suite, "", ("basic",), "the dev people of the dataset", names=True)
    return Setting(get_protocol("palm/2.0"), samples, 1, attacks=told, score_version=version)


def test_nothing_is_chosen_on_people_who_taught_the_attacker() -> None:
    from deid_bench.benchmark.planning.auxiliary import people_of_dataset

    rule = get_suite("attacks/1.0").choice
    for people in (300, 200, 100):
        here = setting(people)
        told = present(here.attacks)
        learned = people_of_dataset(told.suite.auxiliary, here.protocol, here.samples, None)
        taught = {each.subject for each in learned.samples}
        parts = folds(here, rule, taught=True)
        assert not {name for part in parts for name in part.dev} & taught, people
        evaluated = here.protocol.eval_subjects([each.subject for each in here.samples])
        assert frozenset().union(*(part.evaluated for part in parts)) == evaluated
        assert all(part.gallery == evaluated for part in parts)
        assert len(parts) == (1 if people == 300 else len(parts))
    (alone,) = folds(setting(100), rule, taught=False)  # nobody learned, whatever was planned
    assert alone.dev == setting(100).protocol.dev_subjects([each.subject for each in setting(100).samples])
    assert len(folds(setting(100), rule, taught=True)) == 3  # the dev part is used up: thirds of the others
    assert [part.dev for part in folds(setting(300, version=3), rule, taught=True)] == [
        setting(300).protocol.dev_subjects([each.subject for each in setting(300).samples])
    ]


NAMES = [VariantName("A0", "originals, published, frozen, one", "originals", "one"),
         VariantName("A4b", "originals, d, frozen, one", "originals", "one")]  # fmt: skip


def left_behind(names: list[VariantName], reasons: dict[str, str], shift: float = 0.0) -> AttackResults:
    table = np.arange(6, dtype=np.float32).reshape(2, 3) + np.float32(shift)
    return AttackResults([0], [0], {"r": [VariantDistances(each, table) for each in names]}, reasons, 0, 0)


def test_a_reason_that_is_deleted_hides_no_forged_distance() -> None:
    here = left_behind(NAMES[:1], {"A4b": "not asked for", "A5": "one version"})
    honest = left_behind(NAMES[:1], dict(here.reasons))
    assert attack_problems(here, honest) == []
    forged: Any = left_behind(NAMES[:1], {"A5": "one version"}, shift=1.0)
    assert untried(here, forged) == []
    found = attack_problems(here, forged)
    assert "attacks did not run for other reasons than here" in found
    assert any("A0" in each for each in found)
    # What cannot be tried here (its weights are not at hand) hides nothing of the rest, either.
    lacking = left_behind(NAMES[:1], {"A4b": "no weights", "A5": "one version"})
    assert untried(lacking, left_behind(NAMES, {"A5": "one version"})) == ["A4b: no weights"]
    assert attack_problems(lacking, left_behind(NAMES, {"A5": "one version"})) == []
    assert attack_problems(lacking, left_behind(NAMES, {"A5": "one version"}, shift=1.0))
