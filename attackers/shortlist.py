"""Who is put through the method once more by an attacker who knows the seed, and what that changes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float32]


def shortlist(
    distances: Sequence[Matrix], people: Sequence[int], sources: Sequence[int], count: int
) -> list[list[int]]:
    """The likeliest people of each search, by the one entry of theirs that looks most like the image.

    Args:
        distances: (images, entries) of each recogniser that the attacker has, NaN where there is none; they are weighed
            alike, by ranks.
        people: of each entry, number of the person.
        sources: of each image, the entry that shows the same original, which no attacker has; -1 where there is none.
        count: of people.

    Returns:
        For each image up to `count` entries of different people, the likeliest first.
    """
    lost = np.array([np.isnan(each) for each in distances])
    gone = np.asarray(lost.all(axis=0))
    placed = [np.argsort(np.argsort(each, axis=1), axis=1, kind="stable") for each in distances]
    known = (~lost).sum(axis=0)
    ranks = np.where(lost, 0, placed).sum(axis=0) / np.maximum(known, 1)
    found = []
    for row, source in enumerate(sources):
        best: dict[int, int] = {}
        for entry in np.argsort(ranks[row], kind="stable").tolist():
            if entry != source and not gone[row, entry]:
                best.setdefault(people[entry], entry)
        found.append(list(best.values())[:count])
    return found


def overlaid(distances: Matrix, again: Sequence[Sequence[tuple[int, float]]]) -> Matrix:
    """Distances of all entries, those that were made again first: whoever is not on a shortlist is farther than all.

    Args:
        distances: (images, entries) before.
        again: for each image entries and their new distances, NaN where there is none.
    """
    known = np.full(distances.shape, np.nan, np.float32)
    for row, each in enumerate(again):
        for entry, distance in each:
            known[row, entry] = distance
    if not np.isfinite(known).any() or not np.isfinite(distances).any():
        return distances
    low, high = float(np.nanmin(distances)), float(np.nanmax(distances))
    behind = distances - low + float(np.nanmax(known)) + max(high - low, 1e-3)
    return np.asarray(np.where(np.isfinite(known) & np.isfinite(distances), known, behind), np.float32)
