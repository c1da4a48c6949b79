"""One table over several datasets: the mean place of every method under one protocol."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...benchmark.readings.places import MIN_RANKED_IDENTITIES, MeanRank, mean_places
from ...benchmark.records.record import RunRecord
from ...benchmark.records.replicates import Resamples, replicates_of
from ..leaderboard.same_method import code_key
from ..leaderboard.table import NOT_MEASURED, Column
from .data import Tab

NO_RESAMPLES = "no resamples beside its record"
_Candidate = tuple[RunRecord, Resamples]


@dataclass(frozen=True, slots=True)
class Across:
    """The mean places by one number."""

    protocol: str
    column: Column
    datasets: tuple[str, ...]
    rows: tuple[tuple[str, MeanRank], ...]
    """Specification of the method and its places, best first."""
    why: str
    """Why there are no places; empty where there are."""
    left_out: tuple[tuple[str, str], ...]
    """Specification of a method that lacks the number on one of the datasets, and where and why."""


def across_datasets(tabs: Sequence[Tab], folders: Mapping[str, Path]) -> list[Across]:
    """For each protocol with several datasets: by the first privacy and the first quality number of the first look.

    Smoke tests and sanity rows do not count. A method is the same one where specification, version, code and weights
    are; of several records with other seeds that of the lowest counts, whatever came out.

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
        candidates = [_candidates(tab, folders) for tab in some]
        for part in ("privacy", "quality"):
            column = next(
                (some[0].table.columns[at] for at in some[0].overview if some[0].table.columns[at].set == part), None
            )
            if column and any(candidates):
                found.append(_by(column, name, [tab.first.dataset.spec for tab in some], candidates))
    return found


def _candidates(tab: Tab, folders: Mapping[str, Path]) -> dict[str, list[_Candidate]]:
    """The records of each method that may speak for it: those of the lowest seed that have resamples beside them."""
    found: dict[str, list[_Candidate]] = {}
    for row in tab.rows:
        record = row.record
        if record.method.family != "sanity":
            beside = replicates_of(record, folders[record.digest]) if record.digest in folders else {}
            found.setdefault(_method(record), []).append((record, beside))
    return {method: _of_the_lowest_seed(some) for method, some in found.items()}


def _of_the_lowest_seed(some: Sequence[_Candidate]) -> list[_Candidate]:
    known = [each for each in some if each[1]] or some
    lowest = min(record.root_seed for record, _ in known)
    return [each for each in known if each[0].root_seed == lowest]


def _method(record: RunRecord) -> str:
    return json.dumps([record.method.spec, *code_key(record)])


def _by(
    column: Column, protocol: str, datasets: Sequence[str], candidates: Sequence[Mapping[str, Sequence[_Candidate]]]
) -> Across:
    key = (column.metric, column.recognizer)
    kept = [{method: some[0][1] for method, found in each.items() if (some := [one for one in found if key in one[1]])}
            for each in candidates]  # fmt: skip
    everybody = {method: some[0][0].method.spec for each in candidates for method, some in each.items()}
    left_out = []
    for method, spec in sorted(everybody.items(), key=lambda item: item[1]):
        reasons = list(_reasons(column, method, datasets, candidates))
        left_out += [(spec, "; ".join(reasons))] if reasons else []
    places = mean_places(column.about, column.recognizer, kept)
    rows = tuple((everybody[method], rank) for method, rank in places.items())
    why = "" if rows else _why([each for each in kept[0] if all(each in some for some in kept)], key, kept)
    return Across(protocol, column, tuple(datasets), rows, why, tuple(left_out))


def _reasons(
    column: Column, method: str, datasets: Sequence[str], candidates: Sequence[Mapping[str, Sequence[_Candidate]]]
) -> Iterator[str]:
    """What a method lacks for its mean place; nothing where it has the number on every dataset."""
    for dataset, each in zip(datasets, candidates, strict=True):
        if method not in each:
            yield f"not run on {dataset}"
        elif all((column.metric, column.recognizer) not in beside for _, beside in each[method]):
            values = [record.value(column.metric, column.recognizer or None) for record, _ in each[method]]
            value = next((one for one in values if one is not None), None)
            why = NOT_MEASURED if value is None else NO_RESAMPLES if value.value is not None else value.reason
            yield f"on {dataset}: {why or 'no number'}"


def _why(methods: Sequence[str], key: tuple[str, str], kept: Sequence[Mapping[str, Resamples]]) -> str:
    """Why the methods that have the number everywhere have no places, by what `mean_places` needs."""
    if len(methods) < 2:
        return f"needs at least 2 methods that have it on all of the datasets, got {len(methods)}"
    if any(each[method][key].clusters < MIN_RANKED_IDENTITIES for each in kept for method in methods):
        return f"needs at least {MIN_RANKED_IDENTITIES} identities in every dataset"
    return "the resamples are not of the same draws"
