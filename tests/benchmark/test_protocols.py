"""Protocols: versioned, and the split by subjects."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from deid_bench.benchmark import protocols as room
from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.planning.defaults import default_protocol
from deid_bench.benchmark.protocols import ProtocolError, get_protocol, newest, protocol_of, protocols
from deid_bench.benchmark.protocols.page import REGENERATE, protocols_table
from deid_bench.benchmark.records.collection import load_records
from deid_bench.benchmark.records.record import load_record
from deid_bench.benchmark.results.distances_file import DISTANCES_NAME, read
from deid_bench.benchmark.submission.recompute import recompute
from deid_bench.cli import main

DIGESTS = {
    "face/1.0": "400c2fd161c087d86a03df650c1c4fd2a22b288cbe4021bc5542d652e1292a18",
    "face/1.1": "1a975e5dcb8f440c20539636a1f1699fcfffd8a0eeff60d39d7158f9dabbaf63",
    "palm-paper/1.0": "b174fb8544d5ba346c2130f6f30fe7fad4750a727131001df0ab44e487f3a2be",
    "palm-paper/1.1": "84cdd55e3bee3375a14d4c6c520779277a45280e6ecaddf1a9243596785fb9f5",
    "palm/1.0": "8d6a4e7a1695028d8af5fb9b83db72749af4d352911578f52efa0470c44771ff",
    "palm/2.0": "1263555178cbb46ac1def97af56bb065b16e247f45aaf507a7d85d84ea8786f6",
}


PAGE = Path(__file__).parents[2] / "docs" / "protocols.md"


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the folder of protocols, in its place for a test."""
    folder = tmp_path / "protocols"
    shutil.copytree(room.FOLDER, folder, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    monkeypatch.setattr(room, "FOLDER", folder)
    protocols.cache_clear()
    yield folder
    monkeypatch.undo()
    protocols.cache_clear()


def changed(tmp_path: Path, *edits: tuple[str, str], name: str = "palm-1.0.toml") -> Path:
    """A copy of one of our files with some texts replaced."""
    text = (room.FOLDER / name).read_text(encoding="utf-8")
    for old, new in edits:
        assert old in text
        text = text.replace(old, new)
    path = tmp_path / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_released_protocols_never_change() -> None:
    """A change is a new version and a new file: numbers under one id have to stay comparable."""
    assert {each.id: each.digest for each in protocols().values()} == DIGESTS


def test_a_successor_is_named_without_a_change_of_the_digest(tmp_path: Path) -> None:
    path = changed(tmp_path, ('superseded_by = "palm/2.0"', 'superseded_by = "palm/7.0"'))
    found = get_protocol(str(path))
    assert (found.superseded_by, found.digest) == ("palm/7.0", DIGESTS["palm/1.0"])
    known = protocols()
    assert {each.superseded_by for each in known.values()} <= {"", *known}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('from = "dev"', 'from = "nobody"', r"threshold\.from: .*'dev' or 'eval', got 'nobody'"),
        ('from = "dev"', "", r"threshold\.from: Field required"),
        ('rule = "eer"', 'rule = "eerr"', r"threshold\.rule: .*got 'eerr'"),
        ("[split]", "[spit]", r"split: Field required"),
        ("dev_share = 0.34", "dev_share = 1.5", r"split\.dev_share: .*less than 1.*got '1\.5'"),
        ("dev_share = 0.34", "dev_share = 0.0", r"needs a split\.dev_share above 0"),
        (
            "dev_share = 0.34",
            "dev_share = 0.34\nsalt = 3",
            r"split\.salt: there is no such key; known are dev_share, seed",
        ),
        ('id = "palm/1.0"', 'id = "palm"', r"id: .*got 'palm'"),
        ('id = "palm/1.0"', 'id = "palm/1.0"\ndigest = "00"', r"digest: no key of a protocol file"),
        ('id = "palm/1.0"', 'id = "palm/1.0"\nday = 2025-01-01', r"day: there is no such key"),
        ("dev_share = 0.34", "dev_share = 2025-01-01", r"split\.dev_share: .*number, got '2025-01-01'"),
        ("dev_share = 0.34", "dev_share = nan", r"split\.dev_share: .*finite.*nan"),
        ("dev_share = 0.34", 'dev_share = "0.34"', r"split\.dev_share: .*valid number.*'0\.34'"),
        ("dev_share = 0.34", "dev_share = true", r"split\.dev_share: .*valid number.*True"),
        ("seed = 20250408", "seed = true", r"split\.seed: .*valid integer.*True"),
        ("seed = 20250408", "seed = 3.0", r"split\.seed: .*valid integer"),
        ("[split]", '[crop]\ntemplate = "arcface"\nsize = 112\n[split]', r"crop: faces are cut .* of palms"),
        ('"palm/2.0"', '"soon"', r"superseded_by: .*got 'soon'"),
        ('"palm/2.0"', '"palm/1.0"', r"superseded_by: this is the version itself"),
        (
            "[split]",
            '[attacks]\nsuite = "attacks/9.0"\nlevel = "none"\n[split]',
            r"attacks\.suite: there is no suite of attacks 'attacks/9\.0'.*attacks/1\.0",
        ),
        ('title = "Palm', 'title = "\\u202ePalm', r"title: .*direction character"),
        ('title = "Palm', 'title = "\\u0007Palm', r"title: .*control"),
        ('source = "', 'source = "\\u001b[31m', r"source: .*control"),
        ('id = "palm/1.0"', 'id = "palm/1.0"\nx = ' + "[" * 5000, r"nested too deep"),
        ('id = "palm/1.0"', 'id = "palm/1.0"\nx = ' + "9" * 5000, r"no TOML file"),
        ('id = "palm/1.0"', 'id = "palm/1.0"\n' + ".".join("a" * 3000) + " = 1", r"a: there is no such key"),
        ("seed = 20250408", "seed." + ".".join("a" * 3000) + " = 1", r"split\.seed: .*integer, got something nested"),
        ('id = "palm/1.0"', "id = palm", r"no TOML file"),
    ],
)
def test_a_file_that_makes_no_sense_says_what_would(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(ProtocolError, match=message):
        get_protocol(str(changed(tmp_path, (old, new))))


def test_a_missing_file_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["run", "-m", "blurring", "--protocol", str(tmp_path / "none.toml")])
    assert code == 2
    assert "none.toml: the protocol cannot be read" in capsys.readouterr().err


