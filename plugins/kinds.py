"""What a plug-in can be: one entry a kind, and everything that depends on the kind reads it (floor 0)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


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
