"""Which images a recogniser has a template of, told from its distances alone.

An image of which no distance is known was not acquired. One of which only some are known was acquired, but the
recogniser failed on pairs of it (see `stages.distances.BAD`): that is no fact about the image, so that such an image must
not count as rejected; it is left out, and the record says so.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .cell import Distances, Matrix

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Acquired:
    """By image, in the order of the matrices."""

    originals: Flags
    """(u,) originals that can be compared with each other."""
    images: Flags
    """(m,) de-identified images of which any distance is known."""
    versions: Flags
    """(m,) de-identified images that can be compared with each other."""


def acquired(distances: Distances) -> Acquired:
    """What a recogniser acquired; where all pairs of acquired images have distances, nothing is left out."""
    originals, images, versions = (
        np.isfinite(each) for each in (distances.originals, distances.deidentified, distances.versions)
    )
    among = _any(versions, 1)
    return Acquired(_whole(originals, _any(originals, 1) | _any(images, 0)), _any(images, 1) | among, _whole(versions, among))


def _any(flags: Flags, axis: int) -> Flags:
    return np.asarray(flags.any(axis=axis), dtype=np.bool_)


def _whole(known: Flags, there: Flags) -> Flags:
    """Members of the largest set that is quickly found of which every pair is known: the worst goes first.

    The diagonal does not count; no score is made of an image and itself.
    """
    kept = there.copy()
    members = np.flatnonzero(kept)
    if known[members].sum() == len(members) ** 2:
        return kept
    bad = ~known[np.ix_(members, members)]
    np.fill_diagonal(bad, False)
    per_member = bad.sum(axis=1)
    while per_member.any():
        worst = int(per_member.argmax())
        per_member = per_member - bad[:, worst]
        bad[worst] = bad[:, worst] = False
        per_member[worst] = 0
        kept[members[worst]] = False
    return kept


def is_known(row: Matrix, columns: NDArray[np.intp]) -> bool:
    """Whether all these distances of an image are known."""
    return bool(np.isfinite(row[columns]).all())
