"""What the tests of weight files share."""

from __future__ import annotations

import hashlib
import io
import tarfile
from typing import Any

from deid_bench.weights import files as weights
from deid_bench.weights.files import WeightSpec
from deid_bench.weights.sources import Source

DATA = bytes(range(256)) * 40
OTHER = DATA[::-1]


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def make_spec(*sources: Source, data: bytes = DATA, name: str = "test-net", **more: Any) -> WeightSpec:
    fields: dict[str, Any] = {"file": f"{name}.bin", "sha256": sha(data), "size": len(data)} | more
    return WeightSpec(name=name, licence="CC0-1.0", training_data="none", citation="", sources=tuple(sources), **fields)


def left_over() -> list[str]:
    """Whatever lies in the cache beside whole files."""
    folder = weights.cache_dir()
    return [p.name for p in folder.iterdir() if p.name.startswith(".")] if folder.is_dir() else []


def tar_file(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))
