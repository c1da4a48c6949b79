"""Tensors out of weight files, without running what is in them."""

from __future__ import annotations

import errno
import io
import os
import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deid_bench.weights import files as weights
from deid_bench.weights import safe_pickle as _safe_pickle
from deid_bench.weights.files import WeightsError

from .helpers import left_over, make_spec

# --- pickles ----------------------------------------------------------------------------------------------------


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch evil",)


def _registered(tmp_path: Path, data: bytes, file: str) -> None:
    weights.register(make_spec(data=data, file=file))
    (tmp_path / "given").write_bytes(data)
    weights.add("test-net", tmp_path / "given")


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_a_pickle_of_arrays_becomes_safetensors_once(
    tmp_path: Path, protocol: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays = {"w": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.float64(2.5)}
    tree = OrderedDict(conv=arrays, layers=[np.ones(2, np.int64), (3,)], note="text", none=None)
    _registered(tmp_path, pickle.dumps(tree, protocol), "net.ckpt")
    for _ in range(2):
        found = weights.tensors("test-net")
        assert sorted(found) == ["conv.b", "conv.w", "layers.0", "layers.1.0"]
        np.testing.assert_array_equal(found["conv.w"], arrays["w"])
        assert found["conv.w"].dtype == np.float32
        assert found["conv.b"] == 2.5
        monkeypatch.setattr(_safe_pickle, "load_pickle", None)  # the second time, only the twin may be read
    assert left_over() == []


def test_a_cache_that_two_users_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The twin is for everybody whom the umask lets in; without one that can be read, the file itself is."""
    _registered(tmp_path, pickle.dumps({"w": np.arange(3.0), "b": np.float64(2.5)}), "net.ckpt")
    before = os.umask(0o022)
    try:
        first = weights.tensors("test-net")
    finally:
        os.umask(before)
    (twin,) = weights.cache_dir().glob("*.safetensors")
    assert twin.stat().st_mode & 0o777 == 0o644
    real = Path.open

    def refuse(self: Path, *words: Any, **options: Any) -> Any:
        if self.suffix in (".safetensors", ".part"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))
        return real(self, *words, **options)

    monkeypatch.setattr(Path, "open", refuse)
    for _ in range(2):
        second = weights.tensors("test-net")
        assert first.keys() == second.keys()
        for name, array in first.items():
            np.testing.assert_array_equal(array, second[name], strict=True)
        twin.unlink(missing_ok=True)
    assert left_over() == []


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_with_code_is_refused(tmp_path: Path, protocol: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _registered(tmp_path, pickle.dumps({"w": np.ones(3), "x": _Evil()}, protocol), "net.pkl")
    with pytest.raises(WeightsError, match=r"asks for (posix|nt)\.system"):
        weights.tensors("test-net")
    assert not (tmp_path / "evil").exists()


@pytest.mark.parametrize("data", [b"", b"\x80\x04", b"not a pickle", pickle.dumps({"text": "only"})])
def test_files_without_arrays_are_refused(tmp_path: Path, data: bytes) -> None:
    _registered(tmp_path, data, "net.pkl")
    with pytest.raises(WeightsError, match=r"not a readable pickle|no arrays"):
        weights.tensors("test-net")


def test_arrays_of_objects_are_refused(tmp_path: Path) -> None:
    objects = np.array([{"a": 1}], dtype=object)
    _registered(tmp_path, pickle.dumps({"w": objects}), "net.pkl")
    with pytest.raises(WeightsError, match="Python objects"):
        weights.tensors("test-net")
    buffer = io.BytesIO()
    np.savez(buffer, w=objects)
    weights.register(make_spec(data=buffer.getvalue(), name="npz", file="x.npz"))
    (tmp_path / "given").write_bytes(buffer.getvalue())
    weights.add("npz", tmp_path / "given")
    with pytest.raises(WeightsError, match=r"x\.npz"):
        weights.tensors("npz")


def test_npz_and_safetensors_are_read(tmp_path: Path) -> None:
    from safetensors.numpy import save

    buffer = io.BytesIO()
    np.savez(buffer, w=np.eye(3, dtype=np.float16))
    _registered(tmp_path, buffer.getvalue(), "net.npz")
    np.testing.assert_array_equal(weights.tensors("test-net")["w"], np.eye(3))
    data = save({"w": np.eye(2, dtype=np.float32)})
    weights.register(make_spec(data=data, name="st", file="x.safetensors"))
    (tmp_path / "given").write_bytes(data)
    weights.add("st", tmp_path / "given")
    np.testing.assert_array_equal(weights.tensors("st")["w"], np.eye(2))


def test_torch_archives_go_through_the_restricted_loader(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    buffer = io.BytesIO()
    torch.save({"net": {"w": torch.arange(4.0), "step": 3}}, buffer)
    _registered(tmp_path, buffer.getvalue(), "net.pth")
    found = weights.tensors("test-net")
    np.testing.assert_array_equal(found["net.w"], [0, 1, 2, 3])
    buffer = io.BytesIO()
    torch.save({"x": _Evil()}, buffer)
    weights.register(make_spec(data=buffer.getvalue(), name="bad", file="bad.pth"))
    (tmp_path / "given").write_bytes(buffer.getvalue())
    weights.add("bad", tmp_path / "given")
    with pytest.raises(WeightsError, match="restricted loader"):
        weights.tensors("bad")
