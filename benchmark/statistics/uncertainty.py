"""How sure a number is: resampling of identities, and intervals made of the resampled numbers.

Comparisons that share a palm are not independent, so whole identities are drawn with replacement and everything that
belongs to a drawn identity comes with it (subsets bootstrap: Bolle, Ratha, Pankanti, CVIU 93, 2004). A statistic is
computed on weighted data; a resample is nothing but a row of weights. Which interval is used for which number was
decided by simulation, see `tests/scoring/coverage_study.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..metrics.values import Undefined

Weights = NDArray[np.float64]
"""(rows, columns) how often each column counts in each row."""

LEVEL = 0.95
RESAMPLES = 1000
MIN_CLUSTERS = 5
"""With fewer identities there are hardly more than a hundred different resamples, and no interval is given."""
MAX_LEFT_OUT = 200
"""Most jackknife rows; with more clusters, groups of them are left out together."""
_LEAST_ROOM = 1e-3
MAX_UNDEFINED = 0.1
"""Largest share of resamples without a number; an interval from the others would be that of another population."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval."""

    low: float
    high: float
    level: float
    """Nominal probability of holding the true value, 0..1."""
    method: str
    """`bootstrap-t-bca`, `wilson-clustered` or `wilson`; of a difference also `sign-flips`, or both by `+`."""
    resamples: int
    """Resamples behind it; 0 when none were needed."""

    def times(self, factor: float) -> Interval:
        """The same interval in another unit, for example 100 for percent.

        Args:
            factor: above 0.
        """
        return replace(self, low=self.low * factor, high=self.high * factor)


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """A mean over images, told apart by cluster."""

    total: NDArray[np.float64]
    """(K,) sum of the numbers of each cluster's images."""
    count: NDArray[np.float64]
    """(K,) how many images these are; 0 where there is none."""

    @property
    def contribution(self) -> NDArray[np.float64]:
        """(K,) what each adds to the mean."""
        return np.asarray(self.total / self.count.sum())

    @property
    def weight(self) -> NDArray[np.float64]:
        """(K,) share of the images that are each one's."""
        return np.asarray(self.count / self.count.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Draws:
    """Rows of weights: the data as they are, the resamples, and the jackknife.

    Row 0 counts every cluster once; rows 1..resamples are multinomial draws; the last rows leave one cluster (or
    group of clusters) out, for the skewness that the interval corrects.
    """

    weights: Weights
    """(1 + resamples + left out, clusters)."""
    resamples: int
    seed: int

    @property
    def clusters(self) -> int:
        """Number of clusters."""
        return int(self.weights.shape[1])


@dataclass(frozen=True, slots=True, eq=False)
class Replicates:
    """One statistic on the data, on every resample and on every jackknife set."""

    estimate: float
    resampled: NDArray[np.float64]
    """(resamples,) NaN where the resample does not define it."""
    left_out: NDArray[np.float64]
    """(jackknife sets,) NaN where the set does not define it."""
    clusters: int
    """Clusters that have a say in it."""
    trials: int | None = None
    """Comparisons or images behind it when it is a share of these, 0..1; None for other numbers."""
    minority: int = 0
    """For shares: clusters that carry the rarer outcome."""
    people: People | None = None
    """For means over images: what each cluster has in it; None for other numbers."""


def draw_clusters(
    clusters: int, resamples: int = RESAMPLES, seed: int = 0, strata: ArrayLike | None = None
) -> Draws | Undefined:
    """Draw identities with replacement.

    Two methods that were run on the same data must share one `Draws` to be compared in pairs.

    Args:
        clusters: number of identities, numbered 0..clusters-1.
        resamples: how many draws, at least 1.
        seed: of the draws; the same arguments give the same draws.
        strata: (clusters,) labels; each label is drawn for itself, so that for example development and evaluation
            identities keep their numbers. None: one stratum.

    Returns:
        The draws, or why there are none (a stratum has fewer than `MIN_CLUSTERS` identities).

    Raises:
        ValueError: `resamples` is below 1 or `strata` has another length.
    """
    if resamples < 1:
        raise ValueError(f"expected at least 1 resample, got {resamples}")
    labels = np.zeros(clusters, np.intp) if strata is None else np.unique(np.asarray(strata), return_inverse=True)[1]
    if labels.shape != (clusters,):
        raise ValueError(f"expected one stratum per cluster ({clusters}), got shape {labels.shape}")
    sizes = np.bincount(labels) if clusters else np.zeros(1, np.intp)
    if sizes.min() < MIN_CLUSTERS:
        return Undefined(f"an interval needs at least {MIN_CLUSTERS} identities, got {int(sizes.min())}")
    rng = np.random.default_rng(seed)
    drawn = np.zeros((resamples, clusters))
    for label, size in enumerate(sizes):
        drawn[:, labels == label] = rng.multinomial(int(size), np.full(int(size), 1 / size), size=resamples)
    groups = min(clusters, MAX_LEFT_OUT)
    member = rng.permutation(clusters) % groups
    left_out = (member[None, :] != np.arange(groups)[:, None]).astype(np.float64)
    return Draws(np.vstack([np.ones((1, clusters)), drawn, left_out]), resamples, seed)


def split_rows(
    rows: NDArray[np.float64], draws: Draws, clusters: int, trials: int | None = None, minority: int = 0
) -> Replicates | Undefined:
    """The rows of a weighted statistic, told apart.

    Args:
        rows: (rows of `draws`,) the statistic; NaN where a row does not define it.
        draws: what the weights came from.
        clusters: how many clusters have data in it.
        trials: see `Replicates.trials`.
        minority: see `Replicates.minority`.

    Returns:
        Replicates, or why there are none (the data themselves do not define the statistic).

    Raises:
        ValueError: there is not one value per row.
    """
    if rows.shape != (draws.weights.shape[0],):
        raise ValueError(f"expected one value per row of weights ({draws.weights.shape[0]}), got {rows.shape}")
    if not math.isfinite(rows[0]):
        return Undefined("the data do not define the number")
    end = 1 + draws.resamples
    return Replicates(float(rows[0]), rows[1:end], rows[end:], clusters, trials, minority)


def interval(replicates: Replicates | Undefined, level: float = LEVEL) -> Interval | Undefined:
    """The interval that the simulations favour: clustered Wilson for shares, skew-corrected percentiles for the rest.

    Args:
        replicates: of one statistic.
        level: nominal coverage, above 0 and below 1.

    Returns:
        The interval, or why there is none (too few identities, too many resamples without a number, nothing varies).

    Raises:
        ValueError: the level is out of range.
    """
    _check_level(level)
    if isinstance(replicates, Undefined):
        return replicates
    if replicates.clusters < MIN_CLUSTERS:
        return Undefined(f"an interval needs at least {MIN_CLUSTERS} identities, got {replicates.clusters}")
    kept = replicates.resampled[np.isfinite(replicates.resampled)]
    if kept.size < (1 - MAX_UNDEFINED) * replicates.resampled.size:
        return Undefined(f"{replicates.resampled.size - kept.size} of {replicates.resampled.size} resamples undefined")
    if replicates.trials is not None:
        return _clustered_wilson(replicates, kept, level)
    if kept.min() == kept.max():
        return Undefined("nothing varies between the identities")
    return _corrected_percentiles(replicates, kept, level)


def wilson(share: float, trials: float, level: float = LEVEL) -> Interval | Undefined:
    """Score interval of a proportion of independent trials (Wilson, JASA 22, 1927).

    Args:
        share: observed proportion, 0..1.
        trials: how many, need not be whole.
        level: nominal coverage, above 0 and below 1.

    Returns:
        The interval, or why there is none (no trials).

    Raises:
        ValueError: the share or the level is out of range.
    """
    _check_level(level)
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"expected a share of 0..1, got {share!r}; divide percentages by 100")
    if trials <= 0:
        return Undefined("no trials")
    low, high = wilson_bounds(share, trials, _normal_quantile((1 + level) / 2))
    return Interval(low, high, level, "wilson", 0)


