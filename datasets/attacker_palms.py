"""Rendered palms for attackers: people who are never evaluated, to learn on what a method leaves of anybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .base import Sample
from .rendering.palm_seeds import ATTACKER_SETS
from .synthetic_palm import SettingName, SyntheticPalm

PREFIX = "aux-"
"""Of ids, identities and subjects, so that none of them is anybody's of a dataset."""


class AttackerPalms(SyntheticPalm):
    """Palms of the identity seeds that are reserved for attackers; rendered once and kept in the cache folder.

    The same palms in every setting, so that the sets of several settings are one set of people.

    It is no plug-in: nobody is to be evaluated on it.

    Args:
        identities: number of palms.
        samples: images of each.
        setting: as of the evaluated images.
    """

    def __init__(self, identities: int, samples: int, setting: SettingName) -> None:
        super().__init__(identities, samples, setting)
        self._start = ATTACKER_SETS.start

    @property
    def block(self) -> str:
        """Names the cache folder together with the other parameters."""
        return "attackers"

    def samples(self) -> Sequence[Sample]:
        """All samples, with names that neither a dataset nor another setting has."""
        return [
            replace(
                each,
                sample_id=f"{PREFIX}{self.setting}-{each.sample_id}",
                identity=PREFIX + each.identity,
                subject=PREFIX + each.subject,
            )
            for each in super().samples()
        ]
