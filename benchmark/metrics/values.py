"""Checked score arrays, and what a number is replaced by where it is not defined."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Scores = NDArray[np.float64]
"""(n,) distances; smaller is more alike."""


@dataclass(frozen=True, slots=True)
class Undefined:
    """Stands for a number that the data do not define; records carry null and the reason."""

    reason: str


def as_scores(values: ArrayLike, name: str) -> Scores:
    """Flat float64 copy of distances.

    Raises:
        ValueError: a value is NaN or infinite. Comparisons that could not be made are left out by the caller and
            counted as failures, never passed as numbers.
    """
    scores = np.asarray(values, dtype=np.float64).ravel()
    if not np.isfinite(scores).all():
        bad = int((~np.isfinite(scores)).sum())
        raise ValueError(
            f"expected finite {name} distances, got {bad} of {scores.size} NaN or infinite; leave them out"
        )
    return scores
