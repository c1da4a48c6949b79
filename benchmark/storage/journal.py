"""The journal of times, `timings.jsonl`: how long each task took. Times are no results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...files import is_file
from .store import Store, StoreError, explain_os_error

LONGEST = 1e7
"""Seconds that a task may have taken: nearly four months. A line that says more, or less than nothing, is damaged."""


@dataclass(frozen=True, slots=True)
class Timing:
    """One task, carried out once."""

    digest: str
    seconds: float
    stage: str = ""
    """Empty in journals of earlier versions."""
    plugin: str = ""
    """What was at work, for comparing with other tasks of its kind."""
    pairs: int = 1
    """Pairs of templates that were compared; 1 for any other task."""


def journal_path(store: Store) -> Path:
    """Where the journal of a store lies."""
    return store.root / "timings.jsonl"


def add_timing(store: Store, timing: Timing) -> None:
    """Append a line; lines of several processes do not mix, as far as the file system appends in one go.

    Raises:
        StoreError: the disk is full or may not be written.
    """
    path = journal_path(store)
    line = [timing.digest, round(timing.seconds, 6), timing.stage, timing.plugin, timing.pairs]
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
    except OSError as error:
        raise explain_os_error(error, path) from error


def read_timings(store: Store) -> Iterator[Timing]:
    """All lines, the oldest first; one that a crash cut short, or that is damaged, is passed over.

    Raises:
        StoreError: the results folder may not be entered, or the journal not be read.
    """
    path = journal_path(store)
    if not is_file(path, StoreError):
        return
    try:
        file = path.open(encoding="utf-8", errors="replace")
    except OSError as error:
        raise StoreError(f"cannot read {path}: {error.strerror}; restore its permissions") from error
    with file:
        for line in file:
            try:
                fields: list[Any] = list(json.loads(line))
                digest, seconds, stage, plugin, pairs = fields + ["", "", 1][len(fields) - 2 :]
                timing = Timing(str(digest), float(seconds), str(stage), str(plugin), max(1, int(pairs)))
            except (ValueError, TypeError, OverflowError):
                continue
            if 0 <= timing.seconds <= LONGEST:  # which `NaN` is not either
                yield timing
