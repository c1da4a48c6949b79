"""Who searches whom: queries, their mates in the gallery, and strangers, chosen by a seeded rule.

The rule looks at identities and ids alone, so that everybody who has the dataset gets the same lists.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...datasets.base import Sample
from ..protocols import ProtocolError, RetrievalRule, SessionRule
from ..storage.digest import drawn_place

MOST_QUERIES = 5
"""Query images of one identity, where the dataset has too few identities."""
LEAST_IDENTITIES = 2
SPARE_TARGETS = 5
"""Further targets, for those in which no face is found."""


@dataclass(frozen=True, slots=True)
class Roles:
    """Which sample does what, each list in the dataset's order."""

    queries: tuple[Sample, ...]
    mates: tuple[Sample, ...]
    """Gallery: one image of each query's identity, never a query itself."""
    others: tuple[Sample, ...]
    """Gallery: images of identities that have no query."""
    unused: tuple[Sample, ...]
    """In no role."""
    full: bool
    """Whether the sizes are those of the rule."""

    @property
    def query_ids(self) -> frozenset[str]:
        """Ids of the queries."""
        return frozenset(each.sample_id for each in self.queries)

    def used(self, samples: Sequence[Sample]) -> tuple[Sample, ...]:
        """Queries and gallery in the dataset's order."""
        left_out = {each.sample_id for each in self.unused}
        return tuple(each for each in samples if each.sample_id not in left_out)


def assign_roles(samples: Sequence[Sample], rule: RetrievalRule) -> Roles:
    """Roles by the rule, scaled down where the dataset is smaller.

    Of the identities with at least two images, half (at most `rule.queries`) become query identities. Each gives one
    query; where they are fewer than `rule.queries`, up to `MOST_QUERIES`. One further image of each is its mate. Of
    the other identities, `rule.gallery_others` images go into the gallery, as many identities as there are before any
    gives a second one.

    Where the rule names sessions and the dataset has both, all identities with images of both become query identities
    (at most `rule.queries`), each with one query and one mate of these sessions: strangers then are other people's
    mates, and identities that are not asked.

    Raises:
        ProtocolError: fewer than two identities have two images.
    """
    ordered = _by_identity(samples, rule.seed)
    paired = {} if rule.sessions is None else _of_sessions(ordered, rule.sessions)
    if len(paired) >= LEAST_IDENTITIES:
        return _roles_by_session(samples, ordered, paired, rule)
    several = [name for name, images in ordered.items() if len(images) > 1]
    if len(several) < LEAST_IDENTITIES:
        raise ProtocolError(
            f"a protocol with queries and a gallery needs at least {LEAST_IDENTITIES} identities with two images, got "
            f"{len(several)}; take a dataset with more"
        )
    count = min(rule.queries, rule.gallery_mates, max(LEAST_IDENTITIES, len(several) // 2))
    chosen = several[:count]
    most = 1 if count == rule.queries else MOST_QUERIES
    taken = set(chosen)
    asked = _spread({name: ordered[name][1 : 1 + most] for name in chosen}, rule.queries)
    mates = {ordered[name][0].sample_id for name in chosen}
    others = _spread({name: images for name, images in ordered.items() if name not in taken}, rule.gallery_others)
    return _roles(samples, asked, mates, others, rule, most == 1)


def _of_sessions(ordered: Mapping[str, Sequence[Sample]], rule: SessionRule) -> dict[str, tuple[Sample, Sample]]:
    """Query and mate of the identities that have an image of either session, in the order of these."""
    found = {}
    for name, images in ordered.items():
        query = next((each for each in images if each.session == rule.query), None)
        mate = next((each for each in images if each.session == rule.mate and each is not query), None)
        if query is not None and mate is not None:
            found[name] = query, mate
    return found


def _roles_by_session(
    samples: Sequence[Sample],
    ordered: Mapping[str, Sequence[Sample]],
    paired: Mapping[str, tuple[Sample, Sample]],
    rule: RetrievalRule,
) -> Roles:
    chosen = dict(itertools.islice(paired.items(), min(rule.queries, rule.gallery_mates)))
    asked = {query.sample_id for query, _ in chosen.values()}
    mates = {mate.sample_id for _, mate in chosen.values()}
    others = _spread({name: images for name, images in ordered.items() if name not in chosen}, rule.gallery_others)
    return _roles(samples, asked, mates, others, rule, True)


def _roles(
    samples: Sequence[Sample], asked: set[str], mates: set[str], others: set[str], rule: RetrievalRule, alone: bool
) -> Roles:
    """Roles of ids; `alone`: each identity is asked once."""

    def pick(ids: set[str]) -> tuple[Sample, ...]:
        return tuple(each for each in samples if each.sample_id in ids)

    everybody = {each.sample_id for each in samples}
    full = (len(asked), len(mates), len(others)) == (rule.queries, rule.gallery_mates, rule.gallery_others)
    return Roles(pick(asked), pick(mates), pick(others), pick(everybody - asked - mates - others), full and alone)


def target_candidates(
    samples: Sequence[Sample], roles: Roles | None, count: int, seed: int
) -> tuple[tuple[Sample, ...], bool]:
    """Images of other people that a method may take as targets, one of each identity, in the order to take them.

    They come from identities that are neither queried nor in the gallery; where there are too few of these, from those
    of the gallery's strangers, and where that has none, from other people's queries; without roles, from anybody.

    Args:
        samples: of the dataset.
        roles: of the protocol, if it has any.
        count: how many the method asks for.
        seed: of the choice.

    Returns:
        More than `count` where there are, and whether they had to be taken from people who are in a role.
    """
    pool, from_gallery = list(samples), False
    if roles is not None:
        used = {each.identity for each in (*roles.queries, *roles.mates, *roles.others)}
        pool = [each for each in samples if each.identity not in used]
        if len({each.identity for each in pool}) < count:
            strangers = {each.identity for each in roles.others}
            pool, from_gallery = [each for each in samples if each.identity in strangers], True
        if not pool:
            pool, from_gallery = list(roles.queries), True
    ordered = _by_identity(pool, seed)
    return tuple(images[0] for images in ordered.values())[: count + SPARE_TARGETS], from_gallery


def _by_identity(samples: Sequence[Sample], seed: int) -> dict[str, list[Sample]]:
    """Images by identity, both in an order that the seed alone decides."""
    found: dict[str, list[Sample]] = {}
    for each in sorted(samples, key=lambda each: drawn_place(seed, each.sample_id)):
        found.setdefault(each.identity, []).append(each)
    return dict(sorted(found.items(), key=lambda item: drawn_place(seed, item[0])))


def _spread(images: Mapping[str, Sequence[Sample]], count: int) -> set[str]:
    """Ids of so many images, as many identities as there are before any gives another one."""
    ranked = [
        (rank, place, each.sample_id) for place, found in enumerate(images.values()) for rank, each in enumerate(found)
    ]
    return {sample_id for _, _, sample_id in sorted(ranked)[:count]}
