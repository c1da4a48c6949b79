"""What methods see of whoever is in an image, opened for attackers.

Encoders of built-in methods stand beside them and not in them, so that opening one changes neither the method's digest
nor its seeds.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from .base import Encodes

_OPENED = {"palm_diffusion.palm_diffusion:PalmDiffusion": "palm_diffusion.encoder:Exemplars"}
"""Module and class, below this package, of built-in methods and of their encoders, which are built from the method."""


def encoder_of(method: Any) -> Encodes | None:
    """A method as its own encoder: itself, or a built-in one opened; None where it has none."""
    if isinstance(method, Encodes):
        return method
    place = _opened(type(method))
    if not place:
        return None
    module, _, name = place.partition(":")
    found: Encodes = getattr(importlib.import_module(f"{__package__}.{module}"), name)(method)
    return found


def has_encoder(cls: type[Any]) -> bool:
    """Whether `encoder_of` finds one in what is built of this class."""
    return callable(getattr(cls, "encode", None)) or bool(_opened(cls))


def _opened(cls: type[Any]) -> str:
    names = (f"{each.__module__.removeprefix(f'{__package__}.')}:{each.__name__}" for each in cls.__mro__)
    return next((_OPENED[name] for name in names if name in _OPENED), "")


def surrogate_of(knowledge: str, params: Mapping[str, Any]) -> str:
    """Specification of the recogniser that a method looks into, by what it says of itself; empty for others."""
    return str(params.get("surrogate", "")) if knowledge.startswith("surrogate=") else ""
