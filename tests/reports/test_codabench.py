"""Challenges on codabench.org: the bundle is what the platform reads, and only what is proved gets a score."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from deid_bench.benchmark.metrics.catalogue import METRICS
from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.planning.defaults import default_protocol
from deid_bench.benchmark.protocols import get_protocol
from deid_bench.benchmark.records.record import RunRecord
from deid_bench.benchmark.run import Execution, run
from deid_bench.benchmark.storage.strict_zip import make_zip
from deid_bench.benchmark.submission.differences import cannot
from deid_bench.benchmark.submission.pack import LIMITS, MANIFEST_NAME, Submitter, pack
from deid_bench.benchmark.submission.recompute import recompute
from deid_bench.cli import main
from deid_bench.reports.codabench import scoring
from deid_bench.reports.codabench.challenge import challenge_of
from deid_bench.reports.codabench.columns import LONGEST, ChallengeError, columns_of
from deid_bench.reports.codabench.yaml_text import yaml_text
from deid_bench.reports.leaderboard.reference import shipped

from .toy_challenge import rules

RECORD, DISTANCES = "records/000/run.json", "records/000/distances.npz"
RULES = rules("toy-challenge/1.0")
REQUIRED = {
    "version", "title", "image", "terms", "pages", "phases", "tasks", "leaderboards",
}  # fmt: skip
"""What the platform's description of the layout asks for at the top."""
KNOWN = REQUIRED | {
    "description", "registration_auto_approve", "docker_image", "make_programs_available", "make_input_data_available",
    "queue", "enable_detailed_results", "show_detailed_results_in_submission_panel",
    "show_detailed_results_in_leaderboard", "contact_email", "reward", "auto_run_submissions",
    "can_participants_make_submissions_public", "forum_enabled", "solutions", "fact_sheet", "competition_type",
}  # fmt: skip
Members = dict[str, bytes]
Data = dict[str, Any]


class World:
    """A bundle, and a participant's honest submission."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rules = folder / "toy.toml"
        self.rules.write_text(RULES)
        self.dataset = f"toy-hands:folder={folder / 'hands'},blank=1"
        self.bundle = folder / "bundle.zip"
        arguments = ["codabench", "-o", str(self.bundle), "-p", str(self.rules), "-d", self.dataset]
        dates = ["--start", "2026-01-02 03:04:05", "--end", "2026-02-01"]
        assert main([*arguments, "--image", "us/deid-bench:1", "--title", 'A "toy": challenge', *dates]) == 0
        with zipfile.ZipFile(self.bundle) as archive:
            self.files = {name: archive.read(name) for name in archive.namelist()}
        self.submission = self.packed(folder / "honest", "toy_noise")
        self.members = read(self.submission)

    def packed(self, folder: Path, *methods: str, **changes: Any) -> Path:
        """A submission of runs under the challenge's rules, but for the changes."""
        values = {"protocol": str(self.rules), "datasets": (self.dataset,)} | changes
        run(RunOptions(methods=methods, **values), Execution(out=folder / "results", backend="serial"))
        pack([folder / "results"], folder / "s.zip", 1, Submitter(name="A. Author"))
        return folder / "s.zip"


def read(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("codabench"))


def listed(members: Members, change: Callable[[Data], None] = lambda data: None) -> Members:
    """Another record under the right hashes."""
    kept = dict(members)
    data, manifest = json.loads(kept[RECORD]), json.loads(kept.pop(MANIFEST_NAME))
    change(data)
    kept[RECORD] = json.dumps(data).encode()
    manifest["files"] = {
        name: {"sha256": hashlib.sha256(each).hexdigest(), "size": len(each)} for name, each in kept.items()
    }
    return {**kept, MANIFEST_NAME: json.dumps(manifest).encode()}


