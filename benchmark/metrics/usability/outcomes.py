"""What becomes of the images: whether they are made, whether they are still found, how long it takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..citations import HOUSE
from ..metric import Metric
from ..values import Undefined


def share(outcomes: Sequence[float]) -> float | Undefined:
    """Share of images with an outcome.

    Args:
        outcomes: 1 or 0 for each image, or the chance of 1.

    Returns:
        0..1, or why there is none (no image).

    >>> share([1, 0, 0.5, 0.5])
    0.5
    """
    return float(np.mean(outcomes)) if len(outcomes) else Undefined("no image")


def seconds_per_image(seconds: Sequence[float]) -> float | Undefined:
    """Mean time of a method's images.

    Args:
        seconds: of each image, the calls of a batch evenly shared.

    Returns:
        s, or why there is none (nothing was timed).

    >>> seconds_per_image([0.25, 0.75])
    0.5
    """
    return float(np.mean(seconds)) if len(seconds) else Undefined("nothing was timed")


SURVIVAL = Metric(
    name="survival",
    title="Found again",
    short="found again",
    group="usability",
    unit="%",
    better="higher",
    low=0.0,
    high=100.0,
    definition=(
        "Share of hands or faces found in the originals that are found in the de-identified images too; an image that "
        "could not be made counts as not found."
    ),
    formula="found in both / found in the original",
    citation=HOUSE,
    function=share,
    source="rows",
    scale=100.0,
    order=10,
    blocks=frozenset({"images", "overview"}),
    resampling="images",
    protocol=("images",),
    how="The analyzer of the protocol looks at both images.",
    caveat=(
        "Found is not found in the right place: the drifts tell how far off. In a tight crop a detector misses some "
        "faces by itself: read the number of `identity` beside it."
    ),
)
FAILURE_RATE = Metric(
    name="failure_rate",
    title="Failures",
    short="failed",
    group="cost",
    unit="%",
    better="lower",
    low=0.0,
    high=100.0,
    definition="Share of planned images for which the method gave no usable image, whatever the reason.",
    formula="failed / planned",
    citation=HOUSE,
    function=share,
    source="rows",
    scale=100.0,
    order=10,
    blocks=frozenset({"images", "overview"}),
    resampling="images",
    protocol=("images",),
    how="Images whose original shows the analyzer no hand or face never reach a method and are not planned.",
    caveat="Every privacy number already has failed images in it, as their originals.",
)
SECONDS_PER_IMAGE = Metric(
    name="seconds_per_image",
    title="Time per image",
    group="cost",
    unit="s",
    better="lower",
    low=0.0,
    high=None,
    definition="Wall-clock time of the method per image on the machine named in the record, without file access.",
    formula="seconds in deidentify() / images",
    citation=HOUSE,
    function=seconds_per_image,
    source="run",
    decimals=3,
    order=20,
    how="The same in all protocols.",
    caveat="Times of two machines do not compare.",
)
