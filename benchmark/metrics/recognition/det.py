"""The axes of detection error trade-off plots."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

DET_FLOOR = 1e-6
"""Rates nearer to 0 or 1 are drawn here: their normal deviate would be infinite."""


def probit(rates: ArrayLike, floor: float = DET_FLOOR) -> NDArray[np.float64]:
    """Normal deviates of error rates; curves of normally distributed scores become straight lines.

    Args:
        rates: any shape, 0..1; those outside [floor, 1 - floor] are clipped to it.
        floor: above 0 and below 0.5; a sensible choice is half the resolution of the data, 1 / (2 comparisons).

    Returns:
        Standard normal quantiles in the shape of `rates`.

    Raises:
        ValueError: a rate is NaN or out of range, or the floor is.
    """
    from scipy.special import ndtri

    values = np.asarray(rates, dtype=np.float64)
    if not 0.0 < floor < 0.5:
        raise ValueError(f"expected a floor above 0 and below 0.5, got {floor!r}")
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError("expected rates of 0..1; divide percentages by 100 and leave out NaN")
    return np.asarray(ndtri(np.clip(values, floor, 1 - floor)), dtype=np.float64)
