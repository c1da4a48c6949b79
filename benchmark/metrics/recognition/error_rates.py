"""One-to-one comparison: error rates over thresholds, EER, FNMR at a limited FMR.

Everywhere a comparison is accepted when its distance is at most the threshold, d <= t. FMR is the share of impostor
comparisons accepted, FNMR the share of genuine ones rejected (ISO/IEC 19795-1, over completed comparisons).

Wherever distances are taken, they may come as an array, or as `population.Ordered`: sorted once for all functions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..citations import ISO, PALM_PAPER
from ..metric import Metric
from ..values import Scores, Undefined
from .population import Distances, Floats, Ordered, Population, as_population

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
    end: float | None = None
    """Where the thresholds of equal error end: each in [threshold, end) has this EER. None: nothing larger was
    observed. Where genuine and impostor distances do not meet, that is the whole gap between them."""

    @property
    def laxest(self) -> float:
        """The largest threshold of equal error at which the decisions on float32 distances are those just below `end`;
        the observed one where nothing larger was observed."""
        return self.threshold if self.end is None else float(np.nextafter(np.float32(self.end), np.float32(-np.inf)))


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
    if points is None:
        return np.concatenate([[-np.inf], *_observed(g, i)])
    held = [*_observed(g, i)] if isinstance(i, Ordered) else None
    count = 1 + sum(each.size for each in held or _observed(g, i))
    wanted = np.unique(np.linspace(0, count - 1, min(points, count)).round().astype(np.intp))
    kept = [np.array([-np.inf])]
    seen = 0
    for observed in held or _observed(g, i):
        here = wanted[(wanted > seen) & (wanted <= seen + observed.size)] - seen - 1
        kept.append(observed[here].astype(np.float64))
        seen += observed.size
    return np.concatenate(kept)


def _observed(g: Population, i: Population) -> Iterator[Floats]:
    """The distinct distances of both, rising, in parts."""
    few = np.concatenate([np.asarray(part) for part in g.rising()])
    taken, last = 0, -math.inf
    for part in i.rising():
        stop = int(np.searchsorted(few, part[-1], "right")) if part.size else taken
        found = np.unique(np.concatenate([few[taken:stop], part]))
        found = found[found > last]
        taken, last = stop, float(found[-1]) if found.size else last
        yield found
    rest = np.unique(few[taken:])
    yield rest[rest > last]


def _share(population: Population, thresholds: Scores) -> Scores:
    return np.asarray(population.at_most(thresholds) / population.size)


def eer(genuine: Distances, impostor: Distances) -> EerPoint | Undefined:
    """Equal error rate on the empirical step functions, without a grid.

    FMR - FNMR grows with every distinct observed distance t. The threshold is the t of least |FMR - FNMR| and the
    EER the mean of both rates there. Two neighbouring t can share the least gap with opposite signs: then the
    stricter one is the threshold and the EER is the mean over both, which is where straight lines between the two
    points would cross. Accepting nothing is weighed too but never chosen: it ties only when all distances are equal.
    A threshold is fixed by the data only up to the next observed distance, see `EerPoint.upper` and `EerPoint.end`.

    Args:
        genuine: distances between samples of one identity.
        impostor: distances between samples of two identities.

    Returns:
        The point, or why there is none (a side is empty).

    Raises:
        ValueError: a distance is not finite.

    >>> point = eer(genuine=[0.1, 0.2, 0.3, 0.6], impostor=[0.4, 0.7, 0.8, 0.9])
    >>> point.eer, point.threshold
    (0.25, 0.4)
    """
    g, i = as_population(genuine, "genuine"), as_population(impostor, "impostor")
    if not g.size or not i.size:
        return Undefined(f"no {'impostor' if g.size else 'genuine'} comparisons")

    def both_met(t: float) -> bool:
        return bool(int(i.at_most(t)) / i.size >= (g.size - int(g.at_most(t))) / g.size)

    crossed = min(g.first(both_met), i.first(both_met))
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
        end=_smallest_above(float(thresholds[best[-1]]), g, i),
    )


def _largest_below(t: float, *populations: Population) -> float | None:
    """The largest observed distance below t."""
    return max((found for each in populations if (found := each.largest_below(t)) is not None), default=None)


def _smallest_above(t: float, *populations: Population) -> float | None:
    """The smallest observed distance above t."""
    return min((found for each in populations if (found := each.smallest_above(t)) is not None), default=None)


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

    >>> (point,) = fnmr_at_fmr([0.1, 0.2, 0.3, 0.6], [0.4, 0.7, 0.8, 0.9], targets=[0.25])
    >>> point.fnmr, point.threshold
    (0.0, 0.6)
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


def rejection_rate(deidentified: Distances, threshold: float, unprocessed: int = 0) -> float | Undefined:
    """RR: share of de-identified comparisons that the recogniser rejects, d > threshold (palm paper, III-C).

    Args:
        deidentified: distances between originals and de-identified images.
        threshold: usually that of `eer` on originals.
        unprocessed: comparisons with images that the recogniser could not process, which count as rejected.

    Returns:
        0..1, or why there is none (no comparison).

    Raises:
        ValueError: a distance is not finite or the threshold is NaN.

    >>> rejection_rate([0.1, 0.3, 0.4, 0.5], 0.3)
    0.5
    """
    d = as_population(deidentified, "de-identified")
    if math.isnan(threshold):
        raise ValueError("expected a threshold, got NaN; take the one of eer()")
    total = d.size + unprocessed
    return (total - int(d.at_most(threshold))) / total if total else Undefined("no de-identified comparisons")


EER = Metric(
    name="eer",
    title="EER",
    group="recognition",
    unit="%",
    better="lower",
    low=0.0,
    high=100.0,
    definition=(
        "Equal error rate of the recogniser on originals: where the share of impostor comparisons accepted and that of "
        "genuine ones rejected are closest, their mean. Above 50 % the recogniser is worse than chance."
    ),
    formula="(FMR(t) + FNMR(t)) / 2 at the observed t of least |FMR(t) - FNMR(t)|",
    citation=ISO,
    function=eer,
    source="distances",
    scale=100.0,
    order=10,
    blocks=frozenset({"originals"}),
    resampling="identities",
    protocol=("originals",),
    caveat=(
        "It says how good the recogniser is, nothing about a method. A weak recogniser rejects and mixes up by itself: "
        "privacy measured with one is overrated."
    ),
)
EER_THRESHOLD = Metric(
    name="eer_threshold",
    title="Threshold at EER",
    group="recognition",
    unit="",
    better="lower",
    low=None,
    high=None,
    definition="Distance up to which the recogniser accepts, set where its error rates on originals meet.",
    formula="observed t of least |FMR(t) - FNMR(t)|; accept d <= t",
    citation=f"{PALM_PAPER}, section III-C",
    function=eer,
    source="distances",
    decimals=4,
    order=20,
    resampling="identities",
    protocol=("operating",),
    caveat="The data fix it only up to the next observed distance. Thresholds of two recognisers do not compare.",
)


def _at_fmr(suffix: str, limit: str, order: int) -> Metric:
    return Metric(
        name=f"fnmr_at_fmr_{suffix}",
        title=f"FNMR @ FMR {limit} %",
        group="recognition",
        unit="%",
        better="lower",
        low=0.0,
        high=100.0,
        definition=(
            f"Lowest share of genuine comparisons of originals rejected while at most {limit} % of the impostor "
            "comparisons are accepted; not given when there are too few impostor comparisons to measure that rate."
        ),
        formula=f"min over t with FMR(t) <= {limit} % of FNMR(t)",
        citation=ISO,
        function=fnmr_at_fmr,
        source="distances",
        scale=100.0,
        order=order,
        blocks=frozenset() if suffix == "10" else frozenset({"originals"}),
        resampling="identities",
        protocol=("originals",),
        caveat=(
            "Some packages take the threshold whose FMR is nearest to the limit, which may exceed it; their FNMR is "
            "then lower."
        ),
    )


FNMR = (_at_fmr("10", "10", 40), _at_fmr("1", "1", 50), _at_fmr("0_1", "0.1", 60))
