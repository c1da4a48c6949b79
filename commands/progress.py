"""Progress bars with time left, on the error stream, only where someone looks."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Task as RichTask
from rich.text import Text

from .durations import left

if TYPE_CHECKING:
    from ..benchmark.planning.cells import Cell
    from ..benchmark.planning.estimate import Ahead
    from ..benchmark.storage.store import Store


def _own_stderr() -> TextIO:
    """Standard error as it is now: while a plug-in works, the process's own goes into a log."""
    try:
        return os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding=sys.stderr.encoding, errors="backslashreplace")
    except (OSError, ValueError, AttributeError):  # no file: a test's or a notebook's
        return sys.stderr


_LOOK_SECONDS = 5.0
"""So often, at most, it is looked how much of the run is left."""


class _Left(ProgressColumn):
    """Time left: of a stage by its pace so far, of the whole run by what is planned and was timed."""

    def __init__(self) -> None:
        super().__init__()
        self._pace = TimeRemainingColumn()

    def render(self, task: RichTask) -> Text:
        """`left 0:01:10`, or nothing where nothing is known."""
        if "left" in task.fields:
            return Text(f"left {task.fields['left']}" if task.fields["left"] else "", style="progress.remaining")
        return Text.assemble("left ", self._pace.render(task))


class Bars:
    """One bar per stage. A context manager; also the `Progress` that the benchmark expects."""

    def __init__(self, quiet: bool) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            _Left(),
            console=Console(file=_own_stderr()),
            disable=quiet,
            transient=True,
        )
        self._task: TaskID | None = None
        self._whole: TaskID | None = None
        self._ahead: Ahead | None = None
        self._titles: list[str] = []
        self._next_look = 0.0

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def cell(self, store: Store, cell: Cell, todo: Sequence[Cell], jobs: int) -> None:
        """A cell is about to be computed: from here on a second bar shows all of the run.

        Args:
            store: of the results folder.
            cell: which.
            todo: all that are to be computed.
            jobs: worker processes.
        """
        if self._progress.disable:
            return
        from ..benchmark.compute import stage_titles
        from ..benchmark.planning.estimate import Ahead

        if self._ahead is None:
            self._ahead = Ahead(todo, store, jobs)
        if self._whole is None:
            self._whole = self._progress.add_task("", total=None, left="")
        number = next(index for index, each in enumerate(todo, 1) if each is cell)
        self._progress.update(self._whole, description=f"set {number} of {len(todo)}")
        self._titles = stage_titles(cell)
        self._look_ahead()

    def _look_ahead(self) -> None:
        if self._ahead is None or self._whole is None:
            return
        began = time.monotonic()
        done, total, seconds, untimed = self._ahead.look()
        self._progress.update(self._whole, completed=done, total=total, left=left(seconds, untimed))
        now = time.monotonic()
        self._next_look = now + max(_LOOK_SECONDS, 50 * (now - began))

    def start(self, title: str, total: int) -> None:
        self._look_ahead()
        place = f"{self._titles.index(title) + 1}/{len(self._titles)} " if title in self._titles else ""
        self._task = self._progress.add_task(f"{place}{title}", total=total)

    def advance(self, count: int) -> None:
        if self._task is not None:
            self._progress.advance(self._task, count)
        if time.monotonic() > self._next_look:
            self._look_ahead()

    def stop(self) -> None:
        if self._task is not None:
            self._progress.remove_task(self._task)
            self._task = None

    def note(self, text: str) -> None:
        """A line above the bars; also where nobody looks at bars, so that a run that waits says why."""
        self._progress.console.print(text, markup=False, highlight=False)

    def prepare(self, dataset: str, done: int, total: int) -> None:
        """Progress of a dataset that is being prepared."""
        if self._task is None:
            self.start(f"prepare {dataset}", total)
        if self._task is not None:
            self._progress.update(self._task, completed=done)
        if done >= total:
            self.stop()
