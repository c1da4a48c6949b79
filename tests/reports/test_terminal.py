"""What a terminal of eighty columns shows of a run."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from deid_bench.benchmark.records.record import Range as ValueRange
from deid_bench.benchmark.records.record import RunRecord, Value
from deid_bench.reports.leaderboard.terminal import print_impaired, print_outcomes

from .made_up_records import made_up


def _ranged(record: RunRecord) -> RunRecord:
    """The record with a rejection rate that no threshold settles."""

    def over_thresholds(value: Value) -> Value:
        if value.metric != "rr" or value.value is None:
            return value
        return value.model_copy(update={"value": 21.9, "range": ValueRange(low=21.9, high=99.0)})

    return record.model_copy(update={"values": [over_thresholds(value) for value in record.values]})


@pytest.mark.parametrize("intervals", [False, True])
def test_a_range_stands_below_its_number_and_no_name_is_broken(
    intervals: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    rows = [_ranged(record) for record in made_up(6, protocol="palm-paper/1.0")]
    outcomes = [SimpleNamespace(record=row, folder=Path("nowhere"), from_store=True) for row in rows]
    print_outcomes(cast("Any", outcomes), Path("board.html"), intervals=intervals)
    lines = capsys.readouterr().out.split("Image quality")[0].splitlines()
    assert all(len(line) <= 80 for line in lines)
    for row in rows:
        name = row.method.spec
        if len(name) <= 14:
            assert any(line.strip().startswith(name) for line in lines), f"{name} is broken"
    ends = [number for number, line in enumerate(lines) if "to 99.0" in line]
    assert len(ends) == sum(len(row.recognizers) for row in rows)
    assert all("21.9" in lines[number - 1] for number in ends)
    assert not any(line.strip() in ("↓", "↑") for line in lines), "an arrow stands with the words before it"


@pytest.mark.parametrize("failed", [0, 1])
def test_a_quiet_run_says_why_it_ends_with_one(failed: int, capsys: pytest.CaptureFixture[str]) -> None:
    row = made_up(6, protocol="palm-paper/1.0")[0]
    counts = row.counts.model_copy(
        update={
            "done": row.counts.planned - failed,
            "failed": failed,
            "reasons": {"method: RuntimeError: no palm": failed, "palm: no hand": 9} if failed else {},
            "retry": failed,
        }
    )
    row = row.model_copy(update={"counts": counts})
    assert row.complete is not bool(failed)
    print_impaired(cast("Any", [SimpleNamespace(record=row, folder=Path("nowhere"), from_store=True)]))
    text = capsys.readouterr().err
    if failed:
        assert f"1 failed of {counts.planned} images (method: RuntimeError: no palm)" in text
        assert len(text.splitlines()) == 1
    else:
        assert not text
