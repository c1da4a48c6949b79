"""Looking after a store: whether all of it is whole, how large it is, and what nobody needs any more."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .cell_files import are_whole, known_cells, load_cell_files, used_objects
from .owner import Owner
from .store import Store, explain_os_error

YOUNG_SECONDS = 24 * 3600.0
"""What is younger may belong to a run that is not done, on whatever machine."""


@dataclass(frozen=True, slots=True)
class Size:
    """Of a store."""

    objects: int
    bytes: int
    """Of all objects."""
    scratch: int
    """Files that are being written, or that somebody left behind."""
    scratch_bytes: int


@dataclass(frozen=True, slots=True)
class Checked:
    """What a look at everything found."""

    objects: int
    damaged: tuple[str, ...]
    """Digests; the objects were removed."""
    cells: tuple[str, ...]
    """Folders of finished cells whose files are not what was written; the next run writes them anew."""


@dataclass(frozen=True, slots=True)
class Removed:
    """What was cleared away, or would be."""

    objects: int
    bytes: int
    scratch: int
    kept: int
    """Objects that a cell needs, or that are too young to tell."""
    unknown: tuple[str, ...] = ()
    """Folders of finished cells of which the store does not say any more what they are made of: every object stays."""


def size(store: Store) -> Size:
    """How much there is."""
    objects = [state.st_size for _, state in _files(store)]
    scratch = [state.st_size for _, state in _scratch(store)]
    return Size(len(objects), sum(objects), len(scratch), sum(scratch))


def verify(store: Store, results: Path, progress: Callable[[int, int], None] | None = None) -> Checked:
    """Read every object whole, and the files of every finished cell; damaged objects are removed.

    Raises:
        StoreError: an object may not be read.
    """
    digests = list(store.digests())
    damaged = []
    for done, digest in enumerate(digests, start=1):
        if store.read(digest) is None:
            damaged.append(digest)
        if progress:
            progress(done, len(digests))
    cells = []
    for cell in known_cells(store.root):
        said = load_cell_files(store.root, cell)
        folder = results / said.folder if said else results
        if said is None or (folder.is_dir() and not are_whole(store.root, cell, folder)):
            cells.append(said.folder if said else cell)
    return Checked(len(digests), tuple(damaged), tuple(cells))


def collect_garbage(store: Store, results: Path, *, dry_run: bool = False, now: float | None = None) -> Removed:
    """Remove objects that no finished cell with a record in the results folder is made of, and left-over scratch.

    Where the store does not say what a finished cell is made of, every object could be one of its, and none is removed.
    Nothing younger than a day is touched, nor scratch of a process that is alive as far as can be seen from here. An
    object that is needed after all is made again.

    Args:
        store: of the results folder.
        results: with the records.
        dry_run: count only.
        now: seconds since the epoch; the clock's by default.

    Raises:
        StoreError: the folder may not be written.
    """
    now = time.time() if now is None else now
    needed, unknown = _needed(store, results)
    here, kept, gone, freed, scratch = Owner.here(), 0, 0, 0, 0
    try:
        for path, state in _files(store):
            if unknown or path.stem in needed or now - state.st_mtime < YOUNG_SECONDS:
                kept += 1
                continue
            gone, freed = gone + 1, freed + state.st_size
            if not dry_run:
                path.unlink(missing_ok=True)
        for path, state in _scratch(store):
            owner = Owner.parse(path.name)
            alive = owner is not None and owner.same_namespace(here) and not owner.is_dead(here)
            if (owner is not None and owner.is_dead(here)) or (not alive and now - state.st_mtime >= YOUNG_SECONDS):
                scratch += 1
                if not dry_run:
                    path.unlink(missing_ok=True)
    except OSError as error:
        raise explain_os_error(error, store.root) from error
    return Removed(gone, freed, scratch, kept, unknown)


def _needed(store: Store, results: Path) -> tuple[set[str], tuple[str, ...]]:
    """Objects that finished cells are made of, and the folders of those of which nobody can say it."""
    needed: set[str] = set()
    unknown = []
    for cell in known_cells(store.root):
        said = load_cell_files(store.root, cell)
        if said is not None and not (results / said.folder).is_dir():
            continue
        used = used_objects(store.root, cell)
        if used is None:
            unknown.append(said.folder if said else cell)
        else:
            needed |= used
    return needed, tuple(unknown)


def _files(store: Store) -> Iterator[tuple[Path, os.stat_result]]:
    return _there(map(store.path, store.digests()))


def _scratch(store: Store) -> Iterator[tuple[Path, os.stat_result]]:
    return _there(sorted(store.scratch.iterdir()) if store.scratch.is_dir() else ())


def _there(paths: Iterable[Path]) -> Iterator[tuple[Path, os.stat_result]]:
    """Files with their state; a live run may rename or remove them between being listed and being looked at."""
    for path in paths:
        try:
            state = path.stat()
        except FileNotFoundError:
            continue
        if stat.S_ISREG(state.st_mode):
            yield path, state
