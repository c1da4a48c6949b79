"""A part of a plan, carried out: what concerns single images, so that parts need nobody else and no order.

A part makes the very objects that a run would make, under the same digests. When all parts are done, the ordinary run
finds them in the store, compares and scores. A part that died is worked on again; what it had finished stays.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ..plugins.entries import registry
from .compute import compute_images
from .engine.backends import default_jobs
from .engine.execute import Executor, Progress
from .planning.cell_tasks import Tasks
from .planning.cells import make_cells
from .planning.plan_file import PlanFile, Shard, check_cells
from .planning.preparation import require_weights
from .records.counts import impairing, lacking
from .run import Execution, needed_plugins, workshop


@dataclass(frozen=True, slots=True)
class Worked:
    """One cell's part."""

    cell: str
    """Name of the cell's folder."""
    samples: int
    images: int
    """De-identified images that were asked for."""
    made: int
    """Of these."""
    failed: int
    """Of these: the method refused or crashed, or took too long."""
    skipped: int
    """Not asked for, because nothing was found in the original."""
    lacking: tuple[str, ...]
    """Why the part is not complete, in words; empty where it is, by the rule of records."""
    problems: tuple[str, ...]
    """Why something could not be done that the next run tries again."""


def work(
    plan: PlanFile,
    shard: Shard,
    execution: Execution,
    progress: Progress | None = None,
    prepare_progress: Callable[[str, int, int], None] | None = None,
) -> list[Worked]:
    """Carry out a part of a plan.

    Args:
        plan: as `plan` wrote it.
        shard: which part.
        execution: where and how; parts share the results folder.
        progress: is told about the stages.
        prepare_progress: called with (dataset, done, total) while a dataset is prepared.

    Raises:
        PlanError: what is installed here differs from the plan.
        PluginError, ProtocolError, DatasetError, WeightsError: something in it cannot be used.
        StoreError: the results folder cannot be written.
    """
    for path in plan.plugins:
        registry().add_file(path)
    jobs = 1 if execution.backend == "serial" else execution.jobs or default_jobs()
    cells = make_cells(plan.options, jobs, prepare_progress, progress.note if progress else None)
    check_cells(plan, cells)
    require_weights(needed_plugins(cells))
    done = []
    with workshop(execution, jobs, cells, progress) as start:
        for cell in cells:
            store, backend = start()
            executor, samples = Executor(store, backend, progress), shard.samples(cell)
            part = compute_images(cell, Tasks(cell), samples, executor)
            counts = part.counts
            done.append(
                Worked(
                    cell=cell.name,
                    samples=len(samples),
                    images=counts.planned - counts.skipped,
                    made=counts.done,
                    failed=counts.failed,
                    skipped=counts.skipped,
                    # One part of several may be of gallery alone, or of pictures in which nothing is found.
                    lacking=tuple(
                        lacking(counts, part.failures)
                        if counts.planned > counts.skipped or (shard.count == 1 and counts.planned)
                        else map(str, impairing(part.failures))
                    ),
                    problems=tuple(executor.problems.values()),
                )
            )
    return done
