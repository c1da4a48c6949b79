"""Walking a folder of images, naming what is in it, and hashing the files in threads."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..base import DatasetError
from ..images import SUFFIXES
from ..manifest import file_sha256
from ..types import ProgressCallback

MAX_DEPTH = 16
"""Sub-folders below a dataset's folder; no published layout comes near."""
MAX_FILES = 1_000_000
"""Files below a dataset's folder; more is another folder than the one that was meant."""


@dataclass(frozen=True, slots=True)
class FileState:
    """What is remembered of a file to tell whether it was changed."""

    size: int
    mtime_ns: int
    sha256: str


def walk(root: Path, ignored: Counter[str]) -> Iterator[str]:
    """Paths of the image files below a folder, relative to it, with slashes; in no order.

    Linked folders are not followed, so that a link that leads back up does not make the walk endless.

    Args:
        root: the folder.
        ignored: counts by reason what was passed over.

    Raises:
        DatasetError: a folder that cannot be read, a link that leads out of `root`, or far more files than a dataset
            has.
    """
    inside, seen, waiting = root.resolve(), 0, [("", 0)]
    while waiting:
        folder, depth = waiting.pop()
        for child in _children(root / folder):
            name = f"{folder}/{child.name}" if folder else child.name
            seen += 1
            if seen > MAX_FILES or depth > MAX_DEPTH:
                raise DatasetError(
                    f"expected the folder of one dataset, got {str(root)!r} with more than {MAX_FILES} files or "
                    f"{MAX_DEPTH} levels; give the dataset's own folder"
                )
            if child.name.startswith("."):
                ignored["hidden"] += 1
            elif child.is_dir():
                if child.is_symlink():
                    ignored["linked folder"] += 1
                else:
                    waiting.append((name, depth + 1))
            elif Path(child.name).suffix.lower() not in SUFFIXES:
                ignored["other file type"] += 1
            elif child.is_symlink() and not Path(child.path).resolve().is_relative_to(inside):
                raise DatasetError(
                    f"expected files inside the folder, got {name!r} which leads out of it; copy it inside"
                )
            else:
                yield name


def _children(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        raise DatasetError(
            f"expected a readable folder, got {type(error).__name__} at {str(folder)!r}; check its permissions"
        ) from error


def natural_key(name: str) -> tuple[list[tuple[int, int, str]], str]:
    """Sort key by which `2.png` stands before `10.png`."""
    parts = re.split(r"([0-9]+)", name)
    return [(1, int(part), "") if i % 2 else (0, 0, part) for i, part in enumerate(parts)], name


def safe_id(name: str) -> str:
    """The name itself where a sample id may be it; otherwise a readable form and a digest that keeps it unique."""
    plain = re.sub(r"[^A-Za-z0-9._/-]", "-", unicodedata.normalize("NFC", name))
    if plain == name:
        return name
    return f"{plain}-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def hash_files(
    root: Path,
    names: Sequence[str],
    jobs: int = 1,
    progress: ProgressCallback | None = None,
    known: Mapping[str, FileState] | None = None,
) -> Iterator[FileState]:
    """State of each file, in order, read in `jobs` threads.

    Args:
        root: the folder.
        names: paths relative to it.
        jobs: threads.
        progress: called with (files done, files in all).
        known: states from before; a file whose size and modification time are the same is not read again.

    Raises:
        DatasetError: a file cannot be read.
    """
    known = known or {}

    def state(name: str) -> FileState:
        path = root / name
        try:
            found = path.stat()
        except OSError as error:
            raise DatasetError(f"{name}: expected a readable file, got {type(error).__name__}; restore it") from error
        before = known.get(name)
        if before is not None and (before.size, before.mtime_ns) == (found.st_size, found.st_mtime_ns):
            return before
        return FileState(found.st_size, found.st_mtime_ns, file_sha256(path))

    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        for done, each in enumerate(pool.map(state, names), start=1):
            yield each
            if progress is not None:
                progress(done, len(names))
