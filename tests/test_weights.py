"""Pinned weight files: sources, checks, the cache, and hostile content. No network: clients are fed local files."""

from __future__ import annotations

import hashlib
import http.server
import io
import os
import pickle
import stat
import sys
import tarfile
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from deid_bench import _safe_pickle, _weight_sources, weights
from deid_bench._weight_sources import SourceError, extract_member
from deid_bench.weights import NpmArtefact, Packaged, PipArtefact, Url, WeightsError, WeightSpec

DATA = bytes(range(256)) * 40
OTHER = DATA[::-1]


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _spec(
    *sources: weights._weight_sources.Source, data: bytes = DATA, name: str = "test-net", **more: Any
) -> WeightSpec:
    fields = {"file": f"{name}.bin", "sha256": _sha(data), "size": len(data)} | more
    return WeightSpec(name=name, licence="CC0-1.0", training_data="none", citation="", sources=tuple(sources), **fields)


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, an empty registry, no folder of the user's, and downloads allowed."""
    monkeypatch.setenv("DEID_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DEID_BENCH_WEIGHTS", raising=False)
    monkeypatch.delenv("DEID_BENCH_OFFLINE", raising=False)
    monkeypatch.setattr(weights, "_SPECS", {})
    monkeypatch.setattr(weights, "_VERIFIED", {})


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[str, bytes], str]]:
    """Puts bytes on a local web server and returns their address."""
    root = tmp_path / "www"
    root.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args, directory=str(root))

        def log_message(self, *args: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def put(name: str, data: bytes) -> str:
        (root / name).write_bytes(data)
        return f"http://127.0.0.1:{server.server_port}/{name}"

    yield put
    server.shutdown()
    server.server_close()


def _left_over() -> list[str]:
    """Whatever lies in the cache beside whole files."""
    folder = weights.cache_dir()
    return [p.name for p in folder.iterdir() if p.name.startswith(".")] if folder.is_dir() else []


# --- registry -------------------------------------------------------------------------------------------------


def test_unknown_names_propose_the_nearest() -> None:
    weights.register(_spec())
    with pytest.raises(WeightsError, match="Did you mean 'test-net'"):
        weights.weight("test-nte")
    with pytest.raises(WeightsError, match="Known: test-net"):
        weights.spec("zzzzzz")


def test_registering_twice_is_fine_but_not_differently() -> None:
    spec = weights.register(_spec())
    assert weights.register(_spec()) == spec
    assert weights.all_specs() == (spec,)
    with pytest.raises(ValueError, match="already registered"):
        weights.register(_spec(data=OTHER))
    with pytest.raises(ValueError, match="file name"):
        weights.register(_spec(name="b", file="test-net.bin"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"sha256": None},
        {"sha256": "abc"},
        {"sha256": "A" * 64},
        {"file": "../x"},
        {"file": "a/b"},
        {"file": ""},
        {"sha256": None, "size": None, "sources": (Url("https://example.org/x"),)},
    ],
)
def test_impossible_specs_are_refused(wrong: dict[str, Any]) -> None:
    fields = {"file": "x.bin", "sha256": _sha(DATA), "size": len(DATA)} | wrong
    with pytest.raises(ValueError, match="weight x"):
        WeightSpec(name="x", licence="", training_data="", citation="", **fields)


def test_built_in_specs_are_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    specs = {spec.name: spec for spec in weights.all_specs()}
    assert {"mediapipe-palm-detection", "mediapipe-hand-landmark"} <= specs.keys()
    for spec in specs.values():
        assert spec.licence
        assert spec.training_data
        assert spec.sources or spec.how_to_get


# --- places and checks ----------------------------------------------------------------------------------------


