"""One number a cell becomes mean, spread and count over cells; what has no number is counted, not dropped."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from ..metrics.values import Undefined


@dataclass(frozen=True, slots=True)
class Summary:
    """Mean and population standard deviation over the cells that have a number."""

    mean: float | None
    """None when no cell has a number."""
    std: float | None
    """Population standard deviation (divided by n), as in the palm paper's tables."""
    count: int
    """Cells with a finite number."""
    left_out: Mapping[str, int]
    """Cells without one, by reason."""


def summarise(values: Iterable[float | Undefined]) -> Summary:
    """Mean ± population standard deviation.

    Infinite values (the PSNR of an unchanged image) would swallow every other; they are left out and counted.

    Raises:
        ValueError: a value is NaN; undefined values are passed as `Undefined` with their reason.
    """
    finite: list[float] = []
    left_out: Counter[str] = Counter()
    for value in values:
        if isinstance(value, Undefined):
            left_out[value.reason] += 1
        elif math.isnan(value):
            raise ValueError("expected numbers or Undefined, got NaN; pass Undefined with the reason")
        elif math.isinf(value):
            left_out["infinite"] += 1
        else:
            finite.append(float(value))
    ordered = dict(sorted(left_out.items()))
    if not finite:
        return Summary(mean=None, std=None, count=0, left_out=ordered)
    array = np.array(finite)
    # Equal values have spread 0 exactly; rounding of the mean must not show.
    std = 0.0 if array.min() == array.max() else float(array.std())
    return Summary(mean=float(array.mean()), std=std, count=array.size, left_out=ordered)
