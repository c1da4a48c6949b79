"""What plug-ins print while tasks are carried out: kept in a log beside the store, under what it was about."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ...plugins.child_processes import Offspring
from ...plugins.isolation import own_output
from ..planning.tasks import Task
from ..storage.owner import Owner

LOG_NAME = "plugins.log"
MOST_BYTES = 2**16
"""Of one chunk of tasks; of more, the end is kept."""


class Output:
    """The standard output and error of one process while it carries out tasks, and the processes that it leaves.

    Args:
        store: the folder of the store.
        adopt: take in what has left its parent. A worker need not: whoever ends it knows its own by their mark.
    """

    def __init__(self, store: Path, *, adopt: bool = False) -> None:
        self.log = store / LOG_NAME
        self.path = place_of(store, os.getpid())
        """What the chunk at hand has printed so far; a worker that dies leaves it behind."""
        self._offspring = Offspring(adopt=adopt)

    @contextmanager
    def of(self, tasks: Sequence[Task]) -> Iterator[None]:
        """Everything inside prints into the log."""
        with self._offspring.watched():
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                target = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_TRUNC, 0o644)
            except OSError:  # a disk that is full or read-only: the store says so itself
                yield
                return
            try:
                with own_output(target):
                    yield
            finally:
                os.close(target)
                collect(self.path, self.log, _title(tasks))

    def close(self) -> None:
        """End what plug-ins have left running."""
        self._offspring.end()


def place_of(store: Path, pid: int) -> Path:
    """Where a process keeps what the chunk at hand prints.

    Args:
        store: may be shared with other machines and containers, whose processes have the same numbers.
        pid: of this process, or of one that it has started.
    """
    return store / "printed" / f"{Owner.here().beside(pid)}.txt"


def collect(path: Path, log: Path, title: str) -> None:
    """Move what was printed to the end of the log."""
    with contextlib.suppress(OSError):
        size = path.stat().st_size
        if size:
            with path.open("rb") as file:
                file.seek(max(0, size - MOST_BYTES))
                text = file.read()
            cut = f" (the last {len(text)} of {size} bytes)" if size > len(text) else ""
            end = b"" if text.endswith(b"\n") else b"\n"
            with log.open("ab") as file:
                file.write(f"--- {title}{cut}\n".encode() + text + end)
        path.unlink()


def _title(tasks: Sequence[Task]) -> str:
    first, last = tasks[0], tasks[-1]
    who = f" by {first.plugin.spec.target}" if first.plugin else ""
    return f"{first.stage}{who}: {first.label}" + (f" … {last.label}" if len(tasks) > 1 else "")
