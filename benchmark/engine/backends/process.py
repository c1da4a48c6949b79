"""Worker processes on this machine. A worker that hangs or dies costs its own image and nothing else.

Every worker has a pipe of its own, and nothing is shared between them: whatever a worker is doing when it is killed,
the others go on. That one has ended, with whatever exit code, is seen at once.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import current_process, get_context
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from ....plugins.child_processes import descendants, end_processes, marked, own_mark, starting_under
from ....plugins.isolation import end_at_once
from ...planning.tasks import Stage, TaskResult
from ...stages.attacks import FIT_SECONDS
from ...stages.distances import SECONDS as BLOCK_SECONDS
from ...stages.guard import said, time_limit_reason
from ...stages.images import NETWORK_SECONDS
from ...stages.inputs import Context
from ...stages.output import LOG_NAME, Output, collect, place_of
from ...stages.recognition import run_again, run_tasks
from ...stages.witness import Seen, Witnesses
from ...storage.owner import Owner
from ...storage.store import Store
from . import Chunk, Settings

_GRACE_SECONDS = 120.0
"""For imports and loading weights, before a worker counts as hung."""
_SECONDS: Mapping[Stage, float] = {
    **dict.fromkeys((Stage.COMPARE, Stage.MATCH), BLOCK_SECONDS),
    **dict.fromkeys((Stage.FIT, Stage.ADAPT), FIT_SECONDS),
    **dict.fromkeys((Stage.PERCEIVE, Stage.BETWEEN, Stage.FEATURES), NETWORK_SECONDS),
}
"""What a task of these stages may take in any back-end; of the others, what an image may."""
_DEATHS = 2
"""So many workers may die of one task; the first may have been killed from outside."""
_LOOK_SECONDS = 1.0
"""So often it is looked whether workers are alive."""
_END_SECONDS = 2.0
"""An idle worker has so long to end by itself."""
Answer = tuple[list[TaskResult], Seen]
"""What a worker made of its chunk, and of tasks of another worker."""
_READY = "ready"
"""A worker's first word."""
_GUARD = (
    'A script that calls deid_bench.run needs `if __name__ == "__main__":` above the call, because every worker '
    'process reads the script first; or take Execution(backend="serial").'
)


class WorkerStartError(RuntimeError):
    """Worker processes cannot be started."""

    exit_code = 2


def refuse_in_starting_worker() -> None:
    """Stop a worker process that reads the user's script and finds a run in it: it would start workers of its own.

    Raises:
        WorkerStartError: this process is such a worker.
    """
    if getattr(current_process(), "_inheriting", False):
        raise WorkerStartError(f"expected a run in the main process, got one in a worker that starts. {_GUARD}")


def _serve(connection: Connection, store: str, seconds_per_image: float) -> None:
    """The life of a worker: chunks in, results out, until the parent closes the pipe or is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:  # kill -9 reaches the parent alone
            time.sleep(1.0)
        end_processes([*descendants(os.getpid()), *marked(own_mark())])
        end_at_once(1)

    threading.Thread(target=watch, daemon=True).start()
    context = Context(Store(Path(store)), seconds_per_image, Output(Path(store)))
    with contextlib.suppress(EOFError, OSError):
        connection.send(_READY)
        while True:
            chunk, again = connection.recv()
            connection.send(_work(chunk, again, context))


def _work(chunk: Chunk, again: Chunk, context: Context) -> Answer | str:
    try:
        results = run_tasks(chunk, context)
    except Exception as error:
        return said(error)
    seen: Seen = {}
    if again:
        with contextlib.suppress(Exception):  # the first process has its own word about these
            seen = run_again(again, context)
    return results, seen


class _Worker:
    """One process, its pipe, and the chunk it is at."""

    def __init__(self, settings: Settings) -> None:
        context = get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process: Any = context.Process(
            target=_serve, args=(theirs, str(settings.store), settings.seconds_per_image), name="deid-bench worker"
        )
        self._mark = f"{Owner.here().mark}+{secrets.token_hex(8)}"
        with starting_under(self._mark):
            self.process.start()
        theirs.close()  # so that the pipe ends with the worker
        self._sending: threading.Thread | None = None
        self.ready = False
        self.chunk: Chunk | None = None
        self.again: Chunk = ()
        self.deadline = float("inf")

    def give(self, chunk: Chunk, again: Chunk, limit: float) -> None:
        """Beside everything else: a worker that does not read, or is gone and has left the pipe to a child, would
        else stop the run at a chunk that is larger than the pipe."""
        self.chunk, self.again, self.deadline = chunk, again, time.monotonic() + limit
        self._sending = threading.Thread(target=self._send, args=(chunk, again), daemon=True)
        self._sending.start()

    def _send(self, chunk: Chunk, again: Chunk) -> None:
        with contextlib.suppress(OSError):  # it died while idle; that is seen like any other death
            self.connection.send((chunk, again))

    def take(self) -> Answer | str | None:
        """What it answered, nothing yet when it is ready; None when it ended in place of an answer."""
        try:
            answer: Answer | str = self.connection.recv()
        except (EOFError, OSError):
            return None
        if not self.ready:
            self.ready = True
            return [], {}
        self.chunk, self.deadline = None, float("inf")
        return answer

    def end(self, *, kill: bool) -> int | None:
        """Close the pipe and let it end, or kill it; returns the exit code."""
        left = descendants(self.process.pid)
        if not kill:
            self.hang_up()
        self.process.join(0 if kill else _END_SECONDS)
        if self.process.is_alive():
            self.process.kill()
        self.process.join()
        end_processes([*left, *marked(self._mark)])  # what plug-ins have started and left running
        if self._sending is not None:
            self._sending.join(_END_SECONDS)  # nobody has the other end any more
        self.hang_up()
        return self.process.exitcode  # type: ignore[no-any-return]

    def hang_up(self) -> None:
        """Close the pipe, unless something is being sent: its number would be another file's meanwhile."""
        if self._sending is None or not self._sending.is_alive():
            self.connection.close()


