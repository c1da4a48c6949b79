"""One holder at a time: over processes, after kills, over machines that keep their locks to themselves."""

from __future__ import annotations

import errno
import json
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from deid_bench.benchmark.storage import lock
from deid_bench.benchmark.storage.lock import Busy, hold
from deid_bench.benchmark.storage.owner import Owner

HOLDER = """
import sys, time
from pathlib import Path
from deid_bench.benchmark.storage.lock import hold
with hold(Path(sys.argv[1]), "a cell"):
    print("held", flush=True)
    sys.stdin.readline()
"""


def start_holder(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_an_owner_reads_its_own_mark() -> None:
    here = Owner.here()
    assert Owner.parse(here.mark) == here
    assert Owner.parse(f"{here.mark}-0123-abcd") == here
    assert Owner.parse("1234-abcd") is None
    assert not here.is_dead(here)


def test_who_holds_a_lock_is_named(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "x.lock"
    holder = start_holder(path)
    with (
        pytest.raises(Busy, match=rf"host \S+, process {holder.pid} works on a cell"),
        hold(path, "a cell", wait=False),
    ):
        pass
    said: list[str] = []
    threading.Timer(0.5, lambda: holder.communicate("\n")).start()
    with hold(path, "a cell", notice=said.append):
        assert holder.poll() == 0 or holder.wait(10) == 0
    assert len(said) == 1
    assert "waiting (--no-wait" in said[0]
    assert path.read_bytes() == b""


def test_a_killed_holder_leaves_nothing_to_clear_away(tmp_path: Path) -> None:
    path = tmp_path / "x.lock"
    holder = start_holder(path)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert path.read_bytes()
    with hold(path, "a cell", wait=False):
        pass


def test_a_holder_on_another_machine_is_watched_before_it_is_believed_dead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder does not carry locks between machines: the name in the file alone says that somebody is there."""
    monkeypatch.setattr(lock, "STILL_SECONDS", 1.0)
    path = tmp_path / "x.lock"
    there = replace(Owner.here(), host="elsewhere", boot="0123456789ab", process=77)
    ended = threading.Event()

    def beat() -> None:
        number = 0
        while not ended.wait(0.05):
            number += 1
            path.write_text(json.dumps({"owner": there.mark, "beat": number}).ljust(256))

    thread = threading.Thread(target=beat)
    path.write_text(json.dumps({"owner": there.mark, "beat": 0}).ljust(256))
    thread.start()
    with pytest.raises(Busy, match="host elsewhere, process 77"), hold(path, "a cell", wait=False):
        pass
    ended.set()
    thread.join()
    with hold(path, "a cell", wait=False):  # the number stands still
        pass


def test_a_removed_lock_file_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, real = tmp_path / "x.lock", lock._try

    def removed_meanwhile(descriptor: int) -> bool | None:
        got = real(descriptor)
        if not gone:
            path.unlink()
            gone.append(path)
        return got

    gone: list[Path] = []
    monkeypatch.setattr(lock, "_try", removed_meanwhile)
    with hold(path, "a cell"), pytest.raises(Busy), hold(path, "a cell", wait=False):
        pass


def test_a_folder_without_locks_is_told_and_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    assert lock.fcntl is not None
    monkeypatch.setattr(lock.fcntl, "flock", none)
    said: list[str] = []
    with hold(tmp_path / "x.lock", "a cell", notice=said.append):
        pass
    assert "same work twice" in said[0]


def test_an_error_inside_the_block_frees_the_lock(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="oops"), hold(tmp_path / "x.lock", "a cell"):
        raise ValueError("oops")
    with hold(tmp_path / "x.lock", "a cell", wait=False):
        pass
