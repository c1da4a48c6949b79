"""Records: the committed schema, round trips, and what is refused."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from written import save_record

from deid_bench.benchmark.metrics.catalogue import METRICS
from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.records.collection import collect, load_records
from deid_bench.benchmark.records.record import (
    RecordError,
    RunRecord,
    find_records,
    load_record,
    record_bytes,
    schema,
)
from deid_bench.benchmark.records.replicates import REPLICATES_NAME, encode_replicates, load_replicates
from deid_bench.benchmark.run import Execution, run
from deid_bench.benchmark.statistics.uncertainty import Replicates

SCHEMA = Path(__file__).parents[2] / "benchmark" / "records" / "schema" / "run-1.json"
GOLDEN = Path(__file__).parent / "golden"


def test_the_committed_schema_is_the_models() -> None:
    assert SCHEMA.read_text() == schema(), "the record changed: raise schema_version, write a new schema file"


def test_every_field_of_the_schema_says_what_it_is() -> None:
    for name, definition in json.loads(schema())["$defs"].items():
        for field, description in definition.get("properties", {}).items():
            assert "description" in description, f"{name}.{field}"


def test_a_real_record_satisfies_the_schema_and_comes_back(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    outcome = run(toy_options("toy_noise"), Execution(out=tmp_path, backend="serial"))[0]
    path = outcome.folder / "run.json"
    jsonschema.validate(json.loads(path.read_text()), json.loads(SCHEMA.read_text()))
    assert load_record(path) == outcome.record
    assert load_records(tmp_path) == [outcome.record]
    assert outcome.record.method.origin.startswith("file ")
    assert outcome.record.method.params == {"strength": 60.0}


@pytest.mark.parametrize("text", ["{}", "", '{"schema_version": 1}'])
def test_a_record_that_comes_out_as_none_is_not_written(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    record = load_record(sorted(GOLDEN.glob("*.json"))[-1])
    assert record_bytes(record)
    monkeypatch.setattr(RunRecord, "model_dump_json", lambda *_, **__: text)
    with pytest.raises(RuntimeError, match="the record as it was to be written is none"):
        record_bytes(record)


def test_another_record_is_not_written_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    record = load_record(sorted(GOLDEN.glob("*.json"))[-1])
    other = record.model_copy(update={"values": record.values[:1]}).model_dump_json()
    monkeypatch.setattr(RunRecord, "model_dump_json", lambda *_, **__: other)
    with pytest.raises(RuntimeError, match="is another one"):
        record_bytes(record)


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.json")), ids=lambda path: path.name)
def test_records_of_every_schema_version_stay_readable(path: Path) -> None:
    record = load_record(path)
    assert record.values


@pytest.mark.parametrize(
    "text",
    [
        *["", "{", "[]", "{}", '{"schema_version": 99}', '{"schema_version": 1}', "null", "\x00"],
        *["[" * 100_000, '{"schema_version": ' + "1" * 5000 + "}"],
    ],
    ids=lambda text: repr(text[:24]),
)
def test_what_is_no_record_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.json"
    path.write_text(text)
    with pytest.raises(RecordError, match=r"run\.json"):
        load_record(path)


def _flipped(data: bytes, name: str) -> bytes:
    """The file with one byte of a member changed: the compressed data begin with a block of no kind."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        info = archive.getinfo(f"{name}.npy")
    place = info.header_offset + 30 + len(info.filename) + int.from_bytes(data[info.header_offset + 28 :][:2], "little")
    return data[:place] + b"\x07" + data[place + 1 :]


def _cut(data: bytes, name: str) -> bytes:
    """The file with one array that is one row too short."""
    with np.load(io.BytesIO(data)) as found:
        columns = {each: found[each] for each in found}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **columns | {name: columns[name][:-1]})
    return buffer.getvalue()


@pytest.mark.parametrize("damage", [_flipped, _cut])
@pytest.mark.parametrize("name", ["names", "estimates", "resampled", "left_out", "trials"])
def test_damaged_replicates_are_as_none(tmp_path: Path, name: str, damage: Callable[[bytes, str], bytes]) -> None:
    record = load_record(sorted(GOLDEN.glob("*.json"))[0])
    rng = np.random.default_rng(1)
    made = {
        (each.metric, each.recognizer or ""): Replicates(
            each.value / METRICS[each.metric].scale, rng.random(200), rng.random(20), 20
        )
        for each in record.values
        if each.value is not None and each.metric in METRICS
    }
    save_record(record, tmp_path)
    path = tmp_path / REPLICATES_NAME
    path.write_bytes(encode_replicates(made))
    assert len(load_replicates(tmp_path)) == len(made)
    path.write_bytes(damage(path.read_bytes(), name))
    assert load_replicates(tmp_path) == {}
    found = collect([tmp_path])
    assert [each.digest for each, _ in found.records] == [record.digest]


def test_of_two_records_of_the_same_work_with_other_numbers_one_is_named(tmp_path: Path) -> None:
    record = load_record(sorted(GOLDEN.glob("*.json"))[0])
    first, *others = record.values
    edited = record.model_copy(update={"values": [first.model_copy(update={"value": 12.5}), *others]})
    half = edited.model_copy(update={"counts": record.counts.model_copy(update={"retry": 1})})
    assert record.complete
    for name, each in (("a", record), ("b", edited)):
        save_record(each, tmp_path / "both" / name)
    found = collect([tmp_path / "both"])
    assert [folder.name for _, folder in found.records] == ["b"]
    assert [path.parent.name for path, _ in found.left_out] == ["a"]
    assert "has a record of the same work with 1 other numbers, which comes later and is taken" in found.left_out[0][1]
    fewer = record.model_copy(update={"values": others})  # of a version that did not have the number
    for name, each in (("a", fewer), ("b", record)):
        save_record(each, tmp_path / "fewer" / name)
    assert not collect([tmp_path / "fewer"]).left_out
    for name, each in (("a", record), ("b", half)):
        save_record(each, tmp_path / "complete" / name)
    found = collect([tmp_path / "complete"])
    assert [folder.name for _, folder in found.records] == ["a"]
    assert "which is complete and is taken" in found.left_out[0][1]


def test_looking_where_nothing_is_says_so(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="no file or folder"):
        list(find_records(tmp_path / "nowhere"))


def test_records_of_several_folders_are_read_once_and_what_cannot_be_is_named(tmp_path: Path) -> None:
    for number, name in enumerate(("a", "b", "b-again")):
        folder = tmp_path / name
        folder.mkdir()
        record = load_record(sorted(GOLDEN.glob("*.json"))[0])
        save_record(record.model_copy(update={"digest": f"{min(number, 1)}" * 64}), folder)
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "run.json").write_text("{}")
    found = collect([tmp_path, tmp_path / "a"])
    assert [folder.name for _, folder in found.records] == ["a", "b-again"]
    assert [path.parent.name for path, _ in found.left_out] == ["odd"]
    with pytest.raises(RecordError, match="no file or folder"):
        collect([tmp_path, tmp_path / "nowhere"])
