"""Which methods of a column can be told apart: all pairs at once, as ranges of places and as letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..metrics.values import Undefined
from .comparison import holm, value_and_p
from .sign_flips import step_down
from .uncertainty import LEVEL, Replicates

Direction = Literal["higher", "lower", "target"]

MIN_RANKED_IDENTITIES = 10
"""With fewer identities a board gives no ranks: hardly any difference could be told from chance."""
MAX_LETTERED = 60
"""With more methods the letters say less than the rank ranges do, and take longer than the page."""
LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class RankRange:
    """The places that a method may hold."""

    best: int
    """1 + number of methods that are significantly better."""
    worst: int
    """Number of methods - number of methods that are significantly worse."""

    def __str__(self) -> str:
        """`2` or `1–3`."""
        return str(self.best) if self.best == self.worst else f"{self.best}–{self.worst}"


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a method stands in one column."""

    ranks: RankRange
    letters: str
    """Methods that share a letter do not differ significantly; empty where there are too many methods or letters."""


def rank_ranges(
    methods: Mapping[str, Replicates | Undefined],
    better: Direction,
    target: float | None = None,
    level: float = LEVEL,
) -> dict[str, RankRange | Undefined]:
    """The places that each method may hold, given what can be told apart.

    With at least the probability `level` all the ranges hold the true places at once: an order that is wrong needs a
    false alarm in one of the pairs.

    Args:
        methods: replicates by method, all of the same draws.
        better: which way is better.
        target: best value, where `better` is `target`.
        level: 1 - the chance of any false alarm.

    Returns:
        By method. A method without a number has no rank and does not count as a rival; no method has one where an
        identity count is below `MIN_RANKED_IDENTITIES`.

    Raises:
        ValueError: the replicates do not come from the same draws, or a target is missing.
    """
    if (better == "target") != (target is not None):
        raise ValueError(f"expected a target exactly where better is 'target', got {better!r} and {target!r}")
    ranked = {name: each for name, each in methods.items() if isinstance(each, Replicates)}
    fewest = min((each.clusters for each in ranked.values()), default=0)
    if fewest < MIN_RANKED_IDENTITIES:
        why = Undefined(f"ranks need at least {MIN_RANKED_IDENTITIES} identities, got {fewest}")
        return {name: each if isinstance(each, Undefined) else why for name, each in methods.items()}
    places = dict(zip(ranked, _ranges(_better(list(ranked.values()), better, target, level)), strict=True))
    return {name: each if isinstance(each, Undefined) else places[name] for name, each in methods.items()}


def standings(
    methods: Mapping[str, Replicates | Undefined], better: Direction, target: float | None = None
) -> dict[str, Standing]:
    """The rank ranges of `rank_ranges`, with letters.

    Args:
        methods: replicates by method.
        better: which way is better.
        target: best value, where `better` is `target`.

    Returns:
        By method, best first place first; empty with fewer than two methods, too few identities, or where the
        replicates are not of the same draws.
    """
    ranked = {name: each for name, each in methods.items() if isinstance(each, Replicates)}
    if len(ranked) < 2 or min(each.clusters for each in ranked.values()) < MIN_RANKED_IDENTITIES:
        return {}
    if len({(each.resampled.size, each.left_out.size) for each in ranked.values()}) != 1:
        return {}
    wins = _better(list(ranked.values()), better, target, LEVEL)
    places = _ranges(wins)
    order = sorted(range(len(places)), key=lambda index: (places[index].best, places[index].worst))
    letters = _letters(wins | wins.T, order)
    names = list(ranked)
    return {names[index]: Standing(places[index], letters[index]) for index in order}


def _ranges(wins: NDArray[np.bool_]) -> list[RankRange]:
    return [RankRange(1 + int(a), len(wins) - int(b)) for a, b in zip(wins.sum(axis=0), wins.sum(axis=1), strict=True)]


def _better(methods: Sequence[Replicates], better: Direction, target: float | None, level: float) -> NDArray[np.bool_]:
    """[i, j]: i is significantly better than j, corrected over all pairs.

    Means over images go through one step-down over joint sign flips; all others through Holm's correction of the
    p-values of `comparison.difference`.
    """
    first, second = np.triu_indices(len(methods), 1)
    people = [each.people for each in methods if each.people is not None]
    if len(people) == len(methods) and target is None and len({each.total.size for each in people}) == 1:
        contributions = np.stack([each.contribution for each in people])
        p, values = step_down(contributions), contributions.sum(axis=1)
        differences = values[first] - values[second]
    else:
        answers = [
            value_and_p(methods[a], methods[b], target) for a, b in zip(first.tolist(), second.tolist(), strict=True)
        ]
        known = [(0.0, 1.0) if isinstance(each, Undefined) else each for each in answers]
        differences, p = np.array([value for value, _ in known]), np.array(holm([p for _, p in known]))
    told = (p <= 1 - level) & (differences != 0)
    wins = told & ((differences > 0) == (better == "higher"))
    table = np.zeros((len(methods), len(methods)), dtype=bool)
    table[first[wins], second[wins]] = True
    loses = told & ~wins
    table[second[loses], first[loses]] = True
    return table


def _letters(differ: NDArray[np.bool_], order: Sequence[int]) -> list[str]:
    """Letters of the groups that do not differ (Piepho, J. Comput. Graph. Stat. 13(2), 2004: insert and absorb)."""
    nothing = [""] * len(order)
    if len(order) > MAX_LETTERED:
        return nothing
    groups = [(1 << len(order)) - 1]  # bit i: method i belongs to the group
    for a, b in zip(*np.nonzero(np.triu(differ)), strict=True):
        first, second = 1 << int(a), 1 << int(b)
        both = first | second
        split = {
            part for each in groups for part in ((each & ~first, each & ~second) if each & both == both else (each,))
        }
        groups = [each for each in split if not any(each & other == each for other in split if other != each)]
        if len(groups) > len(LETTERS):
            return nothing
    groups.sort(key=lambda each: [place for place, index in enumerate(order) if each >> index & 1])
    named = list(zip(LETTERS, groups, strict=False))
    return ["".join(letter for letter, each in named if each >> index & 1) for index in range(len(order))]
