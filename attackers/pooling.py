"""Pooling the distances of several published versions of one image."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray


def pooled(
    distances: NDArray[np.float32], images: Sequence[int], how: Literal["one", "mean", "nearest"]
) -> NDArray[np.float32]:
    """Distances after pooling.

    Args:
        distances: (versions, gallery), NaN where there is none.
        images: of each version, the number of the image that it is a version of.
        how: `one`: each version for itself; `mean` or `nearest` of what the versions of one image have.

    Returns:
        (versions, gallery); versions of one image have equal rows.
    """
    if how == "one":
        return distances
    result = distances.copy()
    numbers = np.asarray(images)
    reduce = np.nanmean if how == "mean" else np.nanmin
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # all of an image's versions may be lost
        for number in np.unique(numbers):
            rows = numbers == number
            result[rows] = reduce(distances[rows], axis=0)
    return np.asarray(result, np.float32)
