"""How many people it takes: to claim a bound, or to tell two methods apart; from the replicates of a pilot run."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from ..metrics.values import Undefined
from .sign_flips import Paired
from .uncertainty import MIN_CLUSTERS, Interval, Replicates, interval

MOST_PEOPLE = 1_000_000
FEWEST_PEOPLE = 6
"""Below these no signs can be set in enough ways for a two-sided 5 %."""


def one_sided(replicates: Replicates | Undefined, confidence: float) -> Interval | Undefined:
    """Bounds that hold, each for itself, with this confidence.

    Args:
        replicates: of a number.
        confidence: above 0.5 and below 1; 0.95 is 95 %.
    """
    return interval(replicates, 2 * confidence - 1)


def people_for_bound(replicates: Replicates, bound: float, upper: bool, confidence: float) -> int | Undefined:
    """How many people like those of the pilot it takes until a bound can be claimed, were the number what it was there.

    The spread of the resamples shrinks with the root of the number of people; that of a share by its trials, too.

    Args:
        replicates: of the number in the pilot.
        bound: in the number's own unit.
        upper: whether the number is to stay below it.
        confidence: of the claim.

    Returns:
        People, or why no number is enough.
    """
    inside = replicates.estimate < bound if upper else replicates.estimate > bound
    if not inside:
        return Undefined("the pilot itself is beyond the bound")

    def claimed(people: int) -> bool:
        found = one_sided(_scaled(replicates, people), confidence)
        return isinstance(found, Interval) and (found.high <= bound if upper else found.low >= bound)

    return _fewest(claimed, MIN_CLUSTERS)


def _scaled(replicates: Replicates, people: int) -> Replicates:
    """The same number as so many people would give it."""
    factor = people / replicates.clusters
    shrunk = 1 / math.sqrt(factor)
    centre = replicates.estimate
    return replace(
        replicates,
        resampled=centre + (replicates.resampled - centre) * shrunk,
        # One person less matters less by the factor itself.
        left_out=centre + (replicates.left_out - centre) / factor,
        clusters=people,
        trials=None if replicates.trials is None else max(1, round(replicates.trials * factor)),
        minority=round(replicates.minority * factor),
        people=None,
    )


def people_for_difference(
    pilot: Paired | Replicates, images: float = 1.0, alpha: float = 0.05, power: float = 0.8
) -> int | Undefined:
    """How many people it takes until two methods are told apart, were their difference what it was in the pilot.

    Args:
        pilot: the paired difference.
        images: how the variance between people changes with other numbers of images, as a factor; see
            `variance_with_images`.
        alpha: of the two-sided test.
        power: chance of telling them apart.

    Returns:
        People, or why no number is enough.
    """
    from scipy.special import stdtrit

    if isinstance(pilot, Paired):
        n, value = pilot.difference.size, pilot.value
        own = pilot.difference * n - value * pilot.weight * n
        variance = float((own**2).sum()) / (n - 1)
    else:
        n, value = pilot.clusters, pilot.estimate
        variance = float(np.nanvar(pilot.resampled)) * n * n / (n - 1)
    if value == 0:
        return Undefined("the pilot shows no difference")
    needed = variance * images / value**2

    def apart(people: int) -> bool:
        reach = float(stdtrit(people - 1, 1 - alpha / 2)) + float(stdtrit(people - 1, power))
        return people >= needed * reach**2 and 2.0 ** (1 - people) <= alpha

    return _fewest(apart, FEWEST_PEOPLE)


def variance_with_images(pilot: Paired, within: float, images: float, others: float) -> float:
    """By what the variance of people's differences is multiplied with another number of images of each.

    Args:
        pilot: the paired difference.
        within: variance of the difference between images of one person.
        images: of each person in the pilot.
        others: of each person, as asked.
    """
    n = pilot.difference.size
    own = pilot.difference * n - pilot.value * pilot.weight * n
    seen = float((own**2).sum()) / (n - 1)
    between = max(seen - within / images, 0.0)
    return (between + within / others) / seen if seen > 0 else 1.0


def _fewest(enough: Callable[[int], bool], start: int) -> int | Undefined:
    high = start
    while not enough(high):
        if high >= MOST_PEOPLE:
            return Undefined(f"more than {MOST_PEOPLE} people")
        high *= 2
    low = max(start, high // 2)
    while low < high:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle + 1
    return high
