"""`store verify`, `gc` and `size`."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.run import Execution, Outcome, run
from deid_bench.benchmark.storage.owner import Owner
from deid_bench.benchmark.storage.store import Store
from deid_bench.benchmark.storage.upkeep import YOUNG_SECONDS, collect_garbage
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
    assert collect_garbage(store, out, now=LATER).scratch == 2


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
