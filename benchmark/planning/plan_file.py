"""A plan as a file: what `plan --json` writes and `work` carries out in parts, on whatever machines.

The file holds what was typed and the digests of the cells that this gave. Who works on it makes the cells anew and
holds them against these: another version of a plug-in, other weights or another image there is found before any work.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ..._version import __version__
from .cells import Cell, RunOptions

FORMAT = "deid-bench-plan/1"
_LISTS = ("methods", "datasets", "recognizers", "metrics")


class PlanError(ValueError):
    """A plan cannot be carried out; the message says what to do."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class PlanFile:
    """What is to be done."""

    options: RunOptions
    plugins: tuple[str, ...]
    """Files of plug-ins that were taken in with --plugin."""
    out: str
    """The results folder, absolute."""
    cells: Mapping[str, str]
    """Digest by name of the cell's folder."""
    toolkit: str = __version__


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `number` of `count`, counted from 1: every `count`-th sample."""

    number: int
    count: int

    @staticmethod
    def parse(text: str) -> Shard:
        """Of `3/64`.

        Raises:
            PlanError: it is malformed, or there is no such part.
        """
        number, slash, count = text.partition("/")
        if not (slash and number.isdecimal() and count.isdecimal() and 1 <= int(number) <= int(count)):
            raise PlanError(f"expected --shard I/N with I from 1 to N, got {text!r}")
        return Shard(int(number), int(count))

    def samples(self, cell: Cell) -> frozenset[str]:
        """Ids of the samples of a cell that are this part's."""
        return frozenset(each.sample_id for each in cell.samples[self.number - 1 :: self.count])


def plan_data(plan: PlanFile) -> dict[str, Any]:
    """Plain data of a plan."""
    options = {each.name: getattr(plan.options, each.name) for each in fields(plan.options)}
    for name in _LISTS:
        options[name] = [str(each) for each in options[name]]
    options |= {name: str(options[name]) for name in ("analyzer", "protocol")}
    return {"format": FORMAT, **asdict(plan), "options": options, "cells": dict(plan.cells)}


def read_plan(path: Path) -> PlanFile:
    """A plan from its file.

    Raises:
        PlanError: it cannot be read, or is not what `plan --json` of this version writes.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PlanError(f"{path} is no plan: {error}; write one with deid-bench plan … --json > {path}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise PlanError(f"{path}: expected a plan of format {FORMAT}; write one with deid-bench plan … --json")
    if data.get("toolkit") != __version__:
        raise PlanError(f"{path} was written by deid-bench {data.get('toolkit')}, this is {__version__}; plan anew")
    try:
        given: dict[str, Any] = {each.name: data["options"][each.name] for each in fields(RunOptions)}
        given |= {name: tuple(given[name]) for name in _LISTS}
        options = RunOptions(**given)
        return PlanFile(options, tuple(map(str, data["plugins"])), str(data["out"]), dict(data["cells"]))
    except (KeyError, TypeError, ValueError) as error:
        raise PlanError(f"{path}: {error} is missing or of another kind than expected; plan anew") from error


def check_cells(plan: PlanFile, cells: Sequence[Cell]) -> None:
    """Whether the cells that come out here are those of the plan.

    Raises:
        PlanError: something is of another version here than where the plan was made.
    """
    here = {each.name: each.digest for each in cells}
    if here != dict(plan.cells):
        odd = sorted(set(here.items()) ^ set(plan.cells.items()))[0][0]
        raise PlanError(
            f"what is installed here gives other results than the plan was made for (cell {odd}): a plug-in, weights, "
            "an image or a library of another version. Make them equal, or plan anew here"
        )
