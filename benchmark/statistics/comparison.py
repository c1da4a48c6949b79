"""Is one method better than another? Differences of the same resamples, corrected for asking many times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from ..metrics.values import Undefined
from .sign_flips import Paired, confidence, p_value
from .uncertainty import LEVEL, MIN_CLUSTERS, Interval, Replicates, bootstrap_p, interval

Key = TypeVar("Key")

SIGNIFICANT = 0.05
"""What is less likely than this by chance alone is called a difference."""


@dataclass(frozen=True, slots=True)
class Difference:
    """First method minus second method on the same samples."""

    value: float
    interval: Interval | Undefined
    p: float
    """Two-sided probability of a difference at least as large if there were none, for this one question."""
    p_holm: float
    """The same, corrected for all questions that were asked together."""


def difference(
    first: Replicates | Undefined, second: Replicates | Undefined, level: float = LEVEL, target: float | None = None
) -> Difference | Undefined:
    """Paired difference of one number of two methods.

    Both replicates must come from the same `Draws` over the same identities: what both methods have in common drops
    out of the difference. Where the number is a mean over images, signs of whole people are flipped (`sign_flips`).
    Elsewhere two tests have to agree: the bootstrap, whose p-value is the smallest alpha at which its interval of
    1 - alpha leaves out 0 (beyond the outermost resample, Student's t for difference / standard deviation takes over,
    never below 2^(1 - clusters)), and the sign flips of what each person changes who is left out. The bootstrap alone
    told methods apart that do the same in 5 to 8 % of the rounds (`tests/scoring/distance_study.py`). The p-value is
    the larger one, the interval holds both. Either way p is at most 1 - level where, and only where, 0 is left out.

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
    question = _question(first, second, target)
    if isinstance(question, Undefined):
        return question
    value, p = _answer(question)
    within = confidence(question, level) if isinstance(question, Paired) else _both(question, level)
    return Difference(value, within, p, p)


def value_and_p(
    first: Replicates | Undefined, second: Replicates | Undefined, target: float | None = None
) -> tuple[float, float] | Undefined:
    """Value and p-value of `difference`, without its interval; arguments as there."""
    question = _question(first, second, target)
    return question if isinstance(question, Undefined) else _answer(question)


def _question(
    first: Replicates | Undefined, second: Replicates | Undefined, target: float | None
) -> Paired | Replicates | Undefined:
    if isinstance(first, Undefined):
        return first
    if isinstance(second, Undefined):
        return second
    if first.resampled.shape != second.resampled.shape or first.left_out.shape != second.left_out.shape:
        raise ValueError("expected replicates of the same draws, got different numbers of resamples; share the Draws")
    clusters = min(first.clusters, second.clusters)
    if clusters < MIN_CLUSTERS:
        return Undefined(f"a comparison needs at least {MIN_CLUSTERS} identities, got {clusters}")
    if first.people is not None and second.people is not None and target is None:
        return Paired.of(first.people, second.people, first.trials is not None)
    a, b = off_target(first, target), off_target(second, target)
    return Replicates(a.estimate - b.estimate, a.resampled - b.resampled, a.left_out - b.left_out, clusters)


def _answer(question: Paired | Replicates) -> tuple[float, float]:
    if isinstance(question, Paired):
        return question.value, p_value(question)
    flipped = Paired.by_leaving_out(question)
    p = bootstrap_p(question)
    return question.estimate, p if flipped is None else max(p, p_value(flipped))


def _both(question: Replicates, level: float) -> Interval | Undefined:
    """What either the bootstrap or the sign flips do not rule out."""
    drawn, flipped = interval(question, level), Paired.by_leaving_out(question)
    if isinstance(drawn, Undefined) or flipped is None:
        return drawn
    other = confidence(flipped, level)
    if isinstance(other, Undefined):
        return other
    low, high = min(drawn.low, other.low), max(drawn.high, other.high)
    return Interval(low, high, level, f"{drawn.method}+{other.method}", drawn.resamples)


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


def off_target(replicates: Replicates, target: float | None) -> Replicates:
    """Distance from the best value, where there is one; the number itself elsewhere."""
    if target is None:
        return replicates
    return Replicates(
        abs(replicates.estimate - target),
        np.abs(replicates.resampled - target),
        np.abs(replicates.left_out - target),
        replicates.clusters,
    )


def _corrected(found: dict[Key, Difference | Undefined]) -> dict[Key, Difference | Undefined]:
    """Replace p_holm by the correction over all questions that have an answer."""
    asked = {key: each for key, each in found.items() if isinstance(each, Difference)}
    corrected = dict(zip(asked, holm([each.p for each in asked.values()]), strict=True))
    return {
        key: each if isinstance(each, Undefined) else Difference(each.value, each.interval, each.p, corrected[key])
        for key, each in found.items()
    }
