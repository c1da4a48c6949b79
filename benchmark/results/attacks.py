"""Distances that the attacks of a cell produce, before scoring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ..suites import Control

Matrix = NDArray[np.float32]
"""Distances; NaN where there is none."""


@dataclass(frozen=True, slots=True)
class VariantName:
    """One combination of an attack's slots."""

    attack: str
    """Id in the suite."""
    slots: str
    """What fills them: gallery, probe, recogniser, pooling."""
    gallery: str
    """`originals` or `parrot`: what the columns of its distances are."""
    pooling: str


@dataclass(frozen=True, slots=True, eq=False)
class VariantDistances:
    """Distances of one combination under one recogniser; NaN where there is none."""

    name: VariantName
    distances: Matrix
    """(versions, columns of its gallery)."""
    controls: Mapping[Control, Matrix] = field(default_factory=dict)
    """Of those that the suite asks for: (control probes, columns). Probes of `identity` are unchanged originals, one of
    each identity, and its columns the originals whatever the gallery; probes of `stranger` are of people who are
    nobody's."""


@dataclass(frozen=True, slots=True, eq=False)
class AttackResults:
    """Everything that the attacks produced."""

    parrots: Sequence[int]
    """Of the images that the attacker put through the method: which of the usable samples each was made from."""
    controls: Sequence[int]
    """Of the controls' probes: which of the usable samples each stands for."""
    variants: Mapping[str, Sequence[VariantDistances]]
    """By specification of the recogniser."""
    reasons: Mapping[str, str]
    """By attack, or `attack/recogniser`: why it, or a part of it, did not run."""
    people: int
    """Auxiliary people that something was learned on."""
    images: int
    """Images of them."""
