"""The largest of several shares, and how sure that is although the largest was looked for."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..metrics.values import Undefined
from .uncertainty import LEVEL, MIN_CLUSTERS, Interval, Replicates, effective_trials, wilson_bounds


@dataclass(frozen=True, slots=True)
class Largest:
    """The largest of several shares."""

    index: int
    """Which one; the first of several that are equal."""
    share: float
    """0..1."""
    within: Interval | Undefined
    """Holds the largest true share, whichever that is."""


def largest_share(shares: Sequence[Replicates], level: float = LEVEL) -> Largest | Undefined:
    """The largest share with a simultaneous interval (max-T: Westfall & Young, 1993).

    The largest of many noisy numbers is too large. Each share's resamples are brought to a common scale, and the
    quantile of their largest deviation takes the place of Student's in each share's own Wilson interval, so that all
    of them hold at once; the ends are the largest of the lower and of the upper ends.

    Args:
        shares: replicates on the same draws, each of a share 0..1.
        level: nominal probability that all intervals hold.

    Returns:
        The largest, or why there is none (no share).

    Raises:
        ValueError: one is no share.
    """
    if not shares:
        return Undefined("no attack to compare")
    estimates = np.array([each.estimate for each in shares])
    index = int(np.argmax(estimates))
    clusters = min(each.clusters for each in shares)
    if clusters < MIN_CLUSTERS:
        why = Undefined(f"an interval needs at least {MIN_CLUSTERS} identities, got {clusters}")
        return Largest(index, float(estimates[index]), why)
    z = _critical(shares, level)
    bounds = [wilson_bounds(min(max(each.estimate, 0.0), 1.0), effective_trials(each), z) for each in shares]
    low, high = max(each[0] for each in bounds), max(each[1] for each in bounds)
    found = Interval(low, high, level, "max-t-wilson", int(shares[0].resampled.size))
    return Largest(index, float(estimates[index]), found)


def _critical(shares: Sequence[Replicates], level: float) -> float:
    """Quantile of the largest deviation over all shares, at least Student's for one of them."""
    from scipy.special import stdtrit

    clusters = min(each.clusters for each in shares)
    single = float(stdtrit(clusters - 1, (1 + level) / 2))
    deviations = []
    for each in shares:
        spread = float(np.nanstd(each.resampled))
        if spread > 0:
            deviations.append(np.abs(each.resampled - each.estimate) / spread)
    if not deviations:
        return single
    largest = np.nanmax(np.stack(deviations), axis=0)
    # Student's quantile for as many identities, in place of the normal one that the resamples follow.
    normal = float(np.quantile(largest[np.isfinite(largest)], level))
    tail = math.erfc(normal / math.sqrt(2)) / 2
    return max(single, float(stdtrit(clusters - 1, 1 - tail)) if tail > 0 else normal)
