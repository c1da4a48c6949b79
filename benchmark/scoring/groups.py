"""Numbers by groups of people, where the dataset knows any: every mean over images, with an interval and a test.

Threshold and gallery stay those of everybody: a group's rejection rate is what its people meet in the same system.
Numbers that compare people with each other, such as DIR and the EER, are no means over one person's images and are
not told apart.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from ...datasets.base import Sample
from ..metrics.values import Undefined
from ..records.failures import Failure
from ..records.groups import Group, GroupNumber, Groups, GroupTest
from ..records.value import Interval
from ..results.cell import CellResults, Setting
from ..statistics.comparison import holm
from ..statistics.grouping import Indices, difference_p, mean_of, mean_rows_of, permuted_labels
from ..statistics.uncertainty import Draws, People, Replicates, split_rows
from .numbers import Values, interval_of
from .withheld import lost_people

MIN_PEOPLE = 10
"""People of a group below which it is named and not rated."""
SKIPPED = "skipped"
WITHHELD = 4
"""Version of the scoring from which on a crash that leaves open who takes part takes the numbers of groups, too."""

Key = tuple[str, str]
"""Metric and recogniser."""


@dataclass(frozen=True, slots=True, eq=False)
class _Kind:
    """The rated groups of one kind."""

    name: str
    members: Mapping[str, Sequence[str]]
    """People by group."""


def report_groups(values: Values, setting: Setting, results: CellResults) -> Groups | None:
    """Numbers by group; None where the dataset knows no groups.

    Args:
        values: the record's numbers, with what each identity has in them.
        setting: of the cell.
        results: of the cell.
    """
    planned = list(setting.planned)
    kinds = sorted({kind for each in planned for kind in each.groups})
    if not kinds:
        return None
    identities = sorted({each.identity for each in setting.samples})
    owner = {each.identity: each.subject for each in setting.samples}
    place: dict[str, list[int]] = defaultdict(list)
    for index, identity in enumerate(identities):
        place[owner[identity]].append(index)
    clusters = {person: np.array(found, dtype=np.intp) for person, found in place.items()}
    measured = _means(values)
    measured[SKIPPED, ""] = _skipped(planned, identities, results)
    lost = lost_people(results.failures)
    rows: list[Group] = []
    numbers: list[GroupNumber] = []
    tests: list[GroupTest] = []
    for name in kinds:
        found = list(_groups(name, planned, results, lost if setting.score_version >= WITHHELD else None))
        rows += found
        kind = _Kind(name, _people(name, planned, [each.group for each in found if each.reason is None]))
        numbers += _numbers(kind, measured, clusters, values)
        tests += _tests(kind, measured, clusters, values)
    return Groups(groups=rows, numbers=numbers, tests=tests)


def _means(values: Values) -> dict[Key, Replicates | People]:
    """Every number that is a mean over images and was not withheld."""
    given = {(each.metric, each.recognizer or "") for each in values.values if each.value is not None}
    return {key: each for key, each in values.replicates.items() if each.people is not None and key in given}


def _skipped(planned: Sequence[Sample], identities: Sequence[str], results: CellResults) -> People:
    place = {identity: index for index, identity in enumerate(identities)}
    total, count = np.zeros(len(identities)), np.zeros(len(identities))
    for each in planned:
        count[place[each.identity]] += 1
        total[place[each.identity]] += results.missing[each.sample_id] is not None
    return People(total, count)


def _groups(kind: str, planned: Sequence[Sample], results: CellResults, lost: Failure | None) -> Iterator[Group]:
    told = sorted((each for each in planned if kind in each.groups), key=lambda each: each.groups[kind])
    for name, found in groupby(told, key=lambda each: each.groups[kind]):
        images = list(found)
        people = len({each.subject for each in images})
        few = f"fewer than {MIN_PEOPLE} people: named, not rated" if people < MIN_PEOPLE else None
        few = f"withheld: {lost}; the same command tries it again" if lost else few
        skipped = sum(results.missing[each.sample_id] is not None for each in images)
        yield Group(kind=kind, group=name, people=people, images=len(images), skipped=skipped, reason=few)


def _people(kind: str, planned: Sequence[Sample], rated: Sequence[str]) -> Mapping[str, Sequence[str]]:
    return {group: sorted({each.subject for each in planned if each.groups.get(kind) == group}) for group in rated}


def _clusters(people: Sequence[str], clusters: Mapping[str, Indices]) -> Indices:
    return np.concatenate([clusters[each] for each in people])


def _of(measured: Replicates | People) -> People:
    people = measured if isinstance(measured, People) else measured.people
    if people is None:
        raise ValueError("expected a mean over images")
    return people


def _numbers(
    kind: _Kind,
    measured: Mapping[Key, Replicates | People],
    clusters: Mapping[str, Indices],
    values: Values,
) -> Iterator[GroupNumber]:
    for (metric, recognizer), each in measured.items():
        people, scale = _of(each), _scale(values, metric)
        is_share = metric == SKIPPED or (isinstance(each, Replicates) and each.trials is not None)
        for group, members in kind.members.items():
            chosen = _clusters(members, clusters)
            mean = mean_of(people, chosen)
            if not np.isfinite(mean):
                continue
            there = [person for person in members if people.count[clusters[person]].any()]
            images = round(float(people.count[chosen].sum()))
            yield GroupNumber(
                kind=kind.name,
                group=group,
                metric=metric,
                recognizer=recognizer or None,
                value=mean * scale,
                interval=_interval(people, chosen, values.draws, is_share, scale),
                people=len(there),
                n=images,
            )


def _scale(values: Values, metric: str) -> float:
    return 100.0 if metric == SKIPPED else values.catalogue[metric].scale


def _interval(
    people: People, chosen: Indices, draws: Draws | Undefined, is_share: bool, scale: float
) -> Interval | None:
    if isinstance(draws, Undefined):
        return None
    rows = mean_rows_of(people, chosen, draws)
    used = int(np.count_nonzero(people.count[chosen]))
    if not is_share:
        return interval_of(split_rows(rows, draws, used), scale)
    total, count = people.total[chosen], people.count[chosen]
    carrying = min(np.count_nonzero(total > 0), np.count_nonzero(total < count))
    return interval_of(split_rows(rows, draws, used, round(float(count.sum())), int(carrying)), scale)


def _tests(
    kind: _Kind, measured: Mapping[Key, Replicates | People], clusters: Mapping[str, Indices], values: Values
) -> Iterator[GroupTest]:
    if len(kind.members) < 2:
        return
    everybody = [person for members in kind.members.values() for person in members]
    labels = permuted_labels([index for index, members in enumerate(kind.members.values()) for _ in members])
    found: list[tuple[Key, float, float]] = []
    for key, each in measured.items():
        people, scale = _of(each), _scale(values, key[0])
        total = np.array([people.total[clusters[person]].sum() for person in everybody])
        count = np.array([people.count[clusters[person]].sum() for person in everybody])
        means = [mean_of(people, _clusters(members, clusters)) for members in kind.members.values()]
        if count.sum() and np.isfinite(means).all():
            found.append((key, (max(means) - min(means)) * scale, difference_p(total, count, labels)))
    corrected = holm([p for _, _, p in found])
    for ((metric, recognizer), spread, p), p_holm in zip(found, corrected, strict=True):
        yield GroupTest(kind=kind.name, metric=metric, recognizer=recognizer or None, spread=spread, p=p, p_holm=p_holm)
