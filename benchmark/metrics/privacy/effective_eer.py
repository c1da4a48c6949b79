"""Recognising de-identified images by originals, and by each other, whichever way their distances lie."""

from __future__ import annotations

from ..citations import ISO
from ..metric import Metric
from ..recognition.error_rates import EerPoint, eer
from ..recognition.population import Distances, as_population
from ..values import Undefined


def effective_eer(mated: Distances, non_mated: Distances) -> float | Undefined:
    """min(EER, 1 - EER) of recognising de-identified images by originals.

    A method that makes images systematically unlike their own identity has an EER above 50 % and yet gives the
    identity away: the attacker accepts what is far. 50 % is the best a method can reach.

    Args:
        mated: distances of de-identified images to originals of the same identity.
        non_mated: distances to originals of other identities.

    Returns:
        0..0.5, or why there is none (a side is empty).

    Raises:
        ValueError: a distance is not finite.

    >>> effective_eer(mated=[0.7, 0.8, 0.9], non_mated=[0.1, 0.2, 0.3])
    0.0
    >>> effective_eer(mated=[0.1, 0.3], non_mated=[0.2, 0.4])
    0.5
    """
    point = eer(as_population(mated, "mated"), as_population(non_mated, "non-mated"))
    return min(point.eer, 1 - point.eer) if isinstance(point, EerPoint) else point


_LOST = "Failed images count as their originals, images that the recogniser cannot process are left out."

EER_EFFECTIVE = Metric(
    name="eer_effective",
    title="Effective EER",
    group="privacy",
    unit="%",
    better="higher",
    low=0.0,
    high=50.0,
    definition=(
        "EER of recognising de-identified images by originals, or what is left to 100 % where it is above 50 %, since "
        "an attacker may as well accept what is far. 50 % is as good as guessing. An image is never compared with its "
        "own original, only with other captures of the identity."
    ),
    formula="min(EER, 100 % - EER)",
    citation=f"{ISO}; folding by deid-bench",
    function=effective_eer,
    source="distances",
    scale=100.0,
    order=200,
    blocks=frozenset({"overview"}),
    resampling="identities",
    protocol=("comparisons",),
    how=_LOST,
    caveat="50 % holds against this recogniser; another one may still see who it is.",
)
EER_DEIDENTIFIED = Metric(
    name="eer_deidentified",
    title="EER among de-identified",
    group="privacy",
    unit="%",
    better="higher",
    low=0.0,
    high=100.0,
    definition=(
        "EER of telling de-identified images of one identity from those of others, both sides de-identified: an "
        "attacker who enrols the method's own output. Low where the method leaves, or puts in, what links the images "
        "of a person."
    ),
    formula="EER of distances between de-identified images of different originals",
    citation=f"VoicePrivacy, lazy-informed attacker; {ISO}",
    function=eer,
    source="distances",
    scale=100.0,
    order=210,
    resampling="identities",
    protocol=("comparisons",),
    how="One version of each image; images the method failed on are left out.",
    caveat="A method that gives each person a new, constant identity has a low value by design.",
)
