"""A stranger's recogniser and a stranger's protocol: one file each, and they stand everywhere that ours do.

A metric of theirs is in test_metric_plugins.py.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deid_bench.benchmark import protocols as room
from deid_bench.cli import main

FILE = Path(__file__).parents[1] / "my_recognizer.py"
SPEC = f"{FILE}:ColourPalette"
NAME = "colour_palette"


pytestmark = pytest.mark.usefixtures("registry_as_before")


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What a command prints, on one line; it has to end well."""
    code = main(list(words))
    printed = capsys.readouterr()
    assert code == 0, (words, printed.out, printed.err)
    return " ".join(printed.out.split())


def loud(arguments: list[str]) -> list[str]:
    return [each for each in arguments if each != "--quiet"]


def test_a_recogniser_of_one_file_stands_everywhere(
    toy_arguments: list[str], toy_plugin_arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, zipped = tmp_path / "out", tmp_path / "submission.zip"
    arguments = [*loud(toy_arguments), "-r", SPEC, "--backend", "serial", "--out", str(out)]
    assert NAME in said(capsys, *toy_plugin_arguments, "run", "-m", "toy_noise", "-m", "masking", *arguments)
    assert NAME in (out / "board.html").read_text(encoding="utf-8")
    for table in said(capsys, "tables", str(out)), said(capsys, "tables", str(out), "--format", "csv"):
        assert NAME in table
    compared = json.loads(said(capsys, "compare", *map(str, sorted(out.glob("*/run.json"))), "--json"))
    assert NAME in {each["recognizer"] for each in compared}
    said(capsys, "figures", str(out), "-o", str(tmp_path / "figures"), "--format", "svg", "-f", "det", "-f", "cmc")
    assert {"cmc", "det"} == {each.name.split("__")[0] for each in (tmp_path / "figures").glob(f"*{NAME}.svg")}
    said(capsys, "pack", str(out), "-o", str(zipped), "--samples", "0")
    (first, *_) = json.loads(said(capsys, "verify", str(zipped), "--json"))["records"]
    assert "equal" in {each["outcome"] for each in first["values"] if (each["recognizer"] or "").startswith(NAME)}
    assert "smaller is more alike" in said(capsys, "check", SPEC)
    assert f"recognizer {NAME}" in said(capsys, "info", SPEC)
    assert NAME in said(capsys, "--plugin", str(FILE), "list", "recognizers")
    assert "brightness" in said(capsys, "--plugin", str(FILE), "explain", NAME)
    assert "brightness" in said(capsys, "explain", SPEC)


def test_a_protocol_of_one_file_stands_everywhere(
    toy_arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (room.FOLDER / "palm-1.0.toml").read_text(encoding="utf-8")
    for old, new in (("palm/1.0", "ours/1.0"), ("Palm, strict", "Half of us"), ("dev_share = 0.34", "dev_share = 0.5")):
        assert old in text
        text = text.replace(old, new)
    path, out, zipped = tmp_path / "my.toml", tmp_path / "out", tmp_path / "submission.zip"
    path.write_text(text, encoding="utf-8")
    arguments = [*loud(toy_arguments), "--backend", "serial", "--out", str(out)]
    arguments[arguments.index("--protocol") + 1] = str(path)
    assert "ours/1.0" in said(capsys, "run", "-m", "toy_noise", "-m", "masking", *arguments)
    path.unlink()  # what follows reads the rules from the records
    assert "ours/1.0" in (out / "board.html").read_text(encoding="utf-8")
    for words in (["tables", str(out)], ["tables", str(out), "--format", "csv"], ["score", str(out)]):
        assert "ours/1.0" in said(capsys, *words), words
    said(capsys, "figures", str(out), "-o", str(tmp_path / "figures"), "--format", "svg", "-f", "det")
    assert list((tmp_path / "figures").glob("det__*__ours-1.0__*.svg"))
    said(capsys, "pack", str(out), "-o", str(zipped), "--samples", "0")
    verified = json.loads(said(capsys, "verify", str(zipped), "--json"))
    assert verified["refused"] == []
    for record in verified["records"]:
        assert (record["protocol"], record["problems"]) == ("ours/1.0", [])
        assert "equal" in {each["outcome"] for each in record["values"] if each["metric"] == "rr"}
    path.write_text(text, encoding="utf-8")
    for words in (["explain", str(path)], ["info", str(path)], ["explain", str(path), "--markdown"]):
        printed = said(capsys, *words)
        assert "ours/1.0" in printed
        assert "50 %" in printed
