"""How far apart two kinds of distances lie, by their means and variances."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..citations import PALM_PAPER
from ..metric import Metric
from ..values import Undefined, as_scores
from .population import Distances, Ordered, Rest, moments

_BLOCK = 2**20


def d_prime(first: Distances, second: Distances) -> float | Undefined:
    """Decidability |m1 - m2| / sqrt((s1² + s2²) / 2) with population variances (palm paper, eq. 3; Daugman).

    Args:
        first: distances of one kind, for example genuine.
        second: distances of another kind.

    Returns:
        At least 0, or why there is none (a side is empty, or nothing varies).

    Raises:
        ValueError: a distance is not finite.

    >>> d_prime([0.0, 2.0], [3.0, 5.0])
    3.0
    """
    a, b = sample_moments(first, "first"), sample_moments(second, "second")
    if not a.size or not b.size:
        return Undefined("no comparisons on one side")
    spread = math.sqrt((a.variance + b.variance) / 2)
    return abs(a.mean - b.mean) / spread if spread > 0 else Undefined("the distances do not vary")


@dataclass(frozen=True, slots=True)
class SampleMoments:
    size: int
    mean: float = math.nan
    variance: float = math.nan


def sample_moments(values: Distances, name: str) -> SampleMoments:
    """Mean and population variance; exactly 0 for equal values."""
    if isinstance(values, Ordered | Rest):
        return SampleMoments(values.size, *values.moments())
    scores = as_scores(values, name)
    if scores.size > _BLOCK:
        return SampleMoments(scores.size, *moments(scores))
    if not scores.size:
        return SampleMoments(0)
    varies = scores.min() != scores.max()
    return SampleMoments(scores.size, float(scores.mean()), float(scores.var()) if varies else 0.0)


D_PRIME = Metric(
    name="d_prime",
    title="d'",
    group="recognition",
    unit="",
    better="higher",
    low=0.0,
    high=None,
    definition="Decidability of genuine and impostor distances of originals, with population variances.",
    formula="|mu_g - mu_i| / sqrt((s_g^2 + s_i^2) / 2)",
    citation=f"{PALM_PAPER}, eq. 3; Daugman, Pattern Recognition 36 (2003)",
    function=d_prime,
    source="distances",
    decimals=2,
    order=30,
    blocks=frozenset({"originals"}),
    resampling="identities",
    protocol=("originals",),
    caveat="It sees means and variances only; skewed distributions of one d' may have different error rates.",
)
