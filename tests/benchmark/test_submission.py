"""Submissions: packed the same twice, verified when true, found out when not, and stamped so that it holds."""

from __future__ import annotations

import hashlib
import io
import json
import random
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from narrowed import present
from ssh_keys import keys

from deid_bench.benchmark.planning.cells import SCORE_VERSION, RunOptions
from deid_bench.benchmark.records.record import RecordError, RunRecord, load_record
from deid_bench.benchmark.records.replicates import load_replicates
from deid_bench.benchmark.results.distances_file import read, write
from deid_bench.benchmark.run import Execution, Outcome, run
from deid_bench.benchmark.storage.strict_zip import make_zip
from deid_bench.benchmark.submission.pack import MANIFEST_NAME, Submitter, pack, record_digest
from deid_bench.benchmark.submission.read import Submission
from deid_bench.benchmark.submission.signature import read_signers
from deid_bench.benchmark.submission.stamp import STAMP_NAME, Stamp, load_stamp, write_stamp
from deid_bench.benchmark.submission.verdict import Report, RerunRequest, install, judge
from deid_bench.cli import main
from deid_bench.plugins.entries import Kind, registry

RECORD, DISTANCES = "records/000/run.json", "records/000/distances.npz"
Data = dict[str, Any]


class World:
    """A run of the toy world and its submission."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.dataset = f"toy-hands:folder={folder / 'hands'},identities=6,blank=1"
        options = RunOptions(
            methods=("toy_noise",),
            datasets=(self.dataset,),
            analyzer="toy_analyzer",
            recognizers=("toy_recognizer",),
            repetitions=2,
            protocol="palm-paper/1.0",
        )
        self.outcome: Outcome = run(options, Execution(out=folder / "results", backend="serial"))[0]
        self.zip = folder / "s.zip"
        pack([folder / "results"], self.zip, 3, Submitter(name="A. Author"))
        with zipfile.ZipFile(self.zip) as archive:
            self.members = {name: archive.read(name) for name in archive.namelist()}

    def request(self, **changes: Any) -> RerunRequest:
        return replace(RerunRequest("toy_noise", self.dataset, 3, random.Random(1)), **changes)

    def judged(self, path: Path, request: RerunRequest | None = None) -> Report:
        (submitted,) = Submission(path).records
        return judge(submitted, request)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("submission"))


def forged(
    world: World,
    path: Path,
    change: Callable[[Data], None] = lambda data: None,
    distances: Callable[[Any], Any] | None = None,
    images: dict[str, bytes] | None = None,
) -> Path:
    """The submission with other contents under the right hashes and the right digest."""
    members = {**world.members, **(images or {})}
    data = json.loads(members[RECORD])
    if distances is not None:
        members[DISTANCES] = new = write(distances(read(members[DISTANCES])))[0] or b""
        data["distances_file"] = {"sha256": hashlib.sha256(new).hexdigest(), "size": len(new), "reason": None}
    change(data)
    members[RECORD] = json.dumps(data).encode()
    manifest = json.loads(members.pop(MANIFEST_NAME))
    manifest["records"][0]["digest"] = data["digest"]
    manifest["files"] = {
        name: {"sha256": hashlib.sha256(each).hexdigest(), "size": len(each)} for name, each in members.items()
    }
    path.write_bytes(make_zip({**members, MANIFEST_NAME: json.dumps(manifest).encode()}))
    return path


def value(data: Data, metric: str) -> Data:
    found: Data = next(each for each in data["values"] if each["metric"] == metric)
    return found


# ------------------------------------------------------------------------------------------------ packing


def test_packing_again_gives_the_same_bytes(world: World, tmp_path: Path) -> None:
    found = pack([world.folder / "results"], tmp_path / "s.zip", 3, Submitter(name="A. Author"))
    assert (tmp_path / "s.zip").read_bytes() == world.zip.read_bytes()
    assert (found.records, found.images, found.left_out) == (1, 3, [])
    assert world.members[RECORD] == (world.outcome.folder / "run.json").read_bytes()
    manifest = json.loads(world.members[MANIFEST_NAME])
    assert manifest["submitter"]["name"] == "A. Author"
    assert manifest["machine"]["python"]


def test_the_digest_follows_from_the_records_own_parts(world: World) -> None:
    assert record_digest(world.outcome.record, SCORE_VERSION) == world.outcome.record.digest


def test_a_dataset_that_may_not_be_passed_on_gives_no_images(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = registry().resolve(Kind.DATASET, world.dataset).cls
    monkeypatch.setattr(dataset, "info", replace(dataset.info, redistributable=False))
    found = pack([world.folder / "results"], tmp_path / "s.zip", 3, Submitter())
    assert found.images == 0
    assert "may not be passed on" in found.left_out[0]
    assert not any(name.endswith(".png") for name in zipfile.ZipFile(tmp_path / "s.zip").namelist())


def test_a_record_does_not_make_packing_import_a_file(world: World, tmp_path: Path) -> None:
    bad = tmp_path / "bad.py"
    bad.write_text("import pathlib\npathlib.Path(__file__).with_name('ran').touch()\nclass Bad: pass\n")
    folder = tmp_path / "results" / "x"
    folder.mkdir(parents=True)
    data = json.loads(world.members[RECORD])
    data["dataset"]["spec"] = f"{bad}:Bad"
    (folder / "run.json").write_text(json.dumps(data))
    (folder / "distances.npz").write_bytes(world.members[DISTANCES])
    found = pack([tmp_path / "results"], tmp_path / "s.zip", 3, Submitter())
    assert "not installed" in found.left_out[0]
    assert not (tmp_path / "ran").exists()


def test_distances_of_another_run_are_not_packed(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "x"
    folder.mkdir()
    (folder / "run.json").write_bytes(world.members[RECORD])
    with pytest.raises(RecordError, match="cannot be read"):
        pack([folder], tmp_path / "s.zip", 0, Submitter())
    (folder / "distances.npz").write_bytes(b"other")
    with pytest.raises(RecordError, match="not the file"):
        pack([folder], tmp_path / "s.zip", 0, Submitter())
    (tmp_path / "none").mkdir()
    with pytest.raises(RecordError, match="got 0"):
        pack([tmp_path / "none"], tmp_path / "s.zip", 0, Submitter())


# ------------------------------------------------------------------------------------------------ verifying


def test_an_honest_submission_is_recomputed_to_the_last_number(world: World) -> None:
    report = world.judged(world.zip)
    assert report.agrees
    assert report.problems == []
    assert {each.metric for each in report.open} == set()
    metrics = {each.metric for each in report.equal}
    assert {"rr", "dir", "eer", "rank1_with_source", "d_sys", "psnr", "roi_coverage", "survival"} <= metrics
    assert {"eer_deidentified", "dprime_diversity", "singling_out", "linkability"} <= metrics
    assert report.stamp.status == "recomputed"
    assert "not asked for" in report.stamp.checked


def test_with_the_method_at_hand_it_is_verified(world: World) -> None:
    report = world.judged(world.zip, world.request())
    assert [each.outcome for each in report.reruns] == ["equal"] * 3
    assert report.stamp.status == "verified"
    assert "3 of 36 images, drawn at random, made anew: 3 equal" in report.stamp.checked


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"method": "toy_noise:strength=50"}, "toy_noise: another params"),
        ({"method": "identity"}, "--method names identity, and the record is of toy_noise"),
        ({"method": "no_such_method"}, "no deidentifier named"),
        ({"dataset": ""}, "name the dataset"),
    ],
)
def test_what_is_not_at_hand_is_said_and_not_stamped(world: World, changes: Data, reason: str) -> None:
    report = world.judged(world.zip, world.request(**changes))
    assert reason in report.not_rerun
    assert report.stamp.status == "recomputed"


def raise_value(data: Data) -> None:
    value(data, "rr")["value"] -= 1e-6


def raise_mean(data: Data) -> None:
    value(data, "psnr")["value"] += 1e-3


def narrow(data: Data) -> None:
    value(data, "rr")["interval"]["low"] += 1.0


def fewer(data: Data) -> None:
    value(data, "rr")["n"] += 1


def invent(data: Data) -> None:
    value(data, "eer_effective").update(value=None, reason="no", interval=None)


def leave_out(data: Data) -> None:
    data["values"].remove(value(data, "rank1_with_source"))


def repeat(data: Data) -> None:
    data["values"].append(value(data, "rr"))


def hush(data: Data) -> None:
    data["alarms"] = ["all is well"]


def bend(data: Data) -> None:
    data["curves"][0]["y"][3] += 0.01


def count(data: Data) -> None:
    data["counts"]["done"] += 1


def hide_failure(data: Data) -> None:
    data["samples"][0].update(status="done", survived=True)
    data["counts"]["done"] += 1
    data["counts"]["skipped"] -= 1


def drop_row(data: Data) -> None:
    data["samples"].pop()
    data["counts"]["done"] -= 1
    data["counts"]["planned"] -= 1


def other_protocol(data: Data) -> None:
    data["protocol"]["digest"] = "0" * 64


def other_version(data: Data) -> None:
    data["method"]["version"] = "2"


def other_distance(data: Data) -> None:
    data["samples"][-1]["distances"]["toy_recognizer"] += 0.01


def many_versions(data: Data) -> None:
    data["repetitions"] = 10**12


def other_people(data: Data) -> None:
    data["dataset"]["subjects"] = 99


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (raise_value, "its distances give"),
        (raise_mean, "its distances give"),
        (narrow, "its distances give ["),
        (fewer, "says n ="),
        (invent, "says none"),
        (leave_out, "is missing in the record"),
        (repeat, "twice"),
        (hush, "alarms"),
        (bend, "curves"),
        (count, "counts say"),
        (hide_failure, "not the images"),
        (drop_row, "counts say"),
        (other_protocol, "none of this deid-bench's"),
        (other_version, "digest is not that of its parts"),
        (other_distance, "name other distances"),
        (many_versions, "counts say"),
        (other_people, "subjects"),
    ],
)
def test_a_record_that_says_something_else_is_found_out(
    world: World, tmp_path: Path, change: Callable[[Data], None], reason: str
) -> None:
    report = world.judged(forged(world, tmp_path / "f.zip", change), world.request())
    said = [*report.problems, *(each.note for each in report.different)]
    assert any(reason in each for each in said), said
    assert not report.agrees
    assert report.stamp.status == "self-reported"
    with pytest.raises(RecordError, match="not accepted"):
        install(report, tmp_path / "results")
    assert not (tmp_path / "results").exists()


def rescored(data: Data, report: Report) -> None:
    """Give a record the numbers of forged distances, so that it does not contradict itself."""
    scored = report.recomputed.scored
    assert scored is not None
    data["values"] = [each.model_dump() for each in scored.values.values]
    data["curves"] = [each.model_dump() for each in scored.values.curves]
    data["alarms"] = scored.alarms
    for row, other in zip(data["samples"], scored.rows, strict=True):
        row["distances"] = other.distances


@pytest.mark.parametrize("kind", ["originals", "deidentified", "versions"])
def test_consistent_forged_distances_fall_to_the_rerun(world: World, tmp_path: Path, kind: str) -> None:
    def change(found: Any) -> Any:
        own = found.distances["toy_recognizer"]
        matrix = np.array(getattr(own, kind)) * np.float32(1.2)
        return replace(found, distances={"toy_recognizer": replace(own, **{kind: matrix})})

    first = world.judged(forged(world, tmp_path / "first.zip", distances=change))
    path = forged(world, tmp_path / "f.zip", lambda data: rescored(data, first), change)
    assert world.judged(path).stamp.status == "recomputed"
    report = world.judged(path, world.request())
    assert not report.agrees
    assert any("computed anew are different" in each for each in report.problems)


def test_forged_measures_fall_to_the_rerun_and_to_the_images(world: World, tmp_path: Path) -> None:
    def change(data: Data) -> None:
        for row in data["samples"]:
            if row["measures"]:
                row["measures"]["psnr"] += 10
        value(data, "psnr")["value"] += 10
        for side in ("low", "high"):
            value(data, "psnr")["interval"][side] += 10

    report = world.judged(forged(world, tmp_path / "f.zip", change))
    assert report.different == []
    assert any("its psnr is not what the record says" in each for each in report.problems)
    bare = tmp_path / "bare.zip"
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "run.json").write_bytes(zipfile.ZipFile(tmp_path / "f.zip").read(RECORD))
    (tmp_path / "x" / "distances.npz").write_bytes(world.members[DISTANCES])
    pack([tmp_path / "x"], bare, 0, Submitter())
    assert world.judged(bare).agrees
    again = world.judged(bare, world.request())
    assert {each.outcome for each in again.reruns} == {"different"}
    assert again.stamp.status == "self-reported"


def test_other_images_than_the_records_are_found_out(world: World, tmp_path: Path) -> None:
    name = "records/000/images/00-deidentified.png"
    other = {name: world.members["records/000/images/00-original.png"]}
    report = world.judged(forged(world, tmp_path / "f.zip", images=other))
    assert any("not the image that the record names" in each for each in report.problems)


def test_a_record_without_distances_is_self_reported(world: World, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    data = {**json.loads(world.members[RECORD]), "distances_file": {"reason": "too many"}}
    (tmp_path / "x" / "run.json").write_text(json.dumps(data))
    found = pack([tmp_path / "x"], tmp_path / "s.zip", 0, Submitter())
    assert "no distances" in found.left_out[0]
    report = world.judged(tmp_path / "s.zip")
    assert {each.note for each in report.open} == {"too many"}
    assert report.stamp.unchecked == [f"{each.metric} {each.recognizer or ''}".strip() for each in report.open]
    assert report.equal == []
    assert report.stamp.status == "self-reported"
    assert main(["verify", str(tmp_path / "s.zip")]) == 1


# ------------------------------------------------------------------------------------------------ stamps


@pytest.mark.parametrize("rerun", [False, True])
def test_what_takes_too_much_is_self_reported_and_contradicts_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], rerun: bool
) -> None:
    def too_much(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("deid_bench.benchmark.submission.verdict.recompute", too_much)
    report = world.judged(world.zip, world.request(count=None) if rerun else None)
    assert (report.agrees, report.problems, report.reruns) == (True, [], [])
    assert report.stamp.status == "self-reported"
    assert set(report.stamp.unchecked) == {
        f"{each.metric} {each.recognizer or ''}".strip()
        for each in world.outcome.record.values
        if each.value is not None
    }
    why = "it cannot be computed anew: it takes more than 1024 MiB of memory"
    assert why in report.not_rerun
    assert main(["verify", str(world.zip)]) == 1
    told = capsys.readouterr().out
    assert why in told
    assert "DIFFERENT" not in told


def test_an_accepted_record_gets_a_stamp_and_what_was_computed_here(world: World, tmp_path: Path) -> None:
    report = world.judged(world.zip)
    path = install(report, tmp_path / "board")
    assert path.read_bytes() == world.members[RECORD]
    assert load_stamp(path) == report.stamp
    assert load_replicates(path.parent).keys() == load_replicates(world.outcome.folder).keys()
    assert path.parent.name == f"submitted__toy-noise__{world.outcome.record.digest[:10]}"
    assert install(report, path.parent.parent) == path


def test_a_submission_does_not_take_the_place_of_another_one(world: World, tmp_path: Path) -> None:
    """Whoever comes second with a record of the same work does not remove the first one's stamp."""
    report = world.judged(world.zip)
    path = install(report, tmp_path / "board")
    before = {each: each.read_bytes() for each in path.parent.iterdir()}
    other = replace(report.submitted, data=b" " + report.submitted.data)
    with pytest.raises(RecordError, match="another submission of the same work"):
        install(replace(report, submitted=other), path.parents[1])
    assert {each: each.read_bytes() for each in path.parent.iterdir()} == before


