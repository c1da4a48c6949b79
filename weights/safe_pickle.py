"""Reading weight files without running what is in them (floor 0).

A pickle is a program. Here it may build numpy arrays, dictionaries and lists, and nothing else; PyTorch archives go
through PyTorch's own restricted loader. Either way the tensors are written out once as safetensors, and the pickle is
not touched again.
"""

from __future__ import annotations

import pickle
import stat
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..files import replacing
from .sources import SourceError

Tensors = dict[str, NDArray[Any]]

ALLOWED = frozenset(
    {
        ("collections", "OrderedDict"),
        ("_codecs", "encode"),  # how protocol 2 spells bytes
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        *((module, "_reconstruct") for module in ("numpy.core.multiarray", "numpy._core.multiarray")),
        *((module, "scalar") for module in ("numpy.core.multiarray", "numpy._core.multiarray")),
        *((module, "_frombuffer") for module in ("numpy.core.numeric", "numpy._core.numeric")),
    }
)
"""The only globals a pickle may name, as (module, name)."""

_OLD_TORCH = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
"""How files begin that PyTorch wrote before its archives were zip files."""


class _Restricted(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in ALLOWED:
            return super().find_class(module, name)
        raise SourceError(f"the pickle asks for {module}.{name}, only numpy arrays are allowed")


def load_pickle(path: Path) -> Any:
    """Unpickle arrays, dictionaries, lists and numbers.

    Raises:
        SourceError: the file names anything else, or is no pickle.
    """
    with path.open("rb") as file:
        try:
            return _Restricted(file, encoding="latin1").load()  # how Python 2's arrays are read
        except SourceError:
            raise
        except Exception as error:  # a damaged pickle can raise nearly anything
            raise SourceError(f"{path.name} is not a readable pickle: {error}") from error


def read_tensors(path: Path) -> Tensors:
    """All arrays of a weight file by their dotted names: safetensors, npz, PyTorch archive or pickle of arrays.

    Raises:
        SourceError: another format, forbidden content, or no array inside.
    """
    if path.suffix == ".safetensors":
        from safetensors.numpy import load_file

        try:
            return dict(load_file(path))
        except Exception as error:  # its own error class moved between versions
            raise SourceError(f"{path.name} is not readable as safetensors: {error}") from error
    found: Tensors = {}
    if zipfile.is_zipfile(path) or _is_old_torch(path):
        _flatten(_load_npz(path) if path.suffix == ".npz" else _load_torch(path), "", found)
    else:
        _flatten(load_pickle(path), "", found)
    if not found:
        raise SourceError(f"{path.name} holds no arrays")
    return found


def _load_npz(path: Path) -> dict[str, NDArray[Any]]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except ValueError as error:
        raise SourceError(f"{path.name} is not usable: {error}") from error


def _is_old_torch(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_OLD_TORCH)) == _OLD_TORCH


def _load_torch(path: Path) -> Any:
    try:
        import torch
    except ImportError:
        raise SourceError(f"{path.name} is a PyTorch archive; install torch to convert it once") from None
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # pickle, zip and torch errors alike
        raise SourceError(f"{path.name} is refused by the restricted loader: {str(error).splitlines()[0]}") from error


def _flatten(value: Any, prefix: str, into: Tensors) -> None:
    """Collect arrays and numbers under dotted names; text and None carry no weights and are left out."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            _flatten(inner, f"{prefix}.{key}" if prefix else str(key), into)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            _flatten(inner, f"{prefix}.{index}" if prefix else str(index), into)
    elif hasattr(value, "detach"):  # a torch tensor
        into[prefix] = value.detach().cpu().numpy()
    elif isinstance(value, np.ndarray | np.generic | int | float):
        array = np.asarray(value)
        if array.dtype.hasobject:
            raise SourceError(f"{prefix or 'the array'} holds Python objects, numbers were expected")
        into[prefix] = array


def convert(source: Path, target: Path) -> None:
    """Write the tensors of `source` to `target` as safetensors, in one step for any other process.

    Raises:
        SourceError: as `read_tensors`.
        OSError: the target cannot be written.
    """
    from safetensors.numpy import save_file

    tensors = read_unpacked(source)
    with replacing(target) as scratch:
        mode = stat.S_IMODE(scratch.stat().st_mode)
        save_file(tensors, scratch)
        scratch.chmod(mode)  # safetensors puts a file in its place that nobody else may read


def read_unpacked(source: Path) -> Tensors:
    """What the safetensors twin of a file holds, from the file itself.

    Raises:
        SourceError: as `read_tensors`.
    """
    return {name: np.ascontiguousarray(array) for name, array in read_tensors(source).items()}
