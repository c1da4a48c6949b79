"""One-to-one comparison: error rates over thresholds, EER, rejection rate, decidability, de-identification ratio.

Everywhere a comparison is accepted when its distance is at most the threshold, d <= t. FMR is the share of impostor
comparisons accepted, FNMR the share of genuine ones rejected (ISO/IEC 19795-1, over completed comparisons).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .values import Scores, Undefined, as_scores

DEFAULT_TARGETS = (0.1, 0.01, 0.001)
"""False match rates at which the FNMR is reported."""


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


def fmr_fnmr_curve(genuine: ArrayLike, impostor: ArrayLike) -> ErrorCurve | Undefined:
    """FMR and FNMR as exact step functions of the threshold.

    Args:
        genuine: distances between samples of one identity.
        impostor: distances between samples of two identities.

    Returns:
        The curve, or why there is none (a side is empty).

    Raises:
        ValueError: a distance is not finite.
    """
    g, i = np.sort(as_scores(genuine, "genuine")), np.sort(as_scores(impostor, "impostor"))
    if not g.size or not i.size:
        return Undefined(f"no {'impostor' if g.size else 'genuine'} comparisons")
    observed = np.unique(np.concatenate([g, i]))
    fmr = np.searchsorted(i, observed, side="right") / i.size
    fnmr = (g.size - np.searchsorted(g, observed, side="right")) / g.size
    return ErrorCurve(
        thresholds=np.concatenate([[-np.inf], observed]),
        fmr=np.concatenate([[0.0], fmr]),
        fnmr=np.concatenate([[1.0], fnmr]),
    )


def eer(genuine: ArrayLike, impostor: ArrayLike) -> EerPoint | Undefined:
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
    curve = fmr_fnmr_curve(genuine, impostor)
    if isinstance(curve, Undefined):
        return curve
    gap = np.abs(curve.fmr - curve.fnmr)
    # Equal gaps may differ by rounding: 1/3 - 0 against 1 - 2/3.
    best = np.flatnonzero(gap <= gap.min() + 1e-12)
    at = max(1, int(best[0]))
    return EerPoint(
        eer=float(np.mean((curve.fmr[best] + curve.fnmr[best]) / 2)),
        threshold=float(curve.thresholds[at]),
        upper=float(curve.thresholds[at + 1]) if at + 1 < curve.thresholds.size else None,
        fmr=float(curve.fmr[at]),
        fnmr=float(curve.fnmr[at]),
    )


def fnmr_at_fmr(
    genuine: ArrayLike, impostor: ArrayLike, targets: Sequence[float] = DEFAULT_TARGETS
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
    g, i = np.sort(as_scores(genuine, "genuine")), np.sort(as_scores(impostor, "impostor"))
    for target in targets:
        if not 0.0 < target <= 1.0:
            raise ValueError(f"expected FMR targets above 0 and at most 1, got {target!r}; 0.001 is 0.1 %")
    return [_operating_point(g, i, target) for target in targets]


def _operating_point(genuine: Scores, impostor: Scores, target: float) -> OperatingPoint:
    n = impostor.size
    allowed = math.floor(target * n + 1e-9)
    if not genuine.size:
        return OperatingPoint(target, None, None, None, n, "no genuine comparisons")
    if allowed < 1:
        return OperatingPoint(
            target, None, None, None, n, f"needs at least {math.ceil(1 / target - 1e-9)} impostor comparisons, got {n}"
        )
    observed = np.concatenate([genuine, impostor])
    # Up to but excluding the first impostor that would be one too many.
    below = observed if allowed >= n else observed[observed < impostor[allowed]]
    threshold = float(below.max()) if below.size else float(np.nextafter(impostor[0], -np.inf))
    return OperatingPoint(
        target=target,
        fnmr=float(np.mean(genuine > threshold)),
        fmr=float(np.mean(impostor <= threshold)),
        threshold=threshold,
        impostors=n,
    )


def rejection_rate(deidentified: ArrayLike, threshold: float) -> float | Undefined:
    """RR: share of de-identified comparisons that the recogniser rejects, d > threshold (palm paper, III-C).

    Args:
        deidentified: distances between originals and de-identified images.
        threshold: usually that of `eer` on originals.

    Returns:
        0..1, or why there is none (no comparison).

    Raises:
        ValueError: a distance is not finite or the threshold is NaN.
    """
    d = as_scores(deidentified, "de-identified")
    if math.isnan(threshold):
        raise ValueError("expected a threshold, got NaN; take the one of eer()")
    return float(np.mean(d > threshold)) if d.size else Undefined("no de-identified comparisons")


def d_prime(first: ArrayLike, second: ArrayLike) -> float | Undefined:
    """Decidability |m1 - m2| / sqrt((s1² + s2²) / 2) with population variances (palm paper, eq. 3; Daugman).

    Args:
        first: distances of one kind, for example genuine.
        second: distances of another kind.

    Returns:
        At least 0, or why there is none (a side is empty, or nothing varies).

    Raises:
        ValueError: a distance is not finite.
    """
    a, b = as_scores(first, "first"), as_scores(second, "second")
    if not a.size or not b.size:
        return Undefined("no comparisons on one side")
    spread = math.sqrt((_variance(a) + _variance(b)) / 2)
    return abs(float(a.mean() - b.mean())) / spread if spread > 0 else Undefined("the distances do not vary")


def dir_ratio(genuine: ArrayLike, impostor: ArrayLike, deidentified: ArrayLike) -> float | Undefined:
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
    g, i = as_scores(genuine, "genuine"), as_scores(impostor, "impostor")
    d = as_scores(deidentified, "de-identified")
    for name, values in (("genuine", g), ("impostor", i), ("de-identified", d)):
        if not values.size:
            return Undefined(f"no {name} comparisons")
    reach = float(g.mean() - i.mean())
    if reach == 0:
        return Undefined("genuine and impostor distances have the same mean")
    spread = math.sqrt(_variance(g) + _variance(d))
    if spread == 0:
        return Undefined("the distances do not vary")
    return float(g.mean() - d.mean()) / reach * math.sqrt(_variance(g) + _variance(i)) / spread * 100.0


def _variance(values: Scores) -> float:
    """Population variance; exactly 0 for equal values, where rounding of the mean would leave a trace."""
    return 0.0 if values.min() == values.max() else float(values.var())
