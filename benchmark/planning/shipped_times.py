"""Times that come with the package: what the built-in plug-ins took on another machine, for plans of a fresh folder."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources

FILE_NAME = "times.toml"
"""Made by `training/times/build.py`."""

Key = tuple[str, str]
"""Stage, and name of the plug-in at work; empty where there is none."""
_TARGET = re.compile(r"Spec\(target='([A-Za-z_][\w.+-]*)',.*")


@dataclass(frozen=True, slots=True)
class ShippedTimes:
    """What the file holds."""

    machine: str
    """The processor that the times are of."""
    seconds: Mapping[Key, float]
    """Of one core: for one task, or for one pair of templates where tasks compare pairs."""


def key_of(stage: str, plugin: str) -> Key:
    """Where the time of a task stands, whatever the parameters.

    Args:
        stage: as in `Task.kind`.
        plugin: as in `Task.kind`; that of a file has no row.

    >>> key_of("embed", "Spec(target='mtcc', params=(('variant', 'yan'),))"), key_of("crop", "")
    (('embed', 'mtcc'), ('crop', ''))
    >>> key_of("deidentify", "Spec(target='./my.py:Mine', params=())")
    ('deidentify', "Spec(target='./my.py:Mine', params=())")
    """
    found = _TARGET.fullmatch(plugin)
    return stage, found[1] if found else plugin


@cache
def shipped() -> ShippedTimes:
    """The times that came with the package."""
    data = tomllib.loads(resources.files(__package__).joinpath(FILE_NAME).read_text(encoding="utf-8"))
    machine = str(data.pop("machine"))
    return ShippedTimes(
        machine, {(stage, name): float(seconds) for stage, rows in data.items() for name, seconds in rows.items()}
    )
