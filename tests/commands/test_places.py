"""Paths that may not be looked at, users that there are not, and no home: each is a sentence and never a bug.

Whoever runs these as root may enter everything, so that the refusal is made up here.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deid_bench import cli
from deid_bench.cli import main
from deid_bench.files import NoHomeError, OutputPathError, PathError, cache_root, data_root, expanded, found_at

LONG = "n" * 300
NOBODY = "~no-such-user-here/x"


@pytest.fixture
def locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that may not be entered."""
    place = tmp_path / "locked"
    real = Path.stat

    def refuse(self: Path, **options: Any) -> os.stat_result:
        if place in self.parents:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))
        return real(self, **options)

    place.mkdir()
    monkeypatch.setattr(Path, "stat", refuse)
    return place


def test_what_lies_at_a_path(tmp_path: Path, locked: Path) -> None:
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    found = [found_at(tmp_path / each) for each in ("file", "locked", "pipe", "none", "file/below", LONG, "a\0b")]
    assert found == ["file", "folder", "other", "nothing", "nothing", "nothing", "nothing"]
    with pytest.raises(PathError, match=r"x may not be looked at \(Permission denied\)") as input_:
        found_at(locked / "x")
    with pytest.raises(OutputPathError) as output:
        found_at(locked / "x", OutputPathError)
    assert (input_.value.exit_code, output.value.exit_code) == (2, 4)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["plan", "-m", "masking", "-d", "{}"], 2),
        (["plan", "-m", "masking", "-d", "palm-mini", "-o", "{}"], 4),
        (["run", "-m", "masking", "-d", "folder:path={}", "-o", "out", "-q"], 2),
        (["board", "{}", "-o", "board.html"], 2),
        (["tables", "{}", "-o", "tables"], 2),
        (["compare", "{}", "{}"], 2),
        (["compare", "a", "b", "--results", "{}"], 2),
        (["power", "{}", "--metric", "rr", "--bound", "10"], 2),
        (["store", "size", "-o", "{}"], 4),
        (["new", "method", "my_own_method", "-o", "{}"], 4),
        (["weights", "add", "ccnet-tongji", "{}"], 2),
    ],
    ids=lambda value: " ".join(value[:4]) if isinstance(value, list) else "",
)
def test_a_folder_that_may_not_be_entered(
    words: list[str],
    code: int,
    locked: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([each.format(locked / "x") for each in words]) == code
    said = capsys.readouterr().err
    assert f"{locked}/x" in said
    assert "may not be looked at (Permission denied)" in said


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["plan", "-m", "masking", "-d", LONG], 2),
        (["plan", "-m", "masking", "-p", f"{LONG}.toml"], 2),
        (["run", "-m", "masking", "-d", "palm-mini", "-o", LONG, "-q"], 4),
        (["board", LONG, "-o", "board.html"], 2),
        (["compare", LONG, LONG], 2),
        (["power", LONG, "--metric", "rr", "--bound", "10"], 2),
        (["store", "size", "-o", LONG], 2),
        (["new", "method", "my_own_method", "-o", LONG], 4),
        (["weights", "add", "ccnet-tongji", LONG], 3),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, list) else "",
)
def test_a_name_that_no_file_can_have(
    words: list[str], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(words) == code
    assert "a bug of" not in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["plan", "-m", "masking", "-p", f"{NOBODY}.toml"],
        ["plan", "-m", "masking", "-d", NOBODY],
        ["plan", "-m", "masking", "-d", f"folder:path={NOBODY}"],
        ["weights", "add", "ccnet-tongji", NOBODY],
    ],
    ids=lambda words: words[-2],
)
def test_a_user_that_there_is_not(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert "there is no user 'no-such-user-here'; write the path without ~" in capsys.readouterr().err


@pytest.mark.parametrize(("variable", "root"), [("DEID_BENCH_CACHE", cache_root), ("DEID_BENCH_DATA", data_root)])
def test_a_variable_with_a_user_that_there_is_not(
    variable: str, root: Callable[[], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, NOBODY)
    with pytest.raises(PathError, match=f"^{variable}: {NOBODY}: there is no user"):
        root()


def test_no_home(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """As in a container whose user is a number that its list of users does not have."""
    for name in list(os.environ):
        if name in ("HOME", "DEID_BENCH_CACHE", "DEID_BENCH_DATA") or name.startswith("XDG_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr("pwd.getpwuid", lambda number: {}[number])
    for root in (cache_root, data_root):
        with pytest.raises(NoHomeError, match="set DEID_BENCH_CACHE and DEID_BENCH_DATA"):
            root()
    with pytest.raises(PathError, match="there is no home folder"):
        expanded("~/x")
    for words in (["weights", "list"], ["data", "status"], ["plan", "-m", "masking", "-d", "iitd"]):
        assert main(words) == 3
        assert "there is no home folder; set DEID_BENCH_CACHE and DEID_BENCH_DATA" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "number", "there"),
    [
        (4, errno.EROFS, True),
        (4, errno.ENOSPC, True),
        (4, errno.EDQUOT, False),
        (4, errno.EACCES, True),  # it can be looked at and read: writing it failed
        (4, errno.EACCES, False),  # what is not there was to be made
        (2, errno.ENAMETOOLONG, False),
        (2, errno.ENOTDIR, False),
        (70, errno.EBADF, True),
    ],
)
def test_what_nobody_has_caught(
    code: int,
    number: int,
    there: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A file that the system refuses is no bug, wherever it was opened."""
    place = tmp_path / "x"
    if there:
        place.touch()

    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number), str(place))

    monkeypatch.setattr(cli, "_called", fail)
    assert main([]) == code
    said = capsys.readouterr().err
    assert ("a bug of deid-bench" in said) == (code == 70)
    assert str(place) in said


def test_a_folder_that_is_not_let_in_was_to_be_read(
    locked: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def look(*_: object) -> None:
        (locked / "x").stat()

    def make(*_: object) -> None:
        (locked.parent / "file").touch()
        (locked.parent / "file" / "y").mkdir()

    for work, code, what in ((look, 2, "x cannot be read"), (make, 4, "y cannot be written")):
        monkeypatch.setattr(cli, "_called", work)
        assert main([]) == code
        assert what in capsys.readouterr().err


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="becomes another user")
def test_another_user_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same with a folder that is truly closed."""
    closed = tmp_path / "closed"
    closed.mkdir(0o700)
    # What is imported on the way may lie where nobody else may look.
    assert main(["compare", str(tmp_path / "a"), str(tmp_path / "b")]) == 2
    assert main(["new", "method", "my_own_method", "-o", str(tmp_path / "open")]) == 0
    capsys.readouterr()
    os.seteuid(65534)
    try:
        assert main(["compare", str(closed / "a"), str(closed / "b")]) == 2
        assert main(["new", "method", "my_own_method", "-o", str(closed)]) == 4
    finally:
        os.seteuid(0)
    assert capsys.readouterr().err.count("Permission denied") == 2
