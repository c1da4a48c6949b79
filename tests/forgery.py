"""A forger's tools: an honest submission, edits of every field of its record, and all hashes made right again."""

from __future__ import annotations

import copy
import hashlib
import json
import random
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.records.record import RunRecord
from deid_bench.benchmark.results.distances_file import PairDistances, write
from deid_bench.benchmark.run import Execution, run
from deid_bench.benchmark.scoring.cell import score_results
from deid_bench.benchmark.storage.strict_zip import make_zip
from deid_bench.benchmark.submission.pack import MANIFEST_NAME, Submitter, pack, record_digest
from deid_bench.benchmark.submission.read import Submission
from deid_bench.benchmark.submission.recompute import rebuild
from deid_bench.benchmark.submission.verdict import Report, RerunRequest, judge

RECORD, DISTANCES = "records/000/run.json", "records/000/distances.npz"
NAME = "toy_recognizer"
Data = dict[str, Any]
Path_ = tuple[str | int, ...]


class World:
    """A small honest submission, and what its method makes of it here, worked out once.

    Args:
        folder: for all files.
        method: specification.
        dataset: specification.
        recognizer: specification.
        changes: of the options of its run.
    """

    def __init__(self, folder: Path, method: str, dataset: str, recognizer: str = NAME, **changes: Any) -> None:
        self.method, self.dataset = method, dataset
        options = RunOptions(
            methods=(method,),
            datasets=(dataset,),
            protocol="palm-paper/1.0",
            analyzer="toy_analyzer",
            recognizers=(recognizer,),
            **changes,
        )
        self.outcome = run(options, Execution(out=folder / "results", backend="serial"))[0]
        self.zip = folder / "s.zip"
        pack([folder / "results"], self.zip, 0, Submitter())  # images that come along are checks on top
        with zipfile.ZipFile(self.zip) as archive:
            self.members = {name: archive.read(name) for name in archive.namelist()}
        self.data: Data = json.loads(self.members[RECORD])
        self.folder = folder

    def request(self, count: int | None, seed: int = 1) -> RerunRequest:
        return RerunRequest(self.method, self.dataset, count, random.Random(seed))

    def judged(
        self,
        data: Data,
        distances: PairDistances | None = None,
        count: int | None = None,
        seed: int = 1,
        *,
        rerun: bool = True,
    ) -> Report:
        """The verdict on a submission with this record and these distances, under the right hashes."""
        members = dict(self.members)
        if distances is not None:
            members[DISTANCES] = write(distances)[0] or b""
            sha256 = hashlib.sha256(members[DISTANCES]).hexdigest()
            data = {**data, "distances_file": {"sha256": sha256, "size": len(members[DISTANCES]), "reason": None}}
        if not (data.get("distances_file") or {}).get("sha256"):
            del members[DISTANCES]
        members[RECORD] = json.dumps(data).encode()
        manifest = json.loads(members.pop(MANIFEST_NAME))
        manifest["records"][0]["digest"] = data.get("digest") or manifest["records"][0]["digest"]
        manifest["files"] = {
            name: {"sha256": hashlib.sha256(each).hexdigest(), "size": len(each)} for name, each in members.items()
        }
        path = self.folder / "forged.zip"
        path.write_bytes(make_zip({**members, MANIFEST_NAME: json.dumps(manifest).encode()}))
        (submitted,) = Submission(path).records
        return judge(submitted, self.request(count, seed) if rerun else None)

    def rescored(self, distances: PairDistances, data: Data | None = None) -> Data:
        """The record that a forger computes from forged distances, so that it contradicts itself nowhere."""
        return rescored(distances, data or self.data)


def rescored(distances: PairDistances, data: Data) -> Data:
    """This record with all that follows from these distances, so that it contradicts itself nowhere."""
    made = copy.deepcopy(data)
    scored = score_results(*rebuild(RunRecord.model_validate(made), distances))
    told = {(each["metric"], each["recognizer"]): each["reason"] for each in made["values"]}
    made["values"] = [each.model_dump() for each in scored.values.values]
    for each in made["values"]:
        if "not measured" in (each["reason"] or ""):  # rows do not hold why
            each["reason"] = told[each["metric"], each["recognizer"]]
    made["curves"] = [each.model_dump() for each in scored.values.curves]
    made["alarms"], made["counts"] = scored.alarms, scored.counts.model_dump()
    made["attacks"] = None if scored.attacks is None else scored.attacks.model_dump()
    for row, other in zip(made["samples"], scored.rows, strict=True):
        row["distances"] = other.distances
    return made


