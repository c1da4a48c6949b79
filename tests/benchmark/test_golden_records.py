"""Records that were written once stay readable, and the same distances keep giving the same numbers."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from deid_bench.benchmark.records.record import load_record, schema
from deid_bench.benchmark.results.distances_file import read
from deid_bench.benchmark.submission.recompute import recompute

GOLDEN = Path(__file__).parent / "golden"
HOW = "keep the old golden records and add one: see golden/make_golden.py"


def golden_of_schemas() -> dict[str, str]:
    """Golden record by the hash of the schema that it was written under."""
    lines = (GOLDEN / "schemas.txt").read_text().splitlines()
    return {sha256: name for line in lines for sha256, name in [line.split()]}


def test_the_present_layout_has_a_golden_record() -> None:
    present = hashlib.sha256(schema().encode()).hexdigest()
    assert present in golden_of_schemas(), f"the record's layout changed; {HOW}"
    record = json.loads((GOLDEN / golden_of_schemas()[present]).read_text())
    definitions = json.loads(schema())["$defs"] | {"": json.loads(schema())}
    keys = set(keys_of(record))
    for model, definition in definitions.items():
        lacking = set(definition.get("properties", {})) - keys
        assert not lacking, f"the golden record has no {model}.{', '.join(sorted(lacking))}; {HOW}"


def keys_of(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for each in value.values() for key in keys_of(each))]
    return [key for each in value for key in keys_of(each)] if isinstance(value, list) else []


def test_every_golden_record_is_there_and_listed() -> None:
    there = {path.name for path in GOLDEN.glob("*.json")}
    assert set(golden_of_schemas().values()) == there
    assert {load_record(GOLDEN / name).schema_version for name in there} == {1}


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.npz")), ids=lambda path: path.name)
def test_distances_of_every_golden_record_stay_readable(path: Path) -> None:
    assert list(read(path).distances) == [each.spec for each in load_record(path.with_suffix(".json")).recognizers]


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.npz")), ids=lambda path: path.name)
def test_the_same_distances_keep_giving_the_same_numbers(path: Path) -> None:
    found = recompute(load_record(path.with_suffix(".json")), read(path))
    assert found.problems == [], f"the scoring changed? Raise SCORE_VERSION; {HOW}"
    odd = [each for each in found.verdicts if each.outcome != "equal"]
    assert not odd, f"the same distances give other numbers: raise SCORE_VERSION; {HOW}"