def uploaded(world: World, members: Members, root: Path) -> Path:
    """The platform's folders: the scoring program, the reference data, the unpacked submission, and an empty output."""
    for name, data in world.files.items():
        place = name.replace("scoring_program/", "program/").replace("reference_data/", "input/ref/")
        write(root / place, data)
    for name, data in members.items():
        write(root / "input" / "res" / name, data)
    write(root / "input" / "res" / "metadata", b"elapsedTime: null\nexitCode: null\n")  # the worker's own
    (root / "output").mkdir()
    return root


def write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def scored(world: World, members: Members, root: Path) -> tuple[int, Data | None, str]:
    """Exit code, scores and details."""
    uploaded(world, members, root)
    return score(root)


def score(root: Path) -> tuple[int, Data | None, str]:
    code = main(["codabench", "--score", str(root / "input"), "-o", str(root / "output")])
    scores, details = root / "output" / scoring.SCORES_NAME, root / "output" / scoring.DETAILS_NAME
    return code, json.loads(scores.read_text()) if scores.exists() else None, details.read_text(encoding="utf-8")


# ------------------------------------------------------------------------------------------------ the bundle


def test_the_bundle_has_what_the_platform_asks_for(world: World) -> None:
    data = yaml.safe_load(world.files["competition.yaml"])
    assert data.keys() >= REQUIRED
    assert data.keys() <= KNOWN
    assert (data["version"], data["title"], data["docker_image"]) == (2, 'A "toy": challenge', "us/deid-bench:1")
    named = [data["image"], data["terms"], *(page["file"] for page in data["pages"])]
    assert all(world.files[name] for name in named)
    assert all(page["title"] for page in data["pages"])
    assert world.files[data["image"]].startswith(b"\x89PNG")
    (task,), (phase,) = data["tasks"], data["phases"]
    assert {"index", "name", "scoring_program"} <= task.keys()
    assert phase["tasks"] == [task["index"]]
    for folder in (task["scoring_program"], task["reference_data"], phase["public_data"]):
        assert any(name.startswith(folder) for name in world.files), folder
    assert (phase["start"], phase["end"]) == ("2026-01-02 03:04:05", "2026-02-01 00:00:00")
    assert all(datetime.fromisoformat(phase[name]) for name in ("start", "end"))
    assert yaml.safe_load(world.files[f"{task['scoring_program']}metadata.yaml"])["command"]
    assert world.files["public_data/protocol.toml"] == RULES.encode()


def test_columns_are_those_of_the_catalogue(world: World) -> None:
    (board,) = yaml.safe_load(world.files["competition.yaml"])["leaderboards"]
    columns = board["columns"]
    assert {"title", "key", "index"} <= set.intersection(*(set(each) for each in columns))
    assert [each["index"] for each in columns] == list(range(len(columns)))
    assert len({each["key"] for each in columns}) == len({each["title"] for each in columns}) == len(columns) > 5
    assert all(len(each[part]) <= LONGEST for each in columns for part in ("key", "title"))
    challenge = json.loads(world.files["reference_data/challenge.json"])
    for column, said in zip(columns, challenge["columns"], strict=True):
        metric = METRICS[said["metric"]]
        assert column["key"] == said["key"]
        assert column["sorting"] == {"higher": "desc", "lower": "asc"}[metric.better]
        assert column["precision"] == metric.decimals
    assert (columns[0]["key"], columns[0]["sorting"]) == ("rank1_without_source_toy_recognizer", "asc")


def test_the_worst_attack_ranks_where_attackers_try() -> None:
    first, second, *_ = columns_of((), ["mtcc", "ccnet"], attacked=True, retrieval=False)
    assert (first.metric, first.recognizer, second.recognizer) == ("rank1_worst", None, "mtcc")
    assert columns_of((), ["mtcc"], attacked=True, retrieval=True)[0].recognizer == "mtcc"  # alone it is the worst
    long = "mine:weights=registered_of_ours_number_one"
    found = columns_of(["rr", "fnmr_deidentified_at_fmr_0_1"], [long, f"{long}2"], attacked=False, retrieval=False)
    assert len({each.key for each in found}) == len({each.title for each in found}) == 4
    assert all(len(each.key) <= LONGEST and len(each.title) <= LONGEST for each in found)
    assert [each.title.endswith("number_one2") for each in found] == [False, True, False, True]


