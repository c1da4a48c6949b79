"""A record's numbers by groups of people, held against what its rows and distances give."""

from __future__ import annotations

import math
from collections.abc import Mapping

from ...plugins.entries import Kind, registry
from ...plugins.specs import Spec
from ..records.groups import GroupNumber, Groups, GroupTest
from ..records.record import RunRecord

_SHIPPED = ("palm-mini", "face-london")
"""Datasets with groups that are in the package: of these alone it is known who belongs to which."""
_TOLERANCE = 1e-6


def groups_at_hand(record: RunRecord) -> Mapping[str, Mapping[str, str]]:
    """Who belongs to which group, by sample id; empty where the dataset does not ship with deid-bench."""
    if record.groups is None or record.dataset.name not in _SHIPPED:
        return {}
    spec = Spec.parse(record.dataset.spec)
    if spec.target != record.dataset.name:
        return {}
    return {each.sample_id: each.groups for each in registry().resolve(Kind.DATASET, spec).create().samples()}


def agree(said: Groups | None, found: Groups | None) -> bool:
    """Whether what is computed anew is what the record says; what needs the images themselves is not compared."""
    if said is None or found is None:
        return True
    if said.groups != found.groups:
        return False
    numbers, tests = {_key(each): each for each in said.numbers}, {_key(each): each for each in said.tests}
    return all(_same_number(numbers.get(_key(each)), each) for each in found.numbers) and all(
        _same_test(tests.get(_key(each)), each) for each in found.tests
    )


def _key(each: GroupNumber | GroupTest) -> tuple[str, ...]:
    return each.kind, getattr(each, "group", ""), each.metric, each.recognizer or ""


def _same_number(said: GroupNumber | None, found: GroupNumber) -> bool:
    if said is None or (said.people, said.n) != (found.people, found.n) or not _close(said.value, found.value):
        return False
    if said.interval is None or found.interval is None:
        return said.interval is found.interval
    return _close(said.interval.low, found.interval.low) and _close(said.interval.high, found.interval.high)


def _same_test(said: GroupTest | None, found: GroupTest) -> bool:
    return said is not None and _close(said.spread, found.spread) and _close(said.p, found.p)


def _close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
