"""The records of results folders without duplicates, and the files that cannot be read or believed, with the reason.

Everything that shows, ranks or compares records reads them here: a record that was edited by hand, or has the file of
another one beside it, is held against what the store beside it kept of the run.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...files import is_folder
from ..metrics.catalogue import METRICS
from ..storage.cell_files import others_than_written
from ..storage.store import STORE_FOLDER
from .record import FILE_NAME, RecordError, RunRecord, find_records, load_record
from .replicates import REPLICATES_NAME, DamagedReplicates, load_estimates

_SAME = 1e-6
"""Relative difference of a number in a record and in its replicates: the way from one unit into the other."""


class RecordChanged(RecordError):
    """A record, or a file beside it, is not what the run wrote."""


Entry = tuple[RunRecord, Path]
"""A record and the folder that it lies in."""


@dataclass(frozen=True, slots=True)
class Collection:
    """Records below some folders, and files that cannot be read."""

    records: list[Entry]
    """In order of first appearance; of several with one digest the last, if none before it is more complete."""
    left_out: list[tuple[Path, str]]
    """Files that cannot be read or believed, or have other numbers than the one that stands for them, and why."""


def collect(sources: Iterable[Path]) -> Collection:
    """Read all records below the sources.

    Args:
        sources: folders of results, or `run.json` files.

    Raises:
        RecordError: a source does not exist.
        RecordChanged: a source is a record, or its folder, that is not what the run wrote.
    """
    found: dict[str, Entry] = {}
    left_out = []
    for source, path in ((each, path) for each in sources for path in find_records(each)):
        try:
            record = load_written(path)
        except RecordChanged as error:
            if source in (path, path.parent):
                raise
            left_out.append((path, str(error)))
        except RecordError as error:
            left_out.append((path, str(error)))
        else:
            known = found.get(record.digest)
            found[record.digest], other = _of_one_digest(known, (record, path.parent))
            if other:
                left_out.append(other)
    return Collection(list(found.values()), left_out)


def _of_one_digest(known: Entry | None, new: Entry) -> tuple[Entry, tuple[Path, str] | None]:
    """Which of two records of the same work stands for it, and the other one with the reason, where it says otherwise.

    A complete one goes before one that is not, the later one before the earlier.
    """
    if known is None or known[1].absolute() == new[1].absolute():
        return new, None
    kept, left = (known, new) if known[0].complete and not new[0].complete else (new, known)
    here, there = _numbers(kept[0]), _numbers(left[0])
    count = sum(here[key] != there[key] for key in here.keys() & there.keys())
    if not count:
        return kept, None
    how = "is complete" if kept[0].complete and not left[0].complete else "comes later"
    return kept, (
        left[1] / FILE_NAME,
        f"{kept[1]} has a record of the same work with {count} other numbers, which {how} and is taken; remove one",
    )


def _numbers(record: RunRecord) -> dict[tuple[str, str | None], float]:
    """Those that are there: an earlier version may have fewer, or other reasons."""
    return {(each.metric, each.recognizer): each.value for each in record.values if each.value is not None}


def load_written(path: Path) -> RunRecord:
    """Read a `run.json`, and hold it and what lies beside it against what the run wrote, as far as that is known.

    Args:
        path: of the file, or its folder.

    Raises:
        RecordError: it is not a record.
        RecordChanged: it was edited, or a file beside it is of another record.
    """
    path = path / FILE_NAME if is_folder(path) else path
    record, folder = load_record(path), path.parent.absolute()
    others = others_than_written(folder.parent / STORE_FOLDER, record.digest, folder)
    if others:
        raise RecordChanged(
            f"{path.parent}: {', '.join(others)} not as the run wrote it: edited, damaged, or of another record; "
            "the same run again makes it anew"
        )
    if others is None and (number := _other_number(record, folder)):
        raise RecordChanged(
            f"{path.parent}: {REPLICATES_NAME} is not of this record ({number}): one of the two was edited, or comes "
            "from elsewhere; copy the folder again, or run it anew"
        )
    return record


def load_records(path: str | Path) -> list[RunRecord]:
    """All records below a folder, or the one in a file.

    Raises:
        RecordError: one of them cannot be read, or is not what the run wrote.
    """
    return [load_written(each) for each in find_records(Path(path))]


def _other_number(record: RunRecord, folder: Path) -> str:
    """The first number that the replicates have otherwise; empty where there is none, or nothing to hold it against.

    Users' metrics are left out: one that draws at random gives another number each time.
    """
    try:
        estimates = load_estimates(folder)
    except DamagedReplicates:
        return ""  # as without them: nothing is compared
    for (metric, recognizer), estimate in estimates.items():
        value = record.value(metric, recognizer or None)
        if metric not in METRICS or value is None or value.value is None:
            continue
        other = estimate * METRICS[metric].scale
        if not math.isclose(other, value.value, rel_tol=_SAME, abs_tol=np.finfo(np.float32).eps):
            return f"{metric} {value.value:.6g} in the record and {other:.6g} there"
    return ""
