"""The run: dataset -> analyzer -> method -> recogniser -> scores -> record."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ..datasets.base import Sample
from .engine.backends import Backend, Settings, default_jobs, make_backend
from .engine.execute import CHUNK, Executor, Progress
from .full_quality import NO_CLOSER_LOOK, look_closely
from .planning.cell_tasks import Tasks, Version
from .planning.cells import Cell, RunOptions, make_cells
from .planning.tasks import Plugin, Stage, compare_tasks, metric_task
from .records.record import FILE_NAME, Host, RecordError, RunRecord, load_record, record_bytes
from .results.blocks import join_blocks
from .results.cell import CellResults, Distances
from .scoring.cell import build_record
from .storage.cell_files import are_whole, save_cell_files
from .storage.host import machine, packages, peak_memory_mb
from .storage.lock import Busy, hold
from .storage.store import Payload, Store

STORE_FOLDER = ".store"


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
    wait: bool = True
    """For cells that another run works on, once all others are done; else they are left out."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "out", Path(self.out))


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

    Raises:
        PluginError, ProtocolError, DatasetError, WeightsError: something asked for cannot be used.
        StoreError: the results folder cannot be written.
        Busy: another run works on a cell that was not to be waited for, and there is no `on_busy` to tell.
    """
    execution = execution or Execution()
    jobs = 1 if execution.backend == "serial" else execution.jobs or default_jobs()
    cells = make_cells(options, jobs, prepare_progress)
    with _workshop(execution, jobs) as workshop:

        def settle(cell: Cell, *, wait: bool) -> Outcome:
            return finished(cell, execution.out) or _run_alone(cell, execution, jobs, workshop(), progress, wait=wait)

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


def finished(cell: Cell, out: Path) -> Outcome | None:
    """The cell's record, if an earlier run completed it, left nothing to try again, and its files are what it wrote."""
    folder = out / cell.name
    path = folder / FILE_NAME
    if not path.is_file():
        return None
    try:
        record = load_record(path)
    except RecordError:
        return None
    if record.digest != cell.digest or record.counts.retry or (cell.quality == "full" and record.quality == "basic"):
        return None
    if not are_whole(out / STORE_FOLDER, cell.digest, folder):
        return None
    return Outcome(record, folder, from_store=True)


@contextmanager
def _workshop(execution: Execution, jobs: int) -> Iterator[Callable[[], tuple[Store, Backend]]]:
    """Store and back-end, which are only started when something has to be computed."""
    made: list[tuple[Store, Backend]] = []

    def start() -> tuple[Store, Backend]:
        if not made:
            store = Store(execution.out / STORE_FOLDER)
            store.open()
            made.append(
                (store, make_backend(execution.backend, Settings(store.root, execution.seconds_per_image, jobs)))
            )
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
    save_cell_files(executor.store.root, cell.digest, folder, written, executor.used)
    return Outcome(record, folder, from_store=False)


def compute(cell: Cell, executor: Executor) -> CellResults:
    """Carry out a cell, stage by stage; everything but the scores."""
    tasks = Tasks(cell)
    with _originals_alone(cell, executor):
        missing = find_originals(cell, tasks, executor)
    versions = tasks.versions(lambda sample: missing[sample.sample_id] is None)
    executor.make("de-identify", [each.deidentify for each in versions], getattr(cell.method.info, "batch_size", CHUNK))
    failed = {each.deidentify.digest: executor.reason(each.deidentify) for each in versions}
    made = [each for each in versions if failed[each.deidentify.digest] is None]
    executor.make(f"find {_things(cell)} again", [each.analyze for each in made])
    executor.make("measure", [each.measure for each in made if executor.read(each.analyze)])
    extra = look_closely(cell, tasks, made, executor) if cell.quality == "full" else NO_CLOSER_LOOK
    plugged = {each.resolved.text: _measured_by(each, tasks, made, executor) for each in cell.metrics}
    usable = [each for each in cell.samples if missing[each.sample_id] is None]
    distances = {
        recognizer.resolved.text: _distances(cell, tasks, usable, made, recognizer, executor)
        for recognizer in cell.recognizers
    }
    images = {each.deidentify.digest: _coverage_and_hash(each, executor) for each in made}
    return CellResults(
        missing=missing,
        versions=versions,
        failed=failed,
        crashed=frozenset(executor.problems),
        analyses={each.deidentify.digest: executor.read(each.analyze) for each in made},
        measures={each.deidentify.digest: executor.read(each.measure) for each in made},
        perceived=extra.perceived,
        coverage={digest: coverage for digest, (coverage, _) in images.items()},
        images={digest: sha256 for digest, (_, sha256) in images.items()},
        usable=usable,
        distances=distances,
        features=extra.features,
        floors=extra.floors,
        seed_lpips=extra.seed_lpips,
        seconds=_mean_seconds(cell, tasks, versions, executor),
        targets=[each.sample_id for each in tasks.targets(lambda sample: missing[sample.sample_id] is None)],
        plugged={name: found for name, found in plugged.items() if found is not None},
    )


