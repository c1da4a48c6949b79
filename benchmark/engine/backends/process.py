"""Worker processes on this machine. A worker that hangs or dies costs its own image and nothing else."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, TimeoutError, wait
from multiprocessing import get_context

from pebble import ProcessExpired, ProcessPool

from ...planning.tasks import Stage, Task, TaskResult
from ...stages.guard import time_limit_reason
from ...stages.inputs import Context
from ...stages.recognition import run_tasks
from ...storage.store import Store
from . import Chunk, Settings

_GRACE_SECONDS = 120.0
"""For imports and loading weights, before a worker counts as hung."""


def _start_worker() -> None:
    """Leave Ctrl-C to the parent, use one thread, and end when the parent is gone (kill -9 reaches only it)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _work(chunk: Chunk, store: str, seconds_per_image: float) -> list[TaskResult]:
    from pathlib import Path

    return run_tasks(chunk, Context(Store(Path(store)), seconds_per_image))


class ProcessBackend:
    """A pool of spawned workers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pool = ProcessPool(
            max_workers=settings.jobs, context=get_context("spawn"), initializer=_start_worker, max_tasks=0
        )

    def run(self, chunks: Sequence[Chunk]) -> Iterator[TaskResult]:
        pending = {self._submit(chunk): chunk for chunk in chunks}
        while pending:
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                chunk = pending.pop(future)
                problem = self._problem(future, chunk)
                if problem is None:
                    yield from future.result()
                elif len(chunk) == 1:
                    yield TaskResult(chunk[0].digest, problem, 0.0)
                else:
                    # One of them is the culprit: give each a worker of its own.
                    pending.update({self._submit((task,)): (task,) for task in chunk})

    def _submit(self, chunk: Chunk) -> Future[list[TaskResult]]:
        arguments = (chunk, str(self._settings.store), self._settings.seconds_per_image)
        future: Future[list[TaskResult]] = self._pool.schedule(_work, args=arguments, timeout=self._limit(chunk))
        return future

    def _limit(self, chunk: Chunk) -> float | None:
        if chunk[0].stage is Stage.COMPARE:
            return None
        # Twice: a batch that fails as a whole is tried again image by image inside the worker.
        return _GRACE_SECONDS + 2 * self._settings.seconds_per_image * len(chunk)

    def _problem(self, future: Future[list[TaskResult]], chunk: Sequence[Task]) -> str | None:
        try:
            error = future.exception()
        except CancelledError:
            return "cancelled"
        if error is None:
            return None
        if isinstance(error, TimeoutError):
            return time_limit_reason(self._settings.seconds_per_image)
        if isinstance(error, ProcessExpired):
            return f"the worker process died (exit code {error.exitcode}); out of memory or a crash in compiled code"
        return f"{type(error).__name__}: {error}"

    def close(self) -> None:
        self._pool.stop()  # type: ignore[no-untyped-call]
        self._pool.join()