def percentile(replicates: Replicates, level: float = LEVEL) -> Interval:
    """Plain percentiles of the resamples (Efron); kept to show in the coverage study why it is not used.

    Args:
        replicates: of one statistic.
        level: nominal coverage.

    Returns:
        The interval.
    """
    kept = replicates.resampled[np.isfinite(replicates.resampled)]
    low, high = np.quantile(kept, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level, "percentile", kept.size)


def effective_trials(replicates: Replicates) -> float:
    """How many independent trials would leave a share as uncertain as the resamples do.

    p (1 - p) / variance of the resamples, where there is enough of both outcomes to see a variance. The design effect
    (trials / effective trials) is a mean of the observed one, weighted by the number of clusters that carry the rarer
    outcome, and of the worst one, weighted by 1: all trials of a cluster alike. At 0 or 100 % nothing is observed and
    each cluster counts as one trial; 0 of 96 images of 24 palms is 0 of 24.

    Args:
        replicates: of a share.

    Returns:
        Above 0; more than the number of trials where outcomes within a cluster balance each other.

    Raises:
        ValueError: the statistic is no share.
    """
    if replicates.trials is None:
        raise ValueError("expected replicates of a share, got those of another number; set trials")
    p, n = replicates.estimate, float(replicates.trials)
    worst = n / min(n, replicates.clusters)
    spread = float(np.nanvar(replicates.resampled)) * _small_sample(replicates.clusters)
    if p * (1 - p) == 0 or spread == 0:
        return n / worst
    seen = n * spread / (p * (1 - p))
    return n * (replicates.minority + 1) / (replicates.minority * seen + worst)


def _clustered_wilson(replicates: Replicates, kept: NDArray[np.float64], level: float) -> Interval:
    # Student's quantile, because the design effect is itself estimated from the clusters.
    z = _student_quantile((1 + level) / 2, replicates.clusters - 1)
    share = min(max(replicates.estimate, 0.0), 1.0)
    low, high = wilson_bounds(share, effective_trials(replicates), z)
    return Interval(low, high, level, "wilson-clustered", kept.size)


