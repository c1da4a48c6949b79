"""Tools made by others that are not installed with deid-bench: are they there, and where do they run."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from ..weights.files import WeightsError, cache_dir, offline

if TYPE_CHECKING:
    import torch

Dtype = Literal["float32", "float16", "bfloat16"]
_DEVICE = re.compile(r"(cpu|mps|cuda(:\d+)?)")


class ToolError(RuntimeError):
    """A tool is absent or does not work here; the message says what to install or to choose instead."""

    exit_code = 3


def require_package(name: str, how: str) -> None:
    """Do nothing when a package is installed; it is not imported.

    Args:
        name: import name.
        how: sentences on how to get it and what to take instead.

    Raises:
        ToolError: it is absent.
    """
    try:
        found = importlib.util.find_spec(name) is not None
    except ValueError:  # a module without a spec: somebody put it there by hand
        found = True
    if not found:
        raise ToolError(f"The package {name} is not installed. {how}")


def check_place(device: str, dtype: str) -> None:
    """Check what a user typed, without importing torch.

    Raises:
        ValueError: neither `cpu`, `cuda`, `cuda:N` nor `mps`, or no dtype of `Dtype`.
    """
    if not _DEVICE.fullmatch(device):
        raise ValueError(f"device must be cpu, cuda, cuda:N or mps, got {device!r}")
    if dtype not in get_args(Dtype):
        raise ValueError(f"dtype must be one of {', '.join(get_args(Dtype))}, got {dtype!r}")


def place(device: str, dtype: str) -> tuple[torch.device, torch.dtype]:
    """torch's own names of a device and a dtype.

    Raises:
        ToolError: the device is not on this machine.
    """
    import torch

    kind, _, index = device.partition(":")
    count = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}[kind]
    if int(index or 0) >= count:
        raise ToolError(f"This machine has no {device} that torch {torch.__version__} can use; take device=cpu.")
    found: torch.dtype = getattr(torch, dtype)
    return torch.device(device), found


def hub_files(repo: str, patterns: list[str], instead: str, into: str | None = None) -> Path:
    """Folder with files of a Hugging Face model repository, downloaded unless they are there.

    Args:
        repo: `owner/name`.
        patterns: file names or wild cards below the repository's root.
        instead: what to do where it cannot be downloaded; sentences.
        into: name of a folder in this project's cache; None uses the hub's own cache.

    Raises:
        WeightsError: it cannot be had, or DEID_BENCH_OFFLINE is set and it is not on this machine.
    """
    from huggingface_hub import snapshot_download

    folder = cache_dir().parent / into if into else None
    try:
        return Path(snapshot_download(repo, allow_patterns=patterns, local_dir=folder, local_files_only=offline()))
    except Exception as error:  # its error classes differ between versions
        said = " ".join(str(error).split())[:200]
        raise WeightsError(f"The files of {repo} cannot be had. {instead} (Hugging Face said: {said})") from error
