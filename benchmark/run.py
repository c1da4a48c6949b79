"""The run: dataset -> analyzer -> method -> recogniser -> scores -> record."""

from __future__ import annotations

import hashlib
import json
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..analyzers.base import FaceAnalysis, HandAnalysis
from ..datasets.images import ImageError
from ..files import is_file
from .closer_look import at_hand, bring_networks, could_see_more
from .compute import compute
from .engine.backends import (
    NO_CLUSTER,
    Backend,
    Cluster,
    Needs,
    Settings,
    TellsOfItself,
    default_jobs,
    make_backend,
)
from .engine.backends.process import refuse_in_starting_worker
from .engine.execute import Executor, Progress
from .planning.cell_tasks import Tasks
from .planning.cells import Cell, RunOptions, make_cells
from .planning.preparation import require_weights, weights_of
from .planning.tasks import Plugin
from .records.record import FILE_NAME, Host, RecordError, RunRecord, load_record, record_bytes
from .results.cell import CellResults
from .scoring.cell import build_record
from .storage.cell_files import are_whole, load_cell_files, save_cell_files
from .storage.host import machine, packages, peak_memory_mb
from .storage.lock import Busy, hold
from .storage.store import STORE_FOLDER, Payload, Store, StoreError


@dataclass(frozen=True, slots=True)
class Execution:
    """How, not what: nothing in here changes a number."""

    out: Path = Path("results")
    backend: str = "serial"
    """`process` starts worker processes; a script that asks for it needs the usual `if __name__ == "__main__":`."""
    jobs: int = 0
    """Worker processes; 0 = one per core."""
    seconds_per_image: float = 60.0
    """A method that takes longer for an image has failed on it."""
    cluster: Cluster = NO_CLUSTER
    """Of the back-end `dask`."""
    wait: bool = True
    """For cells that another run works on, once all others are done; else they are left out."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "out", Path(self.out))
        if not 0 < self.seconds_per_image < math.inf:  # which `nan` is not either
            raise ValueError(f"seconds_per_image: expected a number of seconds above 0, got {self.seconds_per_image!r}")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished cell."""

    record: RunRecord
    folder: Path
    from_store: bool
    """The record was there already; nothing was computed."""


def run(
    options: RunOptions,
    execution: Execution | None = None,
    progress: Progress | None = None,
    on_outcome: Callable[[Outcome], None] | None = None,
    prepare_progress: Callable[[str, int, int], None] | None = None,
    on_busy: Callable[[str], None] | None = None,
    on_cell: Callable[[Cell, Sequence[Cell], int], None] | None = None,
) -> list[Outcome]:
    """Run every cell that the options name; finished work is taken from the results folder.

    Args:
        options: what to run.
        execution: where and how.
        progress: is told about the stages.
        on_outcome: called with each cell as soon as its record is written.
        prepare_progress: called with (dataset, done, total) while a dataset is prepared.
        on_busy: called with a sentence for each cell that is left out because another run works on it, where
            `execution.wait` is false.
        on_cell: called with each cell that is about to be computed, all that are to be, and the worker processes.

    Raises:
        PluginError, ProtocolError, DatasetError, WeightsError: something asked for cannot be used.
        StoreError: the results folder cannot be written.
        Busy: another run works on a cell that was not to be waited for, and there is no `on_busy` to tell.
        WorkerStartError: a script calls this without `if __name__ == "__main__":`.
    """
    refuse_in_starting_worker()
    execution = execution or Execution()
    jobs = 1 if execution.backend == "serial" else execution.jobs or default_jobs()
    cells = make_cells(options, jobs, prepare_progress, progress.note if progress else None)
    todo = [cell for cell in cells if finished(cell, execution.out) is None]
    require_weights(needed_plugins(todo))
    with workshop(execution, jobs, todo, progress) as start:

        def settle(cell: Cell, *, wait: bool) -> Outcome:
            done = finished(cell, execution.out)
            if done is not None:
                return done
            started = start()  # fetches networks, which are stages then
            if on_cell:
                on_cell(cell, todo, jobs)
            return _run_alone(cell, execution, jobs, started, progress, wait=wait)

        outcomes = list(_in_turn(cells, settle, execution.wait, on_outcome, on_busy))
    return [outcome for _, outcome in sorted(outcomes, key=lambda each: each[0])]


