"""Back-ends: where tasks are carried out. They get digests and references, never pixels."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from ....plugins.entries import PluginRef
from ...planning.tasks import Task, TaskResult

Chunk = tuple[Task, ...]
"""Tasks of one stage and one plug-in, carried out in one go."""


class BackendError(RuntimeError):
    """A back-end cannot work; the message says what to do."""

    exit_code = 3


@dataclass(frozen=True, slots=True)
class Cluster:
    """Where a Dask scheduler is, and how it is spoken to."""

    address: str = "local:2"
    """`tcp://HOST:PORT`, `tls://HOST:PORT`, or `local:N` to start N workers on this machine."""
    insecure: bool = False
    """Take an address that is neither encrypted nor this machine's own."""
    tls_ca: str = ""
    """Files of a tls:// scheduler."""
    tls_cert: str = ""
    tls_key: str = ""


NO_CLUSTER = Cluster()
"""For the other back-ends."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What tasks are carried out with: another machine may have something else, or nothing."""

    plugins: tuple[PluginRef, ...] = ()
    weights: tuple[str, ...] = ()
    """Names of weight files."""


NO_NEEDS = Needs()


@dataclass(frozen=True, slots=True)
class Settings:
    """What every back-end needs to know."""

    store: Path
    seconds_per_image: float
    jobs: int
    cluster: Cluster = NO_CLUSTER
    needs: Needs = NO_NEEDS


class Backend(Protocol):
    """Carries out chunks and hands back one result per task, in any order."""

    def run(self, chunks: Sequence[Chunk]) -> Iterator[TaskResult]: ...

    def close(self) -> None: ...


@runtime_checkable
class TellsOfItself(Protocol):
    """A back-end of which something is to be known before it works."""

    about: str
    """In a line."""


NAMES = ("serial", "process", "dask")


def default_jobs() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def make_backend(name: str, settings: Settings) -> Backend:
    """The back-end of that name.

    Raises:
        ValueError: there is none.
    """
    if name == "serial":
        from .serial import SerialBackend

        return SerialBackend(settings)
    if name == "process":
        from .process import ProcessBackend

        return ProcessBackend(settings)
    if name == "dask":
        from .dask_cluster import DaskBackend

        return DaskBackend(settings)
    raise ValueError(f"there is no back-end {name!r}; known are {', '.join(NAMES)}")
