"""What a plug-in can be: one entry a kind, and everything that depends on the kind reads it (floor 0)."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .specs import PluginError


class Kind(StrEnum):
    """What a plug-in can be."""

    DATASET = "dataset"
    ANALYZER = "analyzer"
    RECOGNIZER = "recognizer"
    DEIDENTIFIER = "deidentifier"
    METRIC = "metric"
    ATTACKER = "attacker"


@dataclass(frozen=True, slots=True)
class Contract:
    """What the registry asks of the classes of a kind before it takes them for one."""

    group: str
    """Entry-point group."""
    methods: tuple[str, ...]
    """Every class of the kind has them, beside `info`."""
    info: str
    """The class that `info` is an instance of, as authors know it."""
    said: tuple[str, ...] = ("name", "version", "description", "licence")
    """Fields of `info` that registry and records read."""


CONTRACTS: Mapping[Kind, Contract] = {
    Kind.DATASET: Contract("deid_bench.datasets", ("prepare", "samples"), "deid_bench.datasets.base.DatasetInfo"),
    Kind.ANALYZER: Contract("deid_bench.analyzers", ("analyze",), "deid_bench.analyzers.base.AnalyzerInfo"),
    Kind.RECOGNIZER: Contract(
        "deid_bench.recognizers", ("align", "embed", "distances"), "deid_bench.recognizers.base.RecognizerInfo"
    ),
    Kind.DEIDENTIFIER: Contract(
        "deid_bench.deidentifiers", ("deidentify",), "deid_bench.deidentifiers.base.MethodInfo"
    ),
    Kind.ATTACKER: Contract("deid_bench.attackers", ("lacks",), "deid_bench.attackers.base.AttackerInfo"),
    Kind.METRIC: Contract("deid_bench.metrics", ("measure",), "deid_bench.benchmark.metrics.base.MetricInfo"),
}


def check_class(kind: Kind, name: str, target: str, found: object) -> type[Any]:
    """What lies at a target, as a class that keeps its kind's contract as far as its names tell.

    Raises:
        PluginError: it is none.
    """
    contract = CONTRACTS[kind]
    if not inspect.isclass(found):
        raise PluginError(f"{kind} {name!r}: expected a class at {target}, got {found!r}")
    lacking = [each for each in ("info", *contract.methods) if not hasattr(found, each)]
    if lacking:
        raise PluginError(
            f"{target} is not a {kind}: it lacks {', '.join(lacking)}; a {kind} has info, {', '.join(contract.methods)}"
        )
    info: Any = found.info  # type: ignore[attr-defined]
    silent = [each for each in contract.said if not isinstance(getattr(info, each, None), str)]
    if silent:
        raise PluginError(
            f"{target}: expected info to be a {contract.info}, got {type(info).__name__} that does not say "
            f"{', '.join(silent)}"
        )
    return found
