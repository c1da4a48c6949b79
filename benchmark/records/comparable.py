"""Which records may stand in one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

from ..metrics.catalogue import FROM_ATTACKERS
from .attacks import Attacks
from .record import RunRecord

_Item = TypeVar("_Item")


_BEFORE_IT_WAS_NOTED = 1


def group_key(record: RunRecord) -> tuple[str, ...]:
    """Rules, images and scoring; rows with another key are never put into one table.

    The version of the scoring is left away where none was noted, so that tables of such records keep their names.
    """
    version = record.score_version
    return (*setting_key(record), *([f"scoring {version}"] if version != _BEFORE_IT_WAS_NOTED else []))


def setting_key(record: RunRecord) -> tuple[str, ...]:
    """Protocol, dataset and analyzer: what a method was run under, however it was scored then.

    How a dataset was typed is no part of it (its default may have been written out, or have changed), while the
    analyzer's version is: another one finds other hands.
    """
    return (
        record.protocol.id,
        record.protocol.digest,
        record.dataset.digest,
        record.analyzer.spec,
        record.analyzer.version,
    )


def scored_otherwise(record: RunRecord, others: Iterable[RunRecord]) -> str:
    """How a record was scored, in brackets, where others of its setting were scored otherwise; empty elsewhere."""
    here = setting_key(record)
    if any(each.score_version != record.score_version and setting_key(each) == here for each in others):
        return f" (scoring {record.score_version})"
    return ""


def grouped(
    items: Iterable[_Item], record_of: Callable[[_Item], RunRecord]
) -> list[tuple[tuple[str, ...], list[_Item]]]:
    """What may stand together, by `group_key`, in order of the names of protocols and datasets.

    Args:
        items: records, or something that holds one each; in any order.
        record_of: the record of an item.
    """
    groups: dict[tuple[str, ...], list[_Item]] = {}
    for item in items:
        groups.setdefault(group_key(record_of(item)), []).append(item)
    names = {key: min(record_of(each).dataset.spec for each in members) for key, members in groups.items()}
    return sorted(groups.items(), key=lambda group: (*group[0][:2], names[group[0]], *group[0][2:]))


def side_by_side(found: Sequence[tuple[RunRecord, Path]]) -> list[tuple[RunRecord, Path]]:
    """`under_one_attack` of records with their folders."""
    records = under_one_attack([record for record, _ in found])
    return list(zip(records, (folder for _, folder in found), strict=True))


def under_one_attack(records: Sequence[RunRecord]) -> list[RunRecord]:
    """Records as they may stand side by side: what was tried with fewer attacks only looks better.

    The numbers that follow from attacks stand in those alone that met the most attacks; in the others they are
    withheld, with the reason. Records without attacks have none, and what needs no attack stands in all.

    Args:
        records: of one `group_key`, in any order.

    Returns:
        The same records in the same order.
    """
    tried = [each.attacks for each in records if each.attacks is not None]
    if not tried:
        return list(records)
    most = max(tried, key=_attacked)
    return [each if each.attacks is None or _alike(each.attacks, most) else _withheld(each, most) for each in records]


def _attacked(tried: Attacks) -> tuple[int, int, str, list[str], str]:
    return len(tried.about), tried.auxiliary_people, tried.suite, _ids(tried), tried.auxiliary


def _ids(tried: Attacks) -> list[str]:
    return sorted(each.id for each in tried.about)


def _alike(one: Attacks, other: Attacks) -> bool:
    """Whether two records met the same attackers, who learned on the same people where they learned."""
    learned = {each.auxiliary for each in (one, other)} - {""}
    return (one.suite, _ids(one)) == (other.suite, _ids(other)) and len(learned) < 2


def _withheld(record: RunRecord, most: Attacks) -> RunRecord:
    assert record.attacks is not None
    here, there = (_words(each, record.attacks.suite != most.suite) for each in (record.attacks, most))
    if here == there:
        here, there = record.attacks.auxiliary, most.auxiliary
    why = f"not compared: tried with {here}, others of this table with {there}; run all of them alike"
    values = [
        each.model_copy(update={"value": None, "std": None, "interval": None, "range": None, "reason": why})
        if each.metric in FROM_ATTACKERS and each.value is not None
        else each
        for each in record.values
    ]
    return record.model_copy(update={"values": values})


def _words(tried: Attacks, with_suite: bool) -> str:
    return f"--attacks {','.join(tried.asked)}{f' of {tried.suite}' * with_suite}"
