"""A damaged store costs time and nothing else: no exception, no other number, and everything is made anew."""

from __future__ import annotations

import errno
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deid_bench.benchmark.engine.backends import serial
from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.run import Execution, Outcome, run
from deid_bench.benchmark.storage import store as stored
from deid_bench.benchmark.storage.digest import digest
from deid_bench.benchmark.storage.journal import Timing, add_timing, journal_path, read_timings
from deid_bench.benchmark.storage.owner import Owner
from deid_bench.benchmark.storage.store import Payload, Store, StoreError, encode
from deid_bench.benchmark.storage.strict_zip import make_zip
from deid_bench.files import read_bytes

FLIPS = int(os.environ.get("DEID_BENCH_TEST_FLIPS", "60"))
MUTATIONS = int(os.environ.get("DEID_BENCH_TEST_MUTATIONS", "1500"))
"""How many objects are damaged; few by default."""


def run_once(options: Any, out: Path, **execution: Any) -> Outcome:
    (outcome,) = run(options, Execution(out=out, backend=execution.pop("backend", "serial"), **execution))
    return outcome


def numbers(outcome: Outcome) -> dict[str, Any]:
    return outcome.record.model_dump(exclude={"host"})


def objects(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((out / ".store" / "objects").rglob("*.zip"))}


def spoil(data: bytes, rng: random.Random) -> bytes:
    """One of the ways in which a disk or a copy goes wrong."""
    kind, at = rng.randrange(7), rng.randrange(len(data))
    if kind == 0:
        return data[:at]
    if kind == 1:
        return data[at + 1 :]
    if kind == 2:  # a sector of zeros
        changed = data[:at] + bytes(min(512, len(data) - at)) + data[at + 512 :]
        return changed if changed != data else data[:-1]
    if kind == 3:
        return data + bytes(rng.randrange(1, 40))
    if kind == 4:
        return data[:at] + rng.randbytes(rng.randrange(1, 40)) + data[at:]
    flipped = bytearray(data)
    flipped[at] ^= 1 << rng.randrange(8)
    return bytes(flipped)


@pytest.mark.parametrize("backend", ["serial", "process"])
def test_damage_is_made_good_in_the_same_run(
    toy_options: Callable[..., RunOptions], tmp_path: Path, backend: str
) -> None:
    options, out, rng = toy_options("toy_noise"), tmp_path / "out", random.Random(1)
    first = run_once(options, out)
    whole = objects(out)
    for name in rng.sample(sorted(whole), min(FLIPS, len(whole))):
        path = out / ".store" / "objects" / name[:2] / name
        path.write_bytes(spoil(whole[name], rng))
    (first.folder / "run.json").unlink()
    second = run_once(options, out, backend=backend, jobs=2)
    assert numbers(second) == numbers(first)
    assert second.record.counts.retry == 0
    assert objects(out) == whole


