"""The attacker who uses everything: distances of all attacks weighed by a logistic regression on dev people."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .attack_choice import LEAST_DEV, Fold
from .attack_tables import Searches


def fused(candidates: Sequence[Searches], parts: Sequence[Fold]) -> list[Searches] | str:
    """One table of searches for each fold, its weights fitted on the fold's dev people.

    What is weighed is each attack's distance to the nearest entry of each identity, brought to mean 0 and deviation 1
    over the dev people's comparisons. An image that one of the attacks could not process is processed by none.

    Args:
        candidates: of one recogniser or of several; the same images in the same order.
        parts: on whom is chosen, for whom is reported.

    Returns:
        By fold; or why there are none.
    """
    if len(candidates) < 2:
        return "there is only one attack to fuse"
    if any(len(part.dev) < LEAST_DEV for part in parts):
        return f"weights need at least {LEAST_DEV} dev people"
    identities = np.unique(np.concatenate([each.enrolled for each in candidates]))
    tables = np.stack([_nearest(each, identities) for each in candidates], axis=2)
    person = {
        int(number): place for each in candidates for number, place in zip(each.enrolled, each.places, strict=True)
    }
    places = np.array([person[int(number)] for number in identities], dtype=object)
    first = candidates[0]
    return [_weighed(first, tables, identities, places, part) for part in parts]


def with_a_mate(candidates: Sequence[Searches]) -> list[Searches]:
    """The images whose person has another image in any of these galleries."""
    there = [((each.own[:, None] == each.enrolled[None]) & ~each.hidden()).any(axis=1) for each in candidates]
    kept = np.any(there, axis=0)
    return [each.of(kept) for each in candidates]


def _nearest(found: Searches, identities: NDArray[np.intp]) -> NDArray[np.float64]:
    """(images, identities) distance to the nearest entry; NaN where there is none."""
    table = np.where(found.hidden(), np.nan, found.distances.astype(np.float64))
    nearest = np.full((len(found.own), len(identities)), np.nan)
    for index, number in enumerate(identities):
        columns = table[:, found.enrolled == number]
        there = np.isfinite(columns).any(axis=1)
        nearest[there, index] = np.nanmin(columns[there], axis=1)
    nearest[found.lost] = np.nan
    return nearest


def _weighed(
    first: Searches,
    tables: NDArray[np.float64],
    identities: NDArray[np.intp],
    places: NDArray[np.object_],
    part: Fold,
) -> Searches:
    from sklearn.linear_model import LogisticRegression

    asked = np.array([each in part.dev for each in first.subjects], dtype=bool)
    among = np.array([each in part.dev_gallery for each in places], dtype=bool)
    learned = tables[np.ix_(asked, among, np.arange(tables.shape[2]))]
    same = first.own[asked][:, None] == identities[among][None]
    usable = np.isfinite(learned).all(axis=2)
    rows, labels = learned[usable], same[usable]
    result = np.full(tables.shape[:2], np.nan, np.float32)
    if labels.any() and not labels.all():
        mean, spread = rows.mean(axis=0), np.maximum(rows.std(axis=0), 1e-9)
        model = LogisticRegression(class_weight="balanced", max_iter=1000).fit((rows - mean) / spread, labels)
        known = np.asarray(np.isfinite(tables).all(axis=2), dtype=np.bool_)
        result[known] = -model.decision_function((tables[known] - mean) / spread)
        # An identity without an entry is never the nearest.
        gone = ~known & np.any(known, axis=1, keepdims=True)
        result[gone] = np.nanmax(result, initial=0.0) + 1.0
    return Searches(
        result,
        first.own,
        identities,
        np.full(len(first.own), -1, dtype=np.intp),
        first.subjects,
        places,
        first.units,
    )
