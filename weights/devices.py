"""Where networks run: the one reading of `device=` (floor 0)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .sources import WeightsError

if TYPE_CHECKING:
    import torch

_DEVICE = re.compile(r"auto|cpu|mps|cuda(:\d+)?")


def check_device(device: object) -> None:
    """Check what a user typed, without importing torch.

    Raises:
        ValueError: neither `auto`, `cpu`, `cuda`, `cuda:N` nor `mps`.
    """
    if not isinstance(device, str) or not _DEVICE.fullmatch(device):
        raise ValueError(f"expected device to be auto or cpu or cuda or cuda:N or mps, got {device!r}")


def torch_device(device: str) -> torch.device:
    """torch's own name of a device; `auto` is CUDA where there is one, else the CPU.

    Raises:
        ValueError: see `check_device`.
        WeightsError: it is not on this machine.
    """
    import torch

    check_device(device)
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = device.partition(":")
    count = {"cpu": 1, "cuda": torch.cuda.device_count(), "mps": int(torch.backends.mps.is_available())}[kind]
    if int(index or 0) >= count:
        raise WeightsError(f"This machine has no {device} that torch {torch.__version__} can use; take device=cpu.")
    return torch.device(device)
