"""One thing that holds for a whole process: how it is read and set (floor 0)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Setting:
    """One of them."""

    name: str
    """As a reader knows it."""
    read: Callable[[], Any]
    """Its value; equal ones are equal settings."""
    write: Callable[[Any], None]
    module: str = ""
    """It is there once this module is loaded; empty: always."""
    whole: str = ""
    """A part that the module has once all of it is loaded."""

    def is_there(self) -> bool:
        """Whether it can be read."""
        module = sys.modules.get(self.module) if self.module else None
        return not self.module or (module is not None and (not self.whole or hasattr(module, self.whole)))
