"""What a dataset passes over, counted by reason, with the first names; nothing is left out without a trace."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping

NAMED = 20
"""Names that are kept of each reason; the count goes on."""


class PassedOver:
    """Counts by reason while a dataset is listed. A reason is a few words without names, so that it can be counted."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._names: dict[str, list[str]] = {}

    def add(self, reason: str, name: str) -> None:
        """Count one file, folder or line.

        Args:
            reason: why it is passed over.
            name: which; a path below the dataset's folder, or the number of a line.
        """
        self._counts[reason] += 1
        names = self._names.setdefault(reason, [])
        if len(names) < NAMED:
            names.append(printable(name))

    @property
    def counts(self) -> Mapping[str, int]:
        """How many by reason."""
        return dict(sorted(self._counts.items()))

    @property
    def names(self) -> Mapping[str, tuple[str, ...]]:
        """The first `NAMED` names by reason."""
        return {reason: tuple(names) for reason, names in sorted(self._names.items())}


def in_words(counts: Mapping[str, int]) -> str:
    """Counts as a phrase, such as `2 other file type (.txt), 1 hidden`; empty where nothing was passed over."""
    return ", ".join(f"{count:,} {reason}" for reason, count in sorted(counts.items()))


def printable(text: str) -> str:
    """A file's name as it can stand in any text: what is no UTF-8, controls and marks of direction become `?`."""
    return "".join("?" if unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl", "Zp"} else each for each in text)
