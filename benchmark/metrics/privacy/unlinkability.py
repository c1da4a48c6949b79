"""Unlinkability of de-identified images and originals (Gomez-Barrero et al., IEEE TIFS 13(6), 2018).

How far a distance betrays that two images are of one identity, from the ratio of its likelihoods under mated and
non-mated comparisons: 0 unlinkable, 1 linkable without doubt.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..metric import Metric
from ..recognition.population import MAX_BINS, Distances, as_population, histogram
from ..values import Scores, Undefined

MIN_MATED = 20
"""Two bins; fewer comparisons have no histogram."""
PERMUTATIONS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Unlinkability:
    """Local and global linkability."""

    d_sys: float
    """Global linkability, 0 (unlinkable) .. 1 (linkable)."""
    null: float
    """What `d_sys` comes out at on average when mated and non-mated distances follow one distribution, with as many
    of each: the share of `d_sys` that histograms of this size produce by themselves."""
    edges: Scores
    """(bins + 1,) rising edges of the distance bins."""
    local: NDArray[np.float64]
    """(bins,) D(s), 0..1."""
    mated: NDArray[np.float64]
    """(bins,) share of mated comparisons."""
    non_mated: NDArray[np.float64]
    """(bins,) share of non-mated comparisons."""


def unlinkability(
    mated: Distances, non_mated: Distances, omega: float = 1.0, seed: int = 0, permutations: int = PERMUTATIONS
) -> Unlinkability | Undefined:
    """D(s) and D_sys from histograms.

    LR(s) = p(s | mated) / p(s | non-mated); D(s) = 2 w LR / (1 + w LR) - 1 where w LR > 1, else 0, and 1 where only
    mated comparisons fall; D_sys = sum over bins of p(bin | mated) D(bin). The paper integrates a density; the sum of
    bin masses is the same for narrow bins, and stays right (1, not 1/2) when everything lies in the outermost bins.
    There are min(mated / 10, 100) bins of one width over the range of both, as in the authors' code.

    The mean under the null hypothesis is taken over random relabellings of the pooled comparisons: with fixed bins
    these are draws without replacement from the pooled histogram. Comparisons are taken as independent, so that
    the true bias of clustered ones is somewhat larger.

    Args:
        mated: distances of de-identified images to originals of the same identity.
        non_mated: distances of de-identified images to originals of other identities.
        omega: ratio of the prior probabilities, mated to non-mated.
        seed: of the relabellings.
        permutations: how many.

    Returns:
        The measure, or why there is none (too few comparisons, all distances equal).

    Raises:
        ValueError: a distance is not finite, omega is not above 0 or permutations is below 1.

    >>> unlinkability(mated=[0.1] * 20, non_mated=[0.9] * 20).d_sys
    1.0
    """
    if not omega > 0 or permutations < 1:
        raise ValueError(f"expected omega above 0 and permutations from 1, got {omega!r} and {permutations!r}")
    m, n = as_population(mated, "mated"), as_population(non_mated, "non-mated")
    if m.size < MIN_MATED or not n.size:
        return Undefined(f"needs at least {MIN_MATED} mated and 1 non-mated comparisons, got {m.size} and {n.size}")
    low, high = min(m.place(0), n.place(0)), max(m.place(m.size - 1), n.place(n.size - 1))
    if low == high:
        return Undefined("the distances do not vary")
    edges = np.linspace(low, high, min(m.size // 10, MAX_BINS) + 1)
    counts_m, counts_n = histogram(m, edges), histogram(n, edges)
    local = _local(counts_m, counts_n, omega)
    rng = np.random.default_rng(seed)
    pooled = counts_m + counts_n
    drawn = rng.multivariate_hypergeometric(pooled, m.size, size=permutations, method="marginals")
    null = (drawn / m.size * _local(drawn, pooled - drawn, omega)).sum(axis=1).mean()
    return Unlinkability(
        d_sys=float((counts_m / m.size * local).sum()),
        null=float(null),
        edges=edges,
        local=local,
        mated=counts_m / m.size,
        non_mated=counts_n / n.size,
    )


def _local(mated: NDArray[np.int64], non_mated: NDArray[np.int64], omega: float) -> NDArray[np.float64]:
    """D of each bin; bins along the last axis."""
    p = omega * mated / mated.sum(axis=-1, keepdims=True)
    q = non_mated / non_mated.sum(axis=-1, keepdims=True)
    # 2 w LR / (1 + w LR) - 1 = (w p - q) / (w p + q), which needs no division by an empty bin.
    total = p + q
    return np.where(p > q, (p - q) / np.where(total > 0, total, 1.0), 0.0)


_CITATION = "Gomez-Barrero et al., IEEE TIFS 13(6), 2018"
_LOST = "Failed images count as their originals, images that the recogniser cannot process are left out."

D_SYS = Metric(
    name="d_sys",
    title="Linkability D_sys",
    group="privacy",
    unit="",
    better="lower",
    low=0.0,
    high=1.0,
    definition=(
        "Global linkability of de-identified images and originals from the likelihood ratio of their distances: 0 "
        "unlinkable, 1 linkable without doubt. Read it beside its null value. An image is never compared with its own "
        "original, only with other captures of the identity."
    ),
    formula="sum over bins of p(bin | mated) max(0, (p - q) / (p + q)); p, q shares of mated, non-mated in the bin",
    citation=_CITATION,
    function=unlinkability,
    source="distances",
    decimals=2,
    order=220,
    protocol=("comparisons",),
    how=_LOST,
    caveat="Histograms of few comparisons show linkability by themselves, which is why the null value is given.",
)
D_SYS_NULL = Metric(
    name="d_sys_null",
    title="D_sys of chance",
    group="privacy",
    unit="",
    better="lower",
    low=0.0,
    high=1.0,
    definition=(
        "What D_sys comes out at on average with as many comparisons when mated and non-mated distances follow one "
        "distribution; a D_sys near it shows no linkability."
    ),
    formula="mean of D_sys over random relabellings",
    citation="deid-bench",
    function=unlinkability,
    source="distances",
    decimals=2,
    order=230,
    protocol=("comparisons",),
    how=_LOST,
    caveat="Comparisons count as independent, so that it is a little too low where identities have many images.",
)
