"""McPherson et al. (arXiv:1609.00408) repeated: how many mosaics of ORL's faces can be read.

Each face of 92 x 112 px is drawn as a mosaic of blocks of 16 x 16 px, which leaves 6 x 7 grey values. Of each of the
forty people eight images are learned and two are read, in ten drawings of which. The reader is as simple as can be: the
nearest of all learned mosaics; beside it the house's trained attacker (`attackers.lda`) on the same values.

    python speed/mosaic_orl.py [SIDE]
"""

from __future__ import annotations

import sys

import click
import numpy as np
from numpy.typing import NDArray

from deid_bench.attackers.base import Auxiliary
from deid_bench.attackers.lda import Lda
from deid_bench.datasets.images import read_image
from deid_bench.datasets.published.orl import Orl

SPLITS, LEARNED = 10, 8
SEED = 20251129

Floats = NDArray[np.float64]


def mosaic(grey: NDArray[np.uint8], side: int) -> Floats:
    """(values,) mean grey of each block; blocks at the right and below are cut off at the image's edge."""
    height, width = grey.shape
    rows, columns = range(0, height, side), range(0, width, side)
    return np.array([np.rint(grey[y : y + side, x : x + side].mean()) for y in rows for x in columns])


def splits(people: NDArray[np.intp]) -> list[NDArray[np.bool_]]:
    """(images,) true for what is learned, for each drawing."""
    rng = np.random.default_rng(SEED)
    found = []
    for _ in range(SPLITS):
        learned = np.zeros(len(people), dtype=np.bool_)
        for person in np.unique(people):
            learned[rng.permutation(np.flatnonzero(people == person))[:LEARNED]] = True
        found.append(learned)
    return found


def nearest(values: Floats, people: NDArray[np.intp], learned: NDArray[np.bool_]) -> float:
    """Share of the others whose nearest learned mosaic is of the same person."""
    apart = np.linalg.norm(values[~learned][:, None] - values[learned][None], axis=2)
    return float((people[learned][apart.argmin(axis=1)] == people[~learned]).mean())


def trained(values: Floats, people: NDArray[np.intp], learned: NDArray[np.bool_]) -> float:
    """As `nearest`, by distances of the trained attacker."""
    rows = values.astype(np.float32)
    attacker = Lda(components=60)
    known = Auxiliary(rows[learned], people[learned], np.ones(int(learned.sum()), dtype=np.bool_))
    apart = attacker.distances(attacker.adapt(known), rows[~learned], rows[learned])
    return float((people[learned][apart.argmin(axis=1)] == people[~learned]).mean())


def main() -> None:
    side = int(sys.argv[1]) if len(sys.argv) > 1 else 16
    faces = Orl()
    faces.prepare()
    samples = faces.samples()
    _, people = np.unique([each.identity for each in samples], return_inverse=True)
    values = np.stack([mosaic(read_image(each.path)[..., 0], side) for each in samples])
    for name, read in (("nearest mosaic", nearest), ("trained attacker", trained)):
        shares = [100 * read(values, people, learned) for learned in splits(people)]
        click.echo(
            f"{side} px, {values.shape[1]} values, {name}: {np.mean(shares):.1f} % read "
            f"({min(shares):.1f} to {max(shares):.1f} over {SPLITS} splits)"
        )


if __name__ == "__main__":
    main()
