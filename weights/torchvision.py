"""What to do about a torchvision that was not built for the installed torch; the one place that knows of it.

A CPU build of torch beside the index's torchvision is such a pair: torchvision's Python files describe operators that
its compiled library defines, the library does not load, and the import fails over operators that nothing here calls.
"""

from __future__ import annotations

import importlib
import re
import sys
from functools import cache
from typing import Any

_MISSING = re.compile(r"operator torchvision::(\w+) does not exist")
_MOST_OPERATORS = 60
_declared: list[object] = []
"""An operator lives as long as the library object that declared it."""


def hide_broken_torchvision() -> None:
    """Make libraries that look for torchvision find none, where the installed one cannot be imported.

    diffusers and transformers import torchvision when it is there, and fail with it, though nothing here needs it. To
    be called before they are imported.
    """
    if sys.modules.get("torchvision", False) is None:
        return
    try:
        importlib.import_module("torchvision")
    except ModuleNotFoundError:
        return
    except (RuntimeError, ImportError, OSError):
        _forget()
        sys.modules["torchvision"] = None  # type: ignore[assignment]  # the documented way to forbid an import


@cache
def fit_torchvision() -> tuple[str, ...]:
    """Make torchvision importable for lpips, pytorch-fid and piq, which use its networks' layouts and nothing compiled.

    Each operator that the import misses is declared, without an implementation: calling one still fails, and says so.

    Returns:
        Names of the operators that were declared; none where torchvision fits torch.

    Raises:
        ImportError: torchvision is not installed, or cannot be imported for another reason.
    """
    import torch

    if sys.modules.get("torchvision", False) is None:
        del sys.modules["torchvision"]
    names: list[str] = []
    while True:
        try:
            importlib.import_module("torchvision")
        except RuntimeError as error:
            missing = _MISSING.search(str(error))
            _forget()
            if missing is None or len(names) == _MOST_OPERATORS:
                raise ImportError(f"torchvision cannot be imported: {error}") from error
            library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
            library.define(f"{missing[1]}(Tensor input) -> Tensor")
            _declared.append(library)
            names.append(missing[1])
        else:
            return tuple(names)


def _forget() -> None:
    for name in [each for each in sys.modules if each.partition(".")[0] == "torchvision"]:
        del sys.modules[name]
