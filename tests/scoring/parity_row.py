"""One line of the parity table: a number of ours beside that of another implementation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata

import numpy as np
from numpy.typing import ArrayLike


class Unavailable(Exception):
    """The other implementation is not here, or does not run here."""


@dataclass(frozen=True)
class Row:
    """How far we are from another implementation over a few small cases."""

    metrics: tuple[str, ...]
    """Names in the catalogue, or plain words for what is not a metric."""
    outside: str
    """What it is compared with."""
    package: str
    """Distribution that must be installed; empty where a formula or a golden file is the other side."""
    tolerance: float
    """Largest difference that passes."""
    measure: Callable[[], float]
    """Largest difference over the cases."""
    note: str = ""
    """Where conventions differ."""

    @property
    def name(self) -> str:
        return f"{', '.join(self.metrics)} | {self.outside}"

    def version(self) -> str:
        """Of the package; empty without one.

        Raises:
            Unavailable: it is not installed.
        """
        if not self.package:
            return ""
        try:
            return metadata.version(self.package)
        except metadata.PackageNotFoundError:
            raise Unavailable(f"{self.package} is not installed") from None

    def difference(self) -> float:
        """The largest difference, measured now.

        Raises:
            Unavailable: the other implementation cannot be run.
        """
        self.version()
        try:
            return float(self.measure())
        except ImportError as error:
            raise Unavailable(f"{self.package} cannot be imported: {error}") from error


def apart(pairs: Iterable[tuple[ArrayLike, ArrayLike]]) -> float:
    """Largest absolute difference over pairs of numbers or arrays."""
    return max(float(np.max(np.abs(np.asarray(a, np.float64) - np.asarray(b, np.float64)))) for a, b in pairs)


def relatively_apart(pairs: Iterable[tuple[float, float]]) -> float:
    """Largest difference over pairs as a share of the second number."""
    return max(abs(a - b) / abs(b) for a, b in pairs)
