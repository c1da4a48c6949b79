"""`store verify`, `gc` and `size`."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.run import Execution, Outcome, run
from deid_bench.benchmark.storage.owner import Owner
from deid_bench.benchmark.storage.store import Store
from deid_bench.benchmark.storage.upkeep import YOUNG_SECONDS, collect_garbage, size
from deid_bench.cli import main

LATER = time.time() + 2 * YOUNG_SECONDS


@pytest.fixture
def two_cells(toy_options: Callable[..., RunOptions], tmp_path: Path) -> list[Outcome]:
    return run(toy_options("masking", "toy_noise"), Execution(out=tmp_path / "out", backend="serial"))


def objects(out: Path) -> set[str]:
    return set(Store(out / ".store").digests())


def test_damage_is_named_and_made_good(
    two_cells: list[Outcome], toy_options: Callable[..., RunOptions], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    whole = objects(out)
    assert main(["store", "verify", "--out", str(out), "--quiet"]) == 0
    path = Store(out / ".store").path(sorted(whole)[3])
    path.write_bytes(path.read_bytes()[:-1])
    scores = two_cells[0].folder / "scores.npz"
    scores.write_bytes(scores.read_bytes()[:-1])
    capsys.readouterr()
    assert main(["store", "verify", "--out", str(out), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found == {"objects": len(whole), "damaged": [sorted(whole)[3]], "cells": [two_cells[0].folder.name]}
    run(toy_options("masking", "toy_noise"), Execution(out=out, backend="serial"))
    assert main(["store", "verify", "--out", str(out)]) == 0


def test_nothing_that_a_record_is_made_of_is_garbage(
    two_cells: list[Outcome], toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    store, whole = Store(out / ".store"), objects(out)
    assert collect_garbage(store, out, now=LATER).objects == 0
    shutil.rmtree(two_cells[0].folder)
    assert collect_garbage(store, out).objects == 0  # too young
    would = collect_garbage(store, out, dry_run=True, now=LATER)
    assert would.objects > 0
    assert objects(out) == whole
    done = collect_garbage(store, out, now=LATER)
    assert done == would
    assert done.kept == len(objects(out)) == len(whole) - done.objects
    again = run(toy_options("toy_noise"), Execution(out=out, backend="serial"))[0]
    assert again.from_store
    (again.folder / "run.json").unlink()
    left = objects(out)
    run(toy_options("toy_noise"), Execution(out=out, backend="serial"))
    assert objects(out) == left


def test_scratch_goes_when_its_process_is_dead_or_a_day_has_passed(two_cells: list[Outcome], tmp_path: Path) -> None:
    out = tmp_path / "out"
    store = Store(out / ".store")
    here = Owner.here()
    for owner in (here, replace(here, process=999_999_999), replace(here, host="elsewhere")):
        (store.scratch / f"{owner.mark}-x").write_bytes(b"half")
    assert collect_garbage(store, out).scratch == 1
    assert len(list(store.scratch.iterdir())) == 2
    assert collect_garbage(store, out, now=LATER).scratch == 1  # this process is at work still
    assert [each.name for each in store.scratch.iterdir()] == [f"{here.mark}-x"]


def test_the_size_is_that_of_the_files(
    two_cells: list[Outcome], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(["store", "size", "--out", str(out), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    files = list((out / ".store" / "objects").rglob("*.zip"))
    assert found["objects"] == len(files)
    assert found["bytes"] == sum(each.stat().st_size for each in files)


def test_a_folder_without_a_store_is_refused(tmp_path: Path) -> None:
    assert main(["store", "size", "--out", str(tmp_path)]) == 2


@pytest.mark.parametrize("damage", ["cut", "gone", "a folder"])
def test_what_a_record_is_made_of_and_nobody_can_say_is_kept(
    damage: str, two_cells: list[Outcome], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    store, whole = Store(out / ".store"), objects(out)
    list_of_objects = store.root / "cells" / f"{two_cells[0].record.digest}.objects"
    data = list_of_objects.read_bytes()
    list_of_objects.unlink()
    if damage == "cut":
        list_of_objects.write_bytes(data[:-1])
    elif damage == "a folder":
        list_of_objects.mkdir()
    found = collect_garbage(store, out, now=LATER)
    assert (found.objects, found.kept, found.unknown) == (0, len(whole), (two_cells[0].folder.name,))
    assert objects(out) == whole
    assert main(["store", "gc", "--out", str(out)]) == 1
    assert f"{two_cells[0].folder.name}: the store does not say" in capsys.readouterr().err
    shutil.rmtree(two_cells[0].folder)
    assert collect_garbage(store, out, now=LATER).objects > 0
    assert main(["store", "gc", "--out", str(out)]) == 0


def test_files_that_a_live_run_renames_meanwhile_are_passed_over(
    two_cells: list[Outcome], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each file that is there is listed with one that is gone when it is looked at."""
    out = tmp_path / "out"
    store, whole = Store(out / ".store"), objects(out)
    mark = Owner.here().mark
    (store.scratch / f"{mark}-x").write_bytes(b"half")
    listed = Path.iterdir

    def with_renamed(self: Path) -> Iterator[Path]:
        for path in listed(self):
            yield path
            yield path.with_name(f"{mark}-renamed-{path.name}")

    monkeypatch.setattr(Path, "iterdir", with_renamed)
    monkeypatch.setattr(Store, "digests", lambda _: iter([*sorted(whole), "f" * 64]))
    monkeypatch.setattr(Path, "is_file", lambda _: True)  # as it was a moment before
    found = size(store)
    assert (found.objects, found.scratch, found.scratch_bytes) == (len(whole), 1, 4)
    assert collect_garbage(store, out).kept == len(whole)