_LONG = "registered_of_ours_in_this_very_place"
_NAMES = st.lists(st.from_regex(rf"[ab]{{1,2}}(:path={_LONG}[ab]?)?", fullmatch=True), max_size=6, unique=True)


@settings(max_examples=60)
@given(_NAMES.filter(bool))
def test_no_two_columns_share_a_title_or_a_key(names: list[str]) -> None:
    asked = ["rr", "fnmr_deidentified_at_fmr_0_1", "rank1_without_source", "ssim"]
    found = columns_of(asked, names, attacked=False, retrieval=False)
    assert len({each.key for each in found}) == len({each.title for each in found}) == 3 * len(names) + 1
    assert all(0 < len(each.key) <= LONGEST and 0 < len(each.title) <= LONGEST for each in found)


def test_where_a_folder_lies_is_in_no_bundle_and_left_to_participants(world: World, tmp_path: Path) -> None:
    for path in sorted((world.folder / "hands").glob("*.png"))[3:]:
        write(tmp_path / "ours" / path.stem[:2] / path.name, path.read_bytes())
    arguments = ["codabench", "-o", str(tmp_path / "b.zip"), "-p", str(world.rules), "--image", "x", "-d"]
    assert main([*arguments, f"folder:path={tmp_path / 'ours'},name=public"]) == 0
    files = read(tmp_path / "b.zip")
    assert not any(str(tmp_path).encode() in data for data in files.values())
    assert (
        "--protocol protocol.toml --dataset folder:path=…,name=public --method"
        in files["pages/participate.md"].decode()
    )


@pytest.mark.parametrize(
    ("column", "why"),
    [
        ("rrr", "there is no metric 'rrr'; did you mean 'rr'"),
        ("fid", "cannot be computed anew"),
        ("seconds_per_image", "cannot be computed anew"),
        ("dir", "best in the middle"),
        ("rank1_worst", "lets nobody attack"),
        ("ssim@mtcc", "leave @mtcc away"),
        ("rr@ccnet", "expected one of mtcc after @, got 'ccnet'"),
        ("rr@all", "expected one of mtcc after @, got 'all'"),
    ],
)
def test_what_is_no_column_is_refused(column: str, why: str) -> None:
    with pytest.raises(ChallengeError, match=re.escape(why)):
        columns_of([column], ["mtcc"], attacked=False, retrieval=False)


def test_mistakes_end_with_two(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    base = ["codabench", "-o", str(tmp_path / "b.zip"), "-p", str(world.rules), "-d", world.dataset]
    for words, why in [
        ([], "--image"),
        (["--image", "a\nb"], "on one line"),
        (["--image", "x", "--title", " "], "--title"),
        (["--image", "x", "--start", "2026-01-02", "--end", "2026-01-02"], "is not after"),
        (["--image", "x", "--column", "fid"], "cannot be computed anew"),
        (["--score", str(tmp_path)], "of a bundle"),
    ]:
        assert main([*base, *words]) == 2, words
        assert why in capsys.readouterr().err
    assert not (tmp_path / "b.zip").exists()
    assert main(["codabench", "--score", str(tmp_path)]) == 2
    assert main(["codabench", "--score", str(tmp_path), "-o", str(tmp_path)]) == 2
    assert "challenge.json cannot be read" in capsys.readouterr().err
    write(tmp_path / "ref" / "challenge.json", b'{"format": 2}')
    assert main(["codabench", "--score", str(tmp_path), "-o", str(tmp_path)]) == 2
    assert "no challenge of `deid-bench codabench`" in capsys.readouterr().err


_TEXTS = st.text(st.characters(exclude_categories=("C", "Z")) | st.sampled_from(" :#'\"\\-{}[]&*!|>%@`?,"))
_DATA = st.recursive(
    _TEXTS
    | st.booleans()
    | st.integers(-1000, 1000)
    | st.sampled_from(["no", "1:30", "null", "~", "2026-01-01", "- a"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.from_regex(r"[a-z_]{3,9}", fullmatch=True), inner),
    max_leaves=8,
)


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(["title", "pages", "phases"]), _DATA.filter(lambda each: each not in ([], {}))))
def test_yaml_reads_back(data: Data) -> None:
    if data and not _nested(data):
        assert yaml.safe_load(yaml_text(data)) == data