def _in_turn(
    cells: Sequence[Cell],
    settle: Callable[..., Outcome],
    wait: bool,
    on_outcome: Callable[[Outcome], None] | None,
    on_busy: Callable[[str], None] | None,
) -> Iterator[tuple[int, Outcome]]:
    """Cells with their numbers; those that another run works on come last, or are left out."""
    busy: dict[int, str] = {}
    for index, cell in enumerate(cells):
        try:
            outcome = settle(cell, wait=False)
        except Busy as error:
            busy[index] = str(error)
            continue
        if on_outcome:
            on_outcome(outcome)
        yield index, outcome
    if not wait and on_busy is None and busy:
        raise Busy("; ".join(busy.values()))
    for index, text in busy.items():
        if not wait:
            assert on_busy is not None
            on_busy(text)
            continue
        outcome = settle(cells[index], wait=True)
        if on_outcome:
            on_outcome(outcome)
        yield index, outcome


def _run_alone(
    cell: Cell,
    execution: Execution,
    jobs: int,
    workshop: tuple[Store, Backend],
    progress: Progress | None,
    *,
    wait: bool,
) -> Outcome:
    store, backend = workshop
    notice = progress.note if progress else None
    with hold(store.root / "locks" / f"{cell.name}.lock", _title(cell), wait=wait, notice=notice):
        # Whoever held the lock before has perhaps done it all.
        done = finished(cell, execution.out)
        return done or _run_cell(cell, execution, jobs, Executor(store, backend, progress))


def _title(cell: Cell) -> str:
    return f"{cell.method.resolved.text} on {cell.dataset.plugin.text}, {cell.protocol.id}"


def needed_plugins(cells: Sequence[Cell]) -> tuple[Plugin, ...]:
    """Plug-ins that no cell can do without."""
    return tuple(plugin for cell in cells for plugin in (cell.analyzer, cell.method, *cell.recognizers))


def _needs(cells: Sequence[Cell]) -> Needs:
    plugins = dict.fromkeys(plugin.ref for cell in cells for plugin in cell.plugins)
    networks = (name for cell in cells for name in at_hand(cell.quality))
    return Needs(tuple(plugins), tuple(dict.fromkeys((*weights_of(needed_plugins(cells)), *networks))))


def finished(cell: Cell, out: Path) -> Outcome | None:
    """The cell's record, if an earlier run completed it, left nothing to try again, and its files are what it wrote."""
    folder = out / cell.name
    path = folder / FILE_NAME
    if not is_file(path, StoreError):
        return None
    try:
        record = load_record(path)
    except RecordError:
        return None
    if (
        record.digest != cell.digest
        or record.dataset.limited != cell.dataset.limited
        or record.counts.retry
        or could_see_more(record, cell.quality)
        or not _of_the_same_labels(cell, record, out / STORE_FOLDER)
    ):
        return None
    if not are_whole(out / STORE_FOLDER, cell.digest, folder):
        return None
    return Outcome(record, folder, from_store=True)


def _of_the_same_labels(cell: Cell, record: RunRecord, store: Path) -> bool:
    """Whether the record says of the dataset what there is to say now: that is in no digest.

    These are the groups of its people, what is passed over, and remarks on its files.
    """
    dataset, groups = record.dataset, record.groups.groups if record.groups else ()
    if dict(cell.dataset.passed_over) != dataset.passed_over or list(cell.dataset.notes) != dataset.notes:
        return False
    known = {(kind, group) for each in cell.queries for kind, group in each.groups.items()}
    if known != {(each.kind, each.group) for each in groups}:
        return False
    said = load_cell_files(store, cell.digest)
    return not known or said is None or said.labels == _labels(cell)


