"""Progress bars with time left, on the error stream, only where someone looks."""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


def _own_stderr() -> TextIO:
    """Standard error as it is now: while a plug-in works, the process's own goes into a log."""
    try:
        return os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding=sys.stderr.encoding, errors="backslashreplace")
    except (OSError, ValueError, AttributeError):  # no file: a test's or a notebook's
        return sys.stderr


class Bars:
    """One bar per stage. A context manager; also the `Progress` that the benchmark expects."""

    def __init__(self, quiet: bool) -> None:
        self._progress = Progress(
            TextColumn("{task.description:<28}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=Console(file=_own_stderr()),
            disable=quiet,
            transient=True,
        )
        self._task: TaskID | None = None

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def start(self, title: str, total: int) -> None:
        self._task = self._progress.add_task(title, total=total)

    def advance(self, count: int) -> None:
        if self._task is not None:
            self._progress.advance(self._task, count)

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
