"""One-to-one comparison: error rates over thresholds, EER, rejection rate, decidability, de-identification ratio.

Everywhere a comparison is accepted when its distance is at most the threshold, d <= t. FMR is the share of impostor
comparisons accepted, FNMR the share of genuine ones rejected (ISO/IEC 19795-1, over completed comparisons).

Wherever distances are taken, they may come as an array, or as what `population.Collector` gives: sorted once for all
functions, or as a histogram, whose error bound then holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..values import Scores, Undefined, as_scores
from .population import Distances, Floats, Ordered, Population, Sketch, as_population, moments, search

DEFAULT_TARGETS = (0.1, 0.01, 0.001)
"""False match rates at which the FNMR is reported."""
_BLOCK = 2**20


@dataclass(frozen=True, slots=True)
class EerPoint:
    """Where both error rates meet."""

    eer: float
    """0..1."""
    threshold: float
    """An observed distance."""
    upper: float | None
    """Next larger observed distance, if any: every t in [threshold, upper) decides these scores alike."""
    fmr: float
    fnmr: float


@dataclass(frozen=True, slots=True, eq=False)
class ErrorCurve:
    """Both error rates at every threshold that matters, from the strictest to the laxest."""

    thresholds: Scores
    """(n,) rising; the first is minus infinity (nothing accepted), the others are the distinct observed distances."""
    fmr: Scores
    """(n,) rising from 0 to 1."""
    fnmr: Scores
    """(n,) falling from 1 to 0."""


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """The lowest FNMR while the FMR keeps to a limit."""

    target: float
    """Limit of the FMR, 0..1."""
    fnmr: float | None
    """None when the limit lies below the resolution of the impostor comparisons."""
    fmr: float | None
    """FMR really reached, at most `target`."""
    threshold: float | None
    impostors: int
    """Impostor comparisons behind the FMR."""
    reason: str = ""
    """Why there is no number; empty when there is."""


def fmr_fnmr_curve(genuine: Distances, impostor: Distances, points: int | None = None) -> ErrorCurve | Undefined:
    """FMR and FNMR as exact step functions of the threshold.

    Args:
        genuine: distances between samples of one identity.
        impostor: distances between samples of two identities.
        points: keep at most so many thresholds, evenly spread over the observed ones, both ends among them. None: all.

    Returns:
        The curve, or why there is none (a side is empty).

    Raises:
        ValueError: a distance is not finite.
    """
    g, i = as_population(genuine, "genuine"), as_population(impostor, "impostor")
    if not g.size or not i.size:
        return Undefined(f"no {'impostor' if g.size else 'genuine'} comparisons")
    thresholds = _thresholds(g, i, points)
    return ErrorCurve(thresholds=thresholds, fmr=_share(i, thresholds), fnmr=(g.size - g.at_most(thresholds)) / g.size)


def _thresholds(g: Population, i: Population, points: int | None) -> Scores:
    """Minus infinity and the distinct observed distances, or evenly spread ones of these."""
    merged = np.concatenate([g.steps, i.steps])
    merged.sort()
    ends = np.empty(merged.size, dtype=bool)
    ends[-1] = True
    np.not_equal(merged[1:], merged[:-1], out=ends[:-1])
    count = 1 + int(np.count_nonzero(ends))
    if points is None or count <= points:
        return np.concatenate([[-np.inf], merged[ends]])
    wanted = np.unique(np.linspace(0, count - 1, points).round().astype(np.intp))
    kept = [np.array([-np.inf])]
    seen = 0
    for at in range(0, merged.size, _BLOCK):
        observed = merged[at : at + _BLOCK][ends[at : at + _BLOCK]]
        here = wanted[(wanted > seen) & (wanted <= seen + observed.size)] - seen - 1
        kept.append(observed[here].astype(np.float64))
        seen += observed.size
    return np.concatenate(kept)


def _share(population: Population, thresholds: Scores) -> Scores:
    return np.asarray(population.at_most(thresholds) / population.size)


def eer(genuine: Distances, impostor: Distances) -> EerPoint | Undefined:
    """Equal error rate on the empirical step functions, without a grid.

    FMR - FNMR grows with every distinct observed distance t. The threshold is the t of least |FMR - FNMR| and the
    EER the mean of both rates there. Two neighbouring t can share the least gap with opposite signs: then the
    stricter one is the threshold and the EER is the mean over both, which is where straight lines between the two
    points would cross. Accepting nothing is weighed too but never chosen: it ties only when all distances are equal.
    A threshold is fixed by the data only up to the next observed distance, see `EerPoint.upper`.

    Args:
        genuine: distances between samples of one identity.
        impostor: distances between samples of two identities.

    Returns:
        The point, or why there is none (a side is empty).

    Raises:
        ValueError: a distance is not finite.
    """
    g, i = as_population(genuine, "genuine"), as_population(impostor, "impostor")
    if not g.size or not i.size:
        return Undefined(f"no {'impostor' if g.size else 'genuine'} comparisons")
    crossed = min(_first_crossed(g.steps, g, i), _first_crossed(i.steps, g, i))
    before = _largest_below(crossed, g, i)
    thresholds = np.array([-np.inf if before is None else before, crossed])
    fmr, fnmr = _share(i, thresholds), (g.size - g.at_most(thresholds)) / g.size
    gap = np.abs(fmr - fnmr)
    # Equal gaps may differ by rounding: 1/3 - 0 against 1 - 2/3.
    best = np.flatnonzero(gap <= gap.min() + 1e-12)
    at = int(best[0]) if before is not None else 1
    return EerPoint(
        eer=float(np.mean((fmr[best] + fnmr[best]) / 2)),
        threshold=float(thresholds[at]),
        upper=_smallest_above(float(thresholds[at]), g, i),
        fmr=float(fmr[at]),
        fnmr=float(fnmr[at]),
    )


def _first_crossed(steps: Floats, g: Population, i: Population) -> float:
    """The smallest of the steps at which FMR >= FNMR, or infinity."""
    low, high = 0, len(steps)
    while low < high:
        middle = (low + high) // 2
        t = float(steps[middle])
        if int(i.at_most(t)) / i.size >= (g.size - int(g.at_most(t))) / g.size:
            high = middle
        else:
            low = middle + 1
    return float(steps[low]) if low < len(steps) else math.inf


def _largest_below(t: float, *populations: Population) -> float | None:
    """The largest observed distance below t."""
    places = [(each.steps, int(search(each.steps, t, "left"))) for each in populations]
    return max((float(steps[at - 1]) for steps, at in places if at > 0), default=None)


def _smallest_above(t: float, *populations: Population) -> float | None:
    """The smallest observed distance above t."""
    places = [(each.steps, int(search(each.steps, t, "right"))) for each in populations]
    return min((float(steps[at]) for steps, at in places if at < len(steps)), default=None)


def fnmr_at_fmr(
    genuine: Distances, impostor: Distances, targets: Sequence[float] = DEFAULT_TARGETS
) -> list[OperatingPoint]:
    """Lowest FNMR at an FMR of at most each target (not nearest to it, which could exceed it).

    An FMR below 1/n cannot be measured with n impostor comparisons; such targets get no number but a reason.

    Args:
        genuine: distances between samples of one identity.
        impostor: distances between samples of two identities.
        targets: limits of the FMR, each above 0 and at most 1.

    Returns:
        One point per target, in order.

    Raises:
        ValueError: a distance is not finite or a target is out of range.
    """
    g, i = as_population(genuine, "genuine"), as_population(impostor, "impostor")
    for target in targets:
        if not 0.0 < target <= 1.0:
            raise ValueError(f"expected FMR targets above 0 and at most 1, got {target!r}; 0.001 is 0.1 %")
    return [_operating_point(g, i, target) for target in targets]


def _operating_point(genuine: Population, impostor: Population, target: float) -> OperatingPoint:
    n = impostor.size
    allowed = math.floor(target * n + 1e-9)
    if not genuine.size:
        return OperatingPoint(target, None, None, None, n, "no genuine comparisons")
    if allowed < 1:
        return OperatingPoint(
            target, None, None, None, n, f"needs at least {math.ceil(1 / target - 1e-9)} impostor comparisons, got {n}"
        )
    # Up to but excluding the first impostor that would be one too many.
    limit = math.inf if allowed >= n else impostor.place(allowed)
    below = _largest_below(limit, genuine, impostor)
    threshold = float(np.nextafter(impostor.place(0), -np.inf)) if below is None else below
    return OperatingPoint(
        target=target,
        fnmr=(genuine.size - int(genuine.at_most(threshold))) / genuine.size,
        fmr=int(impostor.at_most(threshold)) / n,
        threshold=threshold,
        impostors=n,
    )


def rejection_rate(deidentified: Distances, threshold: float) -> float | Undefined:
    """RR: share of de-identified comparisons that the recogniser rejects, d > threshold (palm paper, III-C).

    Args:
        deidentified: distances between originals and de-identified images.
        threshold: usually that of `eer` on originals.

    Returns:
        0..1, or why there is none (no comparison).

    Raises:
        ValueError: a distance is not finite or the threshold is NaN.
    """
    d = as_population(deidentified, "de-identified")
    if math.isnan(threshold):
        raise ValueError("expected a threshold, got NaN; take the one of eer()")
    return (d.size - int(d.at_most(threshold))) / d.size if d.size else Undefined("no de-identified comparisons")


def d_prime(first: Distances, second: Distances) -> float | Undefined:
    """Decidability |m1 - m2| / sqrt((s1² + s2²) / 2) with population variances (palm paper, eq. 3; Daugman).

    Args:
        first: distances of one kind, for example genuine.
        second: distances of another kind.

    Returns:
        At least 0, or why there is none (a side is empty, or nothing varies).

    Raises:
        ValueError: a distance is not finite.
    """
    a, b = _moments(first, "first"), _moments(second, "second")
    if not a.size or not b.size:
        return Undefined("no comparisons on one side")
    spread = math.sqrt((a.variance + b.variance) / 2)
    return abs(a.mean - b.mean) / spread if spread > 0 else Undefined("the distances do not vary")


def dir_ratio(genuine: Distances, impostor: Distances, deidentified: Distances) -> float | Undefined:
    """De-identification ratio in %, with its sign (palm paper, eq. 4, right-hand side).

    (mg - md) / (mg - mi) * sqrt(sg² + si²) / sqrt(sg² + sd²) * 100. At 100 the de-identified distances lie from the
    genuine ones as far as impostors do; below 0 they are even more alike than genuine ones; above 100 further off
    than impostors.

    Args:
        genuine: distances between originals of one identity.
        impostor: distances between originals of two identities.
        deidentified: distances between originals and de-identified images.

    Returns:
        %, or why there is none (a side is empty, genuine and impostor means agree, or nothing varies).

    Raises:
        ValueError: a distance is not finite.
    """
    g, i = _moments(genuine, "genuine"), _moments(impostor, "impostor")
    d = _moments(deidentified, "de-identified")
    for name, values in (("genuine", g), ("impostor", i), ("de-identified", d)):
        if not values.size:
            return Undefined(f"no {name} comparisons")
    reach = g.mean - i.mean
    if reach == 0:
        return Undefined("genuine and impostor distances have the same mean")
    spread = math.sqrt(g.variance + d.variance)
    if spread == 0:
        return Undefined("the distances do not vary")
    return (g.mean - d.mean) / reach * math.sqrt(g.variance + i.variance) / spread * 100.0


@dataclass(frozen=True, slots=True)
class _Moments:
    size: int
    mean: float = math.nan
    variance: float = math.nan


def _moments(values: Distances, name: str) -> _Moments:
    """Mean and population variance; exactly 0 for equal values."""
    if isinstance(values, Ordered | Sketch):
        return _Moments(values.size, *values.moments())
    scores = as_scores(values, name)
    if scores.size > _BLOCK:
        return _Moments(scores.size, *moments(scores))
    if not scores.size:
        return _Moments(0)
    varies = scores.min() != scores.max()
    return _Moments(scores.size, float(scores.mean()), float(scores.var()) if varies else 0.0)
