"""How different the de-identified versions of one image are, by the distances of four and more kinds of pairs.

A method that always paints the same palm can be undone by learning that palm; versions of one image should be as
unlike as strangers (palm paper, section IV-D, shows the distributions; the numbers here are ours).
"""

from __future__ import annotations

import numpy as np

from ..citations import LPIPS, PALM_PAPER
from ..metric import Metric
from ..quality.perceptual import lpips
from ..recognition.decidability import d_prime
from ..recognition.population import MAX_BINS, Distances, as_population, histogram
from ..values import Undefined

MIN_OVERLAP = 20
"""Fewer distances on a side have no histogram."""


def overlap(first: Distances, second: Distances) -> float | Undefined:
    """Overlapping coefficient of two samples: the sum over bins of the smaller share.

    Bins have one width over the range of both samples; there are min(sqrt(smaller sample), 100) of them. Two samples
    of one distribution overlap a little less than wholly, the less the larger they are.

    Args:
        first: distances of one kind.
        second: distances of another kind.

    Returns:
        0 (apart) .. 1 (alike), or why there is none (fewer than `MIN_OVERLAP` distances on a side).

    Raises:
        ValueError: a distance is not finite.

    >>> overlap(range(40), range(40)), overlap(range(40), range(100, 140))
    (1.0, 0.0)
    """
    a, b = as_population(first, "first"), as_population(second, "second")
    fewest = min(a.size, b.size)
    if fewest < MIN_OVERLAP:
        return Undefined(f"needs at least {MIN_OVERLAP} distances of each kind, got {fewest}")
    low, high = min(a.place(0), b.place(0)), max(a.place(a.size - 1), b.place(b.size - 1))
    if low == high:
        return 1.0
    edges = np.linspace(low, high, min(int(np.sqrt(fewest)), MAX_BINS) + 1)
    shares = [histogram(each, edges) / each.size for each in (a, b)]
    return float(np.minimum(shares[0], shares[1]).sum())


_CITATION = f"{PALM_PAPER}, section IV-D (distributions); number by deid-bench"
_SEEDS = "Only in runs with several seeds (--seeds). Failed images are left out."

DPRIME_DIVERSITY = Metric(
    name="dprime_diversity",
    title="Diversity d'",
    group="privacy",
    columns="diversity",
    unit="",
    better="lower",
    low=0.0,
    high=None,
    definition=(
        "Decidability between distances of versions of one image made with different seeds and distances of originals "
        "of different identities; 0 when versions are as unlike as strangers."
    ),
    formula="|mu_v - mu_i| / sqrt((s_v^2 + s_i^2) / 2)",
    citation=_CITATION,
    function=d_prime,
    source="distances",
    decimals=2,
    order=300,
    protocol=("comparisons",),
    how=_SEEDS,
    caveat="Means and variances only; versions further apart than strangers raise it too.",
)
OVERLAP_DIVERSITY = Metric(
    name="overlap_diversity",
    title="Diversity overlap",
    group="privacy",
    columns="diversity",
    unit="%",
    better="higher",
    low=0.0,
    high=100.0,
    definition=(
        "Overlap of the same two distributions: 100 % when versions of one image are as unlike as strangers, 0 % when "
        "they are always nearer to each other (or always further apart)."
    ),
    formula="sum over common bins of the smaller share",
    citation=_CITATION,
    function=overlap,
    source="distances",
    scale=100.0,
    order=310,
    blocks=frozenset({"overview"}),
    protocol=("comparisons",),
    how=_SEEDS,
    caveat="Two samples of one distribution overlap a little less than wholly, the less the larger they are.",
)
LPIPS_BETWEEN_SEEDS = Metric(
    name="lpips_between_seeds",
    title="LPIPS between seeds",
    group="privacy",
    columns="diversity",
    unit="",
    better="higher",
    low=0.0,
    high=None,
    definition=(
        "Mean perceptual distance (LPIPS, AlexNet) between de-identified versions of one image made with different "
        "seeds; 0 when the method always paints the same."
    ),
    formula="mean of LPIPS over neighbouring versions (1 and 2, 2 and 3, …) of every image",
    citation=f"{LPIPS}; deid-bench",
    function=lpips,
    source="run",
    decimals=3,
    order=320,
    resampling="identities",
    protocol=("images",),
    how=_SEEDS,
    caveat=(
        "Versions that look different may show one identity: read it beside the diversity by the recogniser. Given "
        "where torch and the weight file are at hand."
    ),
)
