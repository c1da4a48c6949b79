"""Tensors of a network's weight file, registered or the user's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ...files import hash_if_changed
from ...weights.files import WeightsError, all_specs, digest, tensors, weight

Tensors = dict[str, NDArray[Any]]

_WRAPPERS = ("module", "model", "backbone")
"""What training scripts wrap a network in; where all names begin with one of these, they are read without it."""


def read_weights(name_or_file: str) -> Tensors:
    """The tensors of a weight file by the names it gives them.

    `.tflite` and `.onnx` files are read tensor by tensor, anything else as `deid_bench.weights.files.tensors` does.

    Args:
        name_or_file: name of a registered weight file, or path of a file.

    Raises:
        WeightsError: there is neither, or the file cannot be read.
    """
    path = weight_file(name_or_file)
    if path.suffix == ".tflite":
        from .tflite_tensors import read_tflite

        return read_tflite(path)
    if path.suffix == ".onnx":
        from .onnx_tensors import read_onnx

        return read_onnx(path)
    if _is_registered(name_or_file):
        return unwrapped(tensors(name_or_file))
    from ...weights.safe_pickle import read_tensors
    from ...weights.sources import SourceError

    try:
        return unwrapped(read_tensors(path))
    except SourceError as error:
        raise WeightsError(f"{path}: {error}; expected a state_dict saved by PyTorch or a safetensors file") from error


def weight_file(name_or_file: str) -> Path:
    """Path of a registered weight file, fetched where needed, or of the user's own.

    Raises:
        WeightsError: there is neither.
    """
    return weight(name_or_file) if _is_registered(name_or_file) else _own_file(name_or_file)


def unwrapped(found: Tensors) -> Tensors:
    """The network's own tensors: those of a checkpoint's `state_dict`, without a prefix that every name has."""
    state = {name.removeprefix("state_dict."): array for name, array in found.items() if name.startswith("state_dict.")}
    if state:
        return unwrapped(state)
    for wrapper in _WRAPPERS:
        if found and all(name.startswith(f"{wrapper}.") for name in found):
            return unwrapped({name.removeprefix(f"{wrapper}."): array for name, array in found.items()})
    return found


def weight_digest(name_or_file: str) -> dict[str, str]:
    """SHA-256 of a weight file by its name.

    Raises:
        WeightsError: there is none, or it cannot be had.
    """
    if _is_registered(name_or_file):
        return {name_or_file: digest(name_or_file)}
    path = _own_file(name_or_file)
    return {path.name: hash_if_changed(path)}


def _is_registered(name_or_file: str) -> bool:
    return any(spec.name == name_or_file for spec in all_specs())


def _own_file(name_or_file: str) -> Path:
    path = Path(name_or_file).expanduser()
    if path.is_file():
        return path
    from ...weights.files import spec

    if path.name == name_or_file and not path.suffix:
        spec(name_or_file)  # raises, proposing the nearest name
    raise WeightsError(f"there is no weight file {name_or_file}; give a registered name or the path of a file")