def _nested(data: object) -> bool:
    """Lists in lists, and keys that YAML takes for truth values: the bundle has neither."""
    if isinstance(data, dict):
        return any(key in ("yes", "off", "true", "false", "null") or _nested(each) for key, each in data.items())
    return isinstance(data, list) and any((isinstance(each, list) and each) or _nested(each) for each in data)


# ------------------------------------------------------------------------------------------------ as the worker runs it


def worker(world: World, members: Members, root: Path) -> subprocess.CompletedProcess[str]:
    """Runs the command of metadata.yaml as the platform's worker does, whose container has its folders below /app."""
    uploaded(world, members, root)
    command: str = yaml.safe_load((root / "program" / "metadata.yaml").read_text())["command"]
    for name, place in (("$input", "/app/input"), ("$output", "/app/output"), ("$program", "/app/program")):
        command = command.replace(name, place)
    command = re.sub(r"/app(?=/(?:input|output|program)\b)", str(root), command)
    wrapper = root / "bin" / "deid-bench"
    write(wrapper, f'#!/bin/sh\nexec "{sys.executable}" -P -m deid_bench "$@"\n'.encode())
    wrapper.chmod(0o755)
    environment = os.environ | {"PATH": f"{wrapper.parent}:{os.environ['PATH']}", "PYTHONUNBUFFERED": "1"}
    return subprocess.run(
        shlex.split(command), cwd=root / "program", env=environment, capture_output=True, text=True, check=False
    )