def test_adding_by_hand_checks_and_copies(tmp_path: Path) -> None:
    weights.register(_spec())
    assert weights.status("test-net").state == "absent"
    given = tmp_path / "given"
    given.write_bytes(DATA)
    path = weights.add("test-net", given)
    assert path == weights.cache_dir() / "test-net.bin"
    assert path.read_bytes() == DATA
    assert given.exists()
    assert weights.weight("test-net") == weights.verify("test-net") == weights.fetch("test-net") == path
    assert weights.status("test-net").state == "ready"
    assert weights.digest("test-net") == _sha(DATA)
    assert _left_over() == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (OTHER, "its sha256 is " + _sha(OTHER)),
        (DATA[:-1], "truncated: 10239 bytes, expected 10240"),
        (DATA + b"x", "10241 bytes, expected 10240"),
        (b"\n<!DOCTYPE html><html>Please log in</html>", "HTML page"),
        (b"", "truncated"),
    ],
)
def test_wrong_files_are_refused_with_one_clear_message(tmp_path: Path, data: bytes, said: str) -> None:
    weights.register(_spec())
    given = tmp_path / "given"
    given.write_bytes(data)
    with pytest.raises(WeightsError) as caught:
        weights.add("test-net", given)
    message = str(caught.value)
    assert said in message
    assert "test-net.bin" in message
    assert _sha(DATA) in message
    assert "deid-bench weights add test-net FILE" in message
    assert weights.find("test-net") is None
    assert _left_over() == []


def test_a_file_damaged_later_is_noticed(tmp_path: Path) -> None:
    weights.register(_spec(Url("https://example.invalid/x")))
    given = tmp_path / "given"
    given.write_bytes(DATA)
    path = weights.add("test-net", given)
    weights.weight("test-net")
    path.write_bytes(OTHER)
    os.utime(path, ns=(1, 1))
    assert weights.status("test-net").state == "damaged"
    with pytest.raises(WeightsError, match="weights fetch test-net"):
        weights.weight("test-net")


def test_verify_reads_again_even_if_nothing_seems_to_have_changed(tmp_path: Path) -> None:
    weights.register(_spec())
    given = tmp_path / "given"
    given.write_bytes(DATA)
    path = weights.add("test-net", given)
    before = path.stat()
    weights.weight("test-net")
    path.write_bytes(OTHER)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    with pytest.raises(WeightsError, match="sha256"):
        weights.verify("test-net")


def test_the_users_folder_comes_before_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights.register(_spec())
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "test-net.bin").write_bytes(DATA)
    monkeypatch.setenv("DEID_BENCH_WEIGHTS", str(folder))
    assert weights.weight("test-net") == folder / "test-net.bin"
    (folder / "test-net.bin").write_bytes(OTHER)
    with pytest.raises(WeightsError, match="replace or remove"):
        weights.weight("test-net")
    with pytest.raises(WeightsError, match="replace or remove"):
        weights.fetch("test-net")


def test_offline_forbids_fetching(serve: Callable[[str, bytes], str], monkeypatch: pytest.MonkeyPatch) -> None:
    weights.register(_spec(Url(serve("x", DATA))))
    monkeypatch.setenv("DEID_BENCH_OFFLINE", "1")
    with pytest.raises(WeightsError, match="DEID_BENCH_OFFLINE"):
        weights.weight("test-net")
    monkeypatch.setenv("DEID_BENCH_OFFLINE", "0")
    assert weights.weight("test-net").read_bytes() == DATA


def test_an_unpinned_file_is_pinned_by_the_first_one_added(tmp_path: Path) -> None:
    weights.register(_spec(sha256=None, size=None, how_to_get="ask the authors"))
    with pytest.raises(WeightsError, match=r"no published sha256.*ask the authors"):
        weights.digest("test-net")
    given = tmp_path / "given"
    given.write_bytes(DATA)
    path = weights.add("test-net", given)
    assert weights.digest("test-net") == _sha(DATA)
    path.write_bytes(OTHER)
    with pytest.raises(WeightsError, match=_sha(OTHER)):
        weights.verify("test-net")
    given.write_bytes(b"<html>sorry</html>")
    with pytest.raises(WeightsError, match="HTML"):
        weights.add("test-net", given)


def test_packaged_files_are_used_in_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(weights, "_PACKAGE", tmp_path)
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "net.bin").write_bytes(DATA)
    weights.register(_spec(Packaged("assets/net.bin")))
    assert weights.weight("test-net") == tmp_path / "assets" / "net.bin"
    (tmp_path / "assets" / "net.bin").unlink()
    with pytest.raises(WeightsError, match="reinstall"):
        weights.weight("test-net")


# --- downloads ------------------------------------------------------------------------------------------------


