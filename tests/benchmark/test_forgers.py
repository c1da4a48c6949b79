"""What a forger can do: every field of a record and every block of its distances, with all hashes made right again."""

from __future__ import annotations

import copy
import hashlib
import json
import random
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.records.record import RunRecord
from deid_bench.benchmark.results.distances_file import PairDistances, read, write
from deid_bench.benchmark.results.tiles import whole
from deid_bench.benchmark.run import Execution, run
from deid_bench.benchmark.scoring.cell import score_results
from deid_bench.benchmark.storage.strict_zip import Refused, make_zip
from deid_bench.benchmark.submission.pack import MANIFEST_NAME, Submitter, pack
from deid_bench.benchmark.submission.read import Submission
from deid_bench.benchmark.submission.recompute import rebuild
from deid_bench.benchmark.submission.remake import Remade, chance_of_passing
from deid_bench.benchmark.submission.verdict import Report, RerunRequest, judge

RECORD, DISTANCES = "records/000/run.json", "records/000/distances.npz"
NAME = "toy_recognizer"
Data = dict[str, Any]
Path_ = tuple[str | int, ...]

FREE = re.compile(
    r"host\..*|toolkit|schema_version"  # times, machine and versions: the submitter's words, in any case
    r"|(method|dataset|analyzer|recognizers\.\d+)\.origin"  # where a plug-in lies on the submitter's machine
    r"|dataset\.limited|quality"  # a smoke test? all numbers asked for? what is there is checked in any case
    r"|distances_file\.(size|reason)"  # of the file itself
    r"|values\.\d+\.reason|alarms\.\d+"
)
"""Fields that nothing depends on; all others are held against what is computed here."""


class World:
    """A small honest submission, and what its method makes of it here, worked out once."""

    def __init__(self, folder: Path) -> None:
        self.dataset = f"toy-hands:folder={folder / 'hands'},identities=5,samples=2,blank=1"
        options = RunOptions(
            methods=("refuses_some",),
            datasets=(self.dataset,),
            analyzer="toy_analyzer",
            recognizers=(NAME,),
            protocol="palm-paper/1.0",
        )
        self.outcome = run(options, Execution(out=folder / "results", backend="serial"))[0]
        self.zip = folder / "s.zip"
        pack([folder / "results"], self.zip, 0, Submitter())  # images that come along are checks on top
        with zipfile.ZipFile(self.zip) as archive:
            self.members = {name: archive.read(name) for name in archive.namelist()}
        self.data: Data = json.loads(self.members[RECORD])
        self.folder = folder

    def request(self, count: int | None, seed: int = 1) -> RerunRequest:
        return RerunRequest("refuses_some", self.dataset, count, random.Random(seed))

    def judged(
        self, data: Data, distances: PairDistances | None = None, count: int | None = None, seed: int = 1
    ) -> Report:
        """The verdict on a submission with this record and these distances, under the right hashes."""
        members = dict(self.members)
        if distances is not None:
            members[DISTANCES] = write(distances)[0] or b""
            sha256 = hashlib.sha256(members[DISTANCES]).hexdigest()
            data = {**data, "distances_file": {"sha256": sha256, "size": len(members[DISTANCES]), "reason": None}}
        members[RECORD] = json.dumps(data).encode()
        manifest = json.loads(members.pop(MANIFEST_NAME))
        manifest["records"][0]["digest"] = data["digest"]
        manifest["files"] = {
            name: {"sha256": hashlib.sha256(each).hexdigest(), "size": len(each)} for name, each in members.items()
        }
        path = self.folder / "forged.zip"
        path.write_bytes(make_zip({**members, MANIFEST_NAME: json.dumps(manifest).encode()}))
        (submitted,) = Submission(path).records
        return judge(submitted, self.request(count, seed))

    def rescored(self, distances: PairDistances, data: Data | None = None) -> Data:
        """The record that a forger computes from forged distances, so that it contradicts itself nowhere."""
        made = copy.deepcopy(data or self.data)
        scored = score_results(*rebuild(RunRecord.model_validate(made), distances))
        made["values"] = [each.model_dump() for each in scored.values.values]
        made["curves"] = [each.model_dump() for each in scored.values.curves]
        made["alarms"], made["counts"] = scored.alarms, scored.counts.model_dump()
        for row, other in zip(made["samples"], scored.rows, strict=True):
            row["distances"] = other.distances
        return made


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        # Intervals are computed anew in each of hundreds of verdicts; few resamples will do.
        patch.setattr("deid_bench.benchmark.scoring.numbers.RESAMPLES", 20)
        yield World(tmp_path_factory.mktemp("forgers"))


