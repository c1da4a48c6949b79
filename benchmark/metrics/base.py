"""What a metric plug-in is: one number of a pair of images, or one number of a recogniser's distances."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ...analyzers.base import Analysis
from ...datasets.types import Image, Modality
from .metric import Direction, Group
from .values import Scores, Undefined

Takes = Literal["images", "comparisons"]
Identities = NDArray[np.intp]
"""Numbers of identities, the same in all arrays of one `Comparisons`."""


@dataclass(frozen=True, slots=True)
class MetricInfo:
    """What a metric says about itself; copied into every record and shown wherever the number is."""

    name: str
    """Key in records: lower-case letters, digits and underscores."""
    version: str
    """Raised whenever the same input gives another number."""
    description: str
    """Definition, one or two sentences: what is measured and how to read it."""
    takes: Takes
    """`images`: `measure(original, deidentified, analysis)`, once for each image; the record has the mean.
    `comparisons`: `measure(comparisons)`, once for each recogniser."""
    better: Direction
    """Which way is better for a de-identification method; `target` needs `target`."""
    group: Group = "quality"
    """Where it stands: `privacy`, `quality`, `usability`; `recognition` for numbers about the originals alone."""
    title: str = ""
    """Heading; empty: the name."""
    short: str = ""
    """Heading where there is little room; empty: the title."""
    unit: str = ""
    """`%`, `dB`, …; empty for pure numbers. The value is given in it."""
    decimals: int = 3
    """Digits after the point that reports show."""
    low: float | None = None
    """Smallest possible value; None: unbounded."""
    high: float | None = None
    """Largest possible value; None: unbounded."""
    target: float | None = None
    """The best value when `better` is `target`."""
    formula: str = ""
    caveat: str = ""
    """What it must not be read as."""
    modality: tuple[Modality, ...] = ("palm", "face")
    licence: str = "Apache-2.0"
    citation: str = ""
    training_data: str = "none"
    weights: tuple[str, ...] = ()
    """Names of the weight files it reads; their hashes enter the digest."""


@dataclass(frozen=True, slots=True, eq=False)
class Comparisons:
    """What one recogniser makes of originals and de-identified images; a distance is smaller for what is more alike.

    An image that a method failed on counts as its original. Comparisons that could not be made are left out.
    """

    genuine: Scores
    """(a,) two originals of one identity."""
    impostor: Scores
    """(b,) two originals of two identities."""
    own: Scores
    """(c,) a de-identified image and the very original it was made from."""
    mated: Scores
    """(d,) a de-identified image and another original of the same identity."""
    non_mated: Scores
    """(e,) a de-identified image and an original of another identity."""
    genuine_identity: Identities
    """(a,)."""
    impostor_identities: Identities
    """(b, 2)."""
    own_identity: Identities
    """(c,)."""
    mated_identity: Identities
    """(d,)."""
    non_mated_identities: Identities
    """(e, 2) of the de-identified image, of the original."""
    threshold: float
    """Where the protocol has the recogniser decide (it accepts d <= threshold); NaN where the originals set none."""
    unprocessed: int = 0
    """De-identified images that the recogniser could not process; they are in none of the arrays."""


@runtime_checkable
class ImageMetric(Protocol):
    """A metric of single pairs, `info.takes == "images"`."""

    info: ClassVar[MetricInfo]

    def measure(self, original: Image, deidentified: Image, analysis: Analysis) -> float | Undefined:
        """The number of one pair, in `info.unit`, or why there is none.

        Args:
            original: (H, W, 3) uint8 RGB, read-only.
            deidentified: same shape.
            analysis: where the hand or face lies in the original.
        """
        ...


@runtime_checkable
class ComparisonMetric(Protocol):
    """A metric of a recogniser's distances, `info.takes == "comparisons"`. It must not keep or change the arrays.

    It is computed anew on a thousand resamples of the identities, which the interval is made of.
    """

    info: ClassVar[MetricInfo]

    def measure(self, comparisons: Comparisons) -> float | Undefined:
        """The number in `info.unit`, or why there is none."""
        ...