def test_the_docs_show_every_protocol() -> None:
    table = protocols_table(list(protocols().values()))
    assert table in PAGE.read_text(encoding="utf-8"), f"docs/protocols.md lacks the table; {REGENERATE}"


def test_a_version_is_added_by_one_file(
    tmp_path: Path,
    own_folder: Path,
    toy_options: Callable[..., RunOptions],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """One file in the folder of protocols is found by `list`, `info`, `explain`, the docs, a run, and its board."""
    text = (own_folder / "palm-1.0.toml").read_text().replace("palm/1.0", "palm/7.0").replace("Palm, strict", "Seventh")
    (own_folder / "palm-7.0.toml").write_text(text)
    for command in (["list", "protocols"], ["info", "palm/7.0"], ["explain", "palm/7.0"]):
        assert main(command) == 0
        assert "Seventh" in capsys.readouterr().out
    assert "`palm/7.0`" in protocols_table(list(protocols().values()))
    options = toy_options("toy_noise", protocol="palm/7.0")
    assert main(_typed(options, tmp_path / "out")) == 0
    assert "palm/7.0" in capsys.readouterr().out
    assert "palm/7.0" in (tmp_path / "out" / "board.html").read_text()


@pytest.mark.parametrize("old", ["palm-paper/1.1", "face/1.1"])
def test_a_successor_is_taken_wherever_none_is_named(
    old: str, own_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One file and `superseded_by` in the old one: defaults and their help follow."""
    name = old.partition("/")[0]
    path = own_folder / f"{old.replace('/', '-')}.toml"
    text = path.read_text()
    path.write_text(f'superseded_by = "{name}/7.0"\n{text}')
    text = text.replace(f'id = "{old}"', f'id = "{name}/7.0"').replace('"face-london", ', "")
    (own_folder / f"{name}-7.0.toml").write_text(text)
    face = name == "face"
    assert default_protocol("face" if face else "palm") == f"{name}/7.0"
    assert RunOptions("identity").protocol == ("palm-paper/1.1" if face else "palm-paper/7.0")
    for command in ("run", "plan"):
        assert main([command, "--help"]) == 0
        words = " ".join(capsys.readouterr().out.split())
        told = "under face/7.0 the first at hand of lfw and orl]" if face else "[default: palm-paper/7.0]"
        assert told in words
        assert f"under {old}" not in words
        assert f"default: {old}" not in words
    if not face:
        assert main(["plan", "-m", "blurring", "--limit", "4"]) == 0
        assert "protocol palm-paper/7.0" in capsys.readouterr().out


def test_what_a_chain_of_versions_cannot_end_in_is_said(own_folder: Path) -> None:
    assert newest("palm/1.0") == newest("palm/2.0") == "palm/2.0"
    path = own_folder / "palm-2.0.toml"
    text = path.read_text()
    for following, message in (("palm/1.0", "goes in a circle"), ("palm/8.0", r"there is no protocol 'palm/8\.0'")):
        path.write_text(f'superseded_by = "{following}"\n{text}')
        protocols.cache_clear()
        with pytest.raises(ProtocolError, match=message):
            newest("palm/1.0")


def _typed(options: Any, out: Path) -> list[str]:
    typed = [
        "run",
        "--out",
        str(out),
        "--jobs",
        "1",
        "--protocol",
        str(options.protocol),
        "--analyzer",
        options.analyzer,
    ]
    for name, values in (("-m", options.methods), ("-d", options.datasets), ("-r", options.recognizers)):
        typed += [part for each in values for part in (name, each)]
    return typed


def test_a_users_own_protocol_runs_and_is_kept_apart(
    tmp_path: Path, toy_options: Callable[..., RunOptions], capsys: pytest.CaptureFixture[str]
) -> None:
    """Even under the id of one of ours: by its digest, in tables, on the board, and when it is recomputed."""
    path, out = changed(tmp_path, ("dev_share = 0.34", "dev_share = 0.5")), tmp_path / "out"
    for protocol in ("palm/1.0", str(path)):
        assert main(_typed(toy_options("toy_noise", protocol=protocol), out)) == 0
    text = capsys.readouterr().out
    own = get_protocol(str(path))
    assert f"palm/1.0 (own rules, {own.digest[:8]})" in text
    records = {each.protocol.digest: each for each in load_records(out)}
    assert set(records) == {DIGESTS["palm/1.0"], own.digest}
    assert records[DIGESTS["palm/1.0"]].protocol.rules is None
    assert records[own.digest].protocol.rules == own.rules
    assert (out / "board.html").read_text().count("other rules: protocol digest") == 2
    for each in out.rglob("run.json"):
        found = load_record(each)
        again = recompute(found, read(each.parent / DISTANCES_NAME))
        assert again.problems == []
        assert {verdict.outcome for verdict in again.verdicts if verdict.metric.startswith("rr")} == {"equal"}
    forged = {**own.rules, "title": "Other"}
    assert protocol_of(own.id, own.digest, forged) is None
    assert json.loads(json.dumps(own.rules)) == own.rules


def test_an_unknown_protocol_names_close_ones() -> None:
    with pytest.raises(ProtocolError, match=r"did you mean .*palm/1\.0"):
        get_protocol("palm/1.7")


def test_the_paper_takes_everybody_for_everything() -> None:
    protocol = get_protocol("palm-paper/1.0")
    people = ["a", "b", "c"]
    assert protocol.dev_subjects(people) == protocol.eval_subjects(people) == frozenset(people)


def test_the_split_is_by_subject_disjoint_and_independent_of_order() -> None:
    protocol = get_protocol("palm/1.0")
    people = [f"s{index}" for index in range(50)]
    dev, evaluated = protocol.dev_subjects(people), protocol.eval_subjects(people)
    assert not dev & evaluated
    assert dev | evaluated == set(people)
    assert len(dev) == 17
    assert protocol.dev_subjects(people[::-1] * 3) == dev


def test_a_person_stays_on_their_side_when_others_come() -> None:
    protocol = get_protocol("palm/1.0")
    few, many = ([f"s{index}" for index in range(count)] for count in (40, 400))
    moved = protocol.dev_subjects(few) ^ (protocol.dev_subjects(many) & set(few))
    assert len(moved) < 12