def test_a_submission_does_not_take_the_place_of_an_own_record(world: World) -> None:
    with pytest.raises(RecordError, match="does not take its place"):
        install(world.judged(world.zip), world.folder / "results")


def test_a_stamp_holds_for_one_record_only(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text("{}")
    assert load_stamp(path) is None
    stamp = Stamp("verified", "everything", "2025-01-01T00:00:00+00:00")
    write_stamp(stamp, path)
    assert load_stamp(path) == stamp
    path.write_text("{ }")
    assert "another record" in present(load_stamp(path)).void


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"status": "approved"}, "damaged"),
        ({"status": ["verified"]}, "damaged"),
        ({"record_sha256": None}, "another record"),
        ({"format": 3}, "verify the submission again"),
        ({"checked": 7}, "damaged"),
        ({"checked": "x" * 200_000}, "damaged"),
        ({"when": None}, "damaged"),
        ({"words": "host"}, "damaged"),
        ({"files": {"scores.npz": "0" * 64}}, "files beside"),
    ],
)
def test_a_stamp_that_makes_no_sense_does_not_count_and_says_so(tmp_path: Path, change: Data, why: str) -> None:
    path = tmp_path / "run.json"
    path.write_text("{}")
    place = write_stamp(Stamp("verified", "everything", "now"), path)
    place.write_text(json.dumps({**json.loads(place.read_text()), **change}))
    found = present(load_stamp(path))
    assert found.status == "self-reported"
    assert why in found.void


