"""A pipe or a device among results is never opened: it is no record, which is said, and nothing waits for it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from deid_bench.benchmark.records.replicates import REPLICATES_NAME
from deid_bench.benchmark.results.distances_file import DISTANCES_NAME
from deid_bench.benchmark.results.scores_file import SCORES_NAME
from deid_bench.benchmark.stages.guard import time_limit
from deid_bench.cli import main

from .made_up_records import made_up, write_results

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["board", "{results}", "-o", "{out}/board.html"], 1),
        (["tables", "{results}", "-o", "{out}"], 1),
        (["figures", "{results}", "-o", "{out}"], 1),
        (["score", "{results}", "--out", "{out}"], 1),
        (["pack", "{results}", "-o", "{out}/a.zip"], 1),
        (["site", "{results}", "-o", "{out}"], 1),
        (["choose", "{results}", "--max", "rr=100", "--best", "ssim"], 2),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_no_command_waits_for_a_pipe(
    words: Sequence[str], code: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = tmp_path / "results"
    write_results(results, made_up(4))
    (results / "pipe").mkdir()
    os.mkfifo(results / "pipe" / "run.json")
    first = next(each.parent for each in sorted(results.glob("*/run.json")) if each.parent.name != "pipe")
    for name in (REPLICATES_NAME, DISTANCES_NAME, SCORES_NAME):
        (first / name).unlink(missing_ok=True)
        os.mkfifo(first / name)
    (tmp_path / "out").mkdir()
    with time_limit(120):
        found = main([each.format(results=results, out=tmp_path / "out") for each in words])
    said = " ".join("".join(capsys.readouterr()).split())
    assert found == code, said
    assert "expected a file, got a folder, pipe or device" in said
