"""What scoring a cell takes in memory and scratch files: the formula behind `plan` and the page *Sizing*."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..statistics.uncertainty import MAX_LEFT_OUT, RESAMPLES
from ..storage.spilled import HELD
from .cells import Quality
from .comparisons import is_large
from .tasks import COMPARE_ROWS

BASE_MEMORY = 150 * 2**20
"""Bytes of a process that scores nothing."""
MATRIX_COPIES = 2.5
"""What is held whole takes so many times the matrices of one recogniser beside those of all."""
PARTS = 6
"""What is not held whole takes so many parts of `HELD` numbers in single precision at a time."""
PER_VERSION = 12 * 1024
"""Bytes of each de-identified image: its tasks, its measures, its row in the record and in the text of it."""
PER_ORIGINAL = 2048
"""Bytes of each original: its sample and its tasks."""
INCEPTION = 2048
"""Numbers that the largest network gives for an image."""
FEATURES: Mapping[Quality, tuple[int, int]] = {
    "basic": (INCEPTION + 256, INCEPTION + 256),
    "full": (INCEPTION + 256 + 512, INCEPTION + 256 + 512 + 2 * (INCEPTION + 512)),
}
"""Numbers in double precision that are held of each original and of each de-identified image, for distances of sets:
of Inception, AlexNet and VGG16, and with `full` also those of both images' regions."""
SETS_MEMORY = 300 * 2**20
"""Bytes that the distance of two sets of these takes, beside a copy of one set: nine matrices of `INCEPTION` a side."""


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
    quality: Quality = "basic"

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
        held, meanwhile = self._held_and_meanwhile
        of_original, of_version = FEATURES[self.quality]
        images = self.originals * (PER_ORIGINAL + 8 * of_original) + self.versions * (PER_VERSION + 8 * of_version)
        sets = SETS_MEMORY + 8 * INCEPTION * self.versions
        return int(BASE_MEMORY + images + held + max(meanwhile, sets))

    @property
    def _held_and_meanwhile(self) -> tuple[float, float]:
        """Bytes of distances and weights: those held until the end, and those that comparisons take meanwhile."""
        if not self.large:
            every = 4 * sum(self.matrices)
            return every * self.recognizers, every * MATRIX_COPIES
        held = 4 * self.recognizers * sum(each for each in self.matrices if each <= HELD)
        rows = 1 + RESAMPLES + min(self.people, MAX_LEFT_OUT)
        held += rows * (16 * self.people + (2 * self.versions if self.repetitions > 1 else 0))
        held += 8 * self.recognizers * self.pairs // COMPARE_ROWS
        return held, 4 * HELD * PARTS + 64 * self.people**2 + 12 * self.people * self.originals

    @property
    def pairs(self) -> int:
        """Comparisons of one recogniser."""
        among, across, between = self.matrices
        return among // 2 + across + between // 2

    @property
    def scratch(self) -> int:
        """Bytes of scratch files while it is scored, at most."""
        among, across, between = self.matrices
        tables = (among // 2, across, between // 2)
        return 16 * max(tables) + 8 * tables[0] if self.large and max(tables) > HELD else 0