def _corrected_percentiles(replicates: Replicates, kept: NDArray[np.float64], level: float) -> Interval:
    """Percentiles corrected for bias and skewness (BCa: Efron, JASA 82, 1987) and widened for few clusters.

    The widening replaces the normal quantile by sqrt(K / (K - 1)) times Student's with K - 1 degrees of freedom
    (Hesterberg, The American Statistician 69, 2015).
    """
    from scipy.special import ndtr

    bias, skew = _bias(replicates, kept), _acceleration(replicates.left_out)
    z = _student_quantile((1 + level) / 2, replicates.clusters - 1) * math.sqrt(_small_sample(replicates.clusters))
    shares = []
    for side in (-z, z):
        shift = bias + side
        # Beyond this the correction would turn round; the outermost resample is all there is.
        room = max(1 - skew * shift, _LEAST_ROOM)
        shares.append(float(ndtr(bias + shift / room)))
    low, high = np.quantile(kept, shares)
    return Interval(float(low), float(high), level, "bootstrap-t-bca", kept.size)


def bootstrap_p(replicates: Replicates, value: float = 0.0) -> float:
    """Two-sided p-value of a value: the smallest alpha at which `interval` of 1 - alpha leaves it out.

    Args:
        replicates: of a number that is no share, usually a difference.
        value: held against it.

    Returns:
        0..1; 1 where the value is the estimate. Beyond the outermost resample, which no `interval` passes, that of
        Student's t for the distance in standard deviations of the resamples, but no more than one resample of each side
        is worth, and never below 2^(1 - clusters).
    """
    if replicates.estimate == value:
        return 1.0
    kept = replicates.resampled[np.isfinite(replicates.resampled)]
    least = 2.0 ** (1 - replicates.clusters)
    if kept.size < (1 - MAX_UNDEFINED) * replicates.resampled.size:
        return 1.0
    if kept.min() == kept.max():
        return least
    if kept.min() <= value <= kept.max():
        return max(_alpha_at(replicates, kept, value), least)
    from scipy.special import stdtr

    spread = float(kept.std()) * math.sqrt(_small_sample(replicates.clusters))
    tail = 2 * float(stdtr(replicates.clusters - 1, -abs(replicates.estimate - value) / spread))
    return max(min(tail, 2 / (kept.size + 1)), least)


def _alpha_at(replicates: Replicates, kept: NDArray[np.float64], value: float) -> float:
    """The alpha at which an end of the interval comes to lie on a value within the resamples."""
    from scipy.special import ndtri, stdtr

    ordered = np.sort(kept)
    places = np.linspace(0.0, 1.0, ordered.size)
    # Equal resamples: the place that is nearer to the estimate, as 0 must lie within where it may.
    at = int(np.searchsorted(ordered, value, side="left" if value > replicates.estimate else "right"))
    low, high = max(at - 1, 0), min(at, ordered.size - 1)
    gap = ordered[high] - ordered[low]
    share = places[low] + (places[high] - places[low]) * ((value - ordered[low]) / gap if gap > 0 else 0.0)
    share = min(max(float(share), 1e-12), 1 - 1e-12)
    bias, skew = _bias(replicates, kept), _acceleration(replicates.left_out)
    moved = float(ndtri(share)) - bias  # shift / room, as in the interval
    shift = moved / max(1 + skew * moved, _LEAST_ROOM)
    z = abs(shift - bias) / math.sqrt(_small_sample(replicates.clusters))
    wrong_side = (shift - bias > 0) != (value > replicates.estimate)
    return 1.0 if wrong_side else min(1.0, 2 * float(stdtr(replicates.clusters - 1, -z)))


def _bias(replicates: Replicates, kept: NDArray[np.float64]) -> float:
    from scipy.special import ndtri

    below = (np.count_nonzero(kept < replicates.estimate) + 0.5 * np.count_nonzero(kept == replicates.estimate)) + 0.5
    return float(ndtri(below / (kept.size + 1)))


def _acceleration(left_out: NDArray[np.float64]) -> float:
    kept = left_out[np.isfinite(left_out)]
    if kept.size < 2:
        return 0.0
    pull = kept.mean() - kept
    scale = float((pull**2).sum())
    return float((pull**3).sum()) / (6 * scale**1.5) if scale > 0 else 0.0


def _small_sample(clusters: int) -> float:
    """Resampling K clusters understates variances by (K - 1) / K."""
    return clusters / (clusters - 1)


def wilson_bounds(share: float, trials: float, z: float) -> tuple[float, float]:
    """Both ends of the score interval of a share of `trials` trials at the normal quantile z."""
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z / (1 + z * z / trials) * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    low = 0.0 if share == 0 else max(0.0, centre - half)
    return low, 1.0 if share == 1 else min(1.0, centre + half)


def _normal_quantile(probability: float) -> float:
    from scipy.special import ndtri

    return float(ndtri(probability))


def _student_quantile(probability: float, degrees: int) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))


def _check_level(level: float) -> None:
    if not 0.0 < level < 1.0:
        raise ValueError(f"expected a level above 0 and below 1, got {level!r}; 0.95 is 95 %")
