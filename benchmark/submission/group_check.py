"""A record's numbers by groups of people, held against what its rows and distances give."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence, Set

from ...datasets.base import Sample
from ...plugins.entries import Kind, registry
from ...plugins.specs import Spec
from ..metrics.catalogue import METRICS
from ..records.groups import GroupNumber, Groups, GroupTest
from ..records.record import RunRecord
from ..statistics.comparison import holm

SHIPPED = ("palm-mini", "face-london")
"""Datasets with groups that are in the package: of these alone it is known without `--dataset` who belongs to which."""
_TOLERANCE = 1e-6

Memberships = Mapping[str, Mapping[str, str]]
"""By sample id and kind of group: which group."""


def memberships(samples: Sequence[Sample]) -> Memberships:
    """Who belongs to which group.

    Args:
        samples: of the dataset at hand.
    """
    return {each.sample_id: each.groups for each in samples}


def shipped_memberships(record: RunRecord) -> Memberships | None:
    """Who belongs to which group; None where the dataset does not ship with deid-bench, so that it is not known.

    Args:
        record: a stranger's.
    """
    if record.dataset.name not in SHIPPED:
        return None
    try:
        spec = Spec.parse(record.dataset.spec)
        if spec.target != record.dataset.name:
            return None
        return memberships(list(registry().resolve(Kind.DATASET, spec).create().samples()))
    except (ValueError, OSError):
        return None  # with parameters that are none of it


def group_problems(said: Groups | None, found: Groups | None, without: Set[str] = frozenset()) -> list[str]:
    """What a record tells by groups that is not what its rows and distances give; empty when nothing is.

    Args:
        said: by the record.
        found: computed anew, with the memberships of the dataset itself.
        without: names of metrics that are not compared, as they can be had on one side alone.
    """
    if said is None or found is None:
        if said is found:
            return []
        if said is None:
            return ["it has no numbers by groups, which the dataset knows; run the method again"]
        return ["it has numbers by groups, and the dataset knows none"]
    problems = [] if said.groups == found.groups else ["its groups of people are not those of the dataset"]
    numbers = [[each for each in side.numbers if each.metric not in without] for side in (said, found)]
    tests = [[each for each in side.tests if each.metric not in without] for side in (said, found)]
    if len(numbers[0]) != len(numbers[1]) or not all(map(_same_number, *numbers)):
        problems.append("its numbers by groups are not those of its rows")
    if len(tests[0]) != len(tests[1]) or not all(map(_same_test, *tests)) or not _corrected(said.tests):
        problems.append("its tests between groups are not those of its rows")
    return problems


def made_of_images(groups: Groups | None) -> list[str]:
    """Metrics of numbers by groups that cannot be computed from rows and distances."""
    if groups is None:
        return []
    metrics = dict.fromkeys([*(each.metric for each in groups.numbers), *(each.metric for each in groups.tests)])
    return [each for each in metrics if each in METRICS and METRICS[each].source in ("images", "run")]


def _same_number(said: GroupNumber, found: GroupNumber) -> bool:
    names = ("kind", "group", "metric", "recognizer", "people", "n")
    if any(getattr(said, name) != getattr(found, name) for name in names) or not _close(said.value, found.value):
        return False
    if said.interval is None or found.interval is None:
        return said.interval is found.interval
    a, b = said.interval, found.interval
    return _close(a.low, b.low) and _close(a.high, b.high) and (a.level, a.method) == (b.level, b.method)


def _same_test(said: GroupTest, found: GroupTest) -> bool:
    names = ("kind", "metric", "recognizer")
    same = all(getattr(said, name) == getattr(found, name) for name in names)
    return same and _close(said.spread, found.spread) and _close(said.p, found.p)


def _corrected(tests: Sequence[GroupTest]) -> bool:
    """Whether the corrected p of every kind follows from all of its p, those of numbers made of images among them."""
    kinds: dict[str, list[GroupTest]] = defaultdict(list)
    for each in tests:
        kinds[each.kind].append(each)
    return all(0 <= each.p <= 1 for each in tests) and all(
        _close(each.p_holm, float(corrected))
        for some in kinds.values()
        for each, corrected in zip(some, holm([each.p for each in some]), strict=True)
    )


def _close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)
