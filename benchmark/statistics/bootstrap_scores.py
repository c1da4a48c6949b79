"""Recognition scores on weighted comparisons: each function gives one value per row of weights.

With all weights 1 (row 0 of `Draws`) the values are those of `metrics` on the same comparisons. Of a resample
that holds identity k m_k times, a comparison of two samples of k counts m_k times and one of samples of k and l
m_k m_l times; copies of one identity are never each other's impostors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..metrics.recognition.error_rates import DEFAULT_TARGETS
from ..metrics.values import Scores, as_scores
from ..storage import spilled
from ._crossing import Cuts, cut, first_reaching, last_counted, next_counted, quadratic
from .pairing import Columns, Pairs
from .uncertainty import Weights

Rows = NDArray[np.float64]
"""(rows,) one value per row of weights; NaN where the row does not define it."""

_TIE = 1e-12
_BLOCK = 2**22
_NO_COLUMNS = np.empty(0, np.intp)


@dataclass(frozen=True, slots=True, eq=False)
class Clustered:
    """Numbers of single images or comparisons, each belonging to one column of weights."""

    values: Scores
    """(n,)."""
    column: Columns
    """(n,) cluster, or unit of `draw_repetitions`."""
    lost: Columns = field(default_factory=lambda: _NO_COLUMNS)
    """Columns of the comparisons that could not be made and count as rejected; one entry each."""

    def __post_init__(self) -> None:
        """Check shapes and values."""
        if self.values.shape != self.column.shape or self.values.ndim != 1:
            raise ValueError(f"expected one column per value, got {self.values.shape} and {self.column.shape}")
        as_scores(self.values, "clustered")


@dataclass(frozen=True, slots=True, eq=False)
class EerRows:
    """Equal error rate and its threshold by row."""

    eer: Rows
    threshold: Rows
    """The lowest of equal error."""
    laxest: Rows
    """The highest, see `EerPoint.laxest`."""


def cut_pairs(pairs: Pairs, weights: Weights) -> Cuts:
    """The work that `eer_rows` and `fnmr_rows` have in common.

    Args:
        pairs: comparisons of originals.
        weights: (rows, clusters) whole numbers.

    Returns:
        What both take as `cuts`.

    Raises:
        ValueError: the weights have another number of columns.
    """
    return cut(pairs.table, _with_ones(pairs, weights))


def eer_rows(pairs: Pairs, weights: Weights, cuts: Cuts | None = None) -> EerRows:
    """`error_rates.eer` of every row.

    Args:
        pairs: comparisons of originals.
        weights: (rows, clusters) whole numbers.
        cuts: of `cut_pairs` on the same two, to save time where several numbers are asked for.

    Returns:
        EER (0..1) and threshold; NaN where a row holds no genuine or no impostor comparison.

    Raises:
        ValueError: the weights have another number of columns.
    """
    rows, table = _with_ones(pairs, weights), pairs.table
    cuts = cut(table, rows) if cuts is None else cuts
    n_i, n_g = cuts.sums[-1]
    valid = (n_i > 0) & (n_g > 0)
    # FMR >= FNMR, cleared of fractions: whole numbers compare exactly. A row without a side is never reached.
    level = np.where(valid, n_i * n_g, np.inf)
    at = first_reaching(table, rows, (n_g, n_i, level), cuts)
    with np.errstate(invalid="ignore", divide="ignore"):
        strict = np.stack([at.impostor_before / n_i, (n_g - at.genuine_before) / n_g])
        lax = np.stack([at.impostor_after / n_i, (n_g - at.genuine_after) / n_g])
    gap_strict, gap_lax = np.abs(strict[0] - strict[1]), np.abs(lax[0] - lax[1])
    both = np.abs(gap_strict - gap_lax) <= _TIE
    take_strict = both | (gap_strict < gap_lax)
    rate = np.where(both, (strict.mean(axis=0) + lax.mean(axis=0)) / 2, np.where(take_strict, *_means(strict, lax)))
    threshold, laxest = np.full(rate.shape, np.nan), np.full(rate.shape, np.nan)
    for row in np.flatnonzero(valid):
        crossed = int(at.start[row])
        earlier = last_counted(table, rows[row], crossed) if take_strict[row] else None
        threshold[row] = table.distance(crossed if earlier is None else earlier)
        # Only the stricter one of the two has the EER: the crossing itself ends it.
        ends = crossed if earlier is not None and not both[row] else next_counted(table, rows[row], crossed)
        laxest[row] = threshold[row] if ends is None else _just_below(table.distance(ends))
    return EerRows(np.where(valid, rate, np.nan), threshold, laxest)


def fnmr_rows(
    pairs: Pairs, weights: Weights, targets: Sequence[float] = DEFAULT_TARGETS, cuts: Cuts | None = None
) -> list[Rows]:
    """`error_rates.fnmr_at_fmr` of every row.

    Args:
        pairs: comparisons of originals.
        weights: (rows, clusters) whole numbers.
        targets: limits of the FMR, each above 0 and at most 1.
        cuts: of `cut_pairs` on the same two, to save time where several numbers are asked for.

    Returns:
        One array (rows,) per target, 0..1; NaN where the row cannot resolve the limit.

    Raises:
        ValueError: the weights have another number of columns.
    """
    rows, table = _with_ones(pairs, weights), pairs.table
    cuts = cut(table, rows) if cuts is None else cuts
    n_i, n_g = cuts.sums[-1]
    found = []
    for target in targets:
        allowed = np.floor(target * n_i + 1e-9)
        at = first_reaching(table, rows, (np.ones_like(n_i), np.zeros_like(n_i), allowed + 1), cuts)
        with np.errstate(invalid="ignore", divide="ignore"):
            rate = np.where(allowed >= n_i, 0.0, (n_g - at.genuine_before) / n_g)
        found.append(np.where((n_g > 0) & (allowed >= 1), rate, np.nan))
    return found


def fmr_threshold_rows(pairs: Pairs, weights: Weights, target: float, cuts: Cuts | None = None) -> Rows:
    """Threshold behind `fnmr_rows`: the laxest observed distance at which the FMR keeps to a limit, by row.

    Args:
        pairs: comparisons of originals.
        weights: (rows, clusters) whole numbers.
        target: limit of the FMR, above 0 and at most 1.
        cuts: of `cut_pairs` on the first two, to save time where several limits are asked for.

    Returns:
        (rows,) distances; NaN where the row cannot resolve the limit.

    Raises:
        ValueError: the weights have another number of columns.
    """
    rows, table = _with_ones(pairs, weights), pairs.table
    cuts = cut(table, rows) if cuts is None else cuts
    n_i = cuts.sums[-1][0]
    allowed = np.floor(target * n_i + 1e-9)
    at = first_reaching(table, rows, (np.ones_like(n_i), np.zeros_like(n_i), allowed + 1), cuts)
    threshold = np.full(n_i.shape, np.nan)
    for row in np.flatnonzero(allowed >= 1):
        place = last_counted(table, rows[row], int(at.start[row]))
        # Where nothing lies below the first impostors, which tie: accept up to just before them.
        following = min(int(at.start[row]), table.distances.size - 1)
        next_one = table.distances[following : following + 1][0]
        threshold[row] = np.nextafter(next_one, -np.inf) if place is None else table.distance(place)
    return threshold


def rejection_rows(scores: Clustered, thresholds: Rows, weights: Weights) -> Rows:
    """`error_rates.rejection_rate` of every row at the row's own threshold; lost comparisons are rejected.

    Args:
        scores: distances of de-identified images to originals.
        thresholds: (rows,), usually of `eer_rows` with the same draws.
        weights: (rows, columns).

    Returns:
        (rows,) 0..1; NaN where a row holds no comparison or has no threshold.
    """
    order = np.argsort(scores.values, kind="stable")
    values, column = scores.values[order], scores.column[order]
    accepted = np.searchsorted(values, thresholds, side="right")
    lost = _sums(weights, np.bincount(scores.lost, minlength=weights.shape[1]))
    found = np.full(len(thresholds), np.nan)
    for row in np.flatnonzero(np.isfinite(thresholds)):
        counted = weights[row][column]
        total = counted.sum() + lost[row]
        if total > 0:
            found[row] = (counted[accepted[row] :].sum() + lost[row]) / total
    return found


def mean_rows(scores: Clustered, weights: Weights) -> Rows:
    """Weighted mean of every row; the lost are left out.

    Args:
        scores: numbers, for example SSIM by image or hits of rank 1.
        weights: (rows, columns).

    Returns:
        (rows,) NaN where a row holds nothing.
    """
    return _clustered_moments(scores, weights)[0]


def d_prime_rows(pairs: Pairs, weights: Weights) -> Rows:
    """`decidability.d_prime` of genuine and impostor distances of every row.

    Args:
        pairs: comparisons of originals.
        weights: (rows, clusters).

    Returns:
        (rows,) at least 0; NaN where a side is missing or nothing varies.
    """
    (mean_g, var_g), (mean_i, var_i) = _pair_moments(pairs, weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        return _finite(np.abs(mean_g - mean_i) / np.sqrt((var_g + var_i) / 2))


def dir_rows(pairs: Pairs, scores: Clustered, weights: Weights, score_weights: Weights | None = None) -> Rows:
    """`deidentification_ratio.dir_ratio` of every row.

    Args:
        pairs: comparisons of originals.
        scores: distances of de-identified images to originals.
        weights: (rows, clusters).
        score_weights: (rows, columns) of the scores, where these differ (`draw_repetitions`).

    Returns:
        (rows,) %; NaN where a side is missing or nothing varies.
    """
    (mean_g, var_g), (mean_i, var_i) = _pair_moments(pairs, weights)
    mean_d, var_d = _clustered_moments(scores, weights if score_weights is None else score_weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = (mean_g - mean_d) / (mean_g - mean_i) * np.sqrt(var_g + var_i) / np.sqrt(var_g + var_d)
    return _finite(ratio * 100.0)


def _sums(weights: Weights, by_column: NDArray[Any]) -> Rows:
    """Weighted sum of every row."""
    if weights.dtype == np.float64:
        return np.asarray(weights @ by_column)
    step = max(1, spilled.HELD // max(weights.shape[1], 1))
    parts = [weights[at : at + step].astype(np.float64) @ by_column for at in range(0, len(weights), step)]
    return np.concatenate(parts)


def _just_below(distance: float) -> float:
    return float(np.nextafter(np.float32(distance), np.float32(-np.inf)))


def _with_ones(pairs: Pairs, weights: Weights) -> Weights:
    if weights.ndim != 2 or weights.shape[1] != pairs.clusters:
        raise ValueError(f"expected weights of {pairs.clusters} clusters, got shape {weights.shape}")
    return np.hstack([weights, np.ones((weights.shape[0], 1))])


def _means(strict: Rows, lax: Rows) -> tuple[Rows, Rows]:
    return strict.mean(axis=0), lax.mean(axis=0)


def _finite(rows: Rows) -> Rows:
    return np.where(np.isfinite(rows), rows, np.nan)


def _pair_moments(pairs: Pairs, weights: Weights) -> tuple[tuple[Rows, Rows], tuple[Rows, Rows]]:
    """Weighted mean and population variance of genuine and of impostor distances, by row."""
    rows, table, n = _with_ones(pairs, weights), pairs.table, pairs.clusters + 1
    # Sums of squares lose digits when the values lie far from 0.
    centre = table.mean() if table.distances.size else 0.0
    sums = np.zeros((3, 2 * n * n))
    for at in range(0, table.distances.size, _BLOCK):
        code = table.code[at : at + _BLOCK]
        d = table.distances[at : at + _BLOCK].astype(np.float64) - centre
        for total, part in zip(sums, (np.ones_like(d), d, d * d), strict=True):
            total += np.bincount(code, weights=part, minlength=2 * n * n)
    found = []
    for kind in (1, 0):
        count, total, squares = (quadratic(each.reshape(2, n, n)[kind], rows) for each in sums)
        found.append(_moments(count, total, squares, centre))
    return found[0], found[1]


def _clustered_moments(scores: Clustered, weights: Weights) -> tuple[Rows, Rows]:
    centre = float(scores.values.mean()) if scores.values.size else 0.0
    d, columns = scores.values - centre, weights.shape[1]
    sums = [
        _sums(weights, np.bincount(scores.column, weights=part, minlength=columns))
        for part in (np.ones_like(d), d, d * d)
    ]
    return _moments(sums[0], sums[1], sums[2], centre)


def _moments(count: Rows, total: Rows, squares: Rows, centre: float) -> tuple[Rows, Rows]:
    with np.errstate(invalid="ignore", divide="ignore"):
        mean, power = total / count, squares / count
        variance = power - mean**2
        # What rounding leaves of equal values is no variance.
        variance = np.where(variance > 1e-12 * np.maximum(power, centre * centre * 1e-6), variance, 0.0)
    return np.where(count > 0, mean + centre, np.nan), np.where(count > 0, variance, np.nan)
