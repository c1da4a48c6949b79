"""Texts of strangers: one line, printable, whatever they hold; and output streams that lack characters or room."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deid_bench import cli
from deid_bench.benchmark.records.record import Counts, Plugin, Value
from deid_bench.benchmark.storage.store import Payload
from deid_bench.characters import inert, plain, sentence

ANY_TEXT = st.text(st.characters(categories=None), max_size=40)  # lone surrogates, too
NASTY = "a\x1b[2J\u202e\n\t b\udc80\x00\u2028\u200b"


@given(ANY_TEXT)
def test_what_comes_out_is_one_printable_line_that_every_encoding_takes(text: str) -> None:
    for shown in (plain(text), plain(text, 7), sentence(text), inert(text)):
        assert shown.isprintable()
        assert len(shown.splitlines()) <= 1
        shown.encode("utf-8")
    assert len(plain(text, 7)) <= 8
    assert plain(plain(text, 0), 0) == plain(text, 0)


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=40))
def test_a_text_that_can_be_seen_stays_as_it_is(text: str) -> None:
    assert plain(text) == sentence(text) == text


@given(st.recursive(ANY_TEXT, lambda inner: st.lists(inner) | st.dictionaries(ANY_TEXT, inner), max_leaves=10))
def test_any_data_can_be_written_as_json(data: Any) -> None:
    json.dumps(inert(data), ensure_ascii=False).encode("utf-8")


def test_blanks_become_spaces_and_the_rest_is_spelled_out() -> None:
    assert plain(NASTY) == "a\\u001b[2J\\u202e   b\\udc80\\u0000 \\u200b"
    assert sentence("no landmarks:\n  left eye\tmissing") == "no landmarks: left eye missing"


@given(ANY_TEXT)
def test_no_text_keeps_a_record_from_being_written(text: str) -> None:
    plugin = Plugin(
        spec=text, name=text, version=text, params={text: text, "n": 3}, origin=text, source_sha256="",
        description=text, licence=text, citation=text, weights={text: text},
    )  # fmt: skip
    again = Plugin.model_validate_json(plugin.model_dump_json())
    assert again == plugin
    assert plugin.description.isprintable()
    Value(metric="rr", value=None, n=0, reason=text).model_dump_json()
    Counts(planned=0, done=0, failed=0, skipped=0, reasons={text: 1}).model_dump_json()


def test_the_reason_of_a_stored_object_is_one_sentence() -> None:
    assert Payload({"failure": "no hand:\n  \x1b[31mnone"}).failure == "no hand: \\u001b[31mnone"
    assert Payload({}).failure is None
    assert Payload({"failure": ""}).failure


def shell(command: str, tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    script = (
        f"import sys; from deid_bench.cli import console; sys.argv = ['deid-bench', *{command.split()!r}]; console()"
    )
    environment = {**os.environ, **variables, "TMPDIR": str(tmp_path)}
    return subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, check=False, env=environment)


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_signs_that_the_terminal_lacks_are_replaced(tmp_path: Path, encoding: str) -> None:
    done = shell("explain --all --markdown", tmp_path, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"# Metrics" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_output_that_cannot_be_written_is_said_in_one_line(tmp_path: Path) -> None:
    script = "import sys; from deid_bench.cli import console; sys.argv = ['deid-bench', 'list', '--json']; console()"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-P", "-c", script], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == cli.EXIT_OUTPUT
    assert done.stderr == "Error: the output cannot be written (No space left on device)\n"


def test_a_bug_of_ours_is_one_line_and_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def explode(*arguments: object) -> None:
        raise KeyError("what\n\x1b[31m")

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(cli.cli, "main", lambda **_: explode())
    assert cli.main(["list"]) == 70
    err = capsys.readouterr().err
    (log,) = tmp_path.glob("deid-bench-*.log")
    assert len(err.splitlines()) == 1
    assert "KeyError" in err
    assert str(log) in err
    assert "\x1b[31m" not in err.replace("\x1b[31mError", "")
    assert "explode" in log.read_text()


def test_the_error_of_a_strange_path_is_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["store", "size", "--out", "/nowhere/\x1b[2J\u202e"]) == 2  # of click
    err = capsys.readouterr().err
    assert "/nowhere/\\u202e holds no store" in err  # colour codes are left out by click
    assert err.startswith("Usage: ")
    assert cli.main(["board", "/nowhere/\x1b[2J\u202e"]) == 2
    err = capsys.readouterr().err
    assert "\\u001b[2J\\u202e" in err