@pytest.mark.parametrize("text", ["", "[]", "null", "{", "\xff", "[" * 5000])
def test_a_stamp_that_is_no_json_does_not_count(tmp_path: Path, text: str) -> None:
    path = tmp_path / "run.json"
    path.write_text("{}")
    (tmp_path / STAMP_NAME).write_bytes(text.encode("latin-1"))
    found = present(load_stamp(path))
    assert (found.status, "damaged" in found.void) == ("self-reported", True)


# ------------------------------------------------------------------------------------------------ the command line


def test_pack_and_verify_as_a_user_calls_them(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, results = tmp_path / "s.zip", tmp_path / "board"
    assert main(["pack", str(world.folder / "results"), "-o", str(path), "--no-images"]) == 0
    assert "1 record, 0 pairs of images" in capsys.readouterr().out
    assert main(["verify", str(path)]) == 0
    assert "recomputed  toy_noise" in capsys.readouterr().out
    arguments = ["verify", str(path), "-m", "toy_noise", "-d", world.dataset, "--rerun", "1"]
    assert main([*arguments, "-o", str(results), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["records"][0]["stamp"]["status"] == "verified"
    stamp = Stamp(**data["records"][0]["stamp"])
    assert load_stamp(Path(data["installed"][0])) == stamp
    assert (stamp.digest, len(stamp.drawn)) == (world.outcome.record.digest, 1)
    private, public = keys(tmp_path / "keys")
    assert main([*arguments, "-o", str(results), "--sign", str(private)]) == 0
    signed = load_stamp(Path(data["installed"][0]), read_signers(public))
    assert signed is not None
    assert signed.shown == "verified by me"
    assert main([*arguments, "--sign", str(private)]) == 2
    assert main([*arguments, "-o", str(results), "--sign", str(public)]) == 2
    assert isinstance(load_record(Path(data["installed"][0])), RunRecord)
    assert main(["verify", str(path), "-m", "identity", "-d", world.dataset]) == 1
    assert main(["pack", str(tmp_path / "nowhere"), "-o", str(path)]) == 2
    assert main(["pack", str(results), "-o", str(path), "--name", "a\nb"]) == 2


def test_of_several_methods_each_row_takes_its_own(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = RunOptions(
        methods=("toy_noise", "toy_noise:strength=50", "identity"),
        protocol="palm-paper/1.0",
        datasets=(world.dataset,),
        analyzer="toy_analyzer",
        recognizers=("toy_recognizer",),
    )
    run(options, Execution(out=tmp_path / "results", backend="serial"))
    path = tmp_path / "s.zip"
    pack([tmp_path / "results"], path, 0, Submitter())
    arguments = ["verify", str(path), "-d", world.dataset, "--rerun", "1", "--json"]
    every = [part for spec in options.specs("methods") for part in ("-m", str(spec))]
    assert main([*arguments, *every]) == 0
    rows = json.loads(capsys.readouterr().out)["records"]
    assert [row["stamp"]["status"] for row in rows] == ["verified"] * 3
    assert main([*arguments, *every[:4]]) == 1
    rows = {row["method"]: row for row in json.loads(capsys.readouterr().out)["records"]}
    assert rows["toy_noise"]["stamp"]["status"] == rows["toy_noise:strength=50"]["stamp"]["status"] == "verified"
    assert rows["identity"]["stamp"]["status"] == "recomputed"
    assert rows["identity"]["not_rerun"].startswith("identity is none of the methods at hand (toy_noise, ")


def test_verify_says_which_words_are_the_submitters(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(world.zip)]) == 0
    assert "the submitter's words: toolkit, " in capsys.readouterr().out


def test_verify_lists_what_differs(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(forged(world, tmp_path / "f.zip", raise_value))]) == 1
    out = capsys.readouterr().out
    assert "DIFFERENT" in out
    assert "rr toy_recognizer: says" in out


def odd_spelling(data: Data) -> None:
    """As a forger spells a recogniser everywhere in his record; the digest holds its name alone."""
    data["recognizers"][0]["spec"] = " toy_recognizer"


@pytest.mark.parametrize("count", ["2", "all"])
def test_a_recogniser_of_another_spelling_is_left_unverified(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], count: str
) -> None:
    def change(found: Any) -> Any:
        return replace(found, distances={f" {name}": each for name, each in found.distances.items()})

    first = world.judged(forged(world, tmp_path / "first.zip", odd_spelling, change))

    def consistent(data: Data) -> None:
        odd_spelling(data)
        rescored(data, first)

    path = forged(world, tmp_path / "f.zip", consistent, change)
    assert main(["verify", str(path), "-m", "toy_noise", "-d", world.dataset, "--rerun", count, "--json"]) == 1
    (row,) = json.loads(capsys.readouterr().out)["records"]
    assert row["stamp"]["status"] != "verified"
    assert "not as a run writes it: ' toy_recognizer' for 'toy_recognizer'" in row["not_rerun"]


def test_a_record_that_trips_the_verifier_costs_no_other(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import deid_bench.benchmark.submission.verdict as verdict

    def trip(*arguments: object) -> None:
        raise KeyError("something odd")

    monkeypatch.setattr(verdict, "judge", trip)
    assert main(["verify", str(world.zip)]) == 1
    assert "left out: records/000: it cannot be verified: KeyError: 'something odd'" in capsys.readouterr().err


def test_zips_of_ours_are_plain(world: World) -> None:
    with zipfile.ZipFile(io.BytesIO(world.zip.read_bytes())) as archive:
        assert {each.date_time for each in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.namelist() == sorted(archive.namelist())
