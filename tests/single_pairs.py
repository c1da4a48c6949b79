"""Comparisons given one by one, sorted as scoring sorts those of whole rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from deid_bench.benchmark.statistics._crossing import code_of
from deid_bench.benchmark.statistics.pairing import Pairs, sort_codes


def sort_pairs(distances: ArrayLike, genuine: ArrayLike, first: ArrayLike, second: ArrayLike, columns: int) -> Pairs:
    """Comparisons of (n,) distances, whether each is genuine, and the clusters 0..columns-1 of both sides."""
    d, a, b = np.ravel(distances), np.asarray(first, dtype=np.intp), np.asarray(second, dtype=np.intp)
    return sort_codes([(d, code_of(genuine, a, b, columns + 1))], d.size, d.dtype, np.concatenate([a, b]), columns)
