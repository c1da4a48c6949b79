"""Keeps a torchvision that does not fit the installed torch from taking the diffusion methods down."""

from __future__ import annotations

import importlib
import sys


def hide_broken_torchvision() -> None:
    """Make libraries that look for torchvision find none, where the installed one cannot be imported.

    A CPU build of torch beside the index's torchvision is such a pair. diffusers and transformers import torchvision
    when it is there, and fail with it, though nothing here needs it. To be called before they are imported.
    """
    if sys.modules.get("torchvision", False) is None:
        return
    try:
        importlib.import_module("torchvision")
    except ModuleNotFoundError:
        return
    except (RuntimeError, ImportError, OSError):
        for name in [each for each in sys.modules if each.partition(".")[0] == "torchvision"]:
            del sys.modules[name]
        sys.modules["torchvision"] = None  # type: ignore[assignment]  # the documented way to forbid an import
