"""Whom the worst attack finds, and how much its ranking says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from ..metrics.privacy.worst_case import disclosure_bits
from ..metrics.values import Undefined
from ..records.attacks import Exposed
from .attack_choice import Chosen

MOST_EXPOSED = 10


def found_by_person(chosen: Sequence[Chosen]) -> dict[int, float]:
    """Mean chance of being found over a person's images, by number of the identity."""
    hits: dict[int, list[float]] = {}
    for each in chosen:
        found = each.searches.risk()
        if isinstance(found, Undefined):
            continue
        for hit, row in zip(*found, strict=True):
            hits.setdefault(int(each.searches.own[row]), []).append(float(hit))
    return {number: float(np.mean(values)) for number, values in sorted(hits.items())}


def exposed(chosen: Sequence[Chosen], names: Mapping[int, str] | None) -> list[Exposed]:
    """The people found most often, the most first.

    Args:
        chosen: combinations with the people that they are reported for.
        names: of the identities by number; None where they may not be shown.
    """
    by_person = found_by_person(chosen)
    images: dict[int, int] = {}
    for each in chosen:
        for number in each.searches.own:
            images[int(number)] = images.get(int(number), 0) + 1
    order = sorted(by_person, key=lambda number: (-by_person[number], number))[:MOST_EXPOSED]
    return [
        Exposed(
            identity=None if names is None else names[number], found=by_person[number], images=images.get(number, 0)
        )
        for number in order
    ]


def disclosure(chosen: Sequence[Chosen]) -> tuple[NDArray[np.float64], NDArray[np.intp]] | Undefined:
    """Bits that an image's ranking tells about its person, and the identity of each image.

    Images that could not be processed tell nothing: 0 bits.

    Returns:
        (images,) bits and numbers of identities, or why there are none.
    """
    ranks: list[float] = []
    people: list[int] = []
    lost: list[int] = []
    count = 0
    for each in chosen:
        found = each.searches.ranks()
        if isinstance(found, Undefined):
            return found
        ranks += found[0].tolist()
        people += each.searches.own[found[1]].tolist()
        lost += each.searches.own[each.searches.lost].tolist()
        count = found[2]
    bits = disclosure_bits(ranks, people, count)
    if isinstance(bits, Undefined):
        return bits
    return np.concatenate([bits, np.zeros(len(lost))]), np.array([*people, *lost], dtype=np.intp)
