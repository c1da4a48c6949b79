"""What a plan says of attacks is what a run carries out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from deid_bench.benchmark.attack_forecast import planned_attacks
from deid_bench.benchmark.engine.backends import serial
from deid_bench.benchmark.planning.cells import RunOptions, make_cells
from deid_bench.benchmark.planning.estimate import estimate, planned_tasks
from deid_bench.benchmark.planning.tasks import Task
from deid_bench.benchmark.run import STORE_FOLDER, Execution, run
from deid_bench.benchmark.storage.journal import read_timings
from deid_bench.benchmark.storage.store import Store


@pytest.mark.parametrize("attacks", ["A1,A4,A6", "A1,A5", "A3", "none"])
def test_the_tasks_of_the_attacks_are_those_of_the_run(
    attacks: str, toy_options: Callable[..., RunOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = toy_options("toy_noise", protocol="palm-paper/1.1", attacks=attacks, repetitions=2)
    (cell,) = make_cells(options, 1)
    store = Store(tmp_path / "out" / STORE_FOLDER)
    attacked = planned_attacks(cell, store)
    planned = {each.digest for group in (planned_tasks(cell), attacked) for tasks in group.values() for each in tasks}
    carried_out: list[Task] = []
    real = serial.SerialBackend.run

    def watch(self: Any, chunks: Sequence[tuple[Task, ...]]) -> Iterator[Any]:
        carried_out.extend(task for chunk in chunks for task in chunk)
        return real(self, chunks)

    monkeypatch.setattr(serial.SerialBackend, "run", watch)
    run(options, Execution(tmp_path / "out"))
    assert {each.digest for each in carried_out} == planned
    assert bool(attacked) == (attacks != "none")
    after = estimate(cell, planned_attacks(cell, store), store, list(read_timings(store)))
    assert all(total == stored for total, stored in after.stages.values())
    assert (after.seconds, after.untimed, after.disk) == (0.0, 0, 0)


def test_comparisons_of_attackers_are_counted(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    (cell,) = make_cells(toy_options("toy_noise", protocol="palm-paper/1.1", attacks="A1"), 1)
    store = Store(tmp_path / "out" / STORE_FOLDER)
    alone, attacked = (estimate(cell, each, store, ()) for each in ({}, planned_attacks(cell, store)))
    assert attacked.comparisons > alone.comparisons
    assert attacked.untimed > alone.untimed
