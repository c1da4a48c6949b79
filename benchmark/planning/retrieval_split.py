"""Who searches whom: queries, their mates in the gallery, and strangers, chosen by a seeded rule.

The rule looks at identities and ids alone, so that everybody who has the dataset gets the same lists.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...datasets.base import Sample
from ..protocols import ProtocolError, RetrievalRule

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

    Raises:
        ProtocolError: fewer than two identities have two images.
    """
    ordered = _by_identity(samples, rule.seed)
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

    def pick(ids: set[str]) -> tuple[Sample, ...]:
        return tuple(each for each in samples if each.sample_id in ids)

    everybody = {each.sample_id for each in samples}
    full = (len(asked), len(mates), len(others)) == (rule.queries, rule.gallery_mates, rule.gallery_others)
    return Roles(pick(asked), pick(mates), pick(others), pick(everybody - asked - mates - others), full and most == 1)


def target_candidates(
    samples: Sequence[Sample], roles: Roles | None, count: int, seed: int
) -> tuple[tuple[Sample, ...], bool]:
    """Images of other people that a method may take as targets, one of each identity, in the order to take them.

    They come from identities that are neither queried nor in the gallery; where there are too few of these, from those
    of the gallery's strangers; without roles, from anybody.

    Args:
        samples: of the dataset.
        roles: of the protocol, if it has any.
        count: how many the method asks for.
        seed: of the choice.

    Returns:
        More than `count` where there are, and whether they had to be taken from the gallery.
    """
    pool, from_gallery = list(samples), False
    if roles is not None:
        used = {each.identity for each in (*roles.queries, *roles.mates, *roles.others)}
        pool = [each for each in samples if each.identity not in used]
        if len({each.identity for each in pool}) < count:
            strangers = {each.identity for each in roles.others}
            pool, from_gallery = [each for each in samples if each.identity in strangers], True
    ordered = _by_identity(pool, seed)
    return tuple(images[0] for images in ordered.values())[: count + SPARE_TARGETS], from_gallery


def _by_identity(samples: Sequence[Sample], seed: int) -> dict[str, list[Sample]]:
    """Images by identity, both in an order that the seed alone decides."""
    found: dict[str, list[Sample]] = {}
    for each in sorted(samples, key=lambda each: _place(seed, each.sample_id)):
        found.setdefault(each.identity, []).append(each)
    return dict(sorted(found.items(), key=lambda item: _place(seed, item[0])))


def _spread(images: Mapping[str, Sequence[Sample]], count: int) -> set[str]:
    """Ids of so many images, as many identities as there are before any gives another one."""
    ranked = [
        (rank, place, each.sample_id) for place, found in enumerate(images.values()) for rank, each in enumerate(found)
    ]
    return {sample_id for _, _, sample_id in sorted(ranked)[:count]}


def _place(seed: int, name: str) -> bytes:
    return hashlib.sha256(f"{seed}/{name}".encode()).digest()
