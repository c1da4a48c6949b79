"""Two of the three risks that make data personal (Article 29 Working Party, Opinion 05/2014, WP216): linking, and
singling out. Inference, the third, is not measured.

Our reading. *Linkability*: given a published de-identified image and a gallery of originals of n people, the attacker
names the person whose originals are nearest; the risk is the chance of being right. *Singling out*: given an original
of a target and the published images of n people, the attacker states a predicate, "within distance t of my original";
it succeeds when the target's images satisfy it and nobody else's do. Both are given as functions of n, as expected
values over all choices of the n - 1 others, without sampling. Chance is 1 / n for linking. For singling out a predicate
that knows nothing but holds for a share w of people isolates the target with probability w (1 - w)^(n - 1), at most
(1 / n) (1 - 1 / n)^(n - 1), at w = 1 / n.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..citations import WP216
from ..metric import Metric
from ..values import Scores, Undefined

Floats = NDArray[np.float64]

_TRIED = 256
"""Thresholds at a time."""
PEOPLE = 10
"""Number of people for which one number stands in tables; the curves have all of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """For each probe, how near its own identity and all the others are."""

    own: Scores
    """(probes,) distance to the nearest entry of the probe's identity."""
    others: Floats
    """(probes, others) distances to the nearest entry of every other identity, rising along a row."""
    probe: NDArray[np.intp]
    """(probes,) row of the table that each came from."""
    without_mate: int
    """Probes left out because no entry of their identity remained."""


@dataclass(frozen=True, slots=True, eq=False)
class RiskCurve:
    """A risk as a function of the number of people."""

    sizes: NDArray[np.intp]
    """(k,) n, rising, from 2."""
    risk: Floats
    """(k,) 0..1."""
    chance: Floats
    """(k,) the same for an attacker who knows nothing."""
    by_probe: Floats
    """(k, probes) chance of success for each probe; `risk` is its mean over probes."""
    thresholds: Floats
    """(k,) distance of the predicate; NaN for linkability."""


def nearest_by_identity(
    distances: ArrayLike,
    probe_identities: Sequence[str],
    gallery_identities: Sequence[str],
    leave_out: ArrayLike | None = None,
) -> Nearest | Undefined:
    """Reduce a table of distances to one entry per identity.

    For linkability the rows are de-identified images and the columns originals; for singling out the other way round.

    Args:
        distances: (probes, gallery).
        probe_identities: identity of each row.
        gallery_identities: identity of each column.
        leave_out: (probes, gallery) true where a pair must not be used, such as an image and its own source. None:
            all are used.

    Returns:
        The nearest, or why there are none (no probe has a mate, or there is only one identity).

    Raises:
        ValueError: shapes disagree or a distance is not finite.
    """
    given = np.asarray(distances)
    table = np.array(given, dtype=np.float32 if given.dtype == np.float32 else np.float64)
    probes, gallery = np.asarray(probe_identities, dtype=str), np.asarray(gallery_identities, dtype=str)
    if table.ndim != 2 or table.shape != (probes.size, gallery.size):
        raise ValueError(f"expected distances of shape {(probes.size, gallery.size)}, got {table.shape}; match them")
    if not np.isfinite(table).all():
        raise ValueError("expected finite distances, got NaN or infinity; leave out what could not be compared")
    if leave_out is not None:
        hidden = np.asarray(leave_out, dtype=bool)
        if hidden.shape != table.shape:
            raise ValueError(f"expected leave_out of shape {table.shape}, got {hidden.shape}")
        table[hidden] = np.inf
    if not probes.size or not gallery.size:
        return Undefined("no probes or an empty gallery")
    order = np.argsort(gallery, kind="stable")
    enrolled, starts = np.unique(gallery[order], return_index=True)
    return nearest_of(np.minimum.reduceat(table[:, order], starts, axis=1), enrolled, probes)


def nearest_of(
    minima: NDArray[np.floating[Any]], enrolled: NDArray[np.str_], probes: NDArray[np.str_]
) -> Nearest | Undefined:
    """The same of a table that has one column for each identity.

    Args:
        minima: (probes, identities) distance to the nearest entry; infinite where there is none.
        enrolled: (identities,) sorted.
        probes: (probes,) identities.

    Returns:
        As `nearest_by_identity`.
    """
    if enrolled.size < 2:
        return Undefined("needs at least 2 identities")
    place = np.searchsorted(enrolled, probes).clip(max=enrolled.size - 1)
    rows = np.arange(probes.size)
    own = np.where(enrolled[place] == probes, minima[rows, place], np.inf)
    mated = np.isfinite(own)
    if not mated.any():
        return Undefined("no probe has a gallery entry of its own identity")
    kept = np.ones_like(minima, dtype=bool)
    kept[rows, place] = False
    others = minima[mated][kept[mated]].reshape(int(mated.sum()), enrolled.size - 1)
    return Nearest(own[mated], np.sort(others, axis=1), rows[mated], int((~mated).sum()))


