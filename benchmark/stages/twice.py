"""Some of what a process asks of a plug-in is asked twice: answers that differ depend on more than what was given.

The first, the second, the fourth, the eighth and so on: a plug-in that changes after some time is seen as well, and a
long run takes hardly longer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

import numpy as np

from ...plugins.entries import PluginRef
from ..storage.store import Payload
from .guard import Crash
from .remarks import remark

T = TypeVar("T")


@dataclass(slots=True)
class _Seen:
    """What a process has seen of one plug-in."""

    asked: int = 0
    due: bool = True
    """The next answer is looked at."""
    fault: str = ""

    @property
    def is_time(self) -> bool:
        """Whether as many were asked for as a power of two."""
        return self.asked & (self.asked - 1) == 0


@lru_cache(maxsize=64)
def _seen(ref: PluginRef, act: str) -> _Seen:
    return _Seen()


def known_fault(of: PluginRef | None, act: str) -> str:
    """Remark what a look has shown before; empty where there was nothing. Arguments as of `looked_at`."""
    fault = "" if of is None else _seen(of, act).fault
    if of is not None and fault:
        remark(of, fault)
    return fault


def looked_at(of: PluginRef | None, act: str, look: Callable[[], str | None]) -> str:
    """Look at a plug-in now and then, and remark a fault whenever the plug-in is asked again.

    Args:
        of: the plug-in; None: our own code, which nobody looks at.
        act: what it is asked for.
        look: the fault in plain words, empty where there is none; None where this answer could not show it, so that
            the next one is looked at.

    Returns:
        The fault, empty where there is none, or none is known yet.
    """
    if of is None:
        return ""
    seen = _seen(of, act)
    seen.asked += 1
    seen.due = seen.due or seen.is_time
    if seen.due and not seen.fault:
        fault = look()
        seen.due, seen.fault = fault is None, fault or ""
    return known_fault(of, act)


def made_twice(
    make: Callable[[], T | Crash], fault: Callable[[T, T], str], of: PluginRef | None, act: str
) -> T | Crash:
    """What `make` gives; some of a process are made once more, and remarked where the two differ.

    Args:
        make: asks the plug-in, inside the fence.
        fault: how two answers differ, in plain words; empty where they do not.
        of, act: as in `looked_at`.
    """
    first = make()
    if isinstance(first, Crash):
        return first

    def look() -> str:
        # One that crashes has run out of time or memory, or does so for other images, too, which the ledger says.
        second = make()
        return "" if isinstance(second, Crash) else fault(first, second)

    looked_at(of, act, look)
    return first


def alike(first: object, second: object) -> bool:
    """Whether two answers are equal byte for byte: arrays, objects for the store, or anything else by `==`."""
    if isinstance(first, np.ndarray) and isinstance(second, np.ndarray):
        same = (first.dtype, first.shape) == (second.dtype, second.shape)
        return same and first.tobytes() == second.tobytes()
    if isinstance(first, Payload) and isinstance(second, Payload):
        if (first.meta, first.blobs, first.arrays.keys()) != (second.meta, second.blobs, second.arrays.keys()):
            return False
        return all(alike(each, second.arrays[name]) for name, each in first.arrays.items())
    return type(first) is type(second) and first == second
