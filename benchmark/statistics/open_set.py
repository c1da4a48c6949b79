"""How sure FNIR at an FPIR is: people are drawn, and the limit is set anew on each resample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..metrics.recognition.open_set import allowed_positives, limit_at_fpir
from ..metrics.values import Undefined
from .bootstrap_replicates import share
from .bootstrap_scores import Clustered, Rows
from .pairing import Columns
from .uncertainty import Draws, Replicates, Weights


@dataclass(frozen=True, slots=True, eq=False)
class Searches:
    """Distances that searches return, and whose they are."""

    distances: NDArray[np.float64]
    """(n,) infinity where a search returns nothing."""
    cluster: Columns
    """(n,) number of the person searched."""


def limit_rows(non_mated: Searches, weights: Weights, target: float) -> Rows:
    """`limit_at_fpir` of every row.

    Args:
        non_mated: nearest entries.
        weights: (rows, clusters) whole numbers.
        target: of the FPIR.

    Returns:
        (rows,) distances; NaN where the row holds too few searches.
    """
    order = np.argsort(non_mated.distances, kind="stable")
    distances, cluster = non_mated.distances[order], non_mated.cluster[order]
    found = np.full(len(weights), np.nan)
    for row, counts in enumerate(weights):
        upto = np.cumsum(counts[cluster])
        allowed = allowed_positives(target, float(upto[-1]) if upto.size else 0.0)
        if allowed >= 1:
            found[row] = distances[np.searchsorted(upto, allowed, side="right")]
    return found


def fnir_replicates(mated: Searches, non_mated: Searches, target: float, draws: Draws) -> Replicates | Undefined:
    """FNIR at the limit at which the FPIR is at most a target.

    Args:
        mated: own entries.
        non_mated: nearest entries, which set the limit.
        target: of the FPIR.
        draws: of the people of both.

    Returns:
        Replicates of a share, or why there are none.
    """
    return _shares(mated, non_mated, target, draws, returned=False)


def fpir_replicates(searches: Searches, non_mated: Searches, target: float, draws: Draws) -> Replicates | Undefined:
    """FPIR of other searches than those that set the limit; arguments as of `fnir_replicates`."""
    return _shares(searches, non_mated, target, draws, returned=True)


def _shares(
    searches: Searches, non_mated: Searches, target: float, draws: Draws, *, returned: bool
) -> Replicates | Undefined:
    limit = limit_at_fpir(non_mated.distances, target)
    if isinstance(limit, Undefined):
        return limit
    limits = limit_rows(non_mated, draws.weights, target)
    rows = np.full(len(limits), np.nan)
    for row, counts in enumerate(draws.weights):
        drawn = counts[searches.cluster]
        if drawn.any() and not np.isnan(limits[row]):
            rows[row] = drawn[(searches.distances < limits[row]) == returned].sum() / drawn.sum()
    hits = ((searches.distances < limit) == returned).astype(np.float64)
    return share(rows, draws, Clustered(hits, searches.cluster))
