"""Which records may stand in one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from .record import RunRecord

_Item = TypeVar("_Item")


def group_key(record: RunRecord) -> tuple[str, ...]:
    """Protocol, dataset and analyzer; rows with another key are never put into one table.

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