def linkability(nearest: Nearest, sizes: Sequence[int] | None = None) -> RiskCurve:
    """Chance that a de-identified image is nearest to its own identity among n, for every n.

    With c of K - 1 others nearer than the own identity, n - 1 others drawn without replacement hold none of these
    with probability C(K - 1 - c, n - 1) / C(K - 1, n - 1). Ties are broken at random. At n = K this is rank-1.

    Args:
        nearest: de-identified images against originals.
        sizes: numbers of people, 2..K. None: `default_sizes`.

    Returns:
        The curve; chance is 1 / n.

    Raises:
        ValueError: a size is out of range.

    >>> near = nearest_by_identity([[0.1, 0.5, 0.6], [0.4, 0.3, 0.9]], ["ann", "ann"], ["ann", "bob", "cyd"])
    >>> linkability(near, [2, 3]).risk.tolist()
    [0.75, 0.5]
    """
    people = nearest.others.shape[1] + 1
    chosen = _sizes(people, sizes)
    nearer = (nearest.others < nearest.own[:, None]).sum(axis=1)
    tied = (nearest.others == nearest.own[:, None]).sum(axis=1)
    by_probe = np.stack([linked_among(nearer, tied, people, int(n)) for n in chosen])
    return RiskCurve(chosen, by_probe.mean(axis=1), 1.0 / chosen, by_probe, np.full(chosen.size, np.nan))


def linked_among(nearer: NDArray[np.intp], tied: NDArray[np.intp], people: int, size: int) -> Floats:
    """Chance that each image is nearest to its own identity among some of the people, see `linkability`.

    Args:
        nearer: (images,) other identities that are nearer than the own one.
        tied: (images,) other identities that are as near.
        people: identities in all.
        size: how many of them, 2..people.

    Returns:
        (images,) 0..1.
    """
    sums = np.concatenate([[0.0], np.cumsum(_none_of(people - 1, size - 1))])
    # The own identity stands anywhere among those tied with it.
    return np.asarray((sums[nearer + tied + 1] - sums[nearer]) / (tied + 1))


def singling_out(nearest: Nearest, threshold: float | None = None, sizes: Sequence[int] | None = None) -> RiskCurve:
    """Chance that "within t of my original" holds for the target's published images and nobody else's, for every n.

    Args:
        nearest: originals against published de-identified images.
        threshold: t, for example that of the EER of originals, which does not look at the result. None: for each n
            the t of greatest success on these very data, which no attacker could beat and which is a little too high.
        sizes: numbers of people, 2..K. None: `default_sizes`.

    Returns:
        The curve; chance is that of the best predicate that knows nothing.

    Raises:
        ValueError: a size is out of range or the threshold is NaN.

    >>> near = nearest_by_identity([[0.1, 0.5, 0.6], [0.4, 0.3, 0.9]], ["ann", "ann"], ["ann", "bob", "cyd"])
    >>> singling_out(near, 0.45, [3]).risk.tolist()
    [0.5]
    """
    if threshold is not None and np.isnan(threshold):
        raise ValueError("expected a threshold, got NaN; take the one of eer(), or None for the most successful one")
    people = nearest.others.shape[1] + 1
    chosen = _sizes(people, sizes)
    by_probe, thresholds = np.empty((chosen.size, nearest.own.size)), np.empty(chosen.size)
    # Success only changes for the better where a target's own distance is reached.
    tried = np.unique(nearest.own) if threshold is None else np.array([threshold])
    accepted = _accepted(nearest.others, tried)
    reached = nearest.own[:, None] <= tried[None]
    for k, n in enumerate(chosen):
        success = _none_of(people - 1, int(n) - 1)[accepted] * reached
        best = int(np.argmax(success.mean(axis=0)))
        by_probe[k], thresholds[k] = success[:, best], tried[best]
    chance = (1 / chosen) * (1 - 1 / chosen) ** (chosen - 1)
    return RiskCurve(chosen, by_probe.mean(axis=1), chance, by_probe, thresholds)


