"""Records edited by hand, and files of other records beside them: whoever reads them notices, as `run` does."""

from __future__ import annotations

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from deid_bench.benchmark.planning.cells import SCORE_VERSION
from deid_bench.benchmark.readings.differences import NotComparable, compare_records
from deid_bench.benchmark.records.collection import RecordChanged, collect, load_records, load_written
from deid_bench.benchmark.records.record import load_record, record_bytes
from deid_bench.cli import main
from deid_bench.reports.leaderboard.table import leaderboards


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with two toy methods."""
    out = tmp_path_factory.mktemp("made")
    arguments = ["-m", "toy_noise:strength=5", "-m", "toy_noise:strength=120", "-p", "palm-paper/1.0", "-q"]
    toy = ["-d", f"toy-hands:folder={out / 'hands'}", "--analyzer", "toy_analyzer", "-r", "toy_recognizer"]
    assert main(["run", *arguments, *toy, "-o", str(out / "results"), "--backend", "serial"]) == 0
    return out / "results"


@pytest.fixture
def results(made: Path, tmp_path: Path) -> Path:
    """A copy of it, with its store."""
    shutil.copytree(made, tmp_path / "results")
    return tmp_path / "results"


def folders(results: Path) -> tuple[Path, Path]:
    first, second = sorted(each.parent for each in results.glob("*/run.json"))
    return first, second


def edit(folder: Path, **changes: Any) -> None:
    path = folder / "run.json"
    data = json.loads(path.read_text()) | changes
    for value in data["values"]:
        if value["metric"] == "ssim":
            value["value"] = 0.99
    path.write_text(json.dumps(data))


def test_an_edited_record_is_left_out_and_said(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = folders(results)
    assert [len(collect([results]).records), len(load_records(results))] == [2, 2]
    edit(first)
    said = f"{first}: run.json not as the run wrote it"
    out = str(results.parent / "board.html")
    for arguments in (["board", str(results), "-o", out], ["tables", str(results)], ["figures", str(results)]):
        options = ["-f", "ladder", "-o", str(results.parent / "drawn")] if arguments[0] == "figures" else []
        assert main([*arguments, *options]) == 1
        assert said in capsys.readouterr().err
    assert main(["site", str(results), "-o", str(results.parent / "site")]) == 1
    assert said in capsys.readouterr().err
    for arguments in (["compare", str(first), str(second)], ["board", str(first), "-o", out], ["tables", str(first)]):
        assert main(arguments) == 2
        assert said in capsys.readouterr().err
    with pytest.raises(RecordChanged):
        load_records(results)


def test_an_edited_record_is_not_sent_scored_or_searched(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = folders(results)
    edit(first)
    said = f"{first}: run.json not as the run wrote it"
    for arguments in (["score", str(results)], ["pack", str(results), "-o", str(results.parent / "sent.zip")]):
        assert main(arguments) == 1
        assert said in capsys.readouterr().err
    with zipfile.ZipFile(results.parent / "sent.zip") as sent:
        records = [json.loads(sent.read(each)) for each in sent.namelist() if each.endswith("run.json")]
    assert [each["digest"] for each in records] == [load_record(second / "run.json").digest]
    for arguments in (["pack", str(first), "-o", str(results.parent / "none.zip")], ["search", str(first)]):
        assert main(arguments) == 2
        assert said in capsys.readouterr().err
    assert not (results.parent / "none.zip").exists()


def test_another_digest_or_another_records_file_does_not_help(results: Path) -> None:
    first, second = folders(results)
    edit(second, digest="0" * 64)
    with pytest.raises(RecordChanged, match=r"run\.json not as the run wrote it"):
        load_written(second)
    (first / "replicates.npz").write_bytes((second / "replicates.npz").read_bytes())
    with pytest.raises(RecordChanged, match=r"replicates\.npz not as the run wrote it"):
        load_written(first / "run.json")


def test_what_was_removed_to_save_room_is_no_forgery(results: Path) -> None:
    first, _ = folders(results)
    (first / "distances.npz").unlink()
    assert load_written(first).digest


def test_without_the_store_replicates_have_to_give_the_records_numbers(made: Path, tmp_path: Path) -> None:
    for each in folders(made):
        shutil.copytree(each, tmp_path / each.name)
    first, second = folders(tmp_path)
    assert len(collect([tmp_path]).records) == 2
    (first / "replicates.npz").write_bytes((second / "replicates.npz").read_bytes())
    with pytest.raises(RecordChanged, match=r"replicates\.npz is not of this record \(\w+ [\d.]+ in the record and"):
        load_written(first)
    assert main(["compare", str(first), str(second)]) == 2
    assert len(collect([tmp_path]).left_out) == 1


def test_the_board_of_a_run_is_made_anew_when_the_store_says_otherwise(results: Path) -> None:
    from deid_bench.reports.board.page import update_board

    first, _ = folders(results)
    board = update_board(results).read_bytes()
    cell = next((results / ".store" / "cells").glob(f"{first.name.rpartition('__')[2]}*.json"))
    data = json.loads(cell.read_text())
    data["sha256"]["run.json"] = "0" * 64
    cell.write_text(json.dumps(data))
    assert update_board(results).read_bytes() != board


def test_two_scorings_are_not_compared_nor_ranked_together(made: Path, tmp_path: Path) -> None:
    first, second = folders(made)
    older = load_record(second / "run.json").model_copy(update={"score_version": 2})
    records = [load_record(first / "run.json"), older]
    assert len(leaderboards([records[0], load_record(second / "run.json")])) == 1
    one, other = leaderboards(records)
    assert {one.title.rpartition(" (")[2], other.title.rpartition(" (")[2]} == {
        "scoring 2)",
        f"scoring {SCORE_VERSION})",
    }
    with pytest.raises(NotComparable, match=rf"scoring: version {SCORE_VERSION} \(.*\) and version 2"):
        compare_records((records[0], first), (older, second))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "run.json").write_bytes(record_bytes(older))
    shutil.copy(second / "replicates.npz", tmp_path / "a")
    assert main(["power", str(first), str(tmp_path / "a"), "--metric", "ssim"]) == 2