@pytest.fixture
def remembered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The images that the method makes are the same in every test; computing them once is enough."""
    import deid_bench.benchmark.submission.remake as remake

    compute, kept = vars(remake)["compute"], world.__dict__.setdefault("kept", {})

    def once(cell: Any, executor: Any, chosen: Any = lambda version: True) -> Any:
        if cell.digest not in kept:
            kept[cell.digest] = compute(cell, executor)
        results = kept[cell.digest]
        versions = [each for each in results.versions if chosen(each)]
        rows = [index for index, each in enumerate(results.made) if chosen(each)]
        distances = {
            name: replace(each, deidentified=each.deidentified[rows], versions=each.versions[np.ix_(rows, rows)])
            for name, each in results.distances.items()
        }
        return replace(results, versions=versions, distances=distances)

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
    made = copy.deepcopy(data)
    inner: Any = made
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = other(inner[path[-1]])
    return made


def kinds(data: Data) -> dict[str, Path_]:
    """One or two places for each kind of field: rows and numbers are many, and all are treated alike."""
    seen: Counter[str] = Counter()
    chosen: dict[str, Path_] = {}
    for path in leaves(data):
        many = path[0] in ("samples", "curves", "values")
        kind = ".".join("#" if isinstance(each, int) and many else str(each) for each in path)
        seen[kind] += 1
        if seen[kind] in (1, 3):
            chosen[".".join(map(str, path))] = path
    return chosen


def test_the_honest_record_is_verified(world: World, remembered: None) -> None:
    report = world.judged(world.data)
    assert report.problems == []
    assert [each for each in report.reruns if each.outcome != "equal"] == []
    assert report.stamp.status == "verified"
    assert {row["status"] for row in world.data["samples"]} == {"done", "failed", "skipped"}
    assert "all 10 images made anew" in report.stamp.checked


def test_an_edit_of_any_field_is_found_when_every_image_is_made_anew(world: World, remembered: None) -> None:
    places = kinds(world.data)
    assert len(places) > 100
    passed = []
    for name, path in places.items():
        if FREE.fullmatch(name):
            continue
        try:
            report = world.judged(edited(world.data, path))
        except Refused:
            continue
        if report.stamp.status == "verified":
            passed.append(name)
    assert not passed, ", ".join(passed)


FORGERIES: dict[str, Callable[[PairDistances], PairDistances]] = {}


def forgery(function: Callable[[NDArray[Any], NDArray[Any], NDArray[Any], list[int]], None]) -> None:
    """A change of the blocks, in place; the last argument has the column of the source of each row."""

    def change(found: PairDistances) -> PairDistances:
        own = found.distances[NAME]
        originals, deidentified, versions = (np.array(each) for each in (own.originals, own.deidentified, own.versions))
        column = {int(sample): index for index, sample in enumerate(found.usable)}
        kept = found.version_row >= 0
        function(originals, deidentified, versions, [column[int(each)] for each in found.version_sample[kept]])
        edited = replace(own, originals=originals, deidentified=deidentified, versions=versions)
        return replace(found, distances={NAME: edited})

    FORGERIES[function.__name__] = change


@forgery
def far_from_ones_own(originals: NDArray[Any], deidentified: NDArray[Any], versions: Any, sources: Any) -> None:
    deidentified[np.arange(len(sources)), sources] += 0.5


@forgery
def far_from_everybody(originals: NDArray[Any], deidentified: NDArray[Any], versions: Any, sources: Any) -> None:
    deidentified += 0.5


@forgery
def far_from_the_others_of_one_person(
    originals: NDArray[Any], deidentified: NDArray[Any], versions: Any, sources: Any
) -> None:
    own = deidentified[np.arange(len(sources)), sources].copy()
    deidentified += 0.5
    deidentified[np.arange(len(sources)), sources] = own


@forgery
def one_distance(originals: NDArray[Any], deidentified: NDArray[Any], versions: Any, sources: Any) -> None:
    deidentified[0, (sources[0] + 1) % len(originals)] += 0.3


@forgery
def originals_closer(originals: NDArray[Any], deidentified: NDArray[Any], versions: Any, sources: Any) -> None:
    originals *= 0.5


@forgery
def versions_apart(originals: NDArray[Any], deidentified: NDArray[Any], versions: Any, sources: Any) -> None:
    versions[~np.eye(len(versions), dtype=bool)] += 0.5


@forgery
def not_acquired(originals: NDArray[Any], deidentified: NDArray[Any], versions: Any, sources: Any) -> None:
    deidentified[0] = versions[0] = versions[:, 0] = np.nan


@pytest.mark.parametrize("name", FORGERIES)
def test_no_block_of_distances_can_be_forged_when_every_image_is_made_anew(
    world: World, remembered: None, name: str
) -> None:
    distances = FORGERIES[name](read(world.members[DISTANCES]))
    report = world.judged(world.rescored(distances), distances)
    assert report.different == []  # the record is what its distances give
    assert report.stamp.status == "self-reported"
    assert any("computed anew are different" in each for each in report.problems)


def test_between_originals_one_image_is_enough(world: World, remembered: None) -> None:
    distances = FORGERIES["originals_closer"](read(world.members[DISTANCES]))
    for seed in range(5):
        assert world.judged(world.rescored(distances), distances, count=1, seed=seed).stamp.status == "self-reported"


def test_the_worst_images_cannot_be_declared_skipped(world: World, remembered: None) -> None:
    found = read(world.members[DISTANCES])
    gone = next(index for index, row in enumerate(world.data["samples"]) if row["status"] == "done")
    data = copy.deepcopy(world.data)
    sample = found.sample_ids.index(data["samples"][gone]["sample_id"])
    reason = next(row["reason"] for row in data["samples"] if row["status"] == "skipped")
    data["samples"][gone].update(
        status="skipped", reason=reason, survived=None, measures={}, distances={}, task=None, image_sha256=None
    )
    data["failures"] = []
    kept = found.version_sample != sample
    column = found.usable.tolist().index(sample)
    row = int(found.version_row[~kept][0])
    own = found.distances[NAME]
    rows = found.version_row[kept]
    distances = replace(
        found,
        usable=found.usable[found.usable != sample],
        version_sample=found.version_sample[kept],
        version_repetition=found.version_repetition[kept],
        version_row=np.where(rows > row, rows - 1, rows).astype(np.int32),
        distances={
            NAME: replace(
                own,
                originals=np.delete(np.delete(whole(own.originals), column, 0), column, 1),
                deidentified=np.delete(np.delete(whole(own.deidentified), row, 0), column, 1),
                versions=np.delete(np.delete(whole(own.versions), row, 0), row, 1),
            )
        },
    )
    data = world.rescored(distances, data)
    assert world.judged(data, distances).recomputed.problems == []
    for count in (1, None):  # whatever is drawn: every original is looked at
        report = world.judged(data, distances, count=count)
        assert report.stamp.status == "self-reported"
        assert any("skipped" in each for each in report.problems)


def test_the_chance_of_passing_is_that_of_drawing_none_of_the_forged(world: World, remembered: None) -> None:
    assert chance_of_passing(96, 1, 5) == pytest.approx(91 / 96)
    assert chance_of_passing(96, 96, 5) == 0
    assert chance_of_passing(10, 3, 10) == 0
    rng = np.random.default_rng(3)
    for forged in (1, 5, 10, 29):
        drawn = np.argsort(rng.random((4000, 96)), axis=1)[:, :5]
        passed = float(np.mean((drawn >= forged).all(axis=1)))
        assert passed == pytest.approx(chance_of_passing(96, forged, 5), abs=0.03)


def test_forged_images_pass_as_often_as_stated(world: World, remembered: None) -> None:
    """Two of the ten planned images are forged, and three are made anew."""
    data = copy.deepcopy(world.data)
    done = [row for row in data["samples"] if row["status"] == "done"]
    for row in done[:2]:
        row["image_sha256"] = "0" * 64
    draws = 60
    for row in done[:2]:
        row["measures"] = {name: None if each is None else each + 1 for name, each in row["measures"].items()}
    data = world.rescored(read(world.members[DISTANCES]), data)
    statuses = [world.judged(data, count=3, seed=seed).stamp.status for seed in range(draws)]
    stated = chance_of_passing(10, 2, 3)
    assert statuses.count("verified") / draws == pytest.approx(stated, abs=4 * (stated * (1 - stated) / draws) ** 0.5)


def test_what_needs_images_is_unchecked_until_all_are_made_anew() -> None:
    """An invented FID stands as the submitter's word under a stamp, number by number."""
    from deid_bench.benchmark.records.record import Value
    from deid_bench.benchmark.submission.remake import value_difference

    invented = Value(metric="fid", value=1.0, n=10)
    assert value_difference(invented, [Value(metric="fid", value=80.0, n=10)])
    assert value_difference(invented, [])
    assert value_difference(invented, [Value(metric="fid", value=1.0, n=10)]) is None
    assert Remade([]).values is None
