"""Which records may stand in one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

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
