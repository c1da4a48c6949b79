"""Tools made by others that are not installed with deid-bench: are they there, and where do they run."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from ..weights.devices import check_device, torch_device
from ..weights.files import WeightsError, cache_dir, offline
from ..weights.hub import HubError, hub_folder

if TYPE_CHECKING:
    import torch

Dtype = Literal["float32", "float16", "bfloat16"]


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
        ValueError: no device (`check_device`), or no dtype of `Dtype`.
    """
    check_device(device)
    if dtype not in get_args(Dtype):
        raise ValueError(f"dtype must be one of {', '.join(get_args(Dtype))}, got {dtype!r}")


def place(device: str, dtype: str) -> tuple[torch.device, torch.dtype]:
    """torch's own names of a device and a dtype.

    Raises:
        WeightsError: the device is not on this machine.
    """
    import torch

    found: torch.dtype = getattr(torch, dtype)
    return torch_device(device), found


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
    folder = cache_dir().parent / into if into else None
    try:
        return hub_folder(repo, patterns, folder, offline=offline())
    except HubError as error:
        raise WeightsError(f"The files of {repo} cannot be had. {instead} (Hugging Face said: {error})") from error
