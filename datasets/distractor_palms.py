"""Rendered palms of strangers who stand in a gallery and are searched by nobody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .base import DatasetError, Sample
from .rendering.palm_seeds import BLOCK_SIZE, BLOCKS, user_set_start
from .synthetic_palm import SettingName, SyntheticPalm

FIRST_SEED = 40_000
"""Their palms are those of `synthetic-palm:seed=…` from this seed on."""
MOST = (BLOCKS - FIRST_SEED) * BLOCK_SIZE
PREFIX = "distractor-"
"""Of ids, identities and subjects, so that none of them is anybody's of a dataset."""


class DistractorPalms(SyntheticPalm):
    """One image each of some of these palms, rendered into a folder that is the caller's to keep or to throw away.

    It is no plug-in: nobody is to be evaluated on it.

    Args:
        first: number of the first palm, even.
        palms: how many.
        setting: as of the images that are searched.
        folder: for the files.
    """

    def __init__(self, first: int, palms: int, setting: SettingName, folder: Path) -> None:
        if first % 2 or not 0 <= first <= MOST - palms:
            raise DatasetError(f"distractors are even numbers of palms up to {MOST}, got {palms} from {first} on")
        super().__init__(palms, 1, setting)
        self._first, self._folder = first, folder
        self._start = user_set_start(FIRST_SEED) + first

    @property
    def folder(self) -> Path:
        """Where the files are."""
        return self._folder

    def samples(self) -> Sequence[Sample]:
        """All samples, with names that no dataset has."""
        return [
            replace(
                each,
                sample_id=f"{PREFIX}{self._first}-{each.sample_id}",
                identity=f"{PREFIX}{self._first}-{each.identity}",
                subject=f"{PREFIX}{self._first}-{each.subject}",
            )
            for each in super().samples()
        ]
