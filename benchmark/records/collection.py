"""The records of results folders without duplicates, and the files that cannot be read, with the reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from .record import RecordError, RunRecord, find_records, load_record


@dataclass(frozen=True, slots=True)
class Collection:
    """Records below some folders, and files that cannot be read."""

    records: list[tuple[RunRecord, Path]]
    """Each with the folder that it lies in, in order of first appearance; of several with one digest the last."""
    left_out: list[tuple[Path, str]]
    """Files that cannot be read, and why."""


def collect(sources: Iterable[Path]) -> Collection:
    """Read all records below the sources.

    Args:
        sources: folders of results, or `run.json` files.

    Raises:
        RecordError: a source does not exist.
    """
    found: dict[str, tuple[RunRecord, Path]] = {}
    left_out = []
    for path in (path for source in sources for path in find_records(source)):
        try:
            record = load_record(path)
        except RecordError as error:
            left_out.append((path, str(error)))
        else:
            found[record.digest] = (record, path.parent)
    return Collection(list(found.values()), left_out)
