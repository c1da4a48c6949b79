"""Numbers of a record on all resamples at once, ready for intervals and for comparisons of methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..metrics.values import Undefined
from ..storage import spilled
from .bootstrap_scores import (
    Clustered,
    Rows,
    cut_pairs,
    d_prime_rows,
    dir_rows,
    eer_rows,
    fnmr_rows,
    mean_rows,
    rejection_rows,
)
from .pairing import Columns, Pairs
from .uncertainty import LEVEL, Draws, Interval, People, Replicates, Weights, interval, split_rows

MIN_CARRYING = 3
"""Clusters with errors from which on the spread of the resamples says how sure an EER or FNMR is."""


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """What is drawn for the numbers of de-identified images: identities, or repetitions within them as well."""

    weights: Weights
    """(rows, columns)."""
    cluster: Columns
    """(columns,) identity of each column."""

    @staticmethod
    def of(draws: Draws) -> Levels:
        """One level: columns are identities."""
        return Levels(draws.weights, np.arange(draws.weights.shape[1]))


def mean_replicates(scores: Clustered, draws: Draws, levels: Levels | None = None) -> Replicates | Undefined:
    """A mean over images, such as SSIM, PSNR or a drift.

    Args:
        scores: one number per image; images without one are left out, as from the mean itself.
        draws: of the clusters.
        levels: what the columns of `scores` are. None: clusters.

    Returns:
        Replicates, or why there are none (no image).
    """
    levels = levels or Levels.of(draws)
    cluster = levels.cluster[scores.column]
    found = split_rows(mean_rows(scores, levels.weights), draws, np.unique(cluster).size)
    return found if isinstance(found, Undefined) else replace(found, people=_people(scores.values, cluster, draws))


def _people(values: Rows, cluster: Columns, draws: Draws) -> People:
    """Sums and numbers of images by cluster."""
    total = np.bincount(cluster, values, draws.clusters).astype(np.float64)
    return People(total, np.bincount(cluster, minlength=draws.clusters).astype(np.float64))


def share_replicates(outcomes: Clustered, draws: Draws, levels: Levels | None = None) -> Replicates | Undefined:
    """A share of images, such as rank-1 or survival.

    Args:
        outcomes: 1 or 0 per image, or the chance of 1 where ties leave it open. The gallery of an identification
            stays as it is: only probes are drawn, so the interval is that of other probes before this gallery.
        draws: of the clusters.
        levels: what the columns of `outcomes` are. None: clusters.

    Returns:
        Replicates, 0..1, or why there are none (no image).
    """
    levels = levels or Levels.of(draws)
    return share(mean_rows(outcomes, levels.weights), draws, outcomes, levels.cluster)


def effective_eer_interval(
    parts: Sequence[Pairs], images: Sequence[Columns], draws: Draws, level: float = LEVEL
) -> Interval | Undefined:
    """Interval of `singling_out.effective_eer`, or of its mean over several parts of the people.

    Folded resamples never lie above 50 % and would deny a true value of 50 %; so the interval of the EER itself is
    folded instead.

    Args:
        parts: of each part, de-identified images against originals (sorted pairs: mated ones as genuine, first the
            cluster of the image, second that of the original). What a part was compared with counts as given.
        images: of each part, the cluster of every image: a part weighs as much as the images that are drawn of it.
            Not read where there is one part.
        draws: of the clusters.
        level: nominal coverage.

    Returns:
        Within 0..0.5, or why there is none.
    """
    rows = [eer_rows(each, draws.weights).eer for each in parts]
    if len(rows) > 1:  # each as it is folded on the data, since the mean is one of folded rates
        rows = [each if each[0] <= 0.5 else 1 - each for each in rows]
    found = interval(_error_rate(mean_of_parts(rows, images, draws), draws, *parts), level)
    if isinstance(found, Undefined):
        return found
    low, high = sorted((min(found.low, 1 - found.low), min(found.high, 1 - found.high)))
    return replace(found, low=low, high=0.5 if found.low <= 0.5 <= found.high else high)


def mean_of_parts(rows: Sequence[Rows], images: Sequence[Columns], draws: Draws) -> Rows:
    """Mean over parts of the people on each row, weighted by the images that are drawn of each part.

    Args:
        rows: a number of each part by row of the draws, NaN where nobody of the part is drawn.
        images: of each part, the cluster of every image.
        draws: of the clusters.
    """
    if len(rows) == 1:
        return rows[0]
    values = np.stack(rows)
    weights = np.stack([draws.weights[:, each].sum(axis=1) for each in images]).astype(np.float64)
    weights[~np.isfinite(values)] = 0.0
    total = weights.sum(axis=0)
    means = (np.where(weights > 0, values, 0.0) * weights).sum(axis=0) / np.where(total > 0, total, 1.0)
    return np.where(total > 0, means, np.nan)


def share(rows: Rows, draws: Draws, hits: Clustered, clusters: Columns | None = None) -> Replicates | Undefined:
    """Replicates of a share, with what its interval needs to know.

    Args:
        rows: the share by row, 0..1.
        draws: what the weights came from.
        hits: the single outcomes on the data, 0..1 (the lost count as 1).
        clusters: (columns,) cluster of each column, where columns are not clusters.

    Returns:
        Replicates, or why there are none.
    """
    values = np.concatenate([hits.values, np.ones(hits.lost.size)])
    column = np.concatenate([hits.column, hits.lost])
    cluster = column if clusters is None else clusters[column]
    size, hit = np.bincount(cluster), np.bincount(cluster, weights=values)
    carrying = min(np.count_nonzero(hit > 0), np.count_nonzero(hit < size))
    found = split_rows(rows, draws, int(np.count_nonzero(size)), values.size, int(carrying))
    return found if isinstance(found, Undefined) else replace(found, people=_people(values, cluster, draws))


def recognition_replicates(
    originals: Pairs,
    scores: Mapping[str, Clustered],
    draws: Draws,
    targets: Mapping[str, float] | None = None,
    threshold_from: Pairs | None = None,
    levels: Levels | None = None,
    laxest: bool = False,
) -> dict[str, Replicates | Undefined]:
    """All recognition numbers of one recogniser, resampled together.

    Args:
        originals: comparisons of the evaluated originals.
        scores: distances of de-identified images to originals by suffix: "" for own (`rr`, `dir`), "_cross" for other
            captures (`rr_cross`, `dir_cross`).
        draws: of the clusters, shared by all methods that are to be compared.
        targets: FMR limits by name of the metric, for example {"fnmr_at_fmr_1": 0.01}.
        threshold_from: comparisons that set the threshold, where not the evaluated ones; then draw with strata.
        levels: what the columns of `scores` are. None: clusters.
        laxest: take the highest threshold of equal error, not the lowest.

    Returns:
        By name of the metric; rates 0..1, DIR in %.
    """
    weights = draws.weights
    cuts = cut_pairs(originals, weights)
    point = eer_rows(originals, weights, cuts)
    found: dict[str, Replicates | Undefined] = {"eer": _error_rate(point.eer, draws, originals)}
    setting = originals if threshold_from is None else threshold_from
    where = point if threshold_from is None else eer_rows(threshold_from, weights)
    threshold = where.laxest if laxest else where.threshold
    found["eer_threshold"] = split_rows(threshold, draws, setting.occupied)
    found["d_prime"] = split_rows(d_prime_rows(originals, weights), draws, originals.occupied)
    for name, rate in zip(targets or {}, fnmr_rows(originals, weights, [*(targets or {}).values()], cuts), strict=True):
        found[name] = _error_rate(rate, draws, originals)
    levels = levels or Levels.of(draws)
    for suffix, each in scores.items():
        rejected = Clustered((each.values > threshold[0]).astype(np.float64), each.column, each.lost)
        rates = rejection_rows(each, threshold, levels.weights)
        found[f"rr{suffix}"] = share(rates, draws, rejected, levels.cluster)
        ratio = dir_rows(originals, each, weights, levels.weights)
        found[f"dir{suffix}"] = split_rows(ratio, draws, np.unique(levels.cluster[each.column]).size)
    return found


def _error_rate(rows: Rows, draws: Draws, *parts: Pairs) -> Replicates | Undefined:
    """An error rate of originals; as a share of the genuine comparisons where hardly any error was seen.

    The EER varies less than a share of as many trials, because its threshold gives way; but where no resample shows
    an error, only the interval of a share has a width.
    """
    column = np.concatenate([each.genuine_first for each in parts])
    if not column.size or not np.isfinite(rows[0]):
        return split_rows(rows, draws, 0)
    errors = np.zeros(column.size)
    errors[column.size - round(float(rows[0]) * column.size) :] = 1.0  # the genuine comparisons of largest distance
    found = share(rows, draws, Clustered(errors, column))
    if isinstance(found, Replicates):  # no mean: its threshold goes with the resample
        found = replace(found, people=None)
    seen = isinstance(found, Replicates) and found.minority >= MIN_CARRYING
    return split_rows(rows, draws, sum(each.occupied for each in parts)) if seen else found


def draw_repetitions(draws: Draws, clusters: ArrayLike, samples: ArrayLike, seed: int = 0) -> Weights:
    """Second level of the draws: repetitions within each sample.

    Row 0 and the jackknife rows count each unit as often as its cluster. In a resample, a sample whose cluster counts
    m times and that has r repetitions gets m r draws among them.

    Drawing identities alone already carries the spread of repetitions along, and in the coverage study held the truth
    in 95 % of the cases. With both levels it is 95 % where identities differ more than repetitions, and up to 98 to
    99 % where only repetitions differ: wider, and safe.

    Args:
        draws: of the clusters.
        clusters: (units,) cluster of each unit, a unit being one repetition of one sample.
        samples: (units,) sample of each unit.
        seed: of the draws.

    Returns:
        (rows, units) weights, to be used with `Clustered.column` naming units; whole numbers of 16 bits where there
        are too many to be held in double precision.
    """
    cluster = np.asarray(clusters, dtype=np.intp)
    many = draws.weights.shape[0] * cluster.size > spilled.HELD
    weights: NDArray[Any] = draws.weights.astype(np.uint16 if many else np.float64)[:, cluster]
    rng = np.random.default_rng([seed, draws.seed])
    drawn = slice(1, 1 + draws.resamples)
    number = np.unique(np.asarray(samples), return_inverse=True)[1]
    order = np.argsort(number, kind="stable")
    for units in np.split(order, np.flatnonzero(np.diff(number[order])) + 1):
        if units.size > 1:
            counts = draws.weights[drawn, cluster[units[0]]].astype(np.int64) * units.size
            weights[drawn][:, units] = rng.multinomial(counts, np.full(units.size, 1 / units.size))
    return weights