def test_an_honest_submission_gets_the_numbers_that_verify_computes(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = worker(world, world.members, tmp_path)
    assert done.returncode == 0, done.stderr
    scores = json.loads((tmp_path / "output" / "scores.json").read_text())
    capsys.readouterr()
    assert main(["verify", str(world.submission), "--json"]) == 0
    (verified,) = json.loads(capsys.readouterr().out)["records"]
    assert verified["stamp"]["status"] == "recomputed"
    equal = {(each["metric"], each["recognizer"]) for each in verified["values"] if each["outcome"] == "equal"}
    record = RunRecord.model_validate_json(world.members[RECORD])
    numbers = {(each.metric, each.recognizer): each.value for each in record.values if each.value is not None}
    columns = json.loads(world.files["reference_data/challenge.json"])["columns"]
    keyed = {each["key"]: (each["metric"], each["recognizer"]) for each in columns}
    expected = {key: numbers[pair] for key, pair in keyed.items() if pair in equal & numbers.keys()}
    assert scores == pytest.approx(expected)
    assert {"rr_toy_recognizer", "ssim", "survival", "failure_rate"} < scores.keys()
    details = (tmp_path / "output" / "detailed_results.html").read_text(encoding="utf-8")
    assert "Scored." in details
    assert "labels are the submitter&#39;s words" in details
    assert "Parts of the record that nobody has checked: toolkit, " in details


def test_a_forged_submission_gets_no_score_and_is_told_why(world: World, tmp_path: Path) -> None:
    def raise_value(data: Data) -> None:
        next(each for each in data["values"] if each["metric"] == "rr")["value"] += 1

    done = worker(world, listed(world.members, raise_value), tmp_path)
    assert done.returncode == 1
    assert f"no score: {scoring.NOT_ENOUGH}" in done.stderr
    assert not (tmp_path / "output" / "scores.json").exists()
    details = (tmp_path / "output" / "detailed_results.html").read_text(encoding="utf-8")
    assert "No score" in details
    assert "rr toy_recognizer: says" in details
    assert "<h2>Numbers</h2>" not in details


# ------------------------------------------------------------------------------------------------ what comes in


def test_what_cannot_be_computed_anew_gets_no_score(world: World, tmp_path: Path) -> None:
    def without(data: Data) -> None:
        data["distances_file"] = None

    members = {name: each for name, each in world.members.items() if name != DISTANCES}
    code, scores, details = scored(world, listed(members, without), tmp_path)
    assert (code, scores) == (1, None)
    assert f"<strong>No score</strong>: {scoring.NOT_ENOUGH}." in details


def test_an_open_number_is_neither_scored_nor_shown(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number of an honest record that nothing here proves."""

    def unsure(*arguments: Any) -> Any:
        found = recompute(*arguments)
        for place, each in enumerate(found.verdicts):
            if each.metric == "ssim":
                found.verdicts[place] = cannot(record_value(arguments[0]), "nobody knows")
        return found

    def record_value(record: RunRecord) -> Any:
        return next(each for each in record.values if each.metric == "ssim")

    monkeypatch.setattr("deid_bench.benchmark.submission.verdict.recompute", unsure)
    code, scores, details = scored(world, world.members, tmp_path)
    assert code == 0
    assert scores is not None
    assert "ssim" not in scores
    assert "<td></td><td>not proved: nobody knows</td>" in details
    said = next(
        each.value for each in RunRecord.model_validate_json(world.members[RECORD]).values if each.metric == "ssim"
    )
    assert METRICS["ssim"].text(said or 0) not in details
    assert "so that they are not shown: ssim." in details


def test_without_the_number_that_ranks_there_is_no_score(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The platform puts what lacks a number above or below all others, as the column is sorted."""

    def unsure(*arguments: Any) -> Any:
        found = recompute(*arguments)
        found.verdicts[:] = [each for each in found.verdicts if each.metric != "rank1_without_source"]
        return found

    monkeypatch.setattr("deid_bench.benchmark.submission.verdict.recompute", unsure)
    code, scores, details = scored(world, world.members, tmp_path)
    assert (code, scores) == (1, None)
    assert "it has no number to rank by" in details


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"protocol_digest": "0" * 64}, "protocol"),
        ({"dataset_digest": "0" * 64}, "dataset"),
        ({"analyzer": {"spec": "toy_analyzer", "version": "2", "digest": "0"}}, "analyzer"),
        (
            {"recognizers": [{"spec": each, "version": "1", "digest": "0"} for each in ("toy_recognizer", "mtcc")]},
            "recognisers",
        ),
        ({"suite": "attacks/1.0", "attacks": ["A0", "A1"]}, "suite of attacks, attacks"),
        ({"root_seed": 3}, "seed (--root-seed 3)"),
        ({"seeds": 8}, "number of versions (--seeds 8)"),
        ({"score_version": 1}, "version of the scoring"),
    ],
)
def test_a_record_of_another_challenge_gets_no_score(world: World, tmp_path: Path, changes: Data, what: str) -> None:
    uploaded(world, world.members, tmp_path)
    place = tmp_path / "input" / "ref" / "challenge.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | changes))
    code, scores, details = score(tmp_path)
    assert (code, scores) == (1, None)
    assert f"expected one record of the challenge, got 0 (toy_noise: not the challenge&#39;s {what})." in details


def test_a_record_of_fewer_people_gets_no_score(world: World, tmp_path: Path) -> None:
    members = read(world.packed(tmp_path / "run", "identity", limit=3))
    uploaded(world, members, tmp_path)
    place = tmp_path / "input" / "ref" / "challenge.json"
    assert "not the challenge&#39;s dataset" in score(tmp_path)[2]
    digest = json.loads(members[RECORD])["dataset"]["digest"]
    place.write_text(json.dumps(json.loads(place.read_text()) | {"dataset_digest": digest}))
    code, scores, details = score(tmp_path)
    assert (code, scores) == (1, None)
    assert "of a part of the dataset (--limit)" in details


