"""Parameters out of a network that dlib has saved."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...weights.files import WeightsError

Kind = Literal["con", "affine", "fc"]

_NUMBER = rb"(?:\x01.|\x02..)"
_TAG = re.compile(rb"(?:\x05(con)_[45]|\x07(affine)_|\x04(fc)_2" + _NUMBER + rb"{2})\x01\x02", re.DOTALL)
"""Length and name of a layer (a dense one then says how many outputs and inputs it has), followed by the version (2) of
the tensor of its parameters."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One layer that has parameters."""

    kind: Kind
    values: NDArray[Any]
    """All its parameters in one row, float32: a convolution's filters then biases, an affine layer's factors then
    offsets, a dense layer's (inputs, outputs)."""


def read_layers(path: Path) -> list[Layer]:
    """The layers with parameters, from the input on.

    dlib writes whole numbers as one byte that says how many bytes follow, then these, low byte first; a tensor as its
    version, its four sizes and its float32 values. Layers that carry parameters write their name right before them.

    Raises:
        WeightsError: the file does not hold such layers, or is cut off.
    """
    data = path.read_bytes()
    layers: list[Layer] = []
    position = 0
    while found := _TAG.search(data, position):
        count, start = 1, found.end()
        for _ in range(4):
            size, start = _whole_number(data, start)
            count *= size
        position = start + 4 * count
        if position > len(data):
            raise WeightsError(f"{path} is cut off in layer {len(layers)}; fetch it again")
        kind: Any = next(name for name in found.groups() if name).decode()
        layers.append(Layer(kind, np.frombuffer(data, "<f4", count, start)))
    if not layers:
        raise WeightsError(f"{path} holds no layer that dlib would write; expected a network saved by dlib")
    return layers


def _whole_number(data: bytes, start: int) -> tuple[int, int]:
    """A number and the place behind it."""
    end = start + 1 + (data[start] & 0x0F)
    return int.from_bytes(data[start + 1 : end], "little"), end
