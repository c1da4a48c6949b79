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
from pathlib import Path
from typing import Any

Process = tuple[int, str]
"""A process id and when it was started, so that a number that is used again is not mistaken."""


def state_of(process: int | str) -> list[str]:
    """What the system says of a process beside its number and name: field 0 its state, 1 its parent, 19 its start.

    Args:
        process: its id, or `self`.

    Raises:
        OSError: there is none, or the system does not tell.
    """
    # The name stands in brackets and may hold anything.
    return Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()


def descendants(pid: int) -> list[Process]:
    """All processes that a process has started and that are there, theirs too; empty where that cannot be told."""
    parents: dict[int, list[Process]] = {}
    for entry in Path("/proc").glob("[0-9]*") if sys.platform == "linux" else ():
        with contextlib.suppress(OSError):
            fields = state_of(entry.name)
            parents.setdefault(int(fields[1]), []).append((int(entry.name), fields[19]))
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
        with contextlib.suppress(OSError):
            fields = state_of(pid)
            command = Path(f"/proc/{pid}/cmdline").read_bytes()
            if fields[19] == started and fields[0] != "Z" and b"resource_tracker" not in command:
                os.kill(pid, signal.SIGKILL)
                ended += 1
    return ended


class Offspring:
    """Processes that are started in some blocks and left running, to be ended together.

    Args:
        adopt: take in what has left its parent (Linux), until they are ended.
    """

    def __init__(self, *, adopt: bool) -> None:
        self._left: set[Process] = set()
        self._adopts = adopt
        if adopt:
            _adopt_orphans()

    @contextmanager
    def watched(self) -> Iterator[None]:
        """What is started inside, by this thread or by one that is new, counts."""
        others = _other_threads()  # what these start meanwhile is theirs
        before, began = _children(others), _now()
        try:
            yield
        finally:
            # Orphans that came meanwhile may be older, and somebody else's.
            self._left |= {each for each in _children(others) - before if int(each[1]) >= int(began)}

    def end(self) -> int:
        """End what is left, and what that has started; returns how many. Once more does no harm."""
        ended = end_processes([*self._left, *(each for pid, _ in self._left for each in descendants(pid))])
        if self._adopts:
            self._adopts = False
            _leave_orphans()
            for pid, _ in self._left:  # adopted ones have nobody else who takes leave of them
                with contextlib.suppress(OSError):
                    os.waitpid(pid, os.WNOHANG)
        self._left.clear()
        return ended


def _children(but: Collection[str]) -> set[Process]:
    """What this process has started and is there, without that of some threads; empty where that cannot be told."""
    found = set()
    for listed in Path("/proc/self/task").glob("*/children") if sys.platform == "linux" else ():
        pids: list[str] = []
        if listed.parent.name not in but:
            with contextlib.suppress(OSError):
                pids = listed.read_text().split()
        for pid in pids:
            with contextlib.suppress(OSError, IndexError):  # it has ended meanwhile
                found.add((int(pid), state_of(pid)[19]))
    return found


def _other_threads() -> frozenset[str]:
    """All threads of this process but the one that asks."""
    listed = Path("/proc/self/task").glob("*") if sys.platform == "linux" else ()
    return frozenset(each.name for each in listed) - {str(threading.get_native_id())}


def _now() -> float:
    """The time in the unit that processes have the time of their start in."""
    if sys.platform != "linux":
        return 0.0
    return time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK")


# ------------------------------------------------------------------------------------------------ orphans

_SET_SUBREAPER, _GET_SUBREAPER = 36, 37
_adopting = threading.Lock()
_adopters: list[bool] = []
"""For everybody who asked for orphans, whether the process was given them before."""


def _adopt_orphans() -> None:
    """From now on descendants of this process become its children when their parents end (Linux)."""
    with _adopting:
        _adopters.append(_given_orphans())
        _ask_for_orphans(True)


def _leave_orphans() -> None:
    """As before `_adopt_orphans`, once everybody who asked for them has left them."""
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
                found.append((int(entry.name), state_of(entry.name)[19]))
    return found