def singling_out_between(nearest: Nearest, low: float, high: float, people: int) -> tuple[float, float, float]:
    """Least and greatest success over all thresholds between two, and a threshold of the greatest.

    Args:
        nearest: originals against published de-identified images.
        low: first threshold.
        high: last threshold.
        people: of one size.

    Returns:
        The least and the greatest chance, 0..1, and where the greatest is.
    """
    found = np.concatenate([nearest.own, nearest.others.ravel()])
    # Success changes where a distance is reached and nowhere else.
    tried = np.unique(np.concatenate([[low], found[(found > low) & (found <= high)]]))
    chance = np.empty(tried.size)
    none_of = _none_of(nearest.others.shape[1], people - 1)
    for at in range(0, tried.size, _TRIED):
        some = tried[at : at + _TRIED]
        success = none_of[_accepted(nearest.others, some)] * (nearest.own[:, None] <= some[None])
        chance[at : at + _TRIED] = success.mean(axis=0)
    return float(chance.min()), float(chance.max()), float(tried[int(np.argmax(chance))])


def default_sizes(people: int) -> list[int]:
    """2, 5, 10, 20, 50 … below the number of people, and that number.

    Args:
        people: identities at hand, at least 2.

    Returns:
        Rising sizes.
    """
    steps = [base * 10**power for power in range(8) for base in (1, 2, 5)]
    return [n for n in steps if 2 <= n < people] + [people]


def _sizes(people: int, sizes: Sequence[int] | None) -> NDArray[np.intp]:
    chosen = np.unique(np.asarray(default_sizes(people) if sizes is None else sizes, dtype=np.intp))
    if not chosen.size or chosen[0] < 2 or chosen[-1] > people:
        raise ValueError(f"expected numbers of people 2..{people}, got {chosen.tolist()}")
    return chosen


def _none_of(others: int, drawn: int) -> Floats:
    """(others + 1,) chance that `drawn` of `others` hold none of c marked ones, for c = 0..others."""
    c = np.arange(others)
    return np.concatenate([[1.0], np.cumprod(np.maximum(others - c - drawn, 0) / (others - c))])


def _accepted(others: Floats, tried: Scores) -> NDArray[np.intp]:
    """(probes, thresholds) how many others lie within each threshold."""
    return np.stack([np.searchsorted(row, tried, side="right") for row in others]).astype(np.intp)


_PEOPLE = f"Given from {PEOPLE} identities on. Failed images count as their originals."
_OTHER_CAPTURES = "An image is never compared with its own original, only with other captures of the identity."

LINKABILITY = Metric(
    name="linkability",
    title=f"Linkability of {PEOPLE}",
    group="privacy",
    unit="%",
    better="lower",
    low=0.0,
    high=100.0,
    definition=(
        f"Chance that a de-identified image is nearest to its own identity among {PEOPLE}, the others drawn at random; "
        f"guessing gives {100 / PEOPLE:g} %. {_OTHER_CAPTURES}"
    ),
    formula=f"mean over images of C(K - 1 - c, {PEOPLE - 1}) / C(K - 1, {PEOPLE - 1}); c of K - 1 others nearer",
    citation=f"{WP216}; our reading",
    function=linkability,
    source="distances",
    scale=100.0,
    order=240,
    blocks=frozenset({"overview"}),
    resampling="images",
    protocol=("comparisons",),
    how=f"{_PEOPLE} Images that the recogniser cannot process count as not linked.",
    caveat="A reading of the opinion, not the law. The attacker has the recogniser and nothing else.",
)
SINGLING_OUT = Metric(
    name="singling_out",
    title=f"Singling out of {PEOPLE}",
    group="privacy",
    unit="%",
    better="lower",
    low=0.0,
    high=100.0,
    definition=(
        "Chance that 'published image within the EER threshold of my original of the target' holds for images of the "
        f"target and of none of {PEOPLE - 1} others drawn at random; a predicate that knows nothing reaches "
        f"{100 / PEOPLE * (1 - 1 / PEOPLE) ** (PEOPLE - 1):.1f} %. {_OTHER_CAPTURES}"
    ),
    formula=f"mean of [d_own <= t] C(K - 1 - f, {PEOPLE - 1}) / C(K - 1, {PEOPLE - 1}); f of K - 1 others within t",
    citation=f"{WP216}; our reading",
    function=singling_out,
    source="distances",
    scale=100.0,
    order=250,
    resampling="identities",
    protocol=("comparisons", "predicate"),
    how=f"{_PEOPLE} Images that the recogniser cannot process are left out.",
    caveat="A reading of the opinion, not the law. It falls too when the predicate accepts everybody.",
)
