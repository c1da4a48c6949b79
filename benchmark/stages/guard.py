"""A fence around code that is not ours: time limit per image, and every exception turned into a reason."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from types import FrameType
from typing import TypeVar

from ...characters import countable
from ...plugins.entries import PluginRef, own_changes
from ...plugins.isolation import Generators, no_end, own_folder, way_out
from ...plugins.process_state import Change, own_process, told
from .remarks import remark

T = TypeVar("T")

_SOON = 1e-3
"""What is left of a limit that has passed meanwhile."""
_AGAIN_SECONDS = 1.0
"""After so long a call that has swallowed its interruption is interrupted once more."""
OUT_OF_MEMORY = "out of memory"
"""Reason of a call that memory did not suffice for."""


class TimeLimitExceeded(BaseException):
    """Raised inside a call that takes too long; not an `Exception`, so that `except Exception` does not swallow it."""


@dataclass(frozen=True, slots=True)
class Crash:
    """A call did not come to its end. Never stored: the next run tries again."""

    reason: str


class Misstep(Exception):
    """Something failed in a call of several steps; the text says in which, and why."""


@contextmanager
def step(name: str) -> Iterator[None]:
    """Whatever fails inside is told as this step's failure.

    Raises:
        Misstep: in place of an exception; what ends a call or a process is passed on.
    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise Misstep(f"{name}: {said(error)}") from error


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Interrupt the block after `seconds`, where the platform can (POSIX, main thread).

    It comes again, for code that swallows every exception, and whatever such a block has made of it does not count.

    Code that never returns to Python cannot be interrupted from inside; the process back-end kills such a worker.

    Raises:
        TimeLimitExceeded: it took longer, also where the block has swallowed that or raised something else.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return
    inside, came = True, False

    def interrupt(signum: int, frame: FrameType | None) -> None:
        nonlocal came
        came = True
        if inside:
            raise TimeLimitExceeded

    # A limit around this one goes on: what is left of it may be less, and is what remains afterwards.
    outer, again = signal.getitimer(signal.ITIMER_REAL)
    began = time.monotonic()
    previous = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, min(seconds, outer) if outer else seconds, _AGAIN_SECONDS)
    try:
        try:
            yield
        finally:
            inside = False
    except (Exception, SystemExit) as error:
        if came:
            raise TimeLimitExceeded from error
        raise
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
        if outer:
            signal.setitimer(signal.ITIMER_REAL, max(outer - (time.monotonic() - began), _SOON), again)
    if came:
        raise TimeLimitExceeded


@contextmanager
def interruptions() -> Iterator[list[int]]:
    """Signals to interrupt the run that come meanwhile: a `KeyboardInterrupt` without one was raised by a plug-in."""
    came: list[int] = []
    handler = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(handler):
        yield came
        return

    def note(signum: int, frame: FrameType | None) -> None:
        came.append(signum)
        handler(signum, frame)

    signal.signal(signal.SIGINT, note)
    try:
        yield came
    finally:
        signal.signal(signal.SIGINT, handler)


def guarded(
    call: Callable[[], T],
    seconds: float,
    *,
    seed: int = 0,
    generators: Generators | None = None,
    of: PluginRef | None = None,
    unit: str = "an image",
) -> T | Crash:
    """The call's result, or why there is none.

    The call finds the working directory and the global random generators as every other call does, and what it does
    to them is taken back.

    Args:
        call: code that is not ours.
        seconds: limit.
        seed: what the global generators are set from.
        generators: is told whether they were used.
        of: the plug-in whose code it is: what it changes in the process is put back, and remarked. None: our own.
        unit: what the limit is for.

    Raises:
        KeyboardInterrupt: somebody has interrupted the run meanwhile.
    """
    own = () if of is None else _own_changes(of)
    changed: list[Change] = []
    generators = generators or Generators()
    try:
        with (
            interruptions() as came,
            own_process(own) if of else nullcontext(changed) as changed,
            own_folder(),
            generators.set_from(seed),
            no_end(),
            time_limit(seconds),
        ):
            return _attempt(call, came)
    except TimeLimitExceeded:
        return Crash(time_limit_reason(seconds, unit))
    except MemoryError:
        return Crash(OUT_OF_MEMORY)
    except Misstep as error:
        return Crash(str(error))
    except SystemExit as error:
        return Crash(f"{way_out(error)}; a plug-in raises an exception or returns a Failure instead")
    finally:
        _remark_on(of, [*own, *changed])
        if generators.replaced:
            remark(of, "changed numpy.random's bit generator; put back", fault=False)


def _attempt(call: Callable[[], T], came: Sequence[int]) -> T | Crash:
    """An exception is asked what it says inside the limit: that is code of a plug-in, too."""
    try:
        found: T | Crash = call()
    except (TimeLimitExceeded, MemoryError, Misstep, SystemExit):
        if not came:
            raise
    except BaseException as error:
        if not came:
            return Crash(said(error))
    if came:  # also where the call has made something else of it
        raise KeyboardInterrupt
    return found


_own_changes = lru_cache(maxsize=64)(own_changes)


def _remark_on(of: PluginRef | None, changes: Sequence[Change]) -> None:
    if fault := told(changes):
        remark(of, fault)
    for each in changes:
        if not each.replaces:
            remark(of, f"changed {each.what}; put back", fault=False)


def said(error: BaseException) -> str:
    """An exception in half a sentence; one that cannot even say what it is about has a name."""
    try:
        text = countable(error)
    except (TimeLimitExceeded, KeyboardInterrupt):
        raise
    except BaseException:
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def time_limit_reason(seconds: float, unit: str = "an image") -> str:
    """The one wording of a time-out, whoever notices it."""
    return f"took longer than the limit of {seconds:g} s for {unit}"
