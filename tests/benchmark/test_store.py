"""The store: whole or absent, the same bytes for the same payload."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from deid_bench.benchmark.storage.digest import digest, seed_from
from deid_bench.benchmark.storage.owner import Owner
from deid_bench.benchmark.storage.store import Payload, Store, StoreError, decode, encode, save_file

DIGEST = digest({"a": 1})


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "store")
    made.open()
    return made


def test_a_payload_comes_back_as_it_was(store: Store) -> None:
    payload = Payload({"x": [1, None, "é"]}, {"a": np.arange(6, dtype=np.float32).reshape(2, 3)}, {"f.png": b"\x00png"})
    store.write(DIGEST, payload)
    found = store.read(DIGEST)
    assert found is not None
    assert found.meta == payload.meta
    np.testing.assert_array_equal(found.arrays["a"], payload.arrays["a"])
    assert found.blobs == payload.blobs


def _unseen(self: Path, target: Path) -> Path:
    """Renames, as far as anybody is told, and shows the file under its old name for a while."""
    return target


def _copied(self: Path, target: Path) -> Path:
    """A share that copies, and takes the old name away later."""
    target.write_bytes(self.read_bytes())
    return target


def _refused(self: Path, target: Path) -> Path:
    raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))


@pytest.mark.parametrize(
    ("rename", "said"),
    [
        (_unseen, "a file that is renamed there is not seen under its new name at once"),
        (_copied, "a file that is renamed there is not seen under its new name at once"),
        (_refused, f"a file cannot be renamed there ({os.strerror(errno.ENOTSUP)})"),
    ],
)
def test_a_folder_that_does_not_rename_as_objects_need_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rename: Callable[[Path, Path], Path], said: str
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", rename)
        with pytest.raises(StoreError) as caught:
            Store(tmp_path).open()
    words = f"cannot keep results in {tmp_path}: {said}; choose a folder on a POSIX file system with --out"
    assert str(caught.value) == words
    assert not list((tmp_path / "tmp").iterdir())
    Store(tmp_path).open()
    assert not list((tmp_path / "tmp").iterdir())


def test_a_folder_whose_listing_lags_behind_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Path, "iterdir", lambda self: iter(()))
        with pytest.raises(StoreError, match="is not seen under its new name at once"):
            Store(tmp_path).open()


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(st.sampled_from([np.uint8, np.float32, np.int64, np.bool_]), hnp.array_shapes(min_side=0)))
def test_bytes_are_a_function_of_the_payload(array: NDArray[Any]) -> None:
    data = encode(DIGEST, Payload({"m": 1}, {"a": array}))
    assert data == encode(DIGEST, Payload({"m": 1}, {"a": array.copy()}))
    back = decode(DIGEST, data).arrays["a"]
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_an_absent_object_is_none(store: Store) -> None:
    assert store.read(DIGEST) is None
    assert not store.has(DIGEST)


@pytest.mark.parametrize("cut", [0, 1, 10, 60, -1, -5])
def test_a_truncated_object_counts_as_absent(store: Store, cut: int) -> None:
    store.write(DIGEST, Payload({"x": 1}, {"a": np.zeros(20)}))
    path = store.path(DIGEST)
    path.write_bytes(path.read_bytes()[:cut])
    assert not store.has(DIGEST)
    assert store.read(DIGEST) is None
    assert not path.exists()


def test_a_flipped_bit_is_noticed_on_reading(store: Store) -> None:
    store.write(DIGEST, Payload({"x": 1}, {"a": np.zeros(200)}))
    path = store.path(DIGEST)
    data = bytearray(path.read_bytes())
    data[300] ^= 1
    path.write_bytes(bytes(data))
    assert store.read(DIGEST) is None


def test_pickled_arrays_are_never_read(store: Store) -> None:
    with pytest.raises(ValueError, match="Object arrays"):
        store.write(DIGEST, Payload({}, {"a": np.array([{}], dtype=object)}))
    assert not store.has(DIGEST)


def test_leftovers_are_swept_where_their_process_is_certainly_dead(store: Store) -> None:
    here = Owner.here()
    dead = replace(here, process=999_999_999)
    renumbered = replace(here, started=here.started + 1)
    elsewhere = [replace(dead, host="other"), replace(dead, boot="0123456789ab"), replace(dead, namespace=1)]
    gone = [store.scratch / f"{each.mark}-x" for each in (dead, renumbered)]
    kept = [store.scratch / f"{each.mark}-x" for each in (here, *elsewhere)] + [store.scratch / "999999999-x"]
    for path in (*gone, *kept):
        path.write_bytes(b"half")
    store.open()
    assert sorted(store.scratch.iterdir()) == sorted(kept)


def test_an_atomic_write_replaces_the_whole_file(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "file"
    save_file(path, b"old")
    save_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert [each.name for each in path.parent.iterdir()] == ["file"]


def test_a_file_in_the_way_is_explained(tmp_path: Path) -> None:
    (tmp_path / "sub").write_text("x")
    with pytest.raises(StoreError, match="choose another folder"):
        save_file(tmp_path / "sub" / "file", b"x")


def test_digests_depend_on_content_alone() -> None:
    assert digest({"b": [1, 2], "a": None}) == digest({"a": None, "b": (1, 2)})
    assert digest({"a": 1}) != digest({"a": 1.5})
    with pytest.raises(ValueError, match="not JSON compliant"):
        digest({"a": float("nan")})


def test_seeds_are_the_first_eight_bytes_of_a_hash() -> None:
    import hashlib

    expected = int.from_bytes(hashlib.sha256(b'[3,"m","s/1",2]').digest()[:8], "big")
    assert seed_from(3, "m", "s/1", 2) == expected
    assert len({seed_from(0, "m", f"s{index}", 0) for index in range(500)}) == 500
