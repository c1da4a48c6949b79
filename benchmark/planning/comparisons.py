"""Which templates a recogniser compares: in small runs all with all, in large ones what is scored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .tasks import COMPARE_ROWS, Plugin, Task, compare_tasks

KEPT = 50_000_000
"""Distances of all recognisers together up to which a run holds them as matrices and keeps them beside its record."""

Digests = Sequence[str | None]


def is_large(originals: int, versions: int, recognizers: int) -> bool:
    """Whether a cell has too many distances to be held.

    Args:
        originals: images that were found.
        versions: de-identified images that were made.
        recognizers: how many.
    """
    return (originals**2 + versions * originals + versions**2) * recognizers > KEPT


@dataclass(frozen=True, slots=True)
class Comparisons:
    """The compare tasks of one recogniser."""

    originals: list[Task]
    """Originals among each other."""
    deidentified: list[Task]
    """De-identified images with originals."""
    versions: list[Task]
    """De-identified images among each other: all, or those of `first`."""
    first: list[int] | None
    """Which de-identified images are compared with each other; None: all."""
    twins: list[tuple[list[int], list[Task]]]
    """Where not all are: groups of de-identified images that have all versions of their originals, and their tasks."""

    @property
    def tasks(self) -> list[Task]:
        """All of them."""
        return [
            *self.originals,
            *self.deidentified,
            *self.versions,
            *(task for _, tasks in self.twins for task in tasks),
        ]


def comparisons(
    originals: Digests, versions: Digests, made: Sequence[tuple[str, int]], recognizer: Plugin, large: bool
) -> Comparisons:
    """What is compared.

    Args:
        originals: digests of the templates; None where there is none.
        versions: the same of the de-identified images.
        made: sample id and repetition of each of these.
        recognizer: that compares.
        large: whether only what is scored is compared: one version of each image with those of the others, and the
            versions of an image with each other.
    """
    name = recognizer.resolved.text
    first = [index for index, (_, repetition) in enumerate(made) if not repetition] if large else None
    ones = versions if first is None else [versions[index] for index in first]
    return Comparisons(
        compare_tasks(name, originals, originals, recognizer),
        compare_tasks(name, versions, originals, recognizer),
        compare_tasks(name, ones, ones, recognizer),
        first,
        [
            (group, compare_tasks(name, some, some, recognizer))
            for group in (_groups(made) if large and any(repetition for _, repetition in made) else [])
            if (some := [versions[index] for index in group])
        ],
    )


def _groups(made: Sequence[tuple[str, int]]) -> list[list[int]]:
    """Neighbours of whole images, of about as many rows as a task has."""
    groups: list[list[int]] = []
    for index, (sample_id, _) in enumerate(made):
        whole = bool(groups) and made[groups[-1][-1]][0] == sample_id
        if whole or (groups and len(groups[-1]) < COMPARE_ROWS):
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups
