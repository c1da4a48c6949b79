"""Which records are of one method: the same code and weights, whatever it is called."""

from __future__ import annotations

import json

from ...benchmark.records.record import RunRecord


def code_key(record: RunRecord) -> tuple[str, str, str, str]:
    """Name, version, code and weights: two plug-ins may bear one name, and one may have got other weights."""
    method = record.method
    return method.name, method.version, method.source_sha256, json.dumps(method.weights, sort_keys=True)


def code_and_seeds(record: RunRecord) -> tuple[str | int, ...]:
    """The same with its seeds: what records that differ in their parameters alone have in common."""
    return *code_key(record), record.repetitions, record.root_seed
