"""Hands tasks to a back-end: skips what the store has, groups the rest, keeps the times and the problems."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Protocol

from ..planning.tasks import Stage, Task
from ..storage.store import Payload, Store, StoreError, explain_os_error
from .backends import Backend, Chunk

CHUNK = 8
"""Tasks handed out in one go, unless a method prefers batches of another size."""


class Progress(Protocol):
    """Told about every stage; the command line draws bars from it."""

    def start(self, title: str, total: int) -> None: ...

    def advance(self, count: int) -> None: ...

    def stop(self) -> None: ...


class Executor:
    """Makes objects exist."""

    def __init__(self, store: Store, backend: Backend, progress: Progress | None = None) -> None:
        self.store = store
        self.problems: dict[str, str] = {}
        """Digest of a task that could not be done, and why."""
        self.peak_mb = 0.0
        """Largest resident size of any process that carried out tasks."""
        self._backend = backend
        self._progress = progress
        self._timings = store.root / "timings.jsonl"

    def make(self, title: str, tasks: Iterable[Task], batch: int = CHUNK) -> None:
        """Carry out the tasks that the store does not have yet.

        Raises:
            StoreError: an object cannot be written; what was finished before stays.
        """
        todo = [task for task in {each.digest: each for each in tasks}.values() if self._wanted(task)]
        if not todo:
            return
        if self._progress:
            self._progress.start(title, len(todo))
        try:
            for result in self._backend.run(list(_chunks(todo, batch))):
                if result.fatal:
                    raise StoreError(result.fatal)
                if result.problem is not None:
                    self.problems[result.digest] = result.problem
                else:
                    self._log(result.digest, result.seconds)
                    self.peak_mb = max(self.peak_mb, result.peak_mb)
                if self._progress:
                    self._progress.advance(1)
        finally:
            if self._progress:
                self._progress.stop()

    def _wanted(self, task: Task) -> bool:
        return task.digest not in self.problems and not self.store.has(task.digest)

    def read(self, task: Task) -> Payload | None:
        """The object of a task, or None when it could not be made."""
        return None if task.digest in self.problems else self.store.read(task.digest)

    def reason(self, task: Task) -> str | None:
        """Why a task has no usable result; None when it has one."""
        if task.digest in self.problems:
            return self.problems[task.digest]
        payload = self.store.read(task.digest)
        return "its object is missing from the store" if payload is None else payload.failure

    def _log(self, digest: str, seconds: float) -> None:
        try:
            with self._timings.open("a", encoding="utf-8") as file:
                file.write(json.dumps([digest, round(seconds, 6)]) + "\n")
        except OSError as error:
            raise explain_os_error(error, self._timings) from error

    def seconds(self) -> dict[str, float]:
        """Seconds of every timed task by digest, the latest where there are several."""
        return read_timings(self._timings)


def read_timings(path: Path) -> dict[str, float]:
    """The journal of times; a line cut short by a crash is passed over."""
    found: dict[str, float] = {}
    if path.is_file():
        for line in path.read_text(encoding="utf-8").splitlines():
            try:
                digest, seconds = json.loads(line)
            except ValueError:
                continue
            found[digest] = float(seconds)
    return found


def _chunks(tasks: Sequence[Task], batch: int) -> Iterator[Chunk]:
    """Groups of one stage and one plug-in, so that a worker builds each plug-in once."""
    ordered = sorted(tasks, key=lambda task: (list(Stage).index(task.stage), repr(task.plugin)))
    for (stage, _), group in groupby(ordered, key=lambda task: (task.stage, task.plugin)):
        members = list(group)
        size = 1 if stage is Stage.COMPARE else batch
        for start in range(0, len(members), size):
            yield tuple(members[start : start + size])
