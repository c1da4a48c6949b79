"""How much memory and time a stranger's record may take, whatever it holds."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..stages.guard import TimeLimitExceeded, time_limit

MEMORY = 2**30
"""Bytes that the process may take while it reads and recomputes a record, beside what it holds already."""
SECONDS = 600.0
"""For reading one record, and for computing its numbers anew."""


class TooMuch(Exception):
    """A record wants more memory or time than it gets."""


@contextmanager
def bounded(memory: int = MEMORY, seconds: float = SECONDS) -> Iterator[None]:
    """Let the block take no more than that; limits of time need POSIX and the main thread, those of memory Linux.

    Raises:
        TooMuch: it wanted more.
    """
    try:
        with time_limit(seconds), _memory_limit(memory):
            yield
    except TimeLimitExceeded as error:
        raise TooMuch(f"it takes longer than {seconds:g} s") from error
    except MemoryError as error:
        raise TooMuch(f"it takes more than {memory / 2**20:.0f} MiB of memory") from error


@contextmanager
def _memory_limit(memory: int) -> Iterator[None]:
    """The address space may grow by `memory`, so that an allocation fails before the machine does.

    What the process holds by then does not count: it would make the verdict on a record depend on those before it.
    """
    if not sys.platform.startswith("linux"):
        yield
        return
    import resource

    page = os.sysconf("SC_PAGE_SIZE")
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * page
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = mapped + memory
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
