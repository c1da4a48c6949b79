"""What a de-identifier is (floor 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol, runtime_checkable

from ..analyzers.base import HandAnalysis
from ..datasets.base import Failure, Image, Modality

Need = Literal["donor"]


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
    training_data: str = "none"
    licence: str = "Apache-2.0"
    citation: str = ""
    weights: tuple[str, ...] = ()
    """Names of the weight files it reads; their hashes enter the digest."""
    needs: tuple[Need, ...] = ()
    """What the harness has to hand over besides the image and its analysis."""
    batch_size: int = 8
    """Requests that the method likes to get in one call."""


@dataclass(frozen=True, slots=True, eq=False)
class Donor:
    """Another person's hand from the same dataset, for methods that ask for one (`needs=("donor",)`)."""

    image: Image
    analysis: HandAnalysis


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """One image to de-identify."""

    image: Image
    """(H, W, 3) uint8 RGB. Do not write into it."""
    analysis: HandAnalysis
    """Where the hand is; the harness localises."""
    seed: int
    """0 <= seed < 2**64. All randomness of a method comes from here."""
    donor: Donor | None = field(default=None)


@runtime_checkable
class Deidentifier(Protocol):
    """Turns images into images that should no longer show who it is.

    Parameters are the keyword arguments of the constructor. The result for one request depends on that
    request alone: not on its place in the batch, the batch's size, or earlier calls.

    A method may also have `repaints(request) -> (H, W) bool`: the pixels that it may change. The record then says
    which share of the recogniser's ROI that is. Where parameters choose the weights, a static method
    `weight_hashes(params) -> {name: sha256}` says what is read; digest and record then have that in place of `weights`.
    """

    info: ClassVar[MethodInfo]

    def deidentify(self, batch: Sequence[Request]) -> list[Image | Failure]:
        """One result per request, in order: an image of the same shape and dtype, or a `Failure`."""
        ...
