"""Files that are written whole and hashed once: the one home of either (floor 0)."""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all)."""

CACHE_VARIABLE = "DEID_BENCH_CACHE"
_PIECE = 1 << 20
_KEPT = 200_000
_hashes: dict[tuple[str, int, int], str] = {}
"""By (path, size, modification time in ns)."""


def cache_root() -> Path:
    """The folder for everything that can be made or fetched again, absolute (not created here)."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_cache_dir("deid-bench", appauthor=False))


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file to write to that takes the place of `path` when the block ends well, and is gone when it does not.

    A reader sees the old file or the new one, never half of it, whatever is killed. The name is drawn at random, so
    that processes of other machines that share the folder do not meet.

    Raises:
        OSError: the disk is full, or the folder may not be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name[:60]}.{secrets.token_hex(6)}.part")
    os.close(os.open(scratch, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
    try:
        yield scratch
        with scratch.open("rb") as file:
            os.fsync(file.fileno())
        scratch.replace(path)
    except BaseException:
        scratch.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never half of it.

    Raises:
        OSError: the disk is full, or the folder may not be written.
    """
    with replacing(path) as scratch:
        scratch.write_bytes(data)


def sha256_of(path: Path, progress: Progress | None = None) -> str:
    """Hex SHA-256 of a file, read in pieces.

    Raises:
        OSError: it cannot be read.
    """
    found, total, done = hashlib.sha256(), path.stat().st_size, 0
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            found.update(piece)
            done += len(piece)
            if progress is not None:
                progress(done, total)
    return found.hexdigest()


def hash_if_changed(path: Path, progress: Progress | None = None, *, fresh: bool = False) -> str:
    """Hex SHA-256 of a file, which a process reads once unless its size or modification time changes.

    Args:
        path: of the file.
        progress: see `sha256_of`.
        fresh: read it again in any case.

    Raises:
        OSError: it cannot be read.
    """
    state = path.stat()
    key = (os.path.realpath(path), state.st_size, state.st_mtime_ns)
    if fresh or key not in _hashes:
        if len(_hashes) >= _KEPT:
            _hashes.clear()
        _hashes[key] = sha256_of(path, progress)
    return _hashes[key]
