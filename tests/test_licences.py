"""Terms of other people's tools: nothing is accepted silently, and an answer is remembered."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from deid_bench import licences as licences
from deid_bench.cli import main


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEID_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv(licences.VARIABLE, raising=False)


def _answer(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_nothing_is_accepted_at_first() -> None:
    assert not licences.accepted("wilor")
    with pytest.raises(licences.LicenceError, match="deid-bench licence accept wilor") as caught:
        licences.require("wilor")
    assert caught.value.exit_code == 3


def test_an_answer_is_remembered_and_holds_the_terms() -> None:
    path = licences.accept("wilor")
    licences.require("wilor")
    assert json.loads(path.read_text())["terms"] == list(licences.licence("wilor").terms)
    assert [each.name for each in path.parent.iterdir()] == ["wilor.json"]


def test_other_terms_are_asked_for_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    licences.accept("wilor")
    stricter = replace(licences.licence("wilor"), terms=("You owe us a cake.",))
    monkeypatch.setattr(licences, "LICENCES", {"wilor": stricter})
    assert not licences.accepted("wilor")


@pytest.mark.parametrize("text", ["", "yes", "[]", '{"sha256": 1}'])
def test_a_damaged_answer_is_none(text: str) -> None:
    path = licences.accept("wilor")
    path.write_text(text)
    assert not licences.accepted("wilor")


def test_the_variable_accepts_by_name_for_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(licences.VARIABLE, "1")
    assert not licences.accepted("wilor")
    monkeypatch.setenv(licences.VARIABLE, "other, wilor")
    licences.require("wilor")
    assert not licences.answer_file("wilor").exists()


def test_an_answer_that_cannot_be_kept_says_so(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file, no folder")
    with pytest.raises(licences.LicenceError, match="DEID_BENCH_CACHE"):
        licences.accept("wilor")


@pytest.mark.parametrize("text", ["n\n", "\n", ""])
def test_the_command_takes_silence_for_no(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str
) -> None:
    _answer(monkeypatch, text)
    assert main(["licence", "accept", "wilor"]) == 3
    said = capsys.readouterr()
    assert "CC BY-NC-ND 4.0" in said.out
    assert "Not accepted" in said.err
    assert not licences.accepted("wilor")


@pytest.mark.parametrize(("options", "text"), [([], "y\n"), (["--yes"], "")])
def test_the_command_shows_the_terms_and_remembers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], options: list[str], text: str
) -> None:
    _answer(monkeypatch, text)
    assert main(["licence", "accept", "wilor", *options]) == 0
    said = capsys.readouterr().out
    assert all(part in said for part in ("CC BY-NC-ND 4.0", "MANO", "AGPL-3.0"))
    assert licences.accepted("wilor")
    assert main(["licence", "list", "--json"]) == 0
    rows = {row["name"]: row["accepted"] for row in json.loads(capsys.readouterr().out)}
    assert rows == {"dlib68": False, "wilor": True}
    assert main(["licence", "list"]) == 0
    (line,) = [each for each in capsys.readouterr().out.splitlines() if each.startswith("wilor")]
    assert line.split()[1] == "accepted"


def test_an_unknown_name_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["licence", "accept", "mano"]) == 3
    assert "Known: dlib68, wilor" in capsys.readouterr().err
