"""What a value is in the case of a test: types that allow for more are narrowed; the test fails if more came."""

from __future__ import annotations

from typing import TypeVar

from deid_bench.analyzers.base import FaceAnalysis, HandAnalysis, Missing
from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.datasets.types import Failure

T = TypeVar("T")


def present(value: T | Undefined | Missing | Failure | None) -> T:
    """The value, which is there."""
    assert value is not None, "expected a value, got none"
    assert not isinstance(value, Undefined | Missing | Failure), value.reason
    return value


def undefined(value: object) -> Undefined:
    """The reason why there is no number."""
    assert isinstance(value, Undefined), value
    return value


def hand_of(analysis: HandAnalysis | FaceAnalysis | Missing | None) -> HandAnalysis:
    """The analysis, which is that of a hand."""
    assert isinstance(analysis, HandAnalysis), analysis
    return analysis


def face_of(analysis: HandAnalysis | FaceAnalysis | Missing | None) -> FaceAnalysis:
    """The analysis, which is that of a face."""
    assert isinstance(analysis, FaceAnalysis), analysis
    return analysis
