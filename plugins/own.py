"""Which modules are this package's own (floor 0)."""

from __future__ import annotations

PRODUCT = __name__.partition(".")[0]
"""The package as it is imported."""


def is_own(name: str) -> bool:
    """Whether a module, or what stands in one, is this package's.

    Args:
        name: dotted.
    """
    return name.partition(".")[0] == PRODUCT