class ProcessBackend:
    """Spawned workers, started when there is work for them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._workers: list[_Worker] = []
        self._witnesses = Witnesses()

    def run(self, chunks: Sequence[Chunk]) -> Iterator[TaskResult]:
        waiting = deque(chunks)
        deaths: dict[str, int] = {}
        try:
            while waiting or any(each.chunk for each in self._workers):
                self._hand_out(waiting)
                for worker in self._ready():
                    yield from self._results(worker, waiting, deaths)
        finally:
            for worker in [each for each in self._workers if each.chunk]:  # nobody waits for their answers any more
                self._remove(worker, kill=True)

    def _hand_out(self, waiting: deque[Chunk]) -> None:
        idle = [each for each in self._workers if each.chunk is None]
        while waiting and (idle or len(self._workers) < self._settings.jobs):
            if idle:
                worker = idle.pop()
            else:
                worker = _Worker(self._settings)
                self._workers.append(worker)
            chunk = waiting.popleft()
            again = self._witnesses.due(worker.process.pid, chunk)
            worker.give(chunk, again, self._limit((*chunk, *again)))

    def again(self, tasks: Chunk) -> Seen:
        """Let one worker carry out tasks of another process once more.

        Returns:
            As `run_again`; empty where the worker ended or hung, which the first process has its own word about.
        """
        worker = next((each for each in self._workers if each.chunk is None), None)
        if worker is None:
            worker = _Worker(self._settings)
            self._workers.append(worker)
        worker.give((), tasks, self._limit(tasks))
        while worker.deadline > time.monotonic() and worker.process.is_alive():
            if not worker.connection.poll(_LOOK_SECONDS):
                continue
            starting, answer = not worker.ready, worker.take()
            if isinstance(answer, tuple) and not starting:
                return answer[1]
            if not starting or answer is None:
                break
        self._remove(worker, kill=True)
        return {}

    def _ready(self) -> list[_Worker]:
        """Workers that answered, ended or took too long."""
        busy = [each for each in self._workers if each.chunk]
        left = max(0.0, min(each.deadline for each in busy) - time.monotonic())
        # A pipe is readable when there is an answer, and when the process at its other end is gone.
        found = wait([each.connection for each in busy], min(left, _LOOK_SECONDS))
        now = time.monotonic()
        # A child that the worker left behind holds the pipe open, so that its end alone does not tell.
        return [
            each for each in busy if each.connection in found or each.deadline <= now or not each.process.is_alive()
        ]

    def _results(self, worker: _Worker, waiting: deque[Chunk], deaths: dict[str, int]) -> Iterator[TaskResult]:
        chunk = worker.chunk or ()
        if worker.connection.poll():
            answer = worker.take()
            if isinstance(answer, tuple):
                results, seen = answer
                yield from results
                for task, remarks in self._witnesses.told(seen, Store(self._settings.store)):
                    yield TaskResult(task.digest, None, 0.0, remarks=remarks, again=True)
                return
            if isinstance(answer, str):
                problem, last = answer, True
            else:
                problem, last = self._ended(worker), False
        elif not worker.process.is_alive():
            problem, last = self._ended(worker), False
        else:
            self._remove(worker, kill=True)
            problem, last = self._too_long(chunk[0].stage), True
        if worker.again:  # it may have died of another's task: the chunk is tried without it
            self._witnesses.stop(worker.again)
            waiting.append(chunk)
            return
        if len(chunk) > 1:  # one of them is the culprit: each by itself
            waiting.extend((task,) for task in chunk)
            return
        digest = chunk[0].digest
        deaths[digest] = deaths.get(digest, 0) + 1
        if last or deaths[digest] >= _DEATHS:
            yield TaskResult(digest, problem, 0.0)
        else:
            waiting.append(chunk)

    def _ended(self, worker: _Worker) -> str:
        """How a worker died; one that an error has kept from starting would not be the last.

        Raises:
            WorkerStartError: it was not killed, and did not come to its first task.
        """
        code = self._remove(worker, kill=False)
        if not worker.ready and code == 1:  # of an exception; what was killed has another
            raise WorkerStartError(
                f"a worker process ended with an error before its first task; what it said stands above. {_GUARD}"
            )
        return _death(code)

    def _limit(self, chunk: Chunk) -> float:
        # Twice: a batch that fails as a whole is tried again image by image inside the worker.
        return _GRACE_SECONDS + 2 * sum(self._seconds(each.stage) for each in chunk)

    def _seconds(self, stage: Stage) -> float:
        return max(_SECONDS.get(stage, 0.0), self._settings.seconds_per_image)

    def _too_long(self, stage: Stage) -> str:
        return time_limit_reason(self._seconds(stage), "a task" if stage in _SECONDS else "an image")

    def _remove(self, worker: _Worker, *, kill: bool) -> int | None:
        self._workers.remove(worker)
        code, store = worker.end(kill=kill), self._settings.store
        collect(place_of(store, worker.process.pid), store / LOG_NAME, f"worker {worker.process.pid}, which was ended")
        return code

    def close(self) -> None:
        for worker in self._workers:
            worker.hang_up()  # all at once, so that they end side by side
        for worker in list(self._workers):
            self._remove(worker, kill=worker.chunk is not None)


def _death(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name if -exit_code in signal.valid_signals() else str(-exit_code)
        return f"the worker process died (signal {name}); out of memory, a crash in compiled code, or killed"
    return f"the worker process died (exit code {exit_code}); something in it ended the whole process"