def test_a_download_is_checked_and_reported(serve: Callable[[str, bytes], str]) -> None:
    weights.register(_spec(Url(serve("x", DATA))))
    seen: list[tuple[int, int]] = []
    path = weights.fetch("test-net", lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == DATA
    assert seen[-1] == (len(DATA), len(DATA))
    assert _left_over() == []


def test_the_next_source_is_tried(serve: Callable[[str, bytes], str]) -> None:
    good, page = serve("good", DATA), serve("page", b"<html>moved</html>")
    weights.register(_spec(Url(page), Url(good + "-absent"), Url("ftp://example.org/x"), Url(good)))
    assert weights.weight("test-net").read_bytes() == DATA


def test_all_sources_failing_says_what_each_one_said(serve: Callable[[str, bytes], str]) -> None:
    sources = Url(serve("page", b"<html>moved</html>")), Url(serve("x", OTHER)), Url("http://127.0.0.1:1/none")
    weights.register(_spec(*sources))
    with pytest.raises(WeightsError) as caught:
        weights.fetch("test-net")
    message = str(caught.value)
    for part in ("HTML page", _sha(OTHER), "download failed", _sha(DATA), "weights add test-net FILE"):
        assert part in message
    assert "\n" not in message
    assert weights.find("test-net") is None
    assert _left_over() == []


def test_a_damaged_cache_file_is_fetched_again(serve: Callable[[str, bytes], str]) -> None:
    weights.register(_spec(Url(serve("x", DATA))))
    weights.cache_dir().mkdir(parents=True)
    (weights.cache_dir() / "test-net.bin").write_bytes(DATA[:100])
    assert weights.fetch("test-net").read_bytes() == DATA


def test_fetching_at_the_same_time_leaves_one_whole_file(serve: Callable[[str, bytes], str]) -> None:
    weights.register(_spec(Url(serve("x", DATA))))
    with ThreadPoolExecutor(6) as pool:
        paths = set(pool.map(lambda _: weights.fetch("test-net"), range(6)))
    assert [p.read_bytes() for p in paths] == [DATA]
    assert _left_over() == []


def test_an_unwritable_cache_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DEID_BENCH_CACHE", str(tmp_path / "file"))
    weights.register(_spec(Url("http://127.0.0.1:1/none")))
    with pytest.raises(WeightsError, match="Set DEID_BENCH_CACHE"):
        weights.fetch("test-net")


# --- the registries' own clients --------------------------------------------------------------------------------


def _wheel(folder: Path, files: dict[str, bytes], name: str = "toyweights", tag: str = "py3-none-any") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-1.0-{tag}.whl"
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        for member, data in files.items():
            wheel.writestr(member, data)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        wheel.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that pip takes for its only index."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", folder.as_uri())
    return folder


def test_a_member_comes_out_of_another_platforms_wheel(index: Path) -> None:
    archive = _wheel(index, {"toy/net.bin": DATA, "toy/second.bin": OTHER}, tag="cp311-cp311-manylinux_2_28_x86_64")
    common = {
        "package": "toyweights",
        "version": "1.0",
        "sha256": _sha(archive.read_bytes()),
        "platform": "manylinux_2_28_x86_64",
        "python": "3.11",
    }
    weights.register(_spec(PipArtefact(member="toy/net.bin", **common)))
    weights.register(_spec(PipArtefact(member="toy/second.bin", **common), name="second", data=OTHER))
    assert weights.weight("test-net").read_bytes() == DATA
    archive.unlink()
    assert weights.weight("second").read_bytes() == OTHER, "it came along with the first"
    assert sorted(p.name for p in weights.cache_dir().iterdir()) == ["second.bin", "test-net.bin"]


def test_another_archive_than_the_pinned_one_is_refused(index: Path) -> None:
    _wheel(index, {"toy/net.bin": DATA})
    weights.register(_spec(PipArtefact("toyweights", "1.0", "toy/net.bin", sha256="0" * 64)))
    with pytest.raises(WeightsError, match="pip failed"):
        weights.weight("test-net")
    assert _left_over() == []


def test_absent_packages_and_members_are_named(index: Path) -> None:
    _wheel(index, {"toy/other.bin": DATA})
    sources = PipArtefact("toyweights", "1.0", "toy/net.bin"), PipArtefact("toyweights", "9", "toy/net.bin")
    weights.register(_spec(*sources))
    with pytest.raises(WeightsError, match=r"no file toy/net\.bin.*pip failed"):
        weights.weight("test-net")


