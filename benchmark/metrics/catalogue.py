"""Every metric of the toolkit by name: what the modules of the four rooms define."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable, Iterator
from types import ModuleType
from typing import get_args

from . import privacy, quality, recognition, usability
from .metric import Group, Metric

ROOMS = (privacy, quality, usability, recognition)
"""A module of one of these adds a metric by defining it; nothing else lists it."""


def defined_in(module: ModuleType) -> Iterator[Metric]:
    """The metrics that a module defines, alone or in a tuple."""
    for value in vars(module).values():
        found = value if isinstance(value, tuple) else (value,)
        yield from (each for each in found if isinstance(each, Metric))


def catalogue(metrics: Iterable[Metric]) -> dict[str, Metric]:
    """By name, in the order of tables.

    Raises:
        ValueError: two metrics have one name.
    """
    groups = get_args(Group)
    table: dict[str, Metric] = {}
    for metric in sorted(metrics, key=lambda each: (groups.index(each.group), each.order, each.name)):
        if table.get(metric.name, metric) is not metric:
            raise ValueError(f"metric {metric.name!r} is defined twice; remove one of the two")
        table[metric.name] = metric
    return table


def _modules() -> Iterator[ModuleType]:
    for room in ROOMS:
        for found in pkgutil.iter_modules(room.__path__):
            if not found.ispkg:  # `quality.networks` needs torch
                yield importlib.import_module(f"{room.__name__}.{found.name}")


METRICS: dict[str, Metric] = catalogue(metric for module in _modules() for metric in defined_in(module))
"""Every reported number by name, in the order of tables."""

FROM_ATTACKERS = frozenset(name for name, metric in METRICS.items() if metric.attackers)
"""Numbers that depend on which attacks were tried."""
