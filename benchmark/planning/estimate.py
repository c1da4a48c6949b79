"""What a cell will take, before anything starts: tasks, comparisons, time, memory and disk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from ...weights.files import digest, offline, status
from ..metrics.quality.distribution import WEIGHTS
from ..storage.journal import Timing, read_timings
from ..storage.store import Store
from .cell_tasks import LOOK_WEIGHTS, Tasks, Version, evaluated_subjects
from .cells import Cell
from .comparisons import comparisons, is_large
from .disk import bytes_ahead
from .shipped_times import Key, key_of, shipped
from .sizing import Size
from .tasks import ImageRef, Task, between_task, features_task, metric_task


@dataclass(frozen=True, slots=True)
class Estimate:
    """As if every hand or face is found and nothing fails."""

    stages: Mapping[str, tuple[int, int]]
    """Tasks, and how many of them are in the store."""
    images: int
    """De-identified images."""
    comparisons: int
    """Pairs of templates, of all recognisers."""
    seconds: float
    """Of one core, for what is not in the store and of a kind that was timed."""
    untimed: int
    """Tasks to do of a kind that has never been timed in this results folder: `seconds` leaves them out."""
    elsewhere: float
    """Of one core of another machine, for those of them that `shipped_times` has: an order of magnitude."""
    unknown: int
    """The rest of them, which nobody has timed."""
    memory: int
    """Bytes of the process that scores; workers come on top."""
    scratch: int
    """Bytes of scratch files while that process works, where `TMPDIR` says."""
    disk: int
    """Bytes of the images that are not in the store."""
    objects: Mapping[str, int] = field(default_factory=dict)
    """Bytes of whatever is not in the store, images as well, by digest; without attackers."""


def planned_tasks(cell: Cell) -> dict[str, list[Task]]:
    """The tasks of a cell by the name of their stage, as if every hand or face is found and nothing fails."""
    tasks = Tasks(cell)
    return _grouped(cell, tasks, tasks.versions(lambda sample: True, {}))


def _grouped(cell: Cell, tasks: Tasks, versions: Sequence[Version]) -> dict[str, list[Task]]:
    groups: dict[str, list[Task]] = {"analyze originals": list(tasks.detections.values())}
    if cell.protocol.crop:
        groups["cut"] = list(tasks.originals.values())
        groups["analyze originals"] += tasks.references.values()
    groups |= {
        "de-identify": [each.deidentify for each in versions],
        "analyze de-identified": [each.analyze for each in versions],
        "measure": [each.measure for each in versions],
        "look": [tasks.look(each) for each in versions] if _can_have(LOOK_WEIGHTS) else [],
        "embed": [],
        "compare": [],
    }
    for recognizer in cell.recognizers:
        originals = list(tasks.original_embeds(recognizer).values())
        probes = [tasks.version_embed(each, recognizer) for each in versions]
        groups["embed"] += originals + probes
        columns, rows = [each.digest for each in originals], [each.digest for each in probes]
        made = [(each.sample.sample_id, each.repetition) for each in versions]
        large = is_large(len(columns), len(rows), len(cell.recognizers))
        groups["compare"] += comparisons(columns, rows, made, recognizer, large).tasks
    return groups


def _untold(cell: Cell, tasks: Tasks, versions: Sequence[Version]) -> dict[str, list[Task]]:
    """Tasks that leave an object for every image, and that no plan has among its stages: features, metrics, seeds."""
    found: dict[str, list[Task]] = {}
    inception = WEIGHTS["inception"]
    if _can_have(inception):
        weights, evaluated = {inception: digest(inception)}, evaluated_subjects(cell)
        seen = [each for each in versions if each.sample.subject in evaluated]
        images = [ImageRef.stored(each.deidentify.digest) for each in seen]
        images += {each.sample.sample_id: tasks.image(each.sample) for each in seen}.values()
        found["features"] = [features_task("", each, "inception", weights) for each in images]
    if _can_have(LOOK_WEIGHTS):
        weights = {LOOK_WEIGHTS: digest(LOOK_WEIGHTS)}
        found["between"] = [
            between_task("", one.deidentify.digest, other.deidentify.digest, weights)
            for one, other in pairwise(versions)
            if one.sample is other.sample
        ]
    for metric in cell.metrics:
        if metric.info.takes == "images":
            found[metric.resolved.text] = [
                metric_task("", tasks.image(each.sample), each.deidentify.digest, tasks.analysis(each.sample), metric)
                for each in versions
            ]
    return found


def _can_have(weights: str) -> bool:
    """Whether the network is here, or the run would try to fetch it."""
    state = status(weights).state
    return state == "ready" or (state == "absent" and not offline())


class Ahead:
    """What cells still take, asked for again and again while they are worked on.

    Args:
        cells: that are to be done.
        store: of the results folder.
        jobs: worker processes.
    """

    def __init__(self, cells: Sequence[Cell], store: Store, jobs: int) -> None:
        planned = (task for cell in cells for tasks in planned_tasks(cell).values() for task in tasks)
        self._tasks = list({task.digest: task for task in planned}.values())  # cells share the work on originals
        self._store, self._jobs, self._done = store, jobs, 0

    def look(self) -> tuple[int, int, float, int]:
        """Tasks done, tasks in all, seconds left of those of a kind that was timed, and how many others are left.

        The seconds leave out scoring and, where there are any, attackers.
        """
        total, self._tasks = len(self._tasks), [each for each in self._tasks if not self._store.has(each.digest)]
        self._done += total - len(self._tasks)
        seconds, untimed = _time_of(self._tasks, _typical(read_timings(self._store)).get)
        return self._done, self._done + len(self._tasks), seconds / self._jobs, len(untimed)


def _time_of(tasks: Iterable[Task], known: Callable[[Key], float | None]) -> tuple[float, list[Task]]:
    """Seconds of one core of the tasks whose kind is known, and the others."""
    seconds, others = 0.0, []
    for task in tasks:
        each = known(task.kind)
        if each is None:
            others.append(task)
        else:
            seconds += each * task.pairs
    return seconds, others


def _elsewhere(kind: Key) -> float | None:
    """Seconds of a task, or of a pair, on the machine that the package brings times of."""
    return shipped().seconds.get(key_of(*kind))


def estimate(cell: Cell, store: Store, journal: Iterable[Timing]) -> Estimate:
    """What a cell will take.

    Args:
        cell: planned.
        store: of the results folder; it need not exist.
        journal: its times.
    """
    tasks = Tasks(cell)
    versions = tasks.versions(lambda sample: True, {})
    groups, journal = _grouped(cell, tasks, versions), list(journal)
    todo = {name: [each for each in tasks if not store.has(each.digest)] for name, tasks in groups.items()}
    seconds, untimed = _time_of((each for tasks in todo.values() for each in tasks), _typical(journal).get)
    elsewhere, unknown = _time_of(untimed, _elsewhere)
    objects = bytes_ahead(cell, groups | _untold(cell, tasks, versions), store, journal)
    people = len({each.identity for each in cell.samples})
    size = Size(len(cell.samples), len(versions), people, cell.repetitions, len(cell.recognizers), cell.quality)
    return Estimate(
        stages={name: (len(some), len(some) - len(todo[name])) for name, some in groups.items()},
        images=len(versions),
        comparisons=sum(each.pairs for each in groups["compare"]),
        seconds=seconds,
        untimed=len(untimed),
        elsewhere=elsewhere,
        unknown=len(unknown),
        memory=size.memory,
        scratch=size.scratch,
        disk=sum(objects[each.digest] for each in todo["de-identify"]),
        objects=objects,
    )


def _typical(journal: Iterable[Timing]) -> dict[Key, float]:
    found: dict[Key, list[float]] = defaultdict(list)
    for each in journal:
        found[each.stage, each.plugin].append(each.seconds / each.pairs)
    return {kind: median(seconds) for kind, seconds in found.items()}
