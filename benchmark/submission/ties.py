"""Numbers that hang on distances which lie as near to each other as rounding may move them.

Where a distance stands at the threshold, or two stand side by side in a ranking, a change too small to be seen decides
whether somebody counts as recognised. Such a number does not follow from distances that are the same but for rounding,
so that images made anew prove it only where the number itself is computed from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..metrics.catalogue import METRICS
from ..metrics.plugged import Plugged
from ..records.record import RunRecord
from ..results.cell import Distances
from ..results.distances_file import PairDistances
from ..results.tiles import whole
from .differences import ROUNDING, scale_of
from .recompute import rebuild, score_anew

_SEED = 0
"""Of the one movement that is drawn; whoever foresees it gains nothing, as it adds to the others."""
Move = NDArray[np.float64]
"""-1..1 for each distance of a block: which way, and how far within the bound."""


def hanging(record: RunRecord, found: PairDistances, metrics: Sequence[Plugged] | None = None) -> list[str]:
    """Numbers that change in a printed digit when distances move within rounding, as stamps list them.

    Args:
        record: as it came; its attacks are left aside.
        found: its distances.
        metrics: the record's own, as `metrics_at_hand` gives them; None: they are looked for.

    Raises:
        TooMuch: under `bounded`, where memory or time do not suffice.
    """
    alone, bare = record.model_copy(update={"attacks": None}), replace(found, attacks=None)
    decimals = {name: each.decimals for name, each in METRICS.items()}
    decimals |= {each.name: each.decimals for each in record.metrics}
    true = _numbers(alone, bare, metrics)
    names: dict[str, None] = {}
    for moved in _moved(bare):
        for key, value in _numbers(alone, moved, metrics).items():
            if _changed(true.get(key), value, decimals.get(key[0], 0)):
                names[f"{key[0]} {key[1] or ''}".strip()] = None
    return list(names)


def _numbers(
    record: RunRecord, found: PairDistances, metrics: Sequence[Plugged] | None
) -> dict[tuple[str, str | None], float | None]:
    setting, results = rebuild(record, found, {}, metrics)
    scored = score_anew(replace(setting, intervals=False), results)
    return {(each.metric, each.recognizer): each.value for each in scored.values.values}


def _changed(a: float | None, b: float | None, decimals: int) -> bool:
    if a is None or b is None:
        return a is not b
    return abs(a - b) > 0.5 * 10.0**-decimals


def _moved(found: PairDistances) -> Iterator[PairDistances]:
    """The distances after each of the movements: the threshold against images, genuine against impostor, by chance."""
    people = np.unique(found.identities, return_inverse=True)[1]
    columns = people[found.usable]
    rows = people[found.version_sample[found.version_row >= 0]]
    same = [a[:, None] == b[None, :] for a, b in ((columns, columns), (rows, columns), (rows, rows))]
    apart: list[Move] = [np.where(each, 1.0, -1.0) for each in same]
    against: list[Move] = [np.full(each.shape, way) for each, way in zip(same, (1.0, -1.0, -1.0), strict=True)]
    rng = np.random.default_rng(_SEED)
    drawn: list[Move] = [rng.choice([-1.0, 1.0], each.shape) for each in same]
    drawn[::2] = [np.triu(each) + np.triu(each, 1).T for each in drawn[::2]]  # of a set with itself
    for moves in (apart, [-each for each in apart], against, [-each for each in against], drawn):
        distances = {name: _by(each, moves) for name, each in found.distances.items()}
        yield replace(found, distances=distances)


def _by(distances: Distances, moves: list[Move]) -> Distances:
    blocks = [whole(each) for each in (distances.originals, distances.deidentified, distances.versions)]
    scale = scale_of(blocks[0])
    moved: list[NDArray[Any]] = []
    for block, move in zip(blocks, moves, strict=True):
        known = block.astype(np.float64)
        shifted = known + ROUNDING * (np.abs(known) + scale) * move
        moved.append(np.where(known >= 0, np.maximum(shifted, 0), shifted).astype(np.float32))
    return replace(distances, originals=moved[0], deidentified=moved[1], versions=moved[2])
