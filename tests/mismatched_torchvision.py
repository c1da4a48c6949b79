"""Lets the reference packages import torchvision beside a torch it was not built for.

torchvision's Python files describe operators that its library defines; where that library does not load (a CPU build of
torch beside the index's torchvision), the import fails over operators that no reference package calls. They are
declared here, without an implementation.
"""

from __future__ import annotations

import importlib
import re

_declared: list[object] = []


def make_importable(attempts: int = 40) -> None:
    """Declare each operator that the import misses until it succeeds. Does nothing where torchvision is absent."""
    import torch

    for _ in range(attempts):
        try:
            importlib.import_module("torchvision")
        except ModuleNotFoundError:
            return
        except RuntimeError as error:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(error))
            if missing is None:
                raise
            library = torch.library.Library("torchvision", "FRAGMENT")
            library.define(f"{missing[1]}(Tensor input) -> Tensor")
            _declared.append(library)  # an operator lives as long as its library object
        else:
            return
