"""Which records may stand in one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..metrics.catalogue import FROM_ATTACKERS
from ..suites import ONE_VERSION, TOO_FEW
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

    A number that follows from attacks stands in those alone that met the most attackers; in the others it is withheld,
    with the reason. Records without attacks have none, and what needs no attack stands in all.

    Args:
        records: of one `group_key`, in any order.

    Returns:
        The same records in the same order.
    """
    most: dict[str | None, _Met] = {}
    for record in records:
        for name in {each.recognizer for each in record.values if each.metric in FROM_ATTACKERS}:
            if (met := _met(record, name)) is not None:
                most[name] = max(most.get(name, met), met, key=_Met.order)
    return [record if record.attacks is None else _levelled(record, most) for record in records]


@dataclass(frozen=True, slots=True)
class _Met:
    """The attackers that a number of a record holds against."""

    suite: str
    attacks: frozenset[str]
    """Those that were asked for and tried, or that the method itself rules out."""
    recognizers: frozenset[str]
    """One, or all that the worst of all is the worst of."""
    versions: int
    """How many of each image were pooled; 1 where a method that draws gave one alone, 0 where no more could be had."""
    people: str
    """Whom they learned on; empty where they learned on nobody."""
    many: int
    """How many these are."""

    def order(self) -> tuple[int, int, int, int, str, list[str], str]:
        """The most attackers last."""
        several = len(self.recognizers), len(self.attacks), self.versions, self.many
        return (*several, self.suite, sorted(self.attacks), self.people)

    def differs(self, other: _Met) -> str:
        """In what it is not the same as another one, in words; empty where it is."""
        words = [
            f"attackers of {self.suite} and {other.suite}" * (self.suite != other.suite),
            _against("attacks", self.attacks, other.attacks),
            _against("recognisers", self.recognizers, other.recognizers),
            f"{self.versions} and {other.versions} versions of each image pooled"
            * (self.versions != other.versions and bool(self.versions and other.versions)),
            f"attackers who learned on {self.people} and on {other.people}"
            * (self.people != other.people and bool(self.people and other.people)),
        ]
        return "; ".join(filter(None, words))


def _against(what: str, here: frozenset[str], there: frozenset[str]) -> str:
    lacking, more = ", ".join(sorted(there - here)), ", ".join(sorted(here - there))
    words = [f"without {lacking}" * bool(lacking), f"with {more}" * bool(more)]
    return f"{what} {' and '.join(filter(None, words))}" if here != there else ""


def _met(record: RunRecord, recognizer: str | None) -> _Met | None:
    tried = record.attacks
    if tried is None:
        return None
    rows = [each for each in tried.rows if recognizer in (None, each.recognizer)]
    untried = {each.attack for each in rows if each.status == "not run" and TOO_FEW in each.reason}
    pooled = any(not slots.endswith(", one") for each in rows for slots in each.slots)
    alone = any(each.reason == ONE_VERSION for each in rows)
    return _Met(
        tried.suite,
        frozenset({each.id for each in tried.about} - untried),
        frozenset(each.recognizer for each in rows),
        record.repetitions if pooled else int(alone),
        tried.auxiliary,
        tried.auxiliary_people,
    )


def _levelled(record: RunRecord, most: Mapping[str | None, _Met]) -> RunRecord:
    why: dict[str | None, str] = {}
    for name in most:
        met = _met(record, name)
        if met is not None and (odd := met.differs(most[name])):
            why[name] = f"not compared: {odd}, beside others of this table; run all of them alike"
    values = [
        each.model_copy(
            update={"value": None, "std": None, "interval": None, "range": None, "reason": why[each.recognizer]}
        )
        if each.metric in FROM_ATTACKERS and each.value is not None and each.recognizer in why
        else each
        for each in record.values
    ]
    return record.model_copy(update={"values": values}) if why else record
