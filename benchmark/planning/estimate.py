"""What a cell will take, before anything starts: tasks, comparisons, time, memory and disk."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ...datasets.base import Sample
from ...datasets.image_parts import pixels_alone
from ...datasets.images import open_image, pillow_formats
from ...weights.files import offline, status
from ..storage.journal import Timing, read_timings
from ..storage.store import Store
from .cell_tasks import LOOK_WEIGHTS, Tasks
from .cells import Cell
from .comparisons import comparisons, is_large
from .shipped_times import Key, key_of, shipped
from .sizing import Size
from .tasks import Task

_IMAGE_BYTES = 1.5
"""Of PNG, for each pixel of a photograph: the guess where the store holds none of the method's images yet."""


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


def planned_tasks(cell: Cell) -> dict[str, list[Task]]:
    """The tasks of a cell by the name of their stage, as if every hand or face is found and nothing fails."""
    tasks = Tasks(cell)
    versions = tasks.versions(lambda sample: True, {})
    groups: dict[str, list[Task]] = {"analyze originals": list(tasks.detections.values())}
    if cell.protocol.crop:
        groups["cut"] = list(tasks.originals.values())
        groups["analyze originals"] += tasks.references.values()
    groups |= {
        "de-identify": [each.deidentify for each in versions],
        "analyze de-identified": [each.analyze for each in versions],
        "measure": [each.measure for each in versions],
        "look": [tasks.look(each) for each in versions] if _can_look() else [],
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


def _can_look() -> bool:
    """Whether the network is here, or the run would try to fetch it."""
    state = status(LOOK_WEIGHTS).state
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
    groups = planned_tasks(cell)
    todo = {name: [each for each in tasks if not store.has(each.digest)] for name, tasks in groups.items()}
    seconds, untimed = _time_of((each for tasks in todo.values() for each in tasks), _typical(journal).get)
    elsewhere, unknown = _time_of(untimed, _elsewhere)
    originals, versions = len(cell.samples), len(groups["de-identify"])
    people = len({each.identity for each in cell.samples})
    size = Size(originals, versions, people, cell.repetitions, len(cell.recognizers), cell.quality)
    return Estimate(
        stages={name: (len(tasks), len(tasks) - len(todo[name])) for name, tasks in groups.items()},
        images=versions,
        comparisons=sum(each.pairs for each in groups["compare"]),
        seconds=seconds,
        untimed=len(untimed),
        elsewhere=elsewhere,
        unknown=len(unknown),
        memory=size.memory,
        scratch=size.scratch,
        disk=len(todo["de-identify"]) * _image_bytes(cell, store, groups["de-identify"]),
    )


def _typical(journal: Iterable[Timing]) -> dict[Key, float]:
    found: dict[Key, list[float]] = defaultdict(list)
    for each in journal:
        found[each.stage, each.plugin].append(each.seconds / each.pairs)
    return {kind: median(seconds) for kind, seconds in found.items()}


def _image_bytes(cell: Cell, store: Store, tasks: Iterable[Task]) -> int:
    """Of one image in the store: as those that are there, else by the pixels of the first image that opens."""
    there = [store.path(each.digest).stat().st_size for each in tasks if store.has(each.digest)]
    if there:
        return int(median(there))
    return next((int(_IMAGE_BYTES * each) for each in map(_pixels, cell.samples) if each), 0)


def _pixels(sample: Sample) -> int:
    """Of an image, by its header; 0 where that cannot be read, which is the run's to say."""
    from PIL import Image

    try:
        with open_image(sample.path) as stream, Image.open(pixels_alone(stream), formats=pillow_formats()) as image:
            return image.width * image.height
    except Exception:  # of files that are no images Pillow raises nearly everything
        return 0
