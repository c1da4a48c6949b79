"""Who is a query, a mate or a stranger: sizes, disjointness, and that a seed alone decides."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from narrowed import present

from deid_bench.benchmark.planning.retrieval_split import Roles, assign_roles, target_candidates
from deid_bench.benchmark.protocols import ProtocolError, RetrievalRule, get_protocol
from deid_bench.datasets.base import Sample

RULE = present(get_protocol("face/1.0").retrieval)


def people(*counts: int) -> list[Sample]:
    """That many images of each person."""
    return [
        Sample(f"p{person:04d}/{image}", f"p{person:04d}", f"p{person:04d}", Path(), "")
        for person, count in enumerate(counts)
        for image in range(count)
    ]


def names(samples: tuple[Sample, ...]) -> set[str]:
    return {each.identity for each in samples}


def check(roles: Roles, samples: list[Sample]) -> None:
    """What holds whatever the sizes."""
    parts = (roles.queries, roles.mates, roles.others, roles.unused)
    assert sorted(each.sample_id for part in parts for each in part) == sorted(each.sample_id for each in samples)
    assert names(roles.queries) == names(roles.mates)
    assert len(roles.mates) == len(names(roles.mates))
    assert not names(roles.queries) & names(roles.others)


def test_a_dataset_like_lfw_gives_the_papers_sizes() -> None:
    # 5,749 people, 1,680 of them with two images or more, as in LFW.
    samples = people(*[2] * 1000, *[3] * 680, *[1] * 4069)
    roles = assign_roles(samples, present(RULE))
    check(roles, samples)
    assert roles.full
    sizes = [(len(part), len(names(part))) for part in (roles.queries, roles.mates, roles.others)]
    assert sizes == [(500, 500), (500, 500), (500, 500)]


def test_orl_gives_what_it_has() -> None:
    samples = people(*[10] * 40)
    roles = assign_roles(samples, present(RULE))
    check(roles, samples)
    assert not roles.full
    sizes = [(len(part), len(names(part))) for part in (roles.queries, roles.mates, roles.others)]
    assert sizes == [(100, 20), (20, 20), (200, 20)]
    assert len(roles.unused) == 80


def test_where_people_are_many_but_too_few_nobody_is_left_without_a_query() -> None:
    samples = people(*[9] * 600)
    roles = assign_roles(samples, present(RULE))
    check(roles, samples)
    assert (len(roles.queries), len(names(roles.queries))) == (500, 300)
    assert (len(roles.others), len(names(roles.others))) == (500, 300)


def test_the_order_of_the_samples_does_not_matter_and_the_seed_does() -> None:
    samples = people(*[4] * 30, *[1] * 9)
    mixed = random.Random(1).sample(samples, len(samples))
    straight, other = (
        assign_roles(samples, present(RULE)),
        assign_roles(samples, present(RULE).model_copy(update={"seed": 1})),
    )
    assert {each.sample_id for each in straight.queries} == {
        each.sample_id for each in assign_roles(mixed, present(RULE)).queries
    }
    assert names(straight.queries) != names(other.queries)


def test_more_strangers_do_not_move_the_queries_of_the_same_people() -> None:
    """Half of the people are asked; a further person with one image has no say in which."""
    few, more = people(*[3] * 20), people(*[3] * 20, 1, 1, 1)
    assert assign_roles(few, present(RULE)).query_ids == assign_roles(more, present(RULE)).query_ids


@pytest.mark.parametrize("counts", [(1, 1, 1), (5,), (2, 1, 1)])
def test_too_few_people_with_two_images_are_refused(counts: tuple[int, ...]) -> None:
    with pytest.raises(ProtocolError, match="at least 2 identities with two images"):
        assign_roles(people(*counts), present(RULE))


def test_targets_are_people_in_no_other_role() -> None:
    samples = people(*[2] * 1000, *[1] * 300)
    small = RetrievalRule(queries=50, gallery_mates=50, gallery_others=50, seed=3)
    roles = assign_roles(samples, small)
    found, from_gallery = target_candidates(samples, roles, 10, 5)
    assert not from_gallery
    assert len(names(found)) == len(found) >= 10
    assert not names(found) & (names(roles.queries) | names(roles.others))
    again, _ = target_candidates(samples, roles, 10, 6)
    assert names(again) != names(found)


def test_targets_come_from_the_strangers_where_nobody_is_left() -> None:
    samples = people(*[10] * 40)
    roles = assign_roles(samples, present(RULE))
    found, from_gallery = target_candidates(samples, roles, 10, 5)
    assert from_gallery
    assert names(found) <= names(roles.others)


def portraits(count: int, *more: str) -> list[Sample]:
    """A neutral and a smiling image of each person, and neutral ones alone of some more."""
    seen = [(f"p{person:04d}", session) for person in range(count) for session in ("smiling", "neutral")]
    seen += [(name, "neutral") for name in more]
    return [Sample(f"{name}-{session}", name, name, Path(), "", session=session) for name, session in seen]


SESSIONS = present(get_protocol("face/1.1").retrieval)


def test_everybodys_neutral_image_is_searched_among_the_smiling_ones() -> None:
    samples = portraits(102)
    roles = assign_roles(samples, SESSIONS)
    check(roles, samples)
    assert {each.session for each in roles.queries} == {"neutral"}
    assert {each.session for each in roles.mates} == {"smiling"}
    assert (len(roles.queries), len(roles.mates), len(roles.others), len(roles.unused)) == (102, 102, 0, 0)
    found, in_a_role = target_candidates(samples, roles, 10, 5)
    assert in_a_role
    assert set(found) <= set(roles.queries)
    assert assign_roles(samples, RULE).others  # face/1.0 knows no sessions


def test_who_lacks_a_session_is_a_stranger_and_large_sets_are_cut_to_size() -> None:
    samples = portraits(5, "q1", "q2")
    roles = assign_roles(samples, SESSIONS)
    check(roles, samples)
    assert names(roles.others) == {"q1", "q2"}
    roles = assign_roles(portraits(700), SESSIONS)
    assert (len(roles.queries), len(roles.mates), len(names(roles.others))) == (500, 500, 200)


def test_datasets_without_the_two_sessions_are_split_as_before() -> None:
    samples = people(*[10] * 40)
    assert assign_roles(samples, SESSIONS) == assign_roles(samples, RULE)


def test_rules_without_roles_take_anybody_as_target() -> None:
    found, from_gallery = target_candidates(people(3, 3, 3), None, 10, 5)
    assert (len(found), from_gallery) == (3, False)
    assert len(names(found)) == 3
