"""A plan as a file: what `plan --json` writes and `work` carries out in parts, on whatever machines.

The file holds what was typed and the digests of the cells that this gave. Who works on it makes the cells anew and
holds them against these: another version of a plug-in, other weights or another image there is found before any work.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from ..._version import __version__
from ...characters import plain
from .cells import Cell, Quality, RunOptions
from .defaults import MOST_SEEDS

_Format = Literal["deid-bench-plan/1"]
FORMAT: str = get_args(_Format)[0]
_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_SHARD = re.compile(r"([0-9]{1,9})/([0-9]{1,9})")
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


def _line(value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise ValueError("expected a text without NUL")
    return value


_Line = Annotated[Any, AfterValidator(_line)]
"""A specification or a path. It may hold what is no Unicode, as names of files can."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Options(_Part):
    """`RunOptions` as the file has them."""

    methods: list[_Line] = Field(min_length=1)
    datasets: list[_Line]
    protocol: _Line
    recognizers: list[_Line]
    analyzer: _Line
    metrics: list[_Line]
    repetitions: int = Field(ge=1, le=MOST_SEEDS)
    root_seed: int
    quality: Quality
    limit: int = Field(ge=0)
    attacks: _Line


class _File(_Part):
    format: _Format
    toolkit: str
    options: _Options
    plugins: list[_Line]
    out: Annotated[_Line, Field(min_length=1)]
    cells: dict[str, _Digest] = Field(min_length=1)
    rows: Any = None
    """For people; nothing is read from them."""


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
        found = _SHARD.fullmatch(text)
        number, count = map(int, found.groups()) if found else (0, 0)
        if not 1 <= number <= count:
            raise PlanError(f"expected --shard I/N with I from 1 to N, got {plain(repr(text), 60)}")
        return Shard(number, count)

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
    except RecursionError as error:
        raise PlanError(f"{path} is no plan: nested too deep; write one with deid-bench plan … --json") from error
    except (OSError, ValueError) as error:
        raise PlanError(f"{path} is no plan: {error}; write one with deid-bench plan … --json > {path}") from error
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise PlanError(f"{path}: expected a plan of format {FORMAT}; write one with deid-bench plan … --json")
    if data.get("toolkit") != __version__:
        raise PlanError(
            f"{path} was written by deid-bench {plain(data.get('toolkit'), 40)}, this is {__version__}; plan anew"
        )
    try:
        found = _File.model_validate(data)
    except ValidationError as error:
        raise PlanError(f"{path}: {_first_problem(error)}; plan anew") from error
    given = found.options.model_dump()
    options = RunOptions(**given | {name: tuple(given[name]) for name in _LISTS})
    return PlanFile(options, tuple(found.plugins), found.out, found.cells)


def _first_problem(error: ValidationError) -> str:
    """Which field is wrong, what was expected and what came."""
    first = error.errors(include_url=False)[0]
    place = plain(".".join(str(part) for part in first["loc"]), 80)
    got = "" if first["type"] == "missing" else f", got {plain(repr(first['input']), 60)}"
    return f"{place}: {first['msg']}{got}"


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
