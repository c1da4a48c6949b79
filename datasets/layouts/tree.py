"""Walking a folder of images, naming what is in it, and hashing the files in threads."""

from __future__ import annotations

import hashlib
import os
import re
import stat
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from ..base import DatasetError
from ..images import HEIF_HINT, HEIF_SUFFIXES, MAX_BYTES, heif, suffixes
from ..manifest import file_sha256
from ..passed_over import PassedOver
from ..types import Failure, ProgressCallback

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


def walk(root: Path, passed: PassedOver, besides: str = "") -> Iterator[str]:
    """Paths of the image files below a folder, relative to it, with slashes; in no order.

    Linked folders are not followed, so that a link that leads back up does not make the walk endless. Nothing is
    opened. What cannot be used costs itself alone and is counted.

    Args:
        root: the folder.
        passed: takes what is passed over.
        besides: path of a file that is no business of the dataset's images and is not counted, such as its table.

    Raises:
        DatasetError: `root` cannot be read, or holds far more files than a dataset has.
    """
    inside, seen, waiting = root.resolve(), 0, [("", 0)]
    while waiting:
        folder, depth = waiting.pop()
        for child in _children(root / folder, folder, passed):
            name = f"{folder}/{child.name}" if folder else child.name
            seen += 1
            if seen > MAX_FILES:
                raise DatasetError(
                    f"expected the folder of one dataset, got {str(root)!r} with more than {MAX_FILES} files; give the "
                    "dataset's own folder"
                )
            reason = _reason(child, inside)
            if reason == _FOLDER and depth < MAX_DEPTH:
                waiting.append((name, depth + 1))
            elif reason == _FOLDER:
                passed.add(f"folder deeper than {MAX_DEPTH} levels", name)
            elif reason:
                if name != besides:
                    passed.add(reason, name)
            else:
                yield name


_FOLDER = "folder"


def _reason(child: os.DirEntry[str], inside: Path) -> str:
    """Why an entry of a folder is passed over; empty for an image, `_FOLDER` for a folder to go into."""
    if child.name.startswith("."):
        return "hidden"
    try:
        state = child.stat()
        if stat.S_ISDIR(state.st_mode):
            return "linked folder" if child.is_symlink() else _FOLDER
    except OSError as error:
        return "broken link" if child.is_symlink() else f"unreadable ({type(error).__name__})"
    reason = _wrong_kind(child.name, state.st_mode, state.st_size)
    if not reason and child.is_symlink() and not _leads_into(child, inside):
        return "link that leads out of the folder"
    return reason


def _wrong_kind(name: str, mode: int, size: int) -> str:
    if not stat.S_ISREG(mode):
        return "pipe, socket or device"
    suffix = Path(name).suffix.lower()
    if suffix not in suffixes():
        if suffix in HEIF_SUFFIXES and not heif():
            return f"{suffix} file, which {HEIF_HINT}"
        return f"other file type ({suffix if 1 < len(suffix) <= _LONGEST_SUFFIX else 'none'})"
    return f"larger than {MAX_BYTES // 10**6} MB" if size > MAX_BYTES else ""


_LONGEST_SUFFIX = 8


def _leads_into(child: os.DirEntry[str], inside: Path) -> bool:
    try:
        return Path(child.path).resolve(strict=True).is_relative_to(inside)
    except (OSError, RuntimeError):  # a loop
        return False


def why_not(file: Path, root: Path) -> str:
    """Why a named file cannot be used, in a few words, as `walk` would say; empty: it can. Nothing is opened."""
    try:
        state = file.stat()
    except OSError as error:
        return "broken link" if _is_link(file) else f"unreadable ({type(error).__name__})"
    if file.is_symlink() and not file.resolve().is_relative_to(root.resolve()):
        return "link that leads out of the folder"
    return _wrong_kind(file.name, state.st_mode, state.st_size)


def _is_link(file: Path) -> bool:
    try:
        return file.is_symlink()
    except OSError:  # its folder may not be entered
        return False


def _children(folder: Path, name: str, passed: PassedOver) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError as error:
        if name:
            passed.add(f"unreadable folder ({type(error).__name__})", name)
            return []
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
    return told_apart(plain, name)


def told_apart(plain: str, name: str) -> str:
    """A readable form of a name with a digest of the name itself, which another name of that form does not have."""
    return f"{plain}-{hashlib.sha256(name.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}"


def hash_files(
    root: Path,
    names: Sequence[str],
    jobs: int = 1,
    progress: ProgressCallback | None = None,
    known: Mapping[str, FileState] | None = None,
) -> Iterator[FileState | Failure]:
    """State of each file, in order, read in `jobs` threads; of one that cannot be read, why not.

    Args:
        root: the folder.
        names: paths relative to it.
        jobs: threads.
        progress: called with (files done, files in all).
        known: states from before; a file whose size and modification time are the same is not read again.
    """
    known = known or {}

    def state(name: str) -> FileState | Failure:
        path = root / name
        try:
            found = path.stat()
            before = known.get(name)
            if before is not None and (before.size, before.mtime_ns) == (found.st_size, found.st_mtime_ns):
                return before
            return FileState(found.st_size, found.st_mtime_ns, file_sha256(path))
        except (OSError, DatasetError) as error:
            cause = error.__cause__ or error
            return Failure(f"unreadable ({type(cause).__name__})")

    with ThreadPoolExecutor(max_workers=max(1, jobs)) as pool:
        for done, each in enumerate(pool.map(state, names), start=1):
            yield each
            if progress is not None:
                progress(done, len(names))
