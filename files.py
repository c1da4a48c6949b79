"""Files that are written whole and hashed once, and paths that are looked at: the one home of each (floor 0)."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal, cast

Progress = Callable[[int, int], None]
"""Called with (bytes done, bytes in all)."""

CACHE_VARIABLE = "DEID_BENCH_CACHE"
DATA_VARIABLE = "DEID_BENCH_DATA"
_PIECE = 1 << 20
_KEPT = 200_000
_hashes: dict[tuple[str, int, int], str] = {}
"""By (path, size, modification time in ns)."""


NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EBADF)
"""What the system says of a path where nothing is, or can be."""

Found = Literal["file", "folder", "other", "nothing"]
"""What lies at a path; `other` is a pipe, a socket or a device."""


class PathError(ValueError):
    """A path cannot be used; the message says what to do."""

    exit_code = 2


class OutputPathError(PathError):
    """The same of a path that is to be written to."""

    exit_code = 4


class NoHomeError(PathError):
    """There is no folder of the user's to keep files in."""

    exit_code = 3


def found_at(path: Path, refused: Callable[[str], Exception] = PathError) -> Found:
    """What lies at a path, links followed.

    `Path.is_file` and its like say nothing of a path that may not be looked at: some versions of Python raise, others
    answer that there is nothing.

    Args:
        path: as the user gave it, or below it.
        refused: makes the error of a sentence; `OutputPathError` where the path is to be written to.

    Raises:
        PathError: a folder on the way may not be entered, or the disk does not answer; or what `refused` makes.
    """
    try:
        mode = path.stat().st_mode
    except ValueError:  # a NUL
        return "nothing"
    except OSError as error:
        if error.errno in NOTHING_THERE:
            return "nothing"
        raise refused(
            f"{path} may not be looked at ({error.strerror or error}); name another place, or have its folder opened "
            "to you"
        ) from error
    return "file" if stat.S_ISREG(mode) else "folder" if stat.S_ISDIR(mode) else "other"


def is_file(path: Path, refused: Callable[[str], Exception] = PathError) -> bool:
    """Whether a file lies there.

    Raises:
        PathError: as `found_at`.
    """
    return found_at(path, refused) == "file"


def is_folder(path: Path, refused: Callable[[str], Exception] = PathError) -> bool:
    """Whether a folder lies there.

    Raises:
        PathError: as `found_at`.
    """
    return found_at(path, refused) == "folder"


def open_regular(path: Path) -> BinaryIO:
    """Open a file that lies in a folder of results, and never a pipe or device there, which would have no end.

    Raises:
        OSError: it is none, or cannot be opened.
    """
    return cast(BinaryIO, open(path, "rb", opener=_regular))


def read_bytes(path: Path) -> bytes:
    """All of a file, as `open_regular` opens it.

    Raises:
        OSError: as `open_regular`.
    """
    with open_regular(path) as file:
        return file.read()


def _regular(path: str, flags: int) -> int:
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "expected a file, got a folder, pipe or device", path)
    return descriptor


def expanded(path: str | os.PathLike[str], named: str = "") -> Path:
    """A path with `~` and `~user` replaced by the folders that they stand for.

    Args:
        path: as the user gave it.
        named: where it comes from, for the message: a variable, a parameter.

    Raises:
        PathError: there is no such user, or no home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        user = Path(path).parts[0]
        what = f"there is no user {user[1:]!r}" if user != "~" else "there is no home folder"
        raise PathError(f"{named + ': ' if named else ''}{path}: {what}; write the path without {user}") from error


def cache_root() -> Path:
    """The folder for everything that can be made or fetched again, absolute (not created here).

    Raises:
        PathError: it is named by a user that there is not.
        NoHomeError: it is not named, and there is no home folder.
    """
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return expanded(named, CACHE_VARIABLE).absolute()
    return _of_user("user_cache_dir")


def data_root() -> Path:
    """The folder of what the user told deid-bench and it must not forget (not created here).

    Raises:
        PathError, NoHomeError: as `cache_root`.
    """
    named = os.environ.get(DATA_VARIABLE)
    if named:
        return expanded(named, DATA_VARIABLE)
    return _of_user("user_data_dir")


def _of_user(kind: Literal["user_cache_dir", "user_data_dir"]) -> Path:
    import platformdirs

    try:
        found = Path(getattr(platformdirs, kind)("deid-bench", appauthor=False))
    except (RuntimeError, KeyError):  # a number without an entry among the users, as containers give it
        found = Path()
    if not found.is_absolute():
        raise NoHomeError(f"there is no home folder; set {CACHE_VARIABLE} and {DATA_VARIABLE} to folders of your own")
    return found


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
    total = path.stat().st_size
    with open_regular(path) as file:
        return sha256_of_open(file, progress and (lambda done: progress(done, total)))


def sha256_of_open(file: BinaryIO, progress: Callable[[int], None] | None = None) -> str:
    """Hex SHA-256 of the rest of a file that is open, read in pieces.

    Args:
        file: where reading goes on.
        progress: called with the bytes done.

    Raises:
        OSError: it cannot be read.
    """
    found, done = hashlib.sha256(), 0
    while piece := file.read(_PIECE):
        found.update(piece)
        done += len(piece)
        if progress is not None:
            progress(done)
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