def _measured_by(
    metric: Plugin, tasks: Tasks, made: list[Version], executor: Executor
) -> dict[str, Payload | None] | None:
    """What a user's metric of images gives, by the digest of the de-identify task; None for one of distances."""
    if metric.info.takes != "images":
        return None
    todo = {
        each.deidentify.digest: metric_task(
            each.analyze.label, tasks.image(each.sample), each.deidentify.digest, tasks.analysis(each.sample), metric
        )
        for each in made
    }
    executor.make(f"measure ({metric.resolved.text})", todo.values())
    return {digest: executor.read(task) for digest, task in todo.items()}


def find_originals(cell: Cell, tasks: Tasks, executor: Executor) -> dict[str, str | None]:
    """Find hands or faces in the originals, and cut them where the protocol does.

    Returns:
        By sample id: why there is none, or None.
    """
    executor.make(f"find {_things(cell)}", tasks.detections.values())
    if cell.protocol.crop:
        executor.make("cut faces", tasks.originals.values())
        cut = [each for name, each in tasks.references.items() if executor.reason(tasks.originals[name]) is None]
        executor.make("find faces in the crops", cut)
    return {sample_id: executor.reason(task) for sample_id, task in tasks.originals.items()}


def _things(cell: Cell) -> str:
    return "hands" if cell.protocol.modality == "palm" else "faces"


def _coverage_and_hash(version: Version, executor: Executor) -> tuple[float | None, str | None]:
    payload = executor.read(version.deidentify)
    if payload is None:
        return None, None
    return payload.meta.get("roi_coverage"), hashlib.sha256(payload.blobs["image.png"]).hexdigest()


def _originals_alone(cell: Cell, executor: Executor) -> AbstractContextManager[None]:
    """Held while work on originals is done, which other methods' runs on the dataset need as well."""
    name = f"originals-{cell.dataset.digest[:16]}-{cell.analyzer.digest[:16]}"
    return executor.alone(name, f"the originals of {cell.dataset.plugin.text}")


def _distances(
    cell: Cell, tasks: Tasks, usable: list[Sample], made: list[Version], recognizer: Plugin, executor: Executor
) -> Distances:
    """Originals x originals and de-identified x originals, NaN where a template could not be had."""
    name = recognizer.resolved.text
    embeds = tasks.original_embeds(recognizer)
    originals = [embeds[each.sample_id] for each in usable]
    probes = [tasks.version_embed(each, recognizer) for each in made]
    with _originals_alone(cell, executor):
        executor.make(f"embed ({name}): originals", originals)
    executor.make(f"embed ({name})", probes)
    columns = [None if executor.reason(each) else each.digest for each in originals]
    rows = [None if executor.reason(each) else each.digest for each in probes]
    sides = [(columns, columns), (rows, columns), (rows, rows)]
    blocks = [compare_tasks(name, a, b, recognizer) for a, b in sides]
    executor.make(f"compare ({name})", [task for block in blocks for task in block])
    matrices = [
        join_blocks(block, map(executor.read, block), len(b)) for block, (_, b) in zip(blocks, sides, strict=True)
    ]
    reasons = {each.label: executor.reason(each) for each in (*originals, *probes)}
    problems = {label: why for label, why in reasons.items() if why}
    return Distances(matrices[0], matrices[1], matrices[2], problems)


def _mean_seconds(cell: Cell, tasks: Tasks, versions: list[Version], executor: Executor) -> dict[str, float]:
    timed = executor.seconds()
    groups = {
        Stage.ANALYZE.value: [each.digest for each in tasks.detections.values()],
        Stage.DEIDENTIFY.value: [each.deidentify.digest for each in versions],
        Stage.MEASURE.value: [each.measure.digest for each in versions],
        Stage.EMBED.value: [
            each.digest for recognizer in cell.recognizers for each in tasks.original_embeds(recognizer).values()
        ],
    }
    means = {}
    for name, digests in groups.items():
        known = [timed[each] for each in digests if each in timed]
        if known:
            means[name] = round(float(np.mean(known)), 5)
    return means


def _previews(record: RunRecord, cell: Cell, results: CellResults, executor: Executor) -> dict[str, bytes]:
    """A few pairs for the board, by path below the cell's folder."""
    if not cell.dataset.info.redistributable:
        return {}
    from .records.previews import preview_jpeg, preview_name, preview_rows

    versions = {each.deidentify.digest: each for each in results.versions}
    tasks = Tasks(cell)
    found = {}
    for row in preview_rows(record, {each.sample_id: each.identity for each in cell.samples}):
        version = versions.get(record.samples[row].task or "")
        payload = executor.read(version.deidentify) if version else None
        if version and payload:
            original = tasks.image(version.sample).load(executor.store)
            found[f"previews/{preview_name(row)}"] = preview_jpeg(original, payload.blobs["image.png"])
    return found
