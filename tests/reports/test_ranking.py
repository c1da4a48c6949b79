"""Rank ranges and paired comparisons: only where rules and data are the same, and only where a difference shows."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from narrowed import present

from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.readings.differences import NO_DIFFERENCE, NotComparable, compare_records
from deid_bench.benchmark.records.replicates import encode_replicates, load_replicates
from deid_bench.benchmark.run import Execution, Outcome, run
from deid_bench.benchmark.statistics.comparison import Difference
from deid_bench.cli import main
from deid_bench.reports.board.data import unpack
from deid_bench.reports.board.page import render_board
from deid_bench.reports.leaderboard.ranks import table_standings
from deid_bench.reports.leaderboard.table import leaderboards

METHODS = ("toy_noise:strength=5", "toy_noise:strength=6", "toy_noise:strength=120", "identity")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    folder = tmp_path_factory.mktemp("ranking")
    options = RunOptions(
        methods=METHODS,
        datasets=(f"toy-hands:folder={folder / 'hands'},identities=14",),
        analyzer="toy_analyzer",
        recognizers=("toy_recognizer",),
        protocol="palm-paper/1.0",
    )
    return {each.record.method.spec: each for each in run(options, Execution(out=folder, backend="serial"))}


def test_ranks_are_ranges_and_sanity_rows_do_not_compete(outcomes: dict[str, Outcome]) -> None:
    (table,) = leaderboards([each.record for each in outcomes.values()])
    standings = table_standings(table, {each.record.digest: each.folder for each in outcomes.values()})
    ssim = next(column for column in table.columns if column.metric == "ssim")
    ranks = {digest: str(each.ranks) for digest, each in standings[ssim].items()}
    found = {spec: ranks.get(each.record.digest) for spec, each in outcomes.items()}
    assert found["identity"] is None
    assert found["toy_noise:strength=5"] in {"1", "1–2"}
    assert found["toy_noise:strength=120"] == "3"


def test_too_few_people_give_no_rank(tmp_path: Path) -> None:
    options = RunOptions(
        methods=METHODS[:2],
        datasets=(f"toy-hands:folder={tmp_path / 'hands'},identities=6",),
        analyzer="toy_analyzer",
        recognizers=("toy_recognizer",),
        protocol="palm-paper/1.0",
    )
    outcomes = run(options, Execution(out=tmp_path, backend="serial"))
    (table,) = leaderboards([each.record for each in outcomes])
    assert table_standings(table, {each.record.digest: each.folder for each in outcomes}) == {}


def test_a_clear_difference_has_a_direction(outcomes: dict[str, Outcome]) -> None:
    weak, strong = outcomes["toy_noise:strength=5"], outcomes["toy_noise:strength=120"]
    rows = {row.metric: row for row in compare_records((weak.record, weak.folder), (strong.record, strong.folder))}
    assert rows["ssim"].verdict == "A"
    assert isinstance(rows["ssim"].difference, Difference)
    assert rows["ssim"].difference.interval.low > 0  # type: ignore[union-attr]
    assert rows["rr"].verdict == "B"
    assert rows["dir"].verdict == "B"


def test_a_method_does_not_differ_from_itself(outcomes: dict[str, Outcome]) -> None:
    same = outcomes["toy_noise:strength=5"]
    for row in compare_records((same.record, same.folder), (same.record, same.folder)):
        assert row.verdict == NO_DIFFERENCE, row.metric


def test_other_rules_are_never_compared(outcomes: dict[str, Outcome]) -> None:
    one = outcomes["identity"]
    other = one.record.model_copy(update={"protocol": one.record.protocol.model_copy(update={"digest": "0" * 64})})
    with pytest.raises(NotComparable, match="one protocol, dataset and analyzer"):
        compare_records((one.record, one.folder), (other, one.folder))


def test_a_record_without_replicates_is_refused(outcomes: dict[str, Outcome], tmp_path: Path) -> None:
    one = outcomes["identity"]
    with pytest.raises(NotComparable, match="holds no replicates"):
        compare_records((one.record, one.folder), (one.record, tmp_path))


def test_damaged_replicates_count_as_none(outcomes: dict[str, Outcome], tmp_path: Path) -> None:
    whole = (outcomes["identity"].folder / "replicates.npz").read_bytes()
    (tmp_path / "replicates.npz").write_bytes(whole[: len(whole) // 2])
    assert load_replicates(tmp_path) == {}
    (tmp_path / "replicates.npz").write_bytes(encode_replicates({}))
    assert load_replicates(tmp_path) == {}


def test_the_board_shows_ranks(outcomes: dict[str, Outcome]) -> None:
    page = render_board([(each.record, each.folder) for each in outcomes.values()])
    (tab,) = unpack(present(re.search(r'id="data">([^<]*)<', page)).group(1))["tabs"]
    index = [column["key"] for column in tab["columns"]].index("ssim|")
    places = {row["name"]: rank for row, rank in zip(tab["rows"], tab["rank"][index], strict=True)}
    assert places["toy_noise:strength=120"] == "3"
    assert places["identity"] == ""


def test_the_command_prints_both_numbers_and_a_verdict(
    outcomes: dict[str, Outcome], capsys: pytest.CaptureFixture[str]
) -> None:
    weak, strong = outcomes["toy_noise:strength=5"], outcomes["toy_noise:strength=120"]
    assert main(["compare", str(weak.folder), str(strong.folder / "run.json")]) == 0
    out = capsys.readouterr().out
    assert "A = toy_noise:strength=5" in out
    assert "Failures %" in " ".join(out.split())
    assert main(["compare", str(weak.folder), str(strong.folder), "--json"]) == 0
    rows = {row["metric"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["ssim"]["verdict"] == "A"
    assert rows["rr"]["first"] < rows["rr"]["second"]
    assert main(["compare", str(weak.folder), str(weak.folder / "nowhere")]) == 2
