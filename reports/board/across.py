"""One table over several datasets: the mean place of every method under one protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...benchmark.readings.places import MeanRank, mean_places
from ...benchmark.records.replicates import Resamples, load_replicates
from ..leaderboard.table import Column, Row
from .data import Tab


@dataclass(frozen=True, slots=True)
class Across:
    """The mean places by one number."""

    protocol: str
    column: Column
    datasets: tuple[str, ...]
    rows: tuple[tuple[str, MeanRank], ...]
    """Specification of the method and its places, best first."""


def across_datasets(tabs: Sequence[Tab], folders: Mapping[str, Path]) -> list[Across]:
    """For each protocol with several datasets: by the first privacy and the first quality number of the first look.

    Smoke tests and sanity rows do not count. A method is the same one where specification, version and code are; of
    several records with other seeds that of the lowest counts, whatever came out.

    Args:
        tabs: of a board.
        folders: of the records, by digest.
    """
    protocols: dict[tuple[str, ...], list[Tab]] = {}
    for tab in tabs:
        rules, detector = tab.first.protocol, tab.first.analyzer
        if not tab.first.dataset.limited:
            scoring = str(tab.first.score_version)
            protocols.setdefault((rules.id, rules.digest, detector.spec, detector.version, scoring), []).append(tab)
    found = []
    for (name, *_), some in protocols.items():
        if len(some) < 2:
            continue
        kept = [_replicates(tab, folders) for tab in some]
        for part in ("privacy", "quality"):
            column = next(
                (some[0].table.columns[at] for at in some[0].overview if some[0].table.columns[at].set == part), None
            )
            table = _by(column, name, some, kept) if column else None
            found += [table] if table else []
    return found


def _replicates(tab: Tab, folders: Mapping[str, Path]) -> dict[str, Resamples]:
    found: dict[str, Resamples] = {}
    for row in sorted(tab.rows, key=lambda each: each.record.root_seed):
        if row.record.method.family != "sanity" and row.record.digest in folders:
            found.setdefault(_method(row), load_replicates(folders[row.record.digest]))
    return found


def _method(row: Row) -> str:
    method = row.record.method
    return f"{method.spec}\n{method.version} {method.source_sha256}"


def _by(column: Column, protocol: str, tabs: Sequence[Tab], kept: Sequence[Mapping[str, Resamples]]) -> Across | None:
    places = mean_places(column.about, column.recognizer, kept)
    if not places:
        return None
    rows = tuple((name.partition("\n")[0], each) for name, each in places.items())
    return Across(protocol, column, tuple(tab.first.dataset.spec for tab in tabs), rows)