def remember(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The images that the method makes are the same in every test; computing them once is enough."""
    import deid_bench.benchmark.submission.remake as remake

    compute, kept = vars(remake)["compute"], world.__dict__.setdefault("kept", {})

    def once(cell: Any, executor: Any, chosen: Any = None) -> Any:
        if cell.digest not in kept:
            kept[cell.digest] = compute(cell, executor)
        results = kept[cell.digest]
        if chosen is None:
            return results
        versions = [each for each in results.versions if chosen(each)]
        rows = [index for index, each in enumerate(results.made) if chosen(each)]
        distances = {
            name: replace(each, deidentified=each.deidentified[rows], versions=each.versions[np.ix_(rows, rows)])
            for name, each in results.distances.items()
        }
        return replace(results, versions=versions, distances=distances, attacks=None)

    monkeypatch.setattr(remake, "compute", once)


def leaves(data: Any, path: Path_ = ()) -> Iterator[Path_]:
    if isinstance(data, dict) and data:
        for name, each in data.items():
            yield from leaves(each, (*path, name))
    elif isinstance(data, list) and data:
        for index, each in enumerate(data):
            yield from leaves(each, (*path, index))
    else:
        yield path


def other(value: Any) -> Any:
    """A value of the same kind that is not this one."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value + 0.5
    if value is None:
        return 0.5
    if isinstance(value, str):
        if re.fullmatch("[0-9a-f]{64}", value):
            return value[::-1] if value[::-1] != value else "0" * 64
        return {"done": "failed", "failed": "skipped", "skipped": "failed", "basic": "full"}.get(value, value + "x")
    return ["x"] if isinstance(value, list) else {"x": 0.5}


def edited(data: Data, path: Path_) -> Data:
    """The record with another value at this place."""
    made, inner = _reached(data, path)
    inner[path[-1]] = other(inner[path[-1]])
    return made


def _reached(data: Data, path: Path_) -> tuple[Data, Any]:
    made = copy.deepcopy(data)
    inner: Any = made
    for name in path[:-1]:
        inner = inner[name]
    return made, inner


def at(data: Data, path: Path_) -> Any:
    """What stands at a place."""
    return _reached(data, path)[1][path[-1]]


def put(data: Data, path: Path_, value: Any) -> Data:
    """The record with this value at a place."""
    made, inner = _reached(data, path)
    inner[path[-1]] = value
    return made


def without_distances(data: Data) -> Data:
    """The record as a run with too many distances writes it."""
    return {**data, "distances_file": {"sha256": None, "size": None, "reason": "too many"}}


def prefixed(data: Data, path: Path_) -> Data:
    """The record with something before the last part of a text, as before the name of a file."""
    return put(data, path, f"Our new method/{at(data, path)}")


def edits(data: Data, path: Path_) -> Iterator[tuple[str, Data]]:
    """What can be done to one field: name of the edit, and the record after it."""
    yield "changed", edited(data, path)
    made, inner = _reached(data, path)
    inner[path[-1]] = None
    yield "null", made
    made, inner = _reached(data, path)
    del inner[path[-1]]
    yield "deleted", made


def list_edits(data: Data, path: Path_) -> Iterator[tuple[str, Data]]:
    """What can be done to a list or to a dictionary as a whole."""
    made, inner = _reached(data, path)
    whole = inner[path[-1]]
    inner[path[-1]] = type(whole)()
    yield "emptied", made
    made, inner = _reached(data, path)
    inner[path[-1]] = None
    yield "null", made
    if isinstance(whole, list):
        for name, items in (
            ("first twice", [whole[0], *whole]),
            ("last left out", whole[:-1]),
            ("reversed", whole[::-1]),
        ):
            made, inner = _reached(data, path)
            inner[path[-1]] = items
            yield name, made


def containers(data: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Places of all lists and dictionaries that hold anything."""
    if path and data and isinstance(data, list | dict):
        yield path
    if isinstance(data, dict):
        for name, each in data.items():
            yield from containers(each, (*path, name))
    if isinstance(data, list):
        for index, each in enumerate(data):
            yield from containers(each, (*path, index))


def under_its_digest(data: Data) -> Data:
    """The record with the digest of its parts, as a forger who has read the code gives it."""
    try:
        record = RunRecord.model_validate(data)
    except ValidationError:
        return data
    return {**data, "digest": record_digest(record, record.score_version)}


def field_of(path: Path_) -> str:
    """Dotted name without the numbers of lists."""
    return ".".join(each for each in path if isinstance(each, str))


def is_named(path: Path_, words: list[str]) -> bool:
    """Whether a stamp's list of the submitter's words names the field, or what it is a part of."""
    names = [word.partition(" (")[0] for word in words]
    return any(f"{field_of(path)}.".startswith(f"{name}.") for name in names)


MANY = ("samples", "curves", "values", "failures", "groups", "attacks")


def kinds(paths: Iterator[Path_], places: tuple[int, ...] = (1, 3)) -> dict[str, Path_]:
    """Few places for each kind of field, the first and the third: rows and numbers are many, and are treated alike."""
    seen: Counter[str] = Counter()
    chosen: dict[str, Path_] = {}
    for path in paths:
        many = path[0] in MANY
        kind = ".".join("#" if isinstance(each, int) and many else str(each) for each in path)
        seen[kind] += 1
        if seen[kind] in places:
            chosen[".".join(map(str, path))] = path
    return chosen
