"""`scores.npz` beside a record: its distances by kind of pair, as they were scored. Reports read them from here alone."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...files import open_regular
from ..metrics.recognition.population import Population

SCORES_NAME = "scores.npz"
KINDS = ("genuine", "impostor", "own", "cross", "versions")
"""Originals of one identity, of two; de-identified images and their own originals, the other ones of their identity;
versions of one image, where there are several."""
MOST = 2**20
"""Distances of one kind that stand for more than are held in memory."""
LARGEST = 2**31
"""Bytes of all arrays; more is no result of ours."""


def spread(values: NDArray[np.float32] | Population) -> NDArray[np.float64]:
    """All distances, or of those that are too many for memory evenly spread ones in order, `MOST` at most."""
    if isinstance(values, np.ndarray):
        return values.astype(np.float64)
    step = -(-values.size // MOST)
    kept, seen = [np.empty(0, np.float32)], 0
    for part in values.rising():
        kept.append(part[(step // 2 - seen) % step :: step])
        seen += part.size
    return np.concatenate(kept).astype(np.float64)


def encode_scores(scores: Mapping[str, NDArray[np.float64]]) -> bytes:
    """Bytes of `scores.npz`.

    Args:
        scores: by kind and number of the recogniser, `own_0` for example.
    """
    buffer = io.BytesIO()
    np.savez(buffer, **{name: each.astype(np.float32) for name, each in scores.items()})  # type: ignore[arg-type]
    return buffer.getvalue()


def read_scores(path: Path, index: int, largest: int = LARGEST) -> dict[str, NDArray[np.float64]]:
    """Distances of one recogniser by kind.

    Args:
        path: of the file.
        index: number of the recogniser in the record.
        largest: bytes of all arrays that are read at most.

    Raises:
        ValueError: it is no such file, lacks the recogniser, or holds what is no row of finite numbers.
        OSError: it cannot be read.
    """
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            size = sum(each.file_size for each in archive.infolist())
        if size > largest:
            raise ValueError(f"it holds {size // 2**20} MB")
        with open_regular(path) as file, np.load(file, allow_pickle=False) as found:
            arrays = {kind: found[name] for kind in KINDS if (name := f"{kind}_{index}") in found}
    except (KeyError, EOFError, zipfile.BadZipFile, zlib.error, RuntimeError, IndexError) as error:
        raise ValueError(" ".join(str(error).split())) from error
    arrays.setdefault("versions", np.zeros(0, np.float32))
    for kind in KINDS:
        if kind not in arrays:
            raise ValueError(f"there is no {kind}_{index}")
        values = arrays[kind]
        if values.ndim != 1 or values.dtype.kind != "f" or not np.isfinite(values).all():
            raise ValueError(f"{kind} should be a row of finite numbers")
    return {kind: values.astype(np.float64) for kind, values in arrays.items()}
