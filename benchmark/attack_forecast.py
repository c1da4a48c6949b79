"""What the attacks of a cell will take: they are carried out in thought, by the code that carries them out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from .attack_material import Attacked
from .attack_run import attack
from .engine.backends import Chunk
from .engine.execute import CHUNK, Executor
from .planning.cell_tasks import Tasks
from .planning.cells import Cell
from .planning.tasks import Task, TaskResult
from .storage.store import Payload, Store


class _NoBackend:
    """Nothing is computed."""

    def run(self, chunks: Iterable[Chunk]) -> Iterator[TaskResult]:
        raise AssertionError("a forecast carries nothing out")

    def close(self) -> None:
        return


class _Rehearsal(Executor):
    """Writes down what it is asked for, as if all of it succeeded; no distance is known."""

    def __init__(self, store: Store) -> None:
        super().__init__(store, _NoBackend())
        self.groups: dict[str, dict[str, Task]] = {}
        """Tasks by stage and digest."""

    def make(self, title: str, tasks: Iterable[Task], batch: int = CHUNK) -> None:
        group = self.groups.setdefault(title.partition(" (")[0], {})
        group |= {each.digest: each for each in tasks}

    def reason(self, task: Task) -> str | None:
        return None

    def read(self, task: Task) -> Payload | None:
        return None

    @contextmanager
    def alone(self, name: str, what: str) -> Iterator[None]:
        yield


def planned_attacks(cell: Cell, store: Store) -> dict[str, list[Task]]:
    """The tasks of a cell's attacks by the name of their stage, as if every hand or face is found and nothing fails.

    What depends on distances is left out: the second calls of the method under A1s.

    Args:
        cell: planned.
        store: of the results folder; nothing is read or written.

    Returns:
        Empty where nobody attacks; a task that several stages ask for stands with the first.
    """
    if cell.attacks is None:
        return {}
    tasks, rehearsal = Tasks(cell), _Rehearsal(store)
    versions = tasks.versions(lambda sample: True)
    missing = {each.sample_id: None for each in cell.samples}
    failed = {each.deidentify.digest: None for each in versions}
    attack(Attacked(cell, cell.attacks, tasks, missing, versions, failed, rehearsal))
    seen: set[str] = set()
    groups: dict[str, list[Task]] = {}
    for title, group in rehearsal.groups.items():
        new = [task for digest, task in group.items() if digest not in seen]
        seen |= group.keys()
        if new:
            groups[title] = new
    return groups
