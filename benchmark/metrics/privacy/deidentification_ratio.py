"""The palm paper's own measure: where de-identified distances lie between genuine ones and those of impostors."""

from __future__ import annotations

import math

from ..citations import HOUSE, PALM_PAPER
from ..metric import Metric
from ..recognition.decidability import sample_moments
from ..recognition.population import Distances
from ..values import Undefined


def dir_ratio(genuine: Distances, impostor: Distances, deidentified: Distances) -> float | Undefined:
    """De-identification ratio in %, with its sign (palm paper, eq. 4, right-hand side).

    (mg - md) / (mg - mi) * sqrt(sg² + si²) / sqrt(sg² + sd²) * 100. At 100 the de-identified distances lie from the
    genuine ones as far as impostors do; below 0 they are even more alike than genuine ones; above 100 further off
    than impostors.

    Args:
        genuine: distances between originals of one identity.
        impostor: distances between originals of two identities.
        deidentified: distances between originals and de-identified images.

    Returns:
        %, or why there is none (a side is empty, genuine and impostor means agree, or nothing varies).

    Raises:
        ValueError: a distance is not finite.

    >>> genuine, impostor = [0.2, 0.3], [0.7, 0.8]
    >>> round(dir_ratio(genuine, impostor, deidentified=[0.7, 0.8]), 6)
    100.0
    >>> round(dir_ratio(genuine, impostor, deidentified=[0.45, 0.55]), 6)  # half of the way
    50.0
    """
    g, i = sample_moments(genuine, "genuine"), sample_moments(impostor, "impostor")
    d = sample_moments(deidentified, "de-identified")
    for name, values in (("genuine", g), ("impostor", i), ("de-identified", d)):
        if not values.size:
            return Undefined(f"no {name} comparisons")
    reach = g.mean - i.mean
    if reach == 0:
        return Undefined("genuine and impostor distances have the same mean")
    spread = math.sqrt(g.variance + d.variance)
    if spread == 0:
        return Undefined("the distances do not vary")
    return (g.mean - d.mean) / reach * math.sqrt(g.variance + i.variance) / spread * 100.0


_FORMULA = "(mu_g - mu_d) / (mu_g - mu_i) * sqrt(s_g^2 + s_i^2) / sqrt(s_g^2 + s_d^2) * 100"
_LOST = "Failed images count as their originals; images that cannot be processed are left out."

DIR = Metric(
    name="dir",
    title="DIR",
    group="privacy",
    unit="%",
    better="target",
    low=None,
    high=None,
    definition=(
        "De-identification ratio: how far the distances of originals to their own de-identified images lie from "
        "genuine ones, measured by how far impostors lie. 100 % is the impostors' place; negative values are closer "
        "than genuine ones, values above 100 % further off than strangers."
    ),
    formula=_FORMULA,
    citation=f"{PALM_PAPER}, eq. 4",
    function=dir_ratio,
    source="distances",
    target=100.0,
    order=20,
    blocks=frozenset({"privacy"}),
    resampling="images",
    protocol=("place",),
    how=_LOST,
    caveat=(
        "It compares an image with the very original it was made from: what a method leaves alone outside its region "
        "weighs in, and an unchanged image is at distance 0. It sees means and variances only, and a spread of the "
        "de-identified distances unlike that of impostors moves it away from 100 % at equal means."
    ),
)
DIR_CROSS = Metric(
    name="dir_cross",
    title="DIR (other captures)",
    group="privacy",
    unit="%",
    better="target",
    low=None,
    high=None,
    definition=(
        "As DIR, but over distances of de-identified images to the other originals of the same identity. An unchanged "
        "image scores about 0 here."
    ),
    formula=_FORMULA,
    citation=HOUSE,
    function=dir_ratio,
    source="distances",
    target=100.0,
    order=100,
    resampling="images",
    protocol=("place",),
    how=_LOST,
    caveat="It sees means and variances only. Identities with one original have no such comparison.",
)
