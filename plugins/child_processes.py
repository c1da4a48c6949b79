"""Processes that plug-ins start: seen wherever they hide, and ended with whoever works for the run (floor 0).

A process that has left its parent belongs to the first process of the machine, where nobody would look for it. So a
process that carries out tasks asks to be given such orphans, and a worker has a mark in its environment, which all
that it starts inherit and which outlives it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Process = tuple[int, str]
"""A process id and when it was started, so that a number that is used again is not mistaken."""


def children(but: Collection[str] = ()) -> set[Process]:
    """What this process has started and is there; empty where that cannot be told.

    Args:
        but: threads whose children are left out; as `threads` gives them.
    """
    found = set()
    for listed in Path("/proc/self/task").glob("*/children") if sys.platform == "linux" else ():
        pids: list[str] = []
        if listed.parent.name not in but:
            with contextlib.suppress(OSError):
                pids = listed.read_text().split()
        for pid in pids:
            with contextlib.suppress(OSError, IndexError):  # it has ended meanwhile
                found.add((int(pid), _started(int(pid))))
    return found


def other_threads() -> frozenset[str]:
    """All threads of this process but the one that asks."""
    listed = Path("/proc/self/task").glob("*") if sys.platform == "linux" else ()
    return frozenset(each.name for each in listed) - {str(threading.get_native_id())}


def young(processes: Iterable[Process], since: float) -> set[Process]:
    """Those that were started at a time or after it.

    Args:
        processes: of this machine.
        since: as `now` gives it.
    """
    return {(pid, started) for pid, started in processes if int(started) >= int(since)}


def now() -> float:
    """The time in the unit that processes have the time of their start in."""
    if sys.platform != "linux":
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK")


def _started(pid: int) -> str:
    # The name stands in brackets and may hold anything.
    return Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[19]


def descendants(pid: int) -> list[Process]:
    """All processes that a process has started and that are there, theirs too; empty where that cannot be told."""
    parents: dict[int, list[Process]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat") if sys.platform == "linux" else ():
        try:
            # The name stands in brackets and may hold anything.
            fields = entry.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(int(fields[1]), []).append((int(entry.parent.name), fields[19]))
    found, waiting = [], [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += [child for child, _ in children]
    return found


def end_processes(processes: Iterable[Process]) -> int:
    """Kill those that are still the same; returns how many."""
    ended = 0
    for pid, started in processes:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(errors="replace")
            fields = stat.rpartition(")")[2].split()
            if fields[19] == started and fields[0] != "Z" and b"resource_tracker" not in _command(pid):
                os.kill(pid, signal.SIGKILL)
                ended += 1
        except OSError:
            continue
    return ended


def _command(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def reap(processes: Iterable[Process]) -> None:
    """Take leave of children that have ended and of whom nobody else does, adopted ones."""
    for pid, _ in processes:
        with contextlib.suppress(OSError):
            os.waitpid(pid, os.WNOHANG)


# ------------------------------------------------------------------------------------------------ orphans

_SET_SUBREAPER, _GET_SUBREAPER = 36, 37
_adopting = threading.Lock()
_adopters: list[bool] = []
"""For everybody who asked for orphans, whether the process was given them before."""


def adopt_orphans() -> None:
    """From now on descendants of this process become its children when their parents end (Linux)."""
    with _adopting:
        _adopters.append(_given_orphans())
        _ask_for_orphans(True)


def leave_orphans() -> None:
    """As before `adopt_orphans`, once everybody who asked for them has left them."""
    with _adopting:
        before = _adopters.pop() if _adopters else False
        if not _adopters:
            _ask_for_orphans(before)


def _given_orphans() -> bool:
    given = ctypes.c_int()
    with contextlib.suppress(OSError, AttributeError):
        _prctl()(_GET_SUBREAPER, ctypes.byref(given), 0, 0, 0)
    return bool(given.value)


def _ask_for_orphans(wanted: bool) -> None:
    with contextlib.suppress(OSError, AttributeError):
        _prctl()(_SET_SUBREAPER, ctypes.c_ulong(wanted), 0, 0, 0)


def _prctl() -> Any:
    if sys.platform != "linux":
        raise OSError
    return ctypes.CDLL(None).prctl


# ------------------------------------------------------------------------------------------------ marks

_MARK = "DEID_BENCH_WORKER"
_starting = threading.Lock()


@contextmanager
def starting_under(mark: str) -> Iterator[None]:
    """What is started inside has the mark in its environment, and so has all that it starts."""
    with _starting:
        before = os.environ.get(_MARK)
        os.environ[_MARK] = mark
        try:
            yield
        finally:
            if before is None:
                os.environ.pop(_MARK, None)
            else:
                os.environ[_MARK] = before


def own_mark() -> str:
    """The mark of this process; empty where it was started under none."""
    return os.environ.get(_MARK, "")


def marked(mark: str) -> list[Process]:
    """Processes that are there and were started under the mark, this one aside; empty where that cannot be told."""
    wanted = f"{_MARK}={mark}".encode()
    found = []
    for entry in Path("/proc").glob("[0-9]*") if mark and sys.platform == "linux" else ():
        with contextlib.suppress(OSError, IndexError):
            if int(entry.name) != os.getpid() and wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append((int(entry.name), _started(int(entry.name))))
    return found


# ------------------------------------------------------------------------------------------------ ended together


@dataclass(slots=True)
class Ended:
    """What was ended."""

    count: int = 0


@contextmanager
def ended_together() -> Iterator[Ended]:
    """Processes that are started inside and left running end with the block, daemons too (Linux).

    Yields:
        How many there were, once the block is left.
    """
    adopt_orphans()
    others, ended = other_threads(), Ended()
    before, began = children(others), now()
    try:
        yield ended
    finally:
        left = young(children(others) - before, began)
        ended.count = end_processes([*left, *(each for pid, _ in left for each in descendants(pid))])
        leave_orphans()
        reap(left)
