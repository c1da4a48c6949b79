"""What a part of an attack is (floor 3).

An attack fills four slots: whose images are in the attacker's *gallery*, what he does to the published image (*probe*),
what he recognises with (*recognizer*), and how he *pools* several versions of one image. Galleries and pooling are a
choice of the harness. The other two slots are filled by plug-ins of the kind `attacker`, whose `info.slot` says which.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..analyzers.base import Analysis
from ..datasets.types import Failure, Image, Modality

Slot = Literal["probe", "recognizer"]

Reads = Literal["templates", "layer"]
"""What a part with slot `recognizer` works on: a recogniser's templates, or what enters its last layer (see
`recognizers.base.Layered`)."""

Layer = tuple[NDArray[np.float32], NDArray[np.float32]]
"""Weights (d, n) and offsets (d,) of a recogniser's last layer."""

Degradation = Mapping[str, Any]
"""How a method spoiled one image, as its own `degradation(request)` says: `{"kind": "blur", "sigma": px}` or
`{"kind": "mosaic", "side": px, "top": px, "left": px}`."""

State = Mapping[str, NDArray[Any]]
"""What fitting leaves behind: arrays, so that it is stored without pickles."""


class TooFewPeople(ValueError):
    """There are too few people or images to learn from; the message is a reason for the record.

    It is the only error that stands for a fact: anything else that a part raises is a crash, and no worst case is told.
    """


@dataclass(frozen=True, slots=True)
class AttackerInfo:
    """What a part of an attack says about itself; copied into every record."""

    name: str
    version: str
    """Raised whenever the same inputs give other images or distances."""
    modality: tuple[Modality, ...]
    slot: Slot
    """Which slot of an attack it fills."""
    description: str
    """One line."""
    knowledge: str
    """What the attacker has to know, in plain words."""
    light: bool = False
    """Of slot `probe`: its images are not kept but made anew, which takes less time than to read them back."""
    reads: Reads = "templates"
    """Of slot `recognizer`: what it works on."""
    learns: bool = False
    """Of slot `probe`: fitted to images of auxiliary people before and after the method (a `LearnedRestorer`)."""
    licence: str = "Apache-2.0"
    citation: str = ""
    training_data: str = "none"
    weights: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """What an attacker knows of the method whose images he attacks."""

    name: str
    params: Mapping[str, Any]
    """As used."""
    modality: Modality
    """Of the images."""
    degradation: str
    """Kind of `degradation` that the method says it applies; empty where it says nothing."""
    repaints: bool
    """Whether the method says which pixels it may change."""


@dataclass(frozen=True, slots=True, eq=False)
class Published:
    """One published image."""

    image: Image
    """(H, W, 3) uint8 RGB. Do not write into it."""
    analysis: Analysis
    """Where the hand or the face is."""
    region: NDArray[np.bool_] | None
    """(H, W) pixels that the method may have changed; None where it does not say."""
    degradation: Degradation | None
    """How the method spoiled this image; None where it does not say."""


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """An image of somebody who is not evaluated, before and after the method."""

    published: Published
    original: Image
    """(H, W, 3) uint8 RGB. Do not write into it."""
    person: int
    """Number of the identity."""


@dataclass(frozen=True, slots=True, eq=False)
class Auxiliary:
    """Templates of people who are not evaluated."""

    templates: NDArray[Any]
    """Row i belongs to image i, as the recogniser made it: its template, or what enters its last layer."""
    people: NDArray[np.intp]
    """(n,) number of each image's identity."""
    published: NDArray[np.bool_]
    """(n,) true for de-identified images, false for originals."""
    layer: Layer | None = None
    """The recogniser's last layer, for parts that read what enters it."""


@runtime_checkable
class Attacker(Protocol):
    """What all parts have. One with slot `probe` is a `Restorer`, or a `LearnedRestorer` where its `info.learns`; one
    with slot `recognizer` is an `Adapter`.

    Parameters are the keyword arguments of the constructor. There is no randomness but what a parameter seeds.
    """

    info: ClassVar[AttackerInfo]

    def lacks(self, target: Target) -> str:
        """Why this cannot be tried on that method, in half a sentence; empty when it can."""
        ...


@runtime_checkable
class Restorer(Attacker, Protocol):
    """Turns a published image into one that may show more."""

    def restore(self, published: Published) -> Image | Failure:
        """An image of the same shape and dtype, or why there is none; it depends on this image alone."""
        ...


@runtime_checkable
class LearnedRestorer(Attacker, Protocol):
    """Turns a published image into one that may show more, in a way that was learned on auxiliary people."""

    def fit(self, pairs: Iterable[Pair]) -> State:
        """Fit to the pairs, which can be gone through once.

        Raises:
            TooFewPeople: nothing can be fitted; the message is a reason for the record.
        """
        ...

    def redraw(self, state: State, published: Published) -> Image | Failure:
        """An image of the same shape and dtype, or why there is none; it depends on state and image alone."""
        ...


@runtime_checkable
class Adapter(Attacker, Protocol):
    """A recogniser's templates, compared in a way that was learned on auxiliary people."""

    def adapt(self, auxiliary: Auxiliary) -> State:
        """Fit.

        Raises:
            TooFewPeople: nothing can be fitted; the message is a reason for the record.
        """
        ...

    def distances(self, state: State, a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float32]:
        """(len(a), len(b)) distances of templates, smaller for what is more alike; symmetric."""
        ...


def fits(info: AttackerInfo, target: Target) -> str:
    """Why a part cannot be tried on images of that modality; empty when it can."""
    return "" if target.modality in info.modality else f"{info.name} is not for {target.modality}s"


def as_vectors(templates: NDArray[Any]) -> NDArray[np.float32]:
    """Templates of any recogniser as rows of numbers: packed bits become 0 and 1, numbers stay.

    Args:
        templates: (n, …) unsigned integers that hold one bit code, or numbers.

    Returns:
        (n, d) float32.
    """
    rows: Sequence[Any] | NDArray[Any] = templates
    flat = np.ascontiguousarray(rows).reshape(len(templates), -1)
    if flat.dtype.kind == "u":
        little = flat.astype(flat.dtype.newbyteorder("<"), copy=False)
        return np.unpackbits(little.view(np.uint8).reshape(len(flat), -1), axis=1, bitorder="little").astype(np.float32)
    return flat.astype(np.float32)