def test_an_object_that_is_lost_during_the_run_is_made_again(
    toy_options: Callable[..., RunOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each stage finds that something it needs is gone, which was there when the stage began."""
    options = toy_options("toy_noise")
    first = run_once(options, tmp_path / "whole")
    rng, real = random.Random(2), serial.SerialBackend.run

    def forgetful(self: Any, chunks: Any) -> Any:
        for chunk in chunks:
            there = sorted(each for task in chunk for each in task.reads)
            for each in rng.sample(there, min(2, len(there))):
                if rng.random() < 0.1:
                    self._context.store.path(each).unlink(missing_ok=True)
            yield from real(self, [chunk])

    monkeypatch.setattr(serial.SerialBackend, "run", forgetful)
    second = run_once(options, tmp_path / "out")
    assert numbers(second) == numbers(first)
    assert set(objects(tmp_path / "out")) <= set(objects(tmp_path / "whole"))


def test_a_disk_that_keeps_nothing_ends_in_a_sentence(
    toy_options: Callable[..., RunOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = toy_options("toy_noise")
    monkeypatch.setattr(Store, "read", lambda self, digest: None)
    outcome = run_once(options, tmp_path / "out")
    assert outcome.record.counts.done == 0
    assert any("check the disk" in each for each in outcome.record.counts.reasons)
    assert outcome.record.counts.retry


@pytest.mark.parametrize("name", ["run.json", "distances.npz", "scores.npz"])
def test_a_damaged_file_of_a_finished_cell_is_written_again(
    toy_options: Callable[..., RunOptions], tmp_path: Path, name: str
) -> None:
    options, out, rng = toy_options("toy_noise"), tmp_path / "out", random.Random(3)
    first = run_once(options, out)
    path = first.folder / name
    whole = path.read_bytes()
    if name == "run.json":  # still a record, with another number in it
        path.write_bytes(whole.replace(b'"value": 1', b'"value": 2', 1))
        assert path.read_bytes() != whole
    else:
        path.write_bytes(spoil(whole, rng))
    second = run_once(options, out)
    assert not second.from_store
    assert numbers(second) == numbers(first)
    if name != "run.json":
        assert path.read_bytes() == whole


def test_records_without_a_store_are_believed(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    first = run_once(toy_options("toy_noise"), tmp_path / "out")
    shutil.rmtree(tmp_path / "out" / ".store")
    assert run_once(toy_options("toy_noise"), tmp_path / "out").record == first.record


def test_no_mutated_object_raises_or_comes_back_changed(tmp_path: Path) -> None:
    store, rng = Store(tmp_path), random.Random(4)
    store.open()
    arrays: dict[str, NDArray[Any]] = {
        "a": np.arange(40, dtype=np.float32).reshape(5, 8),
        "empty": np.zeros((0, 3), np.uint8),
    }
    payloads = [
        Payload({"x": 1}, arrays, {"image.png": rng.randbytes(700)}),
        Payload({"failure": "no hand"}),
        Payload({}, {"template": np.ones(64, np.bool_)}),
    ]
    for number in range(MUTATIONS):
        payload, key = payloads[number % 3], digest({"number": number})
        data = spoil(encode(key, payload), rng)
        store.path(key).parent.mkdir(exist_ok=True)
        store.path(key).write_bytes(data)
        assert store.read(key) is None, number
        assert not store.path(key).exists()
        store.write(key, payload)
        assert store.read(key) is not None


@pytest.mark.parametrize(
    "members",
    [{}, {"meta.json": b"[1]"}, {"meta.json": b"{}", "a.npy": b"\x93NUMPY\x01\x00"}, {"meta.json": b"\xff"}],
)
def test_what_is_sealed_but_no_object_counts_as_absent(tmp_path: Path, members: dict[str, bytes]) -> None:
    """Nobody writes that by mistake; it must not end a run all the same."""
    import hashlib
    import struct

    from deid_bench.benchmark.storage import store as module

    key = digest({"a": 2})
    plain = make_zip(members)[:-2] + struct.pack("<H", module._SEAL_SIZE)
    data = plain + module._SEAL.format(key, hashlib.sha256(plain).hexdigest()).encode()
    store = Store(tmp_path)
    store.open()
    store.path(key).parent.mkdir()
    store.path(key).write_bytes(data)
    assert store.read(key) is None


def test_an_object_in_the_place_of_another_counts_as_absent(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.open()
    one, other = digest({"a": 1}), digest({"a": 2})
    store.write(one, Payload({"x": 1}))
    store.path(other).parent.mkdir(exist_ok=True)
    shutil.copy(store.path(one), store.path(other))
    assert store.read(other) is None
    assert store.read(one) == Payload({"x": 1})


@pytest.mark.parametrize("kind", ["pipe", "device", "folder", "itself"])
def test_what_is_no_file_counts_as_absent_and_makes_room(kind: str, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.open()
    name, payload = digest("a"), Payload({"x": 1})
    path = store.path(name)
    path.parent.mkdir(parents=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
        (path / "x").write_bytes(b"x")
    else:
        path.symlink_to("/dev/zero" if kind == "device" else path)
    assert not store.has(name)
    assert store.read(name) is None
    store.write(name, payload)
    assert store.read(name) == payload
    assert list(store.scratch.iterdir()) == []


def test_folders_that_the_dead_have_left_are_swept(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    store.open()
    mark = Owner.here().mark
    left = store.scratch / f"{mark.replace(str(os.getpid()), '999999999')}-left"
    owner = Owner.parse(left.name)
    assert owner is not None
    assert owner.is_dead(Owner.here())
    (left / "deep").mkdir(parents=True)
    store.open()
    assert not left.exists()


def test_a_good_object_that_came_meanwhile_is_not_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between reading a damaged object and taking it away, another process has put the whole one there."""
    store, key = Store(tmp_path), digest({"a": 1})
    store.open()
    store.write(key, Payload({"x": 1}))
    real = read_bytes
    answers = [store.path(key).read_bytes()[:50]]
    monkeypatch.setattr(stored, "read_bytes", lambda path: answers.pop() if answers else real(path))
    assert store.read(key) is None
    assert store.read(key) == Payload({"x": 1})
    assert not list(store.scratch.iterdir())


@pytest.mark.parametrize("second", [False, True])
@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ESTALE])
def test_an_object_that_cannot_be_opened_just_now_stays(
    number: int, second: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, key = Store(tmp_path), digest({"a": 1})
    store.open()
    store.write(key, Payload({"x": 1}))
    whole = store.path(key).read_bytes()
    answers = [whole[:50]] * second

    def unable(path: Path) -> bytes:
        if answers:
            return answers.pop()
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(stored, "read_bytes", unable)
    with pytest.raises(StoreError, match="run the same command again") as told:
        store.read(key)
    assert ("holds so many files open" in str(told.value)) == (number in (errno.EMFILE, errno.ENFILE))
    assert store.path(key).read_bytes() == whole
    assert not list(store.scratch.iterdir())


@pytest.mark.parametrize("always", [False, True])
def test_sectors_that_cannot_be_read_are_read_once_more(
    always: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, key = Store(tmp_path), digest({"a": 1})
    store.open()
    store.write(key, Payload({"x": 1}))
    real, failures = read_bytes, [True] * (2 if always else 1)

    def worn(path: Path) -> bytes:
        if failures:
            failures.pop()
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return real(path)

    monkeypatch.setattr(stored, "read_bytes", worn)
    assert store.read(key) is None
    assert store.read(key) == (None if always else Payload({"x": 1}))
    assert not list(store.scratch.iterdir())


def test_times_that_nothing_can_have_taken_are_passed_over(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.open()
    add_timing(store, Timing("a", 1.5, "analyze", "x", 1))
    odd = ['["b", -5, "analyze", "x", 1]', '["c", 1e8, "analyze", "x", 1]', '["d", NaN, "analyze", "x", 1]']
    odd += ['["e", 1e999, "analyze", "x", 1]', '["f", 1, "analyze", "x", 1e999]', "garbage", '{"a": 1}']
    with journal_path(store).open("a") as file:
        file.write("\n".join(odd) + "\n")
    add_timing(store, Timing("g", 0.0, "analyze", "x", 1))
    assert [each.digest for each in read_timings(store)] == ["a", "g"]