def test_the_rows_that_ship_are_records_of_their_challenge() -> None:
    challenge = challenge_of(get_protocol(default_protocol()), "palm-mini:setting=controlled", (), "Ours")
    asked = (challenge.protocol_digest, challenge.dataset_digest)
    found = [each for each in shipped().records if (each.protocol.digest, each.dataset.digest) == asked]
    assert len(found) > 3
    assert {challenge.misfit(each) for each in found} == {""}


def test_of_two_methods_none_is_chosen(world: World, tmp_path: Path) -> None:
    members = read(world.packed(tmp_path / "run", "toy_noise", "identity"))
    code, scores, details = scored(world, members, tmp_path)
    assert (code, scores) == (1, None)
    assert "expected one record of the challenge, got 2." in details


def test_a_zip_in_the_zip_and_a_folder_in_it_are_read(world: World, tmp_path: Path) -> None:
    expected = scored(world, world.members, tmp_path / "plain")[1]
    assert expected
    inner = {"mine.zip": world.submission.read_bytes()}
    assert scored(world, inner, tmp_path / "zip")[1] == expected
    moved = {f"mine/{name}": each for name, each in world.members.items()} | {"mine/.DS_Store": b"x"}
    assert scored(world, moved, tmp_path / "moved")[1] == expected


def link(root: Path) -> None:
    (root / "input" / "res" / "records" / "000" / "images" / "09-original.png").symlink_to("/etc/passwd")


def linked_folder(root: Path) -> None:
    (root / "input" / "res" / "more").symlink_to("/etc", target_is_directory=True)


def linked_zip(root: Path) -> None:
    place = root / "input" / "res"
    shutil.rmtree(place)
    place.mkdir()
    (place / "mine.zip").symlink_to(root / "elsewhere.zip")


def stray(root: Path) -> None:
    write(root / "input" / "res" / "evil.py", b"raise SystemExit")


def no_name(root: Path) -> None:
    write(Path(os.fsdecode(os.fsencode(root / "input" / "res") + b"/\xff.png")), b"x")


def nothing(root: Path) -> None:
    shutil.rmtree(root / "input" / "res")


def too_large(root: Path) -> None:
    with (root / "input" / "res" / "large.png").open("wb") as file:
        file.truncate(2**31)


def pickled(root: Path) -> None:
    write(root / "input" / "res" / DISTANCES, b"\x80\x04cos\nsystem\n(S'touch ran'\ntR.")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (link, "is a link or a device"),
        (linked_folder, "is a link or a device"),
        (linked_zip, "is a link or a device"),
        (stray, "is not a file that belongs there"),
        (no_name, "cannot be seen or written"),
        (nothing, "is empty"),
        (too_large, "more files, or larger ones"),
        (pickled, "not the file that manifest.json names"),
    ],
)
def test_what_a_stranger_uploads_is_refused_with_a_reason(
    world: World, tmp_path: Path, change: Callable[[Path], None], why: str
) -> None:
    uploaded(world, world.members, tmp_path)
    change(tmp_path)
    code, scores, details = score(tmp_path)
    assert (code, scores) == (1, None)
    assert why in details


def test_more_files_than_a_submission_has_are_not_read(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "LIMITS", replace(LIMITS, entries=len(world.members) - 1))
    code, scores, details = scored(world, world.members, tmp_path)
    assert (code, scores) == (1, None)
    assert "more files, or larger ones" in details


def test_texts_of_a_stranger_stay_texts(world: World, tmp_path: Path) -> None:
    hostile = "<img src=x onerror=alert(1)>"

    def rename(data: Data) -> None:
        data["method"]["spec"] = data["method"]["name"] = hostile

    code, scores, details = scored(world, listed(world.members, rename), tmp_path)
    assert (code, scores) == (1, None)
    assert "onerror" in details
    assert hostile not in details


def test_a_zip_that_is_made_again_is_the_one_that_was_packed(world: World) -> None:
    assert read(world.submission) == world.members
    assert make_zip(world.members) == world.submission.read_bytes()
