"""Templates of rendered strangers, made once for a recogniser and kept in the cache folder.

Rendering and finding a palm takes about a second, so the images are thrown away and the templates stay, in files
of `CHUNK` palms each: more distractors take what is there and go on from it.
"""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...datasets.distractor_palms import FIRST_SEED, MOST, DistractorPalms
from ...datasets.synthetic_palm import RENDERER_VERSION, SettingName
from ...files import cache_root, write_atomically
from ...recognizers.base import Templates
from ...recognizers.matching.gallery_search import SearchError
from ..engine.backends import Settings, make_backend
from ..engine.execute import Executor, Progress
from ..planning.cells import Cell
from ..planning.tasks import STAGE_VERSIONS, ImageRef, Plugin, Stage, analyze_task, embed_task
from ..storage.digest import digest
from ..storage.store import Store
from .templates import Crashed

CHUNK = 50
"""Palms of a file."""
SECONDS_PER_IMAGE = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Distractors:
    """Templates of strangers."""

    templates: Templates
    """(n, ...)."""
    setting: SettingName
    cached: int
    """How many of them were there already."""
    without: int
    """Rendered palms that gave no template; others were taken in their place."""


def distractors(count: int, cell: Cell, recognizer: Plugin, jobs: int, progress: Progress | None = None) -> Distractors:
    """Templates of so many rendered palms, in the setting of the cell's dataset.

    Args:
        count: how many, 1 or more.
        cell: whose analyzer finds the palms.
        recognizer: makes the templates.
        jobs: processes.
        progress: is told about the stages.

    Raises:
        SearchError: there are no distractors for such a cell, or not so many.
    """
    if cell.protocol.modality != "palm":
        raise SearchError("there are rendered palms only; name another dataset's faces with --gallery")
    own = cell.dataset.plugin
    if own.name == "synthetic-palm" and int(str(own.params["seed"])) >= FIRST_SEED:
        raise SearchError(f"the dataset's palms are distractors themselves (seeds from {FIRST_SEED} on)")
    setting: SettingName = "wild" if own.params.get("setting") == "wild" else "controlled"
    parts: list[Templates] = []
    cached = without = there = first = 0
    while there < count:
        if first > MOST - CHUNK:
            raise SearchError(f"there are {MOST} rendered palms, which do not give {count} templates")
        path = _path(first, setting, cell, recognizer)
        known = path.is_file()
        if not known:
            write_atomically(path, _file(_made(first, setting, cell, recognizer, jobs, progress)))
        found = np.load(path, mmap_mode="r", allow_pickle=False)
        parts.append(found[: count - there])
        cached += len(parts[-1]) if known else 0
        without += CHUNK - len(found)
        there, first = there + len(parts[-1]), first + CHUNK
    return Distractors(np.concatenate(parts), setting, cached, without)


def _path(first: int, setting: SettingName, cell: Cell, recognizer: Plugin) -> Path:
    key = {
        "renderer": RENDERER_VERSION,
        "setting": setting,
        "seed": FIRST_SEED,
        "palms": CHUNK,
        "analyzer": cell.analyzer.digest,
        "recognizer": recognizer.digest,
        "stages": [STAGE_VERSIONS[Stage.ANALYZE], STAGE_VERSIONS[Stage.EMBED]],
    }
    return cache_root() / "distractors" / f"{recognizer.resolved.name}-{digest(key)[:16]}" / f"{first:09d}.npy"


def _made(
    first: int, setting: SettingName, cell: Cell, recognizer: Plugin, jobs: int, progress: Progress | None
) -> list[Templates]:
    """Render, find and embed the palms of one file, in a folder that is thrown away."""
    title = f"distractors {first}–{first + CHUNK - 1}"
    with tempfile.TemporaryDirectory(prefix="deid-bench-") as folder:
        dataset = DistractorPalms(first, CHUNK, setting, Path(folder) / "palms")
        dataset.folder.mkdir()
        with _told(progress, f"{title}: render", CHUNK) as tell:
            dataset.prepare(jobs, tell)
        store = Store(Path(folder) / "store")
        store.open()
        backend = make_backend("process" if jobs > 1 else "serial", Settings(store.root, SECONDS_PER_IMAGE, jobs))
        try:
            executor = Executor(store, backend, progress)
            seen = [
                (each, analyze_task(each.sample_id, ImageRef.of(each), cell.analyzer)) for each in dataset.samples()
            ]
            executor.make(f"{title}: find palms", [task for _, task in seen])
            embeds = [
                embed_task(each.sample_id, ImageRef.of(each), (task.digest,), recognizer)
                for each, task in seen
                if executor.reason(task) is None
            ]
            executor.make(f"{title}: embed", embeds)
        finally:
            backend.close()
        if executor.problems:
            raise Crashed(f"a distractor has no template because of a crash ({next(iter(executor.problems.values()))})")
        payloads = [executor.read(each) for each in embeds if executor.reason(each) is None]
    return [each.arrays["template"] for each in payloads if each is not None]


def _file(templates: list[Templates]) -> bytes:
    if not templates:
        raise SearchError("none of the rendered palms gives a template")
    stream = io.BytesIO()
    np.save(stream, np.stack(templates), allow_pickle=False)
    return stream.getvalue()


@contextmanager
def _told(progress: Progress | None, title: str, total: int) -> Iterator[Callable[[int, int], None] | None]:
    """What a dataset tells of its images as a stage of its own."""
    if progress is None:
        yield None
        return
    progress.start(title, total)
    before = 0

    def tell(done: int, _total: int) -> None:
        nonlocal before
        progress.advance(done - before)
        before = done

    try:
        yield tell
    finally:
        progress.stop()
