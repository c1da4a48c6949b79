"""Differences of means over images, tested and bounded by one construction: signs of whole people are flipped.

Where two methods do equally well, it is chance in which of the two a person's images came out better, so that every
person's difference might as well have had the other sign. How many of all the ways to set the signs give a sum at least
as far from 0 is the p-value (Fisher; exact under symmetry, whatever the distribution). The interval holds every
difference d that the same test does not reject once d is taken from each person: its ends are quantiles of the means
of all subsets of people (Hartigan, JASA 64, 1969). So p-value and interval cannot contradict each other.

A share needs one thing more. Where all people agree, 12 of 12 rejected by one method and none by the other, no
subset differs from the whole, and yet nobody would stake anything on exactly 100 points. One person more is therefore
taken along: who shows no difference for the end that the test keeps from 0 (for the p-value this person changes
nothing, as a sign of 0 is none), and in half of the images the difference that was not seen for every other end.
`tests/scoring/difference_study.py` shows how often the intervals hold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ..metrics.values import Undefined
from .uncertainty import LEVEL, Interval, People, Replicates

Floats = NDArray[np.float64]

MAX_PEOPLE = 200
"""More people than these are put together in groups, whose signs are flipped together."""
ALL_UP_TO = 13
"""Up to so many people all subsets are looked at."""
SUBSETS = 8192
EXACT_UP_TO = 32
"""Up to so many people who differ, a small p-value is counted out exactly."""
RESOLVED = 0.01
"""A p-value above this is that of the subsets."""
UNSEEN = 0.5
"""Difference of the person who is taken along at the ends that lie open."""
SEED = 20250408
METHOD = "sign-flips"
_TIE = 1e-9
_BLOCK = 512
_LEAST_ROWS = 256
_WORK = 2 * 10**7
"""Sign patterns times pairs."""


@dataclass(frozen=True, slots=True, eq=False)
class Paired:
    """What each person adds to the difference of two means."""

    difference: Floats
    """(n,) sums up to the difference."""
    weight: Floats
    """(n,) sums up to 1."""
    share: bool
    """Whether the means are shares 0..1."""

    @staticmethod
    def of(first: People, second: People, share: bool) -> Paired:
        """First minus second, over the people who have an image in either.

        Raises:
            ValueError: they are not over the same people.
        """
        if first.total.shape != second.total.shape:
            raise ValueError(f"expected the same people, got {first.total.size} and {second.total.size}")
        weight = (first.weight + second.weight) / 2
        there = weight > 0
        d, w = (first.contribution - second.contribution)[there], weight[there]
        if d.size > MAX_PEOPLE:
            group = np.arange(d.size) % MAX_PEOPLE
            d, w = _summed(d, group), _summed(w, group)
        return Paired(d, w, share)

    @staticmethod
    def by_leaving_out(found: Replicates) -> Paired | None:
        """A difference of numbers that are no means, as if it were one: what each person changes who is left out.

        Pseudo-values of the jackknife (Tukey, 1958), moved so that they sum up to the difference.

        Returns:
            None where somebody's absence leaves no number.
        """
        left, people = found.left_out, found.left_out.size
        if people < 2 or not np.isfinite(left).all():
            return None
        pull = (people - 1) * (left.mean() - left)
        return Paired((found.estimate + pull) / people, np.full(people, 1 / people), False)

    @property
    def value(self) -> float:
        """The difference of the means."""
        return float(self.difference.sum())


def _summed(values: Floats, group: NDArray[np.intp]) -> Floats:
    return np.asarray(np.bincount(group, values), dtype=np.float64)


@cache
def subsets(people: int) -> NDArray[np.float32]:
    """(rows, people) 0 or 1: all subsets, or many drawn with their complements; the empty one comes first."""
    if people <= ALL_UP_TO:
        bits = np.arange(2**people)[:, None] >> np.arange(people)[None, :] & 1
        return bits.astype(np.float32)
    half = np.random.default_rng([SEED, people]).random((SUBSETS // 2, people), dtype=np.float32) < 0.5
    half[0] = False
    return np.concatenate([half, ~half]).astype(np.float32)


def p_value(paired: Paired) -> float:
    """Two-sided probability of a difference at least as large, were there none.

    Args:
        paired: of two means.

    Returns:
        Never below 2^(1 - people); 1 where nobody differs.
    """
    d = paired.difference[np.abs(paired.difference) > _TIE * max(np.abs(paired.difference).max(initial=0.0), 1e-300)]
    if not d.size or abs(d.sum()) <= _TIE * np.abs(d).sum():
        return 1.0
    drawn = _from_subsets(paired)
    if drawn > RESOLVED:
        return drawn
    least = 2.0 ** (1 - d.size)
    found = _counted(d) if d.size <= EXACT_UP_TO else _student(paired)
    return float(min(max(found, least), RESOLVED))


def confidence(paired: Paired, level: float = LEVEL) -> Interval | Undefined:
    """All differences that the sign flips do not reject.

    Args:
        paired: of two means.
        level: nominal coverage, above 0 and below 1.

    Returns:
        The interval, or why there is none (too few people for any of this level).
    """
    low = _end(paired, -1, level)
    high = _end(paired, 1, level)
    if low is None or high is None:
        return Undefined(f"{paired.difference.size} people are too few for an interval of {100 * level:g} %")
    return Interval(low, high, level, METHOD, len(subsets(paired.difference.size + paired.share)))


def _end(paired: Paired, side: int, level: float) -> float | None:
    """One end, below (-1) or above (1)."""
    if not paired.share:
        return _quantile(paired.difference, paired.weight, side, level)
    apart = p_value(paired) <= 1 - level
    found = _quantile(*_with_another(paired, side * UNSEEN), side, level)
    if found is None or not apart or side * paired.value > 0:
        return found
    inner = _quantile(*_with_another(paired, 0.0), side, level)
    return found if inner is None else side * min(side * found, side * inner)


def _with_another(paired: Paired, difference: float) -> tuple[Floats, Floats]:
    """The people, and one more with this difference."""
    weight = 1 / paired.weight.size
    return np.append(paired.difference, difference * weight), np.append(paired.weight, weight)


def _quantile(d: Floats, w: Floats, side: int, level: float) -> float | None:
    means, rows = _subset_means(d, w)
    # The empty subset, whose mean is anything, counts on both sides.
    place = math.floor((1 - level) / 2 * rows + 1e-9) - 1
    if place < 0:
        return None
    return float(means[place] if side < 0 else means[means.size - 1 - place])


def _subset_means(d: Floats, w: Floats) -> tuple[Floats, int]:
    """Means of all subsets but the empty one, rising, and the number of subsets with it."""
    chosen = subsets(d.size)[1:].astype(np.float64)
    weights = chosen @ w
    filled = weights > 0
    means = (chosen[filled] @ d) / weights[filled]
    # Sums of the same numbers in another order: what should be 0 is.
    means[np.abs(means) <= _TIE * max(np.abs(d).max(initial=0.0) / w.mean(), 1e-300)] = 0.0
    means.sort()
    return means, int(filled.sum()) + 1


def _from_subsets(paired: Paired) -> float:
    d, w = _with_another(paired, 0.0) if paired.share else (paired.difference, paired.weight)
    means, rows = _subset_means(d, w)
    low, high = np.count_nonzero(means <= 0) + 1, np.count_nonzero(means >= 0) + 1
    return min(1.0, 2 * min(low, high) / rows)


def _counted(d: Floats) -> float:
    """Two-sided, over all sign patterns: sums of one half held against sums of the other."""
    size = np.abs(d)
    least = abs(float(d.sum())) - _TIE * float(size.sum())
    first, second = (_signed_sums(part) for part in (size[: d.size // 2], size[d.size // 2 :]))
    second.sort()
    reached = second.size - np.searchsorted(second, least - first, side="left")
    return min(1.0, 2 * float(reached.sum()) / (first.size * second.size))


def _signed_sums(size: Floats) -> Floats:
    sums = np.zeros(1)
    for each in size:
        sums = np.concatenate([sums + each, sums - each])
    return sums


def _student(paired: Paired) -> float:
    """For many people: beyond what the drawn subsets resolve, the flipped sums are as good as normal."""
    from scipy.special import stdtr

    n, centred = paired.difference.size, paired.difference - paired.value * paired.weight
    spread = math.sqrt(float((centred**2).sum()) * n / (n - 1))
    return 2 * float(stdtr(n - 1, -abs(paired.value) / spread)) if spread > 0 else 0.0


def step_down(contributions: Floats) -> Floats:
    """p-values of all pairs of methods at once, corrected for asking for all of them.

    For each way to set the signs of people, the same for all methods, the largest of the pairs' sums (each divided by
    the root of its sum of squares) is noted; the pairs are held against the distribution of that maximum, the
    largest first and each against those not yet decided (Westfall and Young; Romano and Wolf, JASA 100, 2005). This
    keeps the chance of any false alarm as Holm's correction does, and takes into account that the pairs depend on each
    other: 780 pairs of 40 methods on 12 people can still be told apart.

    Args:
        contributions: (methods, people) of `People.contribution`.

    Returns:
        (pairs,) in the order of `numpy.triu_indices(methods, 1)`.
    """
    if contributions.shape[1] > MAX_PEOPLE:
        group = np.arange(contributions.shape[1]) % MAX_PEOPLE
        contributions = np.stack([_summed(each, group) for each in contributions])
    first, second = np.triu_indices(len(contributions), 1)
    sums = _patterns(contributions.shape[1], first.size) @ contributions.T
    products = contributions @ contributions.T
    own = np.diag(products)
    norm = np.sqrt(np.maximum(own[first] + own[second] - 2 * products[first, second], 0.0))
    alike = norm <= _TIE * max(float(np.abs(contributions).max(initial=0.0)), 1e-300)
    norm[alike] = np.inf
    observed = np.abs(sums[0, first] - sums[0, second]) / norm
    order = np.argsort(observed, kind="stable")
    p = np.ones(order.size)
    greatest = np.zeros((len(sums), 1))
    for at in range(0, order.size, _BLOCK):
        pairs = order[at : at + _BLOCK]
        found = np.abs(sums[:, first[pairs]] - sums[:, second[pairs]]) / norm[pairs]
        found = np.maximum.accumulate(np.maximum(found, greatest), axis=1)
        greatest = found[:, -1:]
        p[pairs] = (found >= observed[pairs] - _TIE).mean(axis=0)
    # From the largest down, none may be smaller than one before it.
    p[order[::-1]] = np.maximum.accumulate(p[order[::-1]])
    return np.where(alike, 1.0, p)


def _patterns(people: int, pairs: int) -> Floats:
    """(rows, people) signs, as many as are worth their time; the data themselves come first."""
    half = len(subsets(people)) // 2  # the others are mirror images
    rows = min(half, max(_LEAST_ROWS, _WORK // max(pairs, 1)))
    others = np.random.default_rng(SEED).permutation(np.arange(1, half))[: rows - 1]
    return np.asarray(1 - 2 * subsets(people)[np.concatenate([[0], others])].astype(np.float64))
