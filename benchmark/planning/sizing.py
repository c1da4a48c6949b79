"""What scoring a cell takes in memory and scratch files: the formula behind `plan` and the page *Sizing*."""

from __future__ import annotations

from dataclasses import dataclass

from ..statistics.uncertainty import MAX_LEFT_OUT, RESAMPLES
from ..storage.spilled import HELD
from .comparisons import is_large

BASE_MEMORY = 150 * 2**20
"""Bytes of a process that scores nothing."""
MATRIX_COPIES = 2.5
"""What is held whole takes so many times the matrices of one recogniser beside those of all."""
PARTS = 6
"""What is not held whole takes so many parts of `HELD` numbers in single precision at a time."""
PER_VERSION = 4096
"""Bytes that a record and its scoring take for each de-identified image."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of one cell."""

    originals: int
    versions: int
    """De-identified images."""
    people: int
    """Identities."""
    repetitions: int
    """Versions of each image."""
    recognizers: int

    @property
    def large(self) -> bool:
        """Whether its distances are too many to be held."""
        return is_large(self.originals, self.versions, self.recognizers)

    @property
    def matrices(self) -> tuple[int, int, int]:
        """Distances of one recogniser: originals with originals, images with originals, images with each other."""
        first = self.versions // self.repetitions if self.large else self.versions
        return self.originals**2, self.versions * self.originals, first**2

    @property
    def memory(self) -> int:
        """Bytes of the process that scores, at most; workers come on top."""
        if not self.large:
            return int(BASE_MEMORY + 4 * sum(self.matrices) * (self.recognizers + MATRIX_COPIES))
        held = 4 * self.recognizers * sum(each for each in self.matrices if each <= HELD)
        rows = 1 + RESAMPLES + min(self.people, MAX_LEFT_OUT)
        weights = rows * (16 * self.people + (2 * self.versions if self.repetitions > 1 else 0))
        by_people = 64 * self.people**2 + 12 * self.people * self.originals
        return BASE_MEMORY + 4 * HELD * PARTS + held + weights + by_people + PER_VERSION * self.versions

    @property
    def scratch(self) -> int:
        """Bytes of scratch files while it is scored, at most."""
        among, across, between = self.matrices
        tables = (among // 2, across, between // 2)
        return 16 * max(tables) + 8 * tables[0] if self.large and max(tables) > HELD else 0
