"""Checks of metrics."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

import numpy as np

from ...plugins.entries import Resolved
from ..metrics.base import Comparisons
from ..metrics.values import Undefined
from .check import Problem, check
from .material import requests


def _comparisons() -> Comparisons:
    """Four identities with three images each, of a recogniser that tells them apart and a method that hides them."""
    rng = np.random.default_rng(5)

    def scores(mean: float, count: int) -> Any:
        found = rng.normal(mean, 0.05, count).clip(0, 1)
        found.flags.writeable = False
        return found

    pairs = np.array([(a, b) for a in range(4) for b in range(4) if a != b])
    identities = np.repeat(np.arange(4), 3)
    return Comparisons(
        genuine=scores(0.2, 12), impostor=scores(0.5, 12), own=scores(0.4, 12), mated=scores(0.45, 12),
        non_mated=scores(0.5, 12), genuine_identity=identities, impostor_identities=pairs, own_identity=identities,
        mated_identity=identities, non_mated_identities=pairs, threshold=0.35,
    )  # fmt: skip


def _measured(resolved: Resolved) -> Iterator[float | Undefined]:
    """What it gives for an unchanged and a changed image, or for distances."""
    metric = resolved.create()
    if resolved.info.takes == "comparisons":
        yield metric.measure(_comparisons())
        return
    for request in requests(resolved.info.modality[0])[:2]:
        for changed in (request.image.copy(), 255 - request.image):
            yield metric.measure(request.image, changed, request.analysis)


@check()
def check_gives_numbers_or_says_why_not(resolved: Resolved) -> Problem:
    """`measure` gives a number within `info.low` and `info.high`, or `Undefined` with a reason."""
    low, high = resolved.info.low, resolved.info.high
    for value in _measured(resolved):
        if isinstance(value, Undefined):
            if not value.reason:
                return "Undefined should say why"
        elif isinstance(value, bool) or not isinstance(value, float | int | np.floating) or math.isnan(value):
            return f"measure should give a number or Undefined, got {value!r}"
        elif (low is not None and value < low - 1e-9) or (high is not None and value > high + 1e-9):
            return f"gave {value}, which is outside of info.low = {low} and info.high = {high}"
    return None


@check()
def check_the_same_again(resolved: Resolved) -> Problem:
    """Called again, and built anew, it gives the same numbers."""
    return None if list(_measured(resolved)) == list(_measured(resolved)) else "gave another number when called again"


@check(when=lambda resolved: resolved.info.takes == "comparisons")
def check_takes_what_a_resample_may_lack(resolved: Resolved) -> Problem:
    """Without comparisons of any one sort it gives a number or `Undefined`, never an exception."""
    full = _comparisons()
    names = [each.name for each in fields(full) if isinstance(getattr(full, each.name), np.ndarray)]
    for sort in ("genuine", "impostor", "own", "mated", "non_mated"):
        empty: dict[str, Any] = {name: getattr(full, name)[:0] for name in names if name.startswith(sort)}
        resolved.create().measure(replace(full, threshold=math.nan, **empty))
    return None


CHECKS = (
    check_gives_numbers_or_says_why_not,
    check_the_same_again,
    check_takes_what_a_resample_may_lack,
)
