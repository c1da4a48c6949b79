"""Weight files pinned by hash: where they come from, and reading them without pickle (floor 0)."""

from .files import WeightsError, register, weight

__all__ = ["WeightsError", "register", "weight"]
