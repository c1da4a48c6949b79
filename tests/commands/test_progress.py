"""What the bars say of the whole run: its sets, its stages by number, and what is left as far as it is known."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from deid_bench.benchmark.compute import stage_titles
from deid_bench.benchmark.planning.cells import RunOptions, make_cells
from deid_bench.benchmark.planning.estimate import Ahead
from deid_bench.benchmark.run import Execution, run
from deid_bench.benchmark.storage.store import STORE_FOLDER, Store
from deid_bench.commands.progress import Bars


class Told:
    """Takes down what a run tells."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.cells: list[tuple[str, list[str], int]] = []

    def start(self, title: str, total: int) -> None:
        self.titles.append(title)

    def advance(self, count: int) -> None: ...

    def stop(self) -> None: ...

    def note(self, text: str) -> None: ...

    def cell(self, cell: Any, todo: Any, jobs: Any) -> None:
        self.cells.append((cell.method.resolved.name, [each.method.resolved.name for each in todo], jobs))


def test_stages_have_the_numbers_that_they_come_in(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    told, options = Told(), toy_options("identity", "toy_noise")
    execution = Execution(out=tmp_path / "out", backend="serial")
    cells = make_cells(options, 1)
    run(options, execution, told, on_cell=told.cell)
    assert told.titles[: len(stage_titles(cells[0]))] == stage_titles(cells[0])
    # The work on the originals is done: the second cell has fewer stages, which keep their numbers.
    places = [stage_titles(cells[1]).index(each) for each in told.titles[len(stage_titles(cells[0])) :]]
    assert places == sorted(places)
    both = ["identity", "toy_noise"]
    assert told.cells == [("identity", both, 1), ("toy_noise", both, 1)]
    run(options, execution, told, on_cell=told.cell)
    assert len(told.cells) == 2  # what is finished is not computed


def test_what_is_left_is_never_more_than_what_is_known(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    cells = make_cells(toy_options("identity", "toy_noise"), 1)
    store = Store(tmp_path / "out" / STORE_FOLDER)
    ahead = Ahead(cells, store, 2)
    done, total, seconds, untimed = ahead.look()
    assert (done, seconds, untimed) == (0, 0.0, total)
    run(toy_options("identity"), Execution(out=tmp_path / "out", backend="serial"))
    done, same, seconds, untimed = ahead.look()
    assert same == total
    assert done > total / 2 > 0
    assert seconds > 0
    assert untimed == 18  # the other method's images: nothing of that kind was timed
    assert Ahead(cells, store, 1).look()[2] == 2 * seconds
    run(toy_options("toy_noise"), Execution(out=tmp_path / "out", backend="serial"))
    assert ahead.look() == (total, total, 0.0, 0)


def test_bars_show_set_stage_and_what_is_left(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    store = Store(tmp_path / "out" / STORE_FOLDER)
    seen: list[list[str]] = []

    class Watched(Bars):
        def stop(self: Any) -> None:
            seen.append([each.description for each in self._progress.tasks])
            super().stop()

    options = toy_options("identity", "toy_noise")
    with Watched(quiet=False) as bars:
        cell = partial(bars.cell, store)
        run(options, Execution(out=tmp_path / "out", backend="serial"), bars, on_cell=cell)
        assert bars._progress.tasks[0].fields["left"] in ("", "about 1 s")
    count = len(stage_titles(make_cells(options, 1)[0]))
    assert seen[0] == ["set 1 of 2", f"1/{count} find hands"]
    assert seen[-1] == ["set 2 of 2", f"{count}/{count} compare (toy_recognizer)"]