def test_a_missing_pip_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    no_pip = tmp_path / "python"
    no_pip.write_text("#!/bin/sh\nexit 1\n")
    no_pip.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(no_pip))
    monkeypatch.setenv("PATH", str(tmp_path))
    weights.register(_spec(PipArtefact("toyweights", "1.0", "x"), NpmArtefact("toy", "1.0", "x")))
    with pytest.raises(WeightsError, match=r"pip is missing.*npm is not on the PATH"):
        weights.weight("test-net")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for npm is a shell script")
def test_npm_packs_are_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packed = tmp_path / "toy-1.0.tgz"
    with tarfile.open(packed, "w:gz") as tar:
        _tar_file(tar, "package/net.bin", DATA)
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f'#!/bin/sh\nprintf "%s " "$@" > {tmp_path}/asked\n/bin/cp {packed} "$5"\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(npm.parent))
    weights.register(_spec(NpmArtefact("@toy/net", "1.0", "package/net.bin", sha256=_sha(packed.read_bytes()))))
    assert weights.weight("test-net").read_bytes() == DATA
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith("pack ")
    assert "--ignore-scripts" in asked
    assert asked.rstrip().endswith("@toy/net@1.0")


# --- hostile archives -------------------------------------------------------------------------------------------


def _tar_file(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    tar.addfile(info, io.BytesIO(data))


def test_a_tar_link_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(DATA)
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
        with tarfile.open(tmp_path / "x.tgz", "w:gz") as tar:
            info = tarfile.TarInfo("package/net.bin")
            info.type, info.linkname = kind, str(secret)
            tar.addfile(info)
        with pytest.raises(SourceError, match="not a regular file"):
            extract_member(tmp_path / "x.tgz", "package/net.bin", tmp_path / "out", 10**6)
    assert not (tmp_path / "out").exists()


def test_a_zip_link_is_not_followed(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.whl", "w") as zipped:
        info = zipfile.ZipInfo("net.bin")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        zipped.writestr(info, "/etc/passwd")
    with pytest.raises(SourceError, match="link"):
        extract_member(tmp_path / "x.whl", "net.bin", tmp_path / "out", 10**6)


@pytest.mark.parametrize("name", ["../../evil", "/evil"])
def test_hostile_names_write_nowhere_else(tmp_path: Path, name: str) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    with tarfile.open(inner / "x.tgz", "w:gz") as tar:
        _tar_file(tar, name, DATA)
        _tar_file(tar, "net.bin", OTHER)
    extract_member(inner / "x.tgz", "net.bin", inner / "out", 10**6)
    assert (inner / "out").read_bytes() == OTHER
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["out", "x.tgz"]


def test_a_bomb_is_cut_off(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.whl", "w", zipfile.ZIP_DEFLATED) as zipped:
        zipped.writestr("net.bin", bytes(20 << 20))
    with pytest.raises(SourceError, match="larger than the expected 1000 bytes"):
        extract_member(tmp_path / "x.whl", "net.bin", tmp_path / "out", 1000)
    assert (tmp_path / "out").stat().st_size <= 1000


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.tgz").write_bytes(b"no archive at all")
    with pytest.raises(SourceError, match=r"cannot unpack x\.tgz"):
        extract_member(tmp_path / "x.tgz", "net.bin", tmp_path / "out", 1000)


# --- pickles ----------------------------------------------------------------------------------------------------


class _Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch evil",)


def _registered(tmp_path: Path, data: bytes, file: str) -> None:
    weights.register(_spec(data=data, file=file))
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
    assert _left_over() == []


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
    weights.register(_spec(data=buffer.getvalue(), name="npz", file="x.npz"))
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
    weights.register(_spec(data=data, name="st", file="x.safetensors"))
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
    weights.register(_spec(data=buffer.getvalue(), name="bad", file="bad.pth"))
    (tmp_path / "given").write_bytes(buffer.getvalue())
    weights.add("bad", tmp_path / "given")
    with pytest.raises(WeightsError, match="restricted loader"):
        weights.tensors("bad")


def test_sources_are_described() -> None:
    sources = (
        Packaged("a/b"),
        PipArtefact("p", "1", "m"),
        NpmArtefact("n", "2", "m"),
        Url("https://example.org/x"),
        weights.HuggingFace("owner/model", "f"),
    )
    phrases = [_weight_sources.describe(source) for source in sources]
    assert phrases[1] == "Python package p==1, file m"
    assert phrases[2] == "npm package n@2, file m"
    assert len(set(phrases)) == len(sources)
