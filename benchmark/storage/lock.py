"""One holder at a time, over processes, containers and machines that share a results folder.

The kernel's lock on an open file (`flock`, which network file systems carry to their server) ends with its process,
however that ends, so that a killed run leaves nothing to clear away. Some folders are mounted so that each machine
keeps its locks to itself. So the holder also writes into the file who it is and a number that rises; whoever gets the
lock and finds the name of a process on another machine watches the number before it believes that nobody is there.
Where there are no locks at all two runs do the same work twice, which harms no result: an object is what its digest
says, whoever wrote it.
"""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from .owner import Owner
from .store import explain_os_error

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

BEAT_SECONDS = 5.0
"""A holder's number rises so often."""
STILL_SECONDS = 30.0
"""A holder on another machine whose number stands still for so long is gone."""
_POLL_SECONDS = 0.2
_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)

Notice = Callable[[str], None]
"""Told in a sentence what is waited for."""


class Busy(RuntimeError):
    """Another process works on it, and was not to be waited for."""

    exit_code = 1


@contextmanager
def hold(path: Path, what: str, *, wait: bool = True, notice: Notice | None = None) -> Iterator[None]:
    """Hold a lock for the length of the block.

    Args:
        path: of the lock's file; it is left behind, empty.
        what: is worked on, for messages.
        wait: for as long as another holds it.
        notice: is told once who is waited for, and where a folder has no locks.

    Raises:
        Busy: another process holds it, and `wait` is false; the message names it.
        StoreError: the folder cannot be written.
    """
    here = Owner.here()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = _take(path, what, here, wait, notice)
    except OSError as error:
        raise explain_os_error(error, path.parent) from error
    if descriptor is None:
        yield
        return
    ended = threading.Event()
    beating = threading.Thread(target=_beat, args=(descriptor, here, ended), daemon=True)
    _write(descriptor, here, 0)
    beating.start()
    try:
        yield
    finally:
        ended.set()
        beating.join()
        _empty(descriptor)
        os.close(descriptor)


def _take(path: Path, what: str, here: Owner, wait: bool, notice: Notice | None) -> int | None:
    """The open file once it is ours; None where the folder has no locks."""
    told = False
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            got = _try(descriptor)
            if got is None:
                if notice:
                    notice(f"{path.parent} has no locks: another run at the same time would do the same work twice")
                os.close(descriptor)
                return None
            if got and _is_free(descriptor, here):
                if _same_file(descriptor, path):
                    return descriptor
                os.close(descriptor)  # it was removed while we waited
                continue
            if not wait:
                raise Busy(f"{_holder(descriptor)} works on {what}")
            if notice and not told:
                notice(f"{_holder(descriptor)} works on {what}; waiting (--no-wait leaves it out)")
                told = True
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)
        time.sleep(_POLL_SECONDS)


def _try(descriptor: int) -> bool | None:
    """Whether the lock was free; None where there are no locks."""
    if fcntl is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            return False
        if error.errno in _NO_LOCKS:
            return None
        raise
    return True


def _is_free(descriptor: int, here: Owner) -> bool:
    """Whether nobody is behind what stands in a file whose lock we hold."""
    text = _read(descriptor)
    last = _owner(text)
    if last is None or here.same_kernel(last):  # one kernel's locks tell the truth
        return True
    end = time.monotonic() + STILL_SECONDS
    while time.monotonic() < end:
        time.sleep(min(_POLL_SECONDS, STILL_SECONDS))
        if _read(descriptor) != text:
            return False
    return True


def _owner(text: str) -> Owner | None:
    try:
        return Owner.parse(str(json.loads(text)["owner"]))
    except (ValueError, TypeError, KeyError):
        return None


def _holder(descriptor: int) -> str:
    owner = _owner(_read(descriptor))
    return owner.shown if owner else "another process"


def _same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except OSError:
        return False


def _read(descriptor: int) -> str:
    return os.pread(descriptor, 4096, 0).decode("ascii", errors="replace")


def _write(descriptor: int, here: Owner, beat: int) -> None:
    text = json.dumps({"owner": here.mark, "beat": beat}).encode("ascii")
    os.pwrite(descriptor, text.ljust(256), 0)


def _empty(descriptor: int) -> None:
    try:
        os.ftruncate(descriptor, 0)
    except OSError:  # the disk went away; a name left behind costs the next machine half a minute
        return


def _beat(descriptor: int, here: Owner, ended: threading.Event) -> None:
    beat = 0
    while not ended.wait(BEAT_SECONDS):
        beat += 1
        try:
            _write(descriptor, here, beat)
        except OSError:  # a full disk is noticed by who writes results
            continue
