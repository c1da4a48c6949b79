"""What searches say: shares of people found, with intervals, by ISO/IEC 19795-1:2021.

Every image is searched twice in one: in the whole gallery, where its own identity is enrolled (a mated search), and in
the gallery without the entries of its own person (a non-mated search). That is our way of having non-mated searches
where nobody is spare; a study with people who are never enrolled has others. Nothing is computed anew for the second:
it is the list without these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...recognizers.matching.gallery_search import NOBODY, Found, Places
from ..metrics.recognition.open_set import TARGETS, fnir, fpir, limit_at_fpir, listed
from ..metrics.values import Undefined
from ..scoring.numbers import DRAW_SEED
from ..statistics.bootstrap_replicates import share_replicates
from ..statistics.bootstrap_scores import Clustered
from ..statistics.open_set import Searches, fnir_replicates, fpir_replicates
from ..statistics.uncertainty import RESAMPLES, Draws, Interval, draw_clusters, interval


@dataclass(frozen=True, slots=True)
class Rate:
    """A share, 0..1."""

    name: str
    title: str
    value: float | Undefined
    interval: Interval | Undefined
    searches: int
    """Behind it."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What the searches of one set of images returned; those without a template return nothing."""

    own: NDArray[np.float64]
    """(images,) distance to the own entry; infinity where there is no template."""
    ranks: Places
    """(images,) 0 where it was not found."""
    nearest: NDArray[np.float64]
    """(images,) distance to the nearest entry of another person."""
    lost: int
    """Images without a template."""


def outcome_of(found: Found, images: Places, count: int, persons: Places, whose: Places) -> Outcome:
    """Put the searches of those images that have a template among all.

    Args:
        found: of the searches, one each.
        images: (searches,) number of the image.
        count: of images.
        persons: (images,) number of the person of each.
        whose: (entries,) number of the person of each entry, or less for nobody's; lists have to be longer than anybody
            has entries.
    """
    own, ranks, nearest = np.full(count, np.inf), np.zeros(count, np.int64), np.full(count, np.inf)
    own[images], ranks[images] = found.own, found.ranks
    others = (found.entries != NOBODY) & (whose[found.entries] != persons[images][:, None])
    nearest[images] = np.where(others, found.distances, np.inf).min(axis=1)
    return Outcome(own, ranks, nearest, count - len(images))


def rates_of(outcome: Outcome, originals: Outcome | None, persons: Places, k: int) -> list[Rate]:
    """All numbers of one set of images.

    Args:
        outcome: of these images.
        originals: of their originals, whose limits are taken as well; None: these are the originals.
        persons: (images,) number of the person of each, 0 and up.
        k: length of candidate lists.
    """
    draws = draw_clusters(int(persons.max()) + 1, RESAMPLES, DRAW_SEED)
    rates = [_within(outcome, persons, rank, draws) for rank in dict.fromkeys((1, k))]
    returned = listed(outcome.own, outcome.ranks, k)
    mated, own_limits = Searches(returned, persons), Searches(outcome.nearest, persons)
    if originals is None:
        return [*rates, *(_fnir(mated, own_limits, end, draws) for end in TARGETS)]
    limits = Searches(originals.nearest, persons)
    for end in TARGETS:
        rates += [_fnir(mated, limits, end, draws), _fpir(own_limits, limits, end, draws)]
        rates.append(_fnir(mated, own_limits, end, draws, "_own_limit", ", own limit"))
    return rates


def _percent(end: str) -> str:
    return f"{TARGETS[end] * 100:g} %"


def _within(outcome: Outcome, persons: Places, rank: int, draws: Draws | Undefined) -> Rate:
    hits = ((outcome.ranks >= 1) & (outcome.ranks <= rank)).astype(np.float64)
    replicates = draws if isinstance(draws, Undefined) else share_replicates(Clustered(hits, persons), draws)
    return Rate(f"rank{rank}", f"rank-{rank}", float(hits.mean()), interval(replicates), hits.size)


def _fnir(
    mated: Searches, non_mated: Searches, end: str, draws: Draws | Undefined, suffix: str = "", about: str = ""
) -> Rate:
    limit = limit_at_fpir(non_mated.distances, TARGETS[end])
    value = limit if isinstance(limit, Undefined) else fnir(mated.distances, limit)
    replicates = draws if isinstance(draws, Undefined) else fnir_replicates(mated, non_mated, TARGETS[end], draws)
    title = f"FNIR at FPIR {_percent(end)}{about}"
    return Rate(f"fnir_at_fpir_{end}{suffix}", title, value, interval(replicates), mated.distances.size)


def _fpir(searches: Searches, non_mated: Searches, end: str, draws: Draws | Undefined) -> Rate:
    limit = limit_at_fpir(non_mated.distances, TARGETS[end])
    value = limit if isinstance(limit, Undefined) else fpir(searches.distances, limit)
    replicates = draws if isinstance(draws, Undefined) else fpir_replicates(searches, non_mated, TARGETS[end], draws)
    title = f"FPIR at originals' limit {_percent(end)}"
    return Rate(f"fpir_at_limit_{end}", title, value, interval(replicates), searches.distances.size)


def numbered(names: Sequence[str]) -> tuple[Places, dict[str, int]]:
    """Whole numbers in place of names, from 0 up."""
    known = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([known[name] for name in names], np.int64), known
