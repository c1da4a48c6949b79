"""Weights of an ONNX file. It is a protocol buffer; only the few fields that hold the weights are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...weights.files import WeightsError

_GRAPH, _INITIALIZER = 7, 5
_DIMENSIONS, _TYPE, _NAME, _RAW = 1, 2, 8, 9
"""Numbers of the fields in ONNX's own definition: of a model, of a graph, of a tensor."""
_FLOAT = 1


def read_onnx(path: Path) -> dict[str, NDArray[Any]]:
    """The float32 weights of a model by their names; those that are stored as plain bytes, as exporters do.

    Raises:
        WeightsError: the file is no ONNX model, or is cut off.
    """
    found = {}
    try:
        for number, graph in _fields(memoryview(path.read_bytes())):
            if number != _GRAPH or isinstance(graph, int):
                continue
            for inner, tensor in _fields(graph):
                if inner == _INITIALIZER and not isinstance(tensor, int):
                    name, values = _tensor(tensor)
                    if values is not None:
                        found[name] = values
    except (IndexError, ValueError) as error:
        raise WeightsError(f"{path} is not readable as ONNX: {error}; fetch it again") from error
    if not found:
        raise WeightsError(f"{path} holds no float32 weights that ONNX would store; expected a model saved as ONNX")
    return found


def _tensor(data: memoryview) -> tuple[str, NDArray[Any] | None]:
    """Name and values; None for tensors of another type or kept elsewhere."""
    name, kind = "", 0
    shape: list[int] = []
    values: memoryview | None = None
    for number, field in _fields(data):
        if isinstance(field, int):
            if number == _DIMENSIONS:
                shape.append(field)
            elif number == _TYPE:
                kind = field
        elif number == _DIMENSIONS:  # packed
            position = 0
            while position < len(field):
                length, position = _varint(field, position)
                shape.append(length)
        elif number == _NAME:
            name = bytes(field).decode()
        elif number == _RAW:
            values = field
    return name, None if kind != _FLOAT or values is None else np.frombuffer(values, "<f4").reshape(shape)


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """Number and content of each field of a message: a whole number, or the bytes."""
    position = 0
    while position < len(data):
        key, position = _varint(data, position)
        if key & 7 == 0:
            value, position = _varint(data, position)
            yield key >> 3, value
            continue
        if key & 7 == 2:
            length, position = _varint(data, position)
        elif key & 7 in (1, 5):
            length = 8 if key & 7 == 1 else 4
        else:
            raise ValueError(f"unknown kind of field {key & 7}")
        if position + length > len(data):
            raise ValueError("it is cut off")
        yield key >> 3, data[position : position + length]
        position += length


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    """A whole number, seven bits a byte, low ones first, and the place behind it."""
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 0x7F) << shift
        position, shift = position + 1, shift + 7
        if byte < 0x80:
            return value, position
