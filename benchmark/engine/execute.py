"""Hands tasks to a back-end: skips what the store has, groups the rest, keeps the times and the problems.

What the store turns out to have lost, at whatever moment, is made again: the executor remembers every task of its cell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from types import MappingProxyType
from typing import Protocol

from ...deidentifiers.base import TakesBatches
from ...plugins.entries import PluginRef
from ..planning.tasks import Plugin, Stage, Task, TaskResult
from ..storage.journal import Timing, add_timing, read_timings
from ..storage.lock import hold
from ..storage.store import Payload, Store, StoreError
from .backends import Backend, Chunk

CHUNK = 8
"""Tasks handed out in one go, unless a method prefers batches of another size."""
_TRIES = 4
"""So often a task is carried out whose inputs vanish, or whose object does; then the disk is to blame."""
_LOSSES = "the store loses what is written into it; check the disk, then run the same command again"


def batch_of(method: Plugin) -> int:
    """Tasks of a method that are handed out in one go."""
    info: object = method.info
    return info.batch_size if isinstance(info, TakesBatches) else CHUNK


class Progress(Protocol):
    """Told about every stage; the command line draws bars from it."""

    def start(self, title: str, total: int) -> None: ...

    def advance(self, count: int) -> None: ...

    def stop(self) -> None: ...

    def note(self, text: str) -> None: ...


class Executor:
    """Makes the objects of one cell exist."""

    def __init__(self, store: Store, backend: Backend, progress: Progress | None = None) -> None:
        self.store = store
        self.problems: dict[str, str] = {}
        """Digest of a task that could not be done, and why."""
        self.peak_mb = 0.0
        """Largest resident size of any process that carried out tasks."""
        self._backend = backend
        self._progress = progress
        self._tasks: dict[str, Task] = {}
        """Everything that was asked for, by digest."""
        self._failures: dict[str, str | None] = {}
        """Of every object that was seen whole: see `Payload.failure`."""
        self.remarks: dict[str, tuple[str, ...]] = {}
        """Digest of a task, and what was noticed about its plug-in though it gave a result."""
        self._tries: dict[str, int] = {}

    @property
    def asked(self) -> Mapping[str, Task]:
        """Everything that was asked for, by digest."""
        return MappingProxyType(self._tasks)

    def make(self, title: str, tasks: Iterable[Task], batch: int = CHUNK) -> None:
        """Carry out the tasks that the store does not have yet, or no longer has whole.

        Raises:
            StoreError: an object cannot be written; what was finished before stays.
        """
        asked = {each.digest: each for each in tasks}
        self._tasks.update(asked)
        todo = [task for task in asked.values() if self._wanted(task)]
        if not todo:
            return
        if self._progress:
            self._progress.start(title, len(todo))
        try:
            self._carry_out(todo, batch)
        finally:
            if self._progress:
                self._progress.stop()

    def _wanted(self, task: Task) -> bool:
        if task.digest in self.problems or task.digest in self._failures:
            return False
        payload = self.store.read(task.digest)
        if payload is not None:
            self._failures[task.digest] = payload.failure
            self._remark(task.digest, payload.remarks)
        return payload is None

    def _carry_out(self, todo: Sequence[Task], batch: int) -> None:
        while todo:
            again: list[Task] = []
            lost: dict[str, Task | None] = {}
            for result in self._backend.run(list(_chunks(todo, batch))):
                if result.lost:
                    again.append(self._tasks[result.digest])
                    lost |= {each: self._tasks.get(each) for each in result.lost}
                else:
                    self._note(result)
            if not again:
                return
            self._carry_out([task for task in lost.values() if task is not None and self._may_try(task)], batch)
            todo = [task for task in again if self._may_try(task)]

    def _may_try(self, task: Task) -> bool:
        """Whether a task may be carried out once more; one whose input cannot be had again is a problem."""
        self._failures.pop(task.digest, None)
        spoiled = next((self.problems[each] for each in sorted(task.reads) if each in self.problems), None)
        tries = self._tries[task.digest] = self._tries.get(task.digest, 0) + 1
        if spoiled is None and tries < _TRIES:
            return True
        self.problems[task.digest] = spoiled or _LOSSES
        self._advance()
        return False

    def _note(self, result: TaskResult) -> None:
        if result.fatal:
            raise StoreError(result.fatal)
        self._remark(result.digest, result.remarks)
        if result.again:
            return
        if result.problem is not None:
            self.problems[result.digest] = result.problem
        else:
            self._failures[result.digest] = result.failure
            self.peak_mb = max(self.peak_mb, result.peak_mb)
            if not result.found:
                self._log(result.digest, result.seconds)
        self._advance()

    def _remark(self, digest: str, remarks: tuple[str, ...]) -> None:
        if remarks:
            self.remarks[digest] = remarks

    def _advance(self) -> None:
        if self._progress:
            self._progress.advance(1)

    def read(self, task: Task) -> Payload | None:
        """The object of a task, or None when it could not be made; one that was made and is lost is made again."""
        while task.digest not in self.problems:
            payload = self.store.read(task.digest)
            if payload is not None or task.digest not in self._tasks:
                return payload
            if self._may_try(task):
                self._carry_out([task], 1)
        return None

    def reason(self, task: Task) -> str | None:
        """Why a task has no usable result; None when it has one."""
        if task.digest in self.problems:
            return self.problems[task.digest]
        if task.digest not in self._failures:
            payload = self.read(task)
            if payload is None:
                return self.problems.get(task.digest, "its object is missing from the store")
            self._failures[task.digest] = payload.failure
        return self._failures[task.digest]

    @contextmanager
    def alone(self, name: str, what: str) -> Iterator[None]:
        """Hold a lock of the results folder, so that two runs do not do the same work side by side."""
        notice = self._progress.note if self._progress else None
        with hold(self.store.root / "locks" / f"{name}.lock", what, notice=notice):
            yield

    def _log(self, digest: str, seconds: float) -> None:
        task = self._tasks.get(digest)
        stage, plugin = task.kind if task else ("", "")
        add_timing(self.store, Timing(digest, seconds, stage, plugin, task.pairs if task else 1))

    def seconds(self) -> dict[str, float]:
        """Seconds of every timed task by digest, the latest where there are several."""
        return {each.digest: each.seconds for each in read_timings(self.store)}


def _chunks(tasks: Sequence[Task], batch: int) -> Iterator[Chunk]:
    """Groups of one stage and one plug-in, so that a worker builds each plug-in once.

    What embeds is grouped by image, so that each is decoded once for all recognisers.
    """
    ordered = sorted(tasks, key=_rank)
    for (stage, _), group in groupby(ordered, key=_kind):
        members = list(group)
        size = 1 if stage is Stage.COMPARE else batch
        if stage is Stage.EMBED:
            size *= len({each.plugin for each in members})
        for start in range(0, len(members), size):
            yield tuple(members[start : start + size])


def _kind(task: Task) -> tuple[Stage, PluginRef | None]:
    return task.stage, None if task.stage is Stage.EMBED else task.plugin


def _rank(task: Task) -> tuple[int, str]:
    looked_at = "/".join(task.images[0].key) if task.stage is Stage.EMBED else ""
    return list(Stage).index(task.stage), looked_at + repr(task.plugin)
