"""Which of several combinations an attacker takes: chosen on some people, reported for others."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..metrics.values import Undefined
from ..planning.auxiliary import DEV_PEOPLE, people_of_dataset
from ..results.cell import Setting
from ..statistics.bootstrap_replicates import effective_eer_interval, mean_of_parts, share, share_replicates
from ..statistics.bootstrap_scores import Clustered
from ..statistics.uncertainty import Draws, Interval, Replicates
from ..storage.digest import drawn_place
from ..suites import ChoiceRule
from .attack_tables import APART, Searches
from .numbers import Units, Vector, clustered

LEAST_DEV = 4
"""People to choose on, and to fit the weights of a fusion on."""
Criterion = Callable[[Searches], tuple[float, ...]]
"""How good an attack is; larger is better for the attacker, and later numbers decide between equals."""


@dataclass(frozen=True, slots=True)
class Fold:
    """On whom is chosen, for whom is reported, and in whose gallery each is searched."""

    dev: frozenset[str]
    dev_gallery: frozenset[str]
    evaluated: frozenset[str]
    gallery: frozenset[str]


def folds(setting: Setting, rule: ChoiceRule, taught: bool) -> list[Fold]:
    """The protocol's dev and evaluated people or, where it has no dev people, each part of them against the rest.

    Nothing is chosen on people whom attackers learned on: how they do with these says little of others. Where too few
    other dev people remain, it is as if there were none.

    Args:
        setting: protocol and samples.
        rule: how many parts, and their seed.
        taught: whether attackers learned on anybody.

    Returns:
        Folds whose evaluated people together are all evaluated people; one fold that chooses on nobody where they are
        too few to part.
    """
    protocol = setting.protocol
    everyone = [each.subject for each in setting.samples]
    dev, evaluated = protocol.dev_subjects(everyone), protocol.eval_subjects(everyone)
    everybody = frozenset(everyone)
    if protocol.split.dev_share and setting.queries is None:
        others = dev if setting.score_version < APART or not taught else dev - _learned_on(setting)
        if setting.score_version < APART or len(others) >= LEAST_DEV:
            return [Fold(others, dev, evaluated, evaluated)]
        everybody = evaluated
    asked = sorted({each.subject for each in setting.planned} & evaluated)
    if len(asked) < 2 * rule.folds:
        return [Fold(frozenset(), everybody, frozenset(asked), everybody)]
    order = sorted(asked, key=lambda name: drawn_place(rule.seed, name))
    parts = [frozenset(order[start :: rule.folds]) for start in range(rule.folds)]
    return [Fold(frozenset(asked) - part, everybody, part, everybody) for part in parts]


def _learned_on(setting: Setting) -> frozenset[str]:
    """Subjects of the dataset whom attackers learned on."""
    told = setting.attacks
    if told is None or told.auxiliary != DEV_PEOPLE:
        return frozenset()
    people = people_of_dataset(told.suite.auxiliary, setting.protocol, setting.samples, None)
    return frozenset(each.subject for each in people.samples)


def by_rank1(found: Searches) -> tuple[float, ...]:
    """Share named at the first guess; of equals, the one of lower error rate."""
    return _score(found.rank1()), *by_eer(found)


def by_eer(found: Searches) -> tuple[float, ...]:
    """A low error rate."""
    return (-_score(found.eer(), math.inf),)


def by_tpr(found: Searches) -> tuple[float, ...]:
    """Share accepted where 1 % of strangers are; of equals, the one of lower error rate."""
    return _score(found.tpr("tpr_at_fmr_1")), *by_eer(found)


def _score(value: float | Undefined, nothing: float = -math.inf) -> float:
    return nothing if isinstance(value, Undefined) else value


@dataclass(frozen=True, slots=True, eq=False)
class Chosen:
    """One of the combinations, and the people for whom it was chosen."""

    index: int
    """Of the candidates."""
    searches: Searches
    """Of these people alone."""


def choose(
    candidates: Sequence[Sequence[Searches]], parts: Sequence[Fold], criterion: Criterion, *, first: bool = False
) -> list[Chosen] | Undefined:
    """The best candidate for each fold; folds with the same candidate are one.

    Args:
        candidates: for each combination its searches: one for all folds, or one for each fold.
        parts: on whom is chosen, for whom is reported.
        criterion: what is best. The first of several that are equal is taken.
        first: take the first candidate where there is nobody to choose on, as scoring before version 4 did.

    Returns:
        Combinations with the people for whom they were chosen, the most people first; or why none of several can be
        taken: whoever is chosen on the people that he is reported for looks better than he is, and any other one may
        be better than he.
    """
    if len(candidates) > 1 and not first and not all(part.dev for part in parts):
        count = len(frozenset().union(*(part.evaluated for part in parts)))
        return Undefined(
            f"of {len(candidates)} attacks one is chosen on some people and reported for others; {count} are too few"
        )
    taken: dict[int, list[int]] = {}
    for place, part in enumerate(parts):
        scores = [criterion(_of(each, place).among(part.dev, part.dev_gallery)) for each in candidates]
        best = scores.index(max(scores)) if part.dev else 0
        if not first and len(candidates) > 1 and scores[best][0] == -math.inf:
            return Undefined(f"none of the {len(part.dev)} people that an attack is chosen on could be searched for")
        taken.setdefault(best, []).append(place)
    found = []
    for index, places in taken.items():
        if len(candidates[index]) == 1:
            people = frozenset().union(*(parts[place].evaluated for place in places))
            found.append(Chosen(index, candidates[index][0].among(people, parts[places[0]].gallery)))
        else:
            for place in places:
                part = parts[place]
                found.append(Chosen(index, candidates[index][place].among(part.evaluated, part.gallery)))
    return sorted(found, key=lambda each: (-len(each.searches.own), each.index))


def _of(candidate: Sequence[Searches], place: int) -> Searches:
    return candidate[0] if len(candidate) == 1 else candidate[place]


# ------------------------------------------------------------------------------------------------ numbers


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """A number as a share of 0..1 (or of a half), with what its interval is made of."""

    value: float | Undefined
    n: int
    within: Replicates | Interval | Undefined | None


def rank1(chosen: Sequence[Chosen], draws: Draws | Undefined, units: Units) -> Number:
    """Share of all these images that were found."""
    return _shared(chosen, draws, units, lambda each: each.risk(), lambda each: each.rank1())


def linkability(chosen: Sequence[Chosen], draws: Draws | Undefined, units: Units) -> Number:
    """Chance of being found among ten people."""
    return _shared(chosen, draws, units, lambda each: each.linked(), None)


def _shared(
    chosen: Sequence[Chosen],
    draws: Draws | Undefined,
    units: Units,
    outcomes: Callable[[Searches], tuple[Vector, np.ndarray] | Undefined],
    exact: Callable[[Searches], float | Undefined] | None,
) -> Number:
    hits, columns = [], []
    for each in chosen:
        found = outcomes(each.searches)
        if isinstance(found, Undefined):
            return Number(found, 0, None)
        hits += found[0].tolist()
        columns += each.searches.units[found[1]].tolist()
    value: float | Undefined = float(np.mean(hits))
    if exact is not None and len(chosen) == 1:
        value = exact(chosen[0].searches)  # the very number of a protocol without attacks
    within = None if isinstance(draws, Undefined) else share_replicates(clustered(hits, columns), draws, units.levels)
    return Number(value, len(hits), within)


def error_rate(chosen: Sequence[Chosen], draws: Draws | Undefined) -> Number:
    """Effective EER: of one combination, or the mean over several, weighted by images.

    The interval takes what was chosen as given: it says how sure the number is for these attacks.
    """
    value, n = _mean(chosen, lambda each: each.eer())
    within: Interval | Undefined | None = None
    if not isinstance(draws, Undefined) and not isinstance(value, Undefined):
        parts = [each.searches.pairs(draws.clusters) for each in chosen]
        known = [each for each in parts if not isinstance(each, Undefined)]
        if len(known) == len(parts):
            within = effective_eer_interval(known, [each.searches.own for each in chosen], draws)
    return Number(value, n, within)


def accepted(chosen: Sequence[Chosen], draws: Draws | Undefined, metric: str) -> Number:
    """TPR at an FMR: of one combination, or the mean over several, weighted by images; interval as of `error_rate`."""
    value, n = _mean(chosen, lambda each: each.tpr(metric))
    within: Replicates | Undefined | None = None
    if not isinstance(draws, Undefined) and not isinstance(value, Undefined):
        found = [each.searches.tpr_rows(metric, draws) for each in chosen]
        known = [each for each in found if not isinstance(each, Undefined)]
        if len(known) == len(found):
            rows = mean_of_parts([each for each, _ in known], [each.searches.own for each in chosen], draws)
            within = share(rows, draws, _together([each for _, each in known]))
    return Number(value, n, within)


def _together(parts: Sequence[Clustered]) -> Clustered:
    values, columns, lost = (
        np.concatenate([getattr(each, name) for each in parts]) for name in ("values", "column", "lost")
    )
    return Clustered(values, columns, lost)


def _mean(chosen: Sequence[Chosen], number: Callable[[Searches], float | Undefined]) -> tuple[float | Undefined, int]:
    values, weights, pairs = [], [], 0
    for each in chosen:
        found = number(each.searches)
        if isinstance(found, Undefined):
            return found, 0
        mated, non_mated = each.searches.sides()
        pairs += mated.size + non_mated.size
        values.append(found)
        weights.append(len(each.searches.own))
    if not values:
        return Undefined("nobody to report for"), 0
    if len(values) == 1:
        return values[0], pairs
    return float(np.average(values, weights=weights)), pairs
