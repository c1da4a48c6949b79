"""What one process makes is held against what another one made of the same input.

A plug-in whose answers hang on the process that it is in (a salted hash, the order of a set, a process id) gives the
same answer however often that process asks. So of every plug-in a second process carries out one task of the first.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from ...plugins.entries import PluginRef
from ..planning.tasks import Stage, Task
from ..storage.store import Payload, Store
from .remarks import with_remarks, without_remarks

ELSEWHERE = "gave something else for the same input in another process: it depends on more than what it is given"
STAGES = (Stage.ANALYZE, Stage.DEIDENTIFY, Stage.EMBED, Stage.METRIC, Stage.RESTORE, Stage.LAYER, Stage.ENCODE)
"""Those in which a plug-in is asked about one image at a time."""

Seen = Mapping[str, str]
"""Digest of a task, and `fingerprint` of what a second process made of it."""

Process = int | str
"""Its id, or the address of the worker that keeps it."""
_Kind = tuple[Stage, PluginRef | None]


def fingerprint(payload: Payload) -> str:
    """SHA-256 of what an object holds, as the store keeps it, but for what was remarked."""
    plain = without_remarks(payload)
    told = hashlib.sha256(json.dumps(plain.meta, sort_keys=True).encode())
    for name, array in sorted(plain.arrays.items()):
        told.update(f"{name} {array.dtype} {array.shape} ".encode() + np.ascontiguousarray(array).tobytes())
    for name, blob in sorted(plain.blobs.items()):
        told.update(f"{name} {len(blob)} ".encode() + blob)
    return told.hexdigest()


@dataclass(slots=True)
class Witnesses:
    """Which process carries out a task of another once more, and what came of it."""

    _first: dict[_Kind, tuple[Process, Task]] = field(default_factory=dict)
    """The process that a plug-in's first task was given to, and that task."""
    _asked: set[tuple[_Kind, Process]] = field(default_factory=set)
    """Processes that have carried it out once more."""
    _stopped: set[_Kind] = field(default_factory=set)
    """Those that nobody is asked for again."""
    _seen: dict[str, list[str]] = field(default_factory=dict)
    """Fingerprints of the second askings of tasks whose first may not have ended."""
    _tasks: dict[str, Task] = field(default_factory=dict)
    """First tasks that were asked for again, by digest."""

    def due(self, process: Process, chunk: Sequence[Task]) -> tuple[Task, ...]:
        """What a process is to carry out once more beside a chunk that it is given."""
        due = []
        for task in (each for each in chunk if each.stage in STAGES):
            kind = (task.stage, task.plugin)
            giver, first = self._first.setdefault(kind, (process, task))
            if giver != process and (kind, process) not in self._asked and kind not in self._stopped:
                self._asked.add((kind, process))
                self._tasks[first.digest] = first
                due.append(first)
        return tuple(due)

    def stop(self, tasks: Sequence[Task]) -> None:
        """Have tasks carried out by nobody else any more: a process ended or hung that was to carry them out again."""
        for task in tasks:
            self._stopped.add((task.stage, task.plugin))
            self._seen.pop(task.digest, None)

    def told(self, seen: Seen, store: Store) -> Iterator[tuple[Task, tuple[str, ...]]]:
        """Tasks of which two processes made two objects, with all that is remarked of them, which the store keeps.

        Args:
            seen: what a process has just carried out once more.
            store: where the first objects are, once they are finished.

        Raises:
            StoreError: the store cannot be written.
        """
        for digest, print_ in seen.items():
            self._seen.setdefault(digest, []).append(print_)
        for digest in list(self._seen):
            payload = store.read(digest) if store.has(digest) else None
            if payload is None:
                continue
            if {fingerprint(payload)} != set(self._seen.pop(digest)):
                remarks = tuple(dict.fromkeys((*payload.remarks, ELSEWHERE)))
                store.write(digest, with_remarks(payload, remarks))
                yield self._tasks[digest], remarks
