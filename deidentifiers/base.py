"""What a de-identifier is (floor 3)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from ..analyzers.base import Analysis, FaceAnalysis, HandAnalysis
from ..datasets.types import Aspect, Failure, Image, Modality

Need = Literal["donor", "targets"]


@dataclass(frozen=True, slots=True)
class MethodInfo:
    """What a method says about itself; copied into every record and shown on the board."""

    name: str
    version: str
    """Raised whenever the output for the same input, parameters and seed changes."""
    modality: tuple[Modality, ...]
    description: str
    """One line."""
    stochastic: bool = False
    """True when the output depends on the seed. A method that says False is run with one seed only."""
    knowledge: str = "black box"
    """What it assumes to know: `black box`, or `surrogate=NAME` for a recogniser it looks into."""
    family: str = "classical"
    """Facet on the board: classical, diffusion, adversarial, sanity, …"""
    degradation: str = ""
    """Kind of spoiling that the method's `degradation(request)` gives the numbers of: `blur` or `mosaic`. Attackers who
    know the method restore with these; empty where there is nothing of the kind to say."""
    attacks: tuple[str, ...] = ()
    """Attacks that its author brings against it: names of plug-ins of the kind `attacker`, with parameters if need be,
    or of classes in the method's own FILE.py. They run under `--attacks basic` and count like any other."""
    training_data: str = "none"
    licence: str = "Apache-2.0"
    citation: str = ""
    weights: tuple[str, ...] = ()
    """Names of the weight files it reads; their hashes enter the digest."""
    needs: tuple[Need, ...] = ()
    """What the harness has to hand over besides the image and its analysis: `donor`, `targets`."""
    targets: int = 10
    """How many target faces a method that needs `targets` is given; fewer where the dataset has fewer."""
    batch_size: int = 8
    """Requests that the method likes to get in one call."""


@dataclass(frozen=True, slots=True, eq=False)
class Donor:
    """Another person's image from the same dataset, for methods that ask for one or for several (`info.needs`)."""

    image: Image
    analysis: Analysis

    @property
    def hand(self) -> HandAnalysis:
        """`analysis`, for methods for palms; see `Request.hand`."""
        return _hand(self.analysis)

    @property
    def face(self) -> FaceAnalysis:
        """`analysis`, for methods for faces; see `Request.face`."""
        return _face(self.analysis)


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One image to de-identify."""

    image: Image
    """(H, W, 3) uint8 RGB. Do not write into it."""
    analysis: Analysis
    """Where the hand or the face is; the harness localises."""
    seed: int
    """0 <= seed < 2**64. All randomness of a method comes from here."""
    donor: Donor | None = field(default=None)
    targets: tuple[Donor, ...] = field(default=())
    """Images of other people, one each, for methods that make the image look like one of them."""
    aspect: Aspect | None = field(default=None)
    """Which side of the hand the dataset says the image shows; None: it does not say."""

    @property
    def hand(self) -> HandAnalysis:
        """`analysis`, for methods for palms.

        Raises:
            TypeError: it is a face's. The harness never hands a face to a method without the modality `face`.
        """
        return _hand(self.analysis)

    @property
    def face(self) -> FaceAnalysis:
        """`analysis`, for methods for faces.

        Raises:
            TypeError: it is a hand's. The harness never hands a hand to a method without the modality `palm`.
        """
        return _face(self.analysis)


def _hand(analysis: Analysis) -> HandAnalysis:
    if not isinstance(analysis, HandAnalysis):
        raise TypeError("expected the analysis of a hand, got that of a face; use this method with palm images")
    return analysis


def _face(analysis: Analysis) -> FaceAnalysis:
    if not isinstance(analysis, FaceAnalysis):
        raise TypeError("expected the analysis of a face, got that of a hand; use this method with face images")
    return analysis


@runtime_checkable
class Repaints(Protocol):
    """An optional ability: a method that says which pixels it may change."""

    def repaints(self, request: Request) -> NDArray[np.bool_]:
        """(H, W) mask. The record then says which share of the recogniser's ROI that is."""
        ...


@runtime_checkable
class ChoosesKnowledge(Protocol):
    """An optional ability: a method whose parameters choose what it knows."""

    @staticmethod
    def knowledge_of(params: Mapping[str, Any]) -> str:
        """What takes the place of `info.knowledge` in the record: `surrogate=NAME`.

        Args:
            params: every parameter of the constructor, defaults included.
        """
        ...


@runtime_checkable
class Encodes(Protocol):
    """An optional ability: a method that looks into images with an encoder of its own, which attackers may use, too.

    A method that looks into a recogniser of the toolkit need not have it: its `surrogate` is that encoder.
    """

    def encode(self, request: Request) -> NDArray[np.float32] | Failure:
        """(d,) what the encoder sees of whoever is in the image; attackers compare angles. `request.seed` is 0."""
        ...


@runtime_checkable
class Degrades(Protocol):
    """An optional ability: a method that spoils images by what can be said in numbers, which attackers may know."""

    def degradation(self, request: Request) -> Mapping[str, Any] | None:
        """`kind` and the blur's `sigma`, or the mosaic's `side`, `top` and `left`, in px of the image; or None.

        It is what anybody knows who knows the method and its parameters. `info.degradation` says the kind.
        """
        ...


@runtime_checkable
class SaysDegradation(Protocol):
    """An optional part of `info`: the kind of spoiling; see `MethodInfo.degradation`."""

    degradation: str


@runtime_checkable
class TakesBatches(Protocol):
    """An optional part of `info`: how many requests the method likes to get at once; see `MethodInfo.batch_size`."""

    batch_size: int


@runtime_checkable
class BringsAttacks(Protocol):
    """An optional part of `info`: attackers that the method's author brings; see `MethodInfo.attacks`."""

    attacks: tuple[str, ...]


@runtime_checkable
class Deidentifier(Protocol):
    """Turns images into images that should no longer show who it is.

    Parameters are the keyword arguments of the constructor. The result for one request depends on that
    request alone: not on its place in the batch, the batch's size, or earlier calls.

    What it may have beside: `Repaints`, `ChoosesKnowledge`, `Encodes`, `Degrades`, and the abilities of every kind in
    `plugins/abilities.py` (`ChoosesWeights`, `DeclaresDataFiles`, `ExpectsFailures`). An `info` that is no `MethodInfo`
    may lack what `SaysDegradation`, `TakesBatches` and `BringsAttacks` name.
    """

    info: ClassVar[MethodInfo]

    def deidentify(self, batch: Sequence[Request]) -> list[Image | Failure]:
        """One result per request, in order: an image of the same shape and dtype, or a `Failure`."""
        ...
