"""Everything in this process, one after the other: the slow, obvious back-end that the others must equal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...planning.tasks import TaskResult
from ...stages.guard import said
from ...stages.inputs import Context
from ...stages.output import Output
from ...stages.recognition import run_tasks
from ...storage.store import Store
from . import Chunk, Settings


class SerialBackend:
    """Runs tasks here."""

    def __init__(self, settings: Settings) -> None:
        self._output = Output(settings.store, adopt=True)
        self._context = Context(Store(settings.store), settings.seconds_per_image, self._output)

    def run(self, chunks: Sequence[Chunk]) -> Iterator[TaskResult]:
        for chunk in chunks:
            yield from self._work(chunk)

    def _work(self, chunk: Chunk) -> list[TaskResult]:
        """As a worker process does it: what nobody has foreseen costs its own task."""
        try:
            return run_tasks(chunk, self._context)
        except Exception as error:
            if len(chunk) == 1:
                return [TaskResult(chunk[0].digest, said(error), 0.0)]
        return [result for task in chunk for result in self._work((task,))]

    def close(self) -> None:
        self._output.close()
