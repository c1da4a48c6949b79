"""Registry, places, checks and downloads of pinned weight files. No network beyond this machine."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from deid_bench import files
from deid_bench.cli import main
from deid_bench.files import open_regular
from deid_bench.weights import files as weights
from deid_bench.weights.files import Packaged, Url, WeightsError, WeightSpec

from .helpers import DATA, OTHER, left_over, make_spec, sha

# --- registry -------------------------------------------------------------------------------------------------


def test_unknown_names_propose_the_nearest() -> None:
    weights.register(make_spec())
    with pytest.raises(WeightsError, match="did you mean 'test-net'"):
        weights.weight("test-nte")
    with pytest.raises(WeightsError, match="known are: test-net"):
        weights.spec("zzzzzz")


def test_registering_twice_is_fine_but_not_differently() -> None:
    spec = weights.register(make_spec())
    assert weights.register(make_spec()) == spec
    assert weights.all_specs() == (spec,)
    with pytest.raises(ValueError, match="already registered"):
        weights.register(make_spec(data=OTHER))
    with pytest.raises(ValueError, match="file name"):
        weights.register(make_spec(name="b", file="test-net.bin"))


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
    fields: dict[str, Any] = {"file": "x.bin", "sha256": sha(DATA), "size": len(DATA)} | wrong
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
    weights.register(make_spec())
    assert weights.status("test-net").state == "absent"
    given = tmp_path / "given"
    given.write_bytes(DATA)
    path = weights.add("test-net", given)
    assert path == weights.cache_dir() / "test-net.bin"
    assert path.read_bytes() == DATA
    assert given.exists()
    assert weights.weight("test-net") == weights.verify("test-net") == weights.fetch("test-net") == path
    assert weights.status("test-net").state == "ready"
    assert weights.digest("test-net") == sha(DATA)
    assert left_over() == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (OTHER, "its sha256 is " + sha(OTHER)),
        (DATA[:-1], "truncated: 10239 bytes, expected 10240"),
        (DATA + b"x", "10241 bytes, expected 10240"),
        (b"\n<!DOCTYPE html><html>Please log in</html>", "HTML page"),
        (b"", "truncated"),
    ],
)
def test_wrong_files_are_refused_with_one_clear_message(tmp_path: Path, data: bytes, said: str) -> None:
    weights.register(make_spec())
    given = tmp_path / "given"
    given.write_bytes(data)
    with pytest.raises(WeightsError) as caught:
        weights.add("test-net", given)
    message = str(caught.value)
    assert said in message
    assert "test-net.bin" in message
    assert sha(DATA) in message
    assert "deid-bench weights add test-net FILE" in message
    assert weights.find("test-net") is None
    assert left_over() == []


def test_a_file_damaged_later_is_noticed(tmp_path: Path) -> None:
    weights.register(make_spec(Url("https://example.invalid/x")))
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
    weights.register(make_spec())
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
    weights.register(make_spec())
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
    weights.register(make_spec(Url(serve("x", DATA))))
    monkeypatch.setenv("DEID_BENCH_OFFLINE", "1")
    with pytest.raises(WeightsError, match="DEID_BENCH_OFFLINE"):
        weights.weight("test-net")
    monkeypatch.setenv("DEID_BENCH_OFFLINE", "0")
    assert weights.weight("test-net").read_bytes() == DATA


def test_an_unpinned_file_is_pinned_by_the_first_one_added(tmp_path: Path) -> None:
    weights.register(make_spec(sha256=None, size=None, how_to_get="ask the authors"))
    with pytest.raises(WeightsError, match=r"no published sha256.*ask the authors"):
        weights.digest("test-net")
    given = tmp_path / "given"
    given.write_bytes(DATA)
    path = weights.add("test-net", given)
    assert weights.digest("test-net") == sha(DATA)
    path.write_bytes(OTHER)
    with pytest.raises(WeightsError, match=sha(OTHER)):
        weights.verify("test-net")
    given.write_bytes(b"<html>sorry</html>")
    with pytest.raises(WeightsError, match="HTML"):
        weights.add("test-net", given)


def test_packaged_files_are_used_in_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(weights, "_PACKAGE", tmp_path)
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "net.bin").write_bytes(DATA)
    weights.register(make_spec(Packaged("assets/net.bin")))
    assert weights.weight("test-net") == tmp_path / "assets" / "net.bin"
    (tmp_path / "assets" / "net.bin").unlink()
    with pytest.raises(WeightsError, match="reinstall"):
        weights.weight("test-net")


# --- downloads ------------------------------------------------------------------------------------------------


def test_a_download_is_checked_and_reported(serve: Callable[[str, bytes], str]) -> None:
    weights.register(make_spec(Url(serve("x", DATA))))
    seen: list[tuple[int, int]] = []
    path = weights.fetch("test-net", lambda done, total: seen.append((done, total)))
    assert path.read_bytes() == DATA
    assert seen[-1] == (len(DATA), len(DATA))
    assert left_over() == []


def test_the_next_source_is_tried(serve: Callable[[str, bytes], str]) -> None:
    good, page = serve("good", DATA), serve("page", b"<html>moved</html>")
    weights.register(make_spec(Url(page), Url(good + "-absent"), Url("ftp://example.org/x"), Url(good)))
    assert weights.weight("test-net").read_bytes() == DATA


def test_all_sources_failing_says_what_each_one_said(serve: Callable[[str, bytes], str]) -> None:
    sources = Url(serve("page", b"<html>moved</html>")), Url(serve("x", OTHER)), Url("http://127.0.0.1:1/none")
    weights.register(make_spec(*sources))
    with pytest.raises(WeightsError) as caught:
        weights.fetch("test-net")
    message = str(caught.value)
    for part in ("HTML page", sha(OTHER), "download failed", sha(DATA), "weights add test-net FILE"):
        assert part in message
    assert "\n" not in message
    assert weights.find("test-net") is None
    assert left_over() == []


def test_a_damaged_cache_file_is_fetched_again(serve: Callable[[str, bytes], str]) -> None:
    weights.register(make_spec(Url(serve("x", DATA))))
    weights.cache_dir().mkdir(parents=True)
    (weights.cache_dir() / "test-net.bin").write_bytes(DATA[:100])
    assert weights.fetch("test-net").read_bytes() == DATA


def test_fetching_at_the_same_time_leaves_one_whole_file(serve: Callable[[str, bytes], str]) -> None:
    weights.register(make_spec(Url(serve("x", DATA))))
    with ThreadPoolExecutor(6) as pool:
        paths = set(pool.map(lambda _: weights.fetch("test-net"), range(6)))
    assert [p.read_bytes() for p in paths] == [DATA]
    assert left_over() == []


def test_an_unwritable_cache_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("DEID_BENCH_CACHE", str(tmp_path / "file"))
    weights.register(make_spec(Url("http://127.0.0.1:1/none")))
    with pytest.raises(WeightsError, match="Set DEID_BENCH_CACHE"):
        weights.fetch("test-net")


@pytest.mark.parametrize("variable", ["DEID_BENCH_CACHE", "DEID_BENCH_WEIGHTS"])
def test_a_folder_that_may_not_be_entered_is_named(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    closed, real = tmp_path / "closed", Path.stat

    def refuse(self: Path, **options: Any) -> os.stat_result:
        if closed in self.parents:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))
        return real(self, **options)

    closed.mkdir()
    monkeypatch.setenv(variable, str(closed))
    monkeypatch.setattr(Path, "stat", refuse)
    for number in (1, 2):
        weights.register(make_spec(name=f"net-{number}"))
    for words in (["list"], ["verify"], ["verify", "net-1"], ["fetch", "net-2"]):
        assert main(["weights", *words]) == 3
        said = capsys.readouterr().err
        assert "may not be looked at (Permission denied)" in said
        assert variable in said
        if words == ["verify"]:  # which goes on to the next file
            assert "net-1.bin" in said
            assert "net-2.bin" in said


def test_a_file_that_may_not_be_read_is_no_bug(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    weights.register(make_spec())
    (tmp_path / "given").write_bytes(DATA)
    path = weights.add("test-net", tmp_path / "given")
    real = open_regular

    def refuse(asked: Path) -> Any:
        if asked == path:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(asked))
        return real(asked)

    monkeypatch.setattr("deid_bench.files.open_regular", refuse)
    monkeypatch.setattr(files, "_hashes", {})
    assert weights.status("test-net").state == "damaged"
    assert main(["weights", "verify"]) == 3
    assert "it cannot be read (Permission denied)" in capsys.readouterr().err
