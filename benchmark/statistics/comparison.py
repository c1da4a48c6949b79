"""Is one method better than another? Differences of the same resamples, corrected for asking many times."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal, TypeVar

import numpy as np

from ..metrics.values import Undefined
from .uncertainty import LEVEL, MIN_CLUSTERS, Interval, Replicates, interval

Direction = Literal["higher", "lower", "target"]

Key = TypeVar("Key")

MIN_RANKED_IDENTITIES = 10
"""With fewer identities a board gives no ranks: hardly any difference could be told from chance."""


@dataclass(frozen=True, slots=True)
class Difference:
    """First method minus second method on the same samples."""

    value: float
    interval: Interval | Undefined
    p: float
    """Two-sided probability of a difference at least as large if there were none, for this one question."""
    p_holm: float
    """The same, corrected for all questions that were asked together."""


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


def difference(
    first: Replicates | Undefined, second: Replicates | Undefined, level: float = LEVEL, target: float | None = None
) -> Difference | Undefined:
    """Paired difference of one number of two methods.

    Both replicates must come from the same `Draws` over the same identities: each resample then holds the same
    palms for both methods, and what they have in common drops out of the difference.

    The p-value is that of Student's t with clusters - 1 degrees of freedom for difference / standard deviation of
    its resamples, which unlike a count of resamples is not bounded from below by their number. It is never below
    2^(1 - clusters), which is what a sign test gives when the difference has the same sign in all identities.

    Args:
        first: of one method.
        second: of the other.
        level: nominal coverage of the interval.
        target: for numbers whose best value is a target: distances from it are compared.

    Returns:
        The difference with p_holm = p, or why there is none.

    Raises:
        ValueError: the replicates do not come from the same number of resamples.
    """
    for each in (first, second):
        if isinstance(each, Undefined):
            return each
    assert isinstance(first, Replicates)
    assert isinstance(second, Replicates)
    if first.resampled.shape != second.resampled.shape or first.left_out.shape != second.left_out.shape:
        raise ValueError("expected replicates of the same draws, got different numbers of resamples; share the Draws")
    a, b = _off_target(first, target), _off_target(second, target)
    clusters = min(a.clusters, b.clusters)
    if clusters < MIN_CLUSTERS:
        return Undefined(f"a comparison needs at least {MIN_CLUSTERS} identities, got {clusters}")
    joint = Replicates(a.estimate - b.estimate, a.resampled - b.resampled, a.left_out - b.left_out, clusters)
    p = _p_value(joint)
    return Difference(joint.estimate, interval(joint, level), p, p)


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down correction (Scandinavian Journal of Statistics 6, 1979): bounds the chance of any false alarm.

    Args:
        p_values: of all questions asked together.

    Returns:
        Corrected values in the same order, at most 1.

    Raises:
        ValueError: a value is not within 0..1.
    """
    values = np.asarray(p_values, dtype=np.float64)
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("expected p-values of 0..1")
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * np.arange(values.size, 0, -1))
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(stepped, 1.0)
    return [float(each) for each in corrected]


def compare(
    first: Mapping[str, Replicates | Undefined],
    second: Mapping[str, Replicates | Undefined],
    targets: Mapping[str, float] | None = None,
    level: float = LEVEL,
) -> dict[str, Difference | Undefined]:
    """Two methods over several metrics, corrected for the number of metrics.

    Args:
        first: replicates of one method by metric.
        second: of the other; metrics that only one of them has are left out.
        targets: best value of the metrics that have a target.
        level: nominal coverage of the intervals (each for itself).

    Returns:
        By metric, in the order of `first`.

    Raises:
        ValueError: the replicates do not come from the same draws.
    """
    shared = [name for name in first if name in second]
    return _corrected(
        {name: difference(first[name], second[name], level, (targets or {}).get(name)) for name in shared}
    )


def compare_all(
    methods: Mapping[str, Replicates | Undefined], target: float | None = None, level: float = LEVEL
) -> dict[tuple[str, str], Difference | Undefined]:
    """All pairs of methods on one metric, corrected for the number of pairs.

    Args:
        methods: replicates by method, all of the same draws.
        target: best value, where the metric has one.
        level: nominal coverage of the intervals (each for itself).

    Returns:
        By (first, second) in the order of `methods`.

    Raises:
        ValueError: the replicates do not come from the same draws.
    """
    return _corrected({(a, b): difference(methods[a], methods[b], level, target) for a, b in combinations(methods, 2)})


def rank_ranges(
    methods: Mapping[str, Replicates | Undefined],
    better: Direction,
    target: float | None = None,
    level: float = LEVEL,
) -> dict[str, RankRange | Undefined]:
    """The places that each method may hold, given what can be told apart.

    One method is better than another where the Holm-corrected p-value of their paired difference is at most
    1 - level. With at least this probability all the ranges hold the true places at once: an order that is wrong
    needs a false alarm in one of the pairs.

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
    sign = 1 if better == "higher" else -1
    above, below = dict.fromkeys(ranked, 0), dict.fromkeys(ranked, 0)
    for (a, b), found in compare_all(ranked, target, level).items():
        if isinstance(found, Difference) and found.p_holm <= 1 - level and found.value != 0:
            winner, loser = (a, b) if sign * found.value > 0 else (b, a)
            above[loser] += 1
            below[winner] += 1
    places: dict[str, RankRange | Undefined] = {}
    for name, each in methods.items():
        places[name] = each if isinstance(each, Undefined) else RankRange(1 + above[name], len(ranked) - below[name])
    return places


def _off_target(replicates: Replicates, target: float | None) -> Replicates:
    if target is None:
        return replicates
    return Replicates(
        abs(replicates.estimate - target),
        np.abs(replicates.resampled - target),
        np.abs(replicates.left_out - target),
        replicates.clusters,
    )


def _p_value(joint: Replicates) -> float:
    from scipy.special import stdtr

    if joint.estimate == 0:
        return 1.0
    spread = float(np.nanstd(joint.resampled)) * math.sqrt(joint.clusters / (joint.clusters - 1))
    least = 2.0 ** (1 - joint.clusters)
    if spread == 0:
        return least
    return max(2 * float(stdtr(joint.clusters - 1, -abs(joint.estimate) / spread)), least)


def _corrected(found: dict[Key, Difference | Undefined]) -> dict[Key, Difference | Undefined]:
    """Replace p_holm by the correction over all questions that have an answer."""
    asked = {key: each for key, each in found.items() if isinstance(each, Difference)}
    corrected = dict(zip(asked, holm([each.p for each in asked.values()]), strict=True))
    return {
        key: each if isinstance(each, Undefined) else Difference(each.value, each.interval, each.p, corrected[key])
        for key, each in found.items()
    }
