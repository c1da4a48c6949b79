"""Means and spreads, and what becomes of cells without a number."""

from __future__ import annotations

import math

import numpy as np
import pytest

from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.benchmark.statistics.aggregate import summarise


def test_population_standard_deviation() -> None:
    values = [1.0, 2.0, 4.0]
    summary = summarise(values)
    assert (summary.mean, summary.std) == pytest.approx((7 / 3, float(np.std(values))))
    assert summary.count == 3
    assert summary.left_out == {}


def test_cells_without_a_number_are_counted_by_reason() -> None:
    summary = summarise([30.0, Undefined("b"), math.inf, Undefined("a"), Undefined("b"), 32.0])
    assert (summary.mean, summary.count) == (31.0, 2)
    assert summary.left_out == {"a": 1, "b": 2, "infinite": 1}


def test_no_number_at_all() -> None:
    summary = summarise([Undefined("x")])
    assert (summary.mean, summary.std, summary.count) == (None, None, 0)


def test_equal_values_have_no_spread() -> None:
    assert summarise([0.1] * 10).std == 0


def test_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        summarise([1.0, math.nan])
