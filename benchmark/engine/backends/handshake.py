"""What workers on other machines are asked before any work: versions, code, weights, processor, results folder."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

from ...._version import __version__
from ....plugins.entries import PluginRef, Registry, resolve_ref
from ....weights.files import digest, weight
from ...planning.tasks import STAGE_VERSIONS
from ...storage.host import machine, packages
from . import Needs

TOKEN_SECONDS = 5.0
"""A worker looks so long for what was just written into the results folder."""


@dataclass(frozen=True, slots=True)
class Report:
    """What a worker is."""

    toolkit: str
    stages: Mapping[str, int]
    packages: Mapping[str, str]
    processor: str
    token: str
    """What it read from the results folder."""
    daemonic: bool
    """It may not start processes."""
    has: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 by name of the plug-ins and weights that are needed."""
    lacks: Mapping[str, str] = field(default_factory=dict)
    """Why, by name, it cannot have them."""


@lru_cache(maxsize=1)
def _about() -> Report:
    """What this process is, but for the results folder and what a run needs."""
    here = machine()
    versions = {stage.value: version for stage, version in STAGE_VERSIONS.items()}
    processor = f"{here['processor']}; {here['kernels']}"
    return Report(__version__, versions, packages(), processor, "", multiprocessing.current_process().daemon)


def expected(token: str, needs: Needs) -> Report:
    """What this process is, and what it expects of workers.

    Args:
        token: what it wrote into the results folder.
        needs: of the run; its weights are at hand here.
    """
    has = {_name(ref): ref.source for ref in needs.plugins} | {_file(name): digest(name) for name in needs.weights}
    return replace(_about(), token=token, has=has)


def report(path: str, needs: Needs) -> Report:
    """What this process is; called on every worker before any work.

    Args:
        path: of the token in the results folder.
        needs: of the run; weights that are not here are fetched.
    """
    token, end, read = Path(path), time.monotonic() + TOKEN_SECONDS, ""
    while not read and time.monotonic() < end:
        with suppress(OSError):
            read = token.read_text(encoding="ascii")
        if not read:
            time.sleep(0.2)
    has, lacks = _at_hand(needs)
    return replace(_about(), token=read, has=has, lacks=lacks)


@lru_cache(maxsize=8)
def report_of_latecomer(client: str, needs: Needs) -> Report:
    """The same for a worker that came after hands were shaken, once for each client.

    Args:
        client: its name, which is the token that it wrote; that it can be read shows with the first object.
        needs: of its run.
    """
    has, lacks = _at_hand(needs)
    return replace(_about(), token=client, has=has, lacks=lacks)


def _at_hand(needs: Needs) -> tuple[dict[str, str], dict[str, str]]:
    """What of it is here, by name, and why the rest is not."""
    has: dict[str, str] = {}
    lacks: dict[str, str] = {}
    known = Registry()  # of its own: a worker serves several clients, whose plug-ins may have one name
    for ref in needs.plugins:
        try:
            has[_name(ref)] = resolve_ref(ref, known).source
        except Exception as error:  # it runs the user's code
            lacks[_name(ref)] = str(error)
    for name in needs.weights:
        try:
            weight(name)
            has[_file(name)] = digest(name)
        except Exception as error:
            lacks[_file(name)] = str(error)
    return has, lacks


def _name(ref: PluginRef) -> str:
    return f"{ref.kind} {ref.spec}"


def _file(name: str) -> str:
    return f"weight file {name}"


def difference(own: Report, first: Report, found: Report) -> str | None:
    """Why a worker cannot work with the others, in half a sentence, or None.

    Args:
        own: of the process that asks.
        first: of another worker; all have to have one kind of processor, that of the asking process does not matter.
        found: of the worker.
    """
    if found.token != own.token:
        return "does not see the results folder; give all machines one folder, under one path"
    if found.daemonic:
        return (
            "may not start processes; start it with DASK_DISTRIBUTED__WORKER__DAEMON=False in its environment, or "
            "with --no-nanny"
        )
    if found.toolkit != own.toolkit:
        return f"has deid-bench {found.toolkit}, here it is {own.toolkit}"
    if found.stages != own.stages:
        return "has other versions of the stages"
    names = sorted(set(own.packages.items()) ^ set(found.packages.items()))
    if names:
        name = names[0][0]
        return f"has {name} {found.packages.get(name, 'not at all')}, here it is {own.packages.get(name, 'absent')}"
    for name, sha256 in own.has.items():
        if name in found.lacks:
            return f"cannot have {name}: {found.lacks[name]:.300}"
        if found.has.get(name) != sha256:
            return f"has another {name}; make the files equal and start the worker anew"
    if found.processor != first.processor:
        return f"has another kind of processor ({found.processor}) than the first one ({first.processor})"
    return None