def _labels(cell: Cell) -> str:
    """SHA-256 of who belongs to which group; empty where the dataset knows none."""
    told = {each.sample_id: dict(each.groups) for each in cell.queries if each.groups}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest() if told else ""


@contextmanager
def workshop(
    execution: Execution, jobs: int, cells: Sequence[Cell], progress: Progress | None = None
) -> Iterator[Callable[[], tuple[Store, Backend]]]:
    """Store and back-end for cells, which are only started when something has to be computed."""
    made: list[tuple[Store, Backend]] = []

    def start() -> tuple[Store, Backend]:
        if not made:
            store = Store(execution.out.absolute() / STORE_FOLDER)
            store.open()
            bring_networks(cells, progress.note if progress else None)
            settings = Settings(store.root, execution.seconds_per_image, jobs, execution.cluster, _needs(cells))
            made.append((store, make_backend(execution.backend, settings)))
            backend = made[0][1]
            if progress and isinstance(backend, TellsOfItself):
                progress.note(backend.about)
        return made[0]

    try:
        yield start
    finally:
        for _, backend in made:
            backend.close()


def _run_cell(cell: Cell, execution: Execution, jobs: int, executor: Executor) -> Outcome:
    start = time.monotonic()
    results = compute(cell, executor)
    host = Host(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        backend=execution.backend,
        jobs=jobs,
        machine=machine(),
        packages=packages(),
        seconds=dict(results.seconds),
        wall_seconds=round(time.monotonic() - start, 3),
        peak_memory_mb=max(peak_memory_mb(), executor.peak_mb),
    )
    record, files = build_record(cell, results, host)
    folder = execution.out / cell.name
    # The record comes last: where it stands, everything stands.
    written = {**files, **_previews(record, cell, results, executor), FILE_NAME: record_bytes(record)}
    save_cell_files(executor.store.root, cell.digest, folder, written, executor.asked, _labels(cell))
    return Outcome(record, folder, from_store=False)


def _previews(record: RunRecord, cell: Cell, results: CellResults, executor: Executor) -> dict[str, bytes]:
    """A few pairs for the board, by path below the cell's folder."""
    if not (cell.dataset.info.redistributable or cell.dataset.info.shown):
        return {}
    from .records.previews import (
        LARGE,
        cases,
        close_rows,
        closeup_jpeg,
        preview_jpeg,
        preview_name,
        preview_rows,
    )

    versions = {each.deidentify.digest: each for each in results.versions}
    tasks = Tasks(cell)
    identities = {each.sample_id: each.identity for each in cell.samples}
    chosen, close = set(cases(record).values()), close_rows(record, identities)
    found = {}
    for row in preview_rows(record, identities):
        version = versions.get(record.samples[row].task or "")
        payload = executor.read(version.deidentify) if version else None
        if not version or not payload:
            continue
        try:
            original = tasks.image(version.sample).load(executor.store)
        except (ImageError, LookupError, OSError):  # gone since it was worked on: a picture less, and no number
            continue
        made = payload.blobs["image.png"]
        found[f"previews/{preview_name(row)}"] = preview_jpeg(original, made)
        if row in chosen:
            height = min(original.shape[0], LARGE)
            found[f"previews/{preview_name(row, 'large')}"] = preview_jpeg(original, made, height)
        if row in close and (corners := _corners(executor.store.read(tasks.analysis(version.sample)))) is not None:
            found[f"previews/{preview_name(row, 'closeup')}"] = closeup_jpeg(original, made, corners)
    return found


def _corners(payload: Payload | None) -> NDArray[np.float32] | None:
    """Points around the palm or the face; None where nothing was found."""
    from .stages.inputs import analysis_of

    analysis = analysis_of(payload) if payload else None
    if isinstance(analysis, HandAnalysis):
        return analysis.roi
    return analysis.box.reshape(2, 2) if isinstance(analysis, FaceAnalysis) else None
