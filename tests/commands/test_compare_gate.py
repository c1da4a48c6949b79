"""`deid-bench compare` as a gate: its exit code says whether the second record holds its ground."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deid_bench.benchmark.readings.differences import compare_records
from deid_bench.benchmark.records.record import load_record
from deid_bench.benchmark.records.replicates import encode_replicates, load_replicates
from deid_bench.benchmark.statistics.comparison import Difference
from deid_bench.benchmark.statistics.uncertainty import Interval
from deid_bench.cli import main


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Record folders by strength of the toy method's noise; more noise hides better and looks worse."""
    out = tmp_path_factory.mktemp("gate")
    arguments = [
        "run",
        "--quiet",
        "--protocol",
        "palm-paper/1.0",
        "--out",
        str(out),
        "--backend",
        "serial",
        "--analyzer",
        "toy_analyzer",
    ]
    for strength in (5, 120):
        arguments += ["--method", f"toy_noise:strength={strength}"]
    arguments += ["--dataset", f"toy-hands:folder={out / 'hands'},identities=14", "--recognizer", "toy_recognizer"]
    assert main(arguments) == 0
    found = {}
    for path in out.glob("*/run.json"):
        found[json.loads(path.read_text())["method"]["spec"].rpartition("=")[2]] = path.parent
    found["5 again"] = Path(shutil.copytree(found["5"], out / "again" / found["5"].name))
    return found


@pytest.mark.parametrize(
    ("first", "second", "gates", "code"),
    [
        ("5", "120", (), 0),
        ("5", "120", ("rr",), 0),
        ("5", "120", ("ssim",), 1),
        ("120", "5", ("ssim",), 0),
        ("120", "5", ("rr",), 1),
        ("120", "5", ("ssim", "rr"), 1),
        ("5", "120", ("all",), 1),
        ("5", "5 again", ("all",), 0),
        ("5", "5", (), 2),
        ("5", "120", ("no_such_number",), 2),
        ("5", "120", ("eer",), 2),
    ],
)
def test_worse_is_one_and_a_number_that_is_not_there_is_two(
    folders: dict[str, Path], first: str, second: str, gates: tuple[str, ...], code: int
) -> None:
    options = [each for gate in gates for each in ("--fail-if-worse", gate)]
    assert main(["compare", str(folders[first]), str(folders[second]), *options]) == code


def test_it_says_which_number(folders: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["compare", str(folders["5"]), str(folders["120"]), "--json", "--fail-if-worse", "ssim"]
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert "ssim is worse: " in captured.err
    assert isinstance(json.loads(captured.out), list)


def test_what_cannot_be_told_does_not_pass(folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    from deid_bench.benchmark.statistics import comparison

    monkeypatch.setattr(comparison, "MIN_CLUSTERS", 1000)
    arguments = ["compare", str(folders["5"]), str(folders["5 again"]), "--fail-if-worse", "ssim"]
    assert main(arguments) == 1


def test_methods_are_compared_by_name(folders: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    results = str(folders["5"].parent)
    specs = [json.loads((folders[each] / "run.json").read_text())["method"]["spec"] for each in ("5", "120")]
    assert main(["compare", *specs, "--results", results, "--json"]) == 0
    by_name = json.loads(capsys.readouterr().out)
    assert main(["compare", str(folders["5"]), str(folders["120"]), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == by_name
    assert main(["compare", "toy_noise", "toy_noise", "--results", results]) == 2
    assert "2 pairs of records fit" in capsys.readouterr().err
    assert main(["compare", specs[0], "nobody", "--results", results]) == 2
    assert "no method of that name" in capsys.readouterr().err


def test_one_record_is_not_compared_with_itself(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folders["5"])
    assert main(["compare", str(folders["5"]), "run.json"]) == 2
    assert "are one record" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["power", "--metric", "rr", "--bound", "500"], "rr is 0 to 100 %; expected a bound in there, got 500"),
        (["power", "--metric", "ssim", "--bound", "-2"], "ssim is -1 to 1; expected a bound in there, got -2"),
        (["choose", "--best", "ssim", "--max", "rr=1e9"], "rr is 0 to 100 %; expected a bound in there, got 1e+09"),
        (["choose", "--best", "rr", "--min", "ssim=1.5"], "ssim is -1 to 1; expected a bound in there, got 1.5"),
    ],
)
def test_a_bound_that_no_number_can_reach_is_refused(
    folders: dict[str, Path], arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, str(folders["5"])]) == 2
    assert said in capsys.readouterr().err


def test_the_table_calls_numbers_as_other_tables_do_and_breaks_no_word(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    lost = Path(shutil.copytree(folders["120"], tmp_path / folders["120"].name))
    data = json.loads((lost / "run.json").read_text())
    for value in data["values"]:
        if value["metric"] == "rr":
            value |= {"value": None, "interval": None, "reason": "embed crashed"}
    (lost / "run.json").write_text(json.dumps(data))
    (lost / "replicates.npz").write_bytes(
        encode_replicates({key: each for key, each in load_replicates(lost).items() if key[0] != "rr"})
    )
    assert main(["compare", str(folders["5"]), str(lost)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 80 for line in lines)
    shown = " ".join(lines).split()
    first, second = ((load_record(at / "run.json"), at) for at in (folders["5"], lost))
    compared = compare_records(first, second)
    assert len(compared) > 5
    for row in compared:
        assert row.metric == row.about.title or row.metric not in shown, row.metric
        assert all(word in shown for word in row.about.title.split()), row.about.title
        assert row.recognizer in ("", *shown)
        if isinstance(row.difference, Difference) and isinstance(row.difference.interval, Interval):
            scaled = row.difference.interval.times(row.about.scale)
            low, high = row.about.bounds(scaled.low, scaled.high)
            assert any(f"[{low}, {high}]" in line for line in lines), row.metric
    assert "RR toy_recognizer: only A has it (embed crashed)" in lines


def test_what_is_about_the_originals_is_not_corrected_for(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(folders["5"]), str(folders["120"]), "--json"]) == 0
    rows = [each for each in json.loads(capsys.readouterr().out) if each["p"] is not None]
    least = min(rows, key=lambda each: each["p"])
    assert least["p_holm"] == pytest.approx(min(1.0, len(rows) * least["p"]))


def test_a_number_that_the_second_lost_is_no_ground_held(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Withheld after a crash, say: it has no replicates then, either."""
    lost = Path(shutil.copytree(folders["5 again"], tmp_path / folders["5"].name))
    data = json.loads((lost / "run.json").read_text())
    for value in data["values"]:
        if value["metric"] == "rr":
            value |= {"value": None, "interval": None, "reason": "embed crashed"}
    (lost / "run.json").write_text(json.dumps(data))
    kept = {key: each for key, each in load_replicates(lost).items() if key[0] != "rr"}
    (lost / "replicates.npz").write_bytes(encode_replicates(kept))
    for gate in ("rr", "all"):
        assert main(["compare", str(folders["5"]), str(lost), "--fail-if-worse", gate]) == 1
        assert "rr toy_recognizer: only A has it (embed crashed)" in capsys.readouterr().err
    assert main(["compare", str(folders["5"]), str(lost), "--json"]) == 0
    (row,) = [each for each in json.loads(capsys.readouterr().out) if each["metric"] == "rr"]
    assert row["second"] is row["p"] is None
    assert main(["compare", str(lost), str(folders["5"])]) == 0
    assert "only B has" in capsys.readouterr().out


def test_a_record_that_is_left_out_is_no_clean_comparison(
    folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for each in ("5", "120"):
        shutil.copytree(folders[each], tmp_path / folders[each].name)
    names = ["toy_noise:strength=5", "toy_noise:strength=120", "--results", str(tmp_path)]
    assert main(["compare", *names]) == 0
    (tmp_path / "damaged").mkdir()
    (tmp_path / "damaged" / "run.json").write_text("{}")
    assert main(["compare", *names]) == 1
    assert f"left out {tmp_path / 'damaged' / 'run.json'}" in capsys.readouterr().err


def test_differences_of_what_is_best_in_the_middle_are_explained(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(folders["5"]), str(folders["120"])]) == 0
    assert "DIR: best at 100; A - B is of the distances from it" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["compare"], ["list", "metrics"]], ids=str)
def test_output_that_nobody_reads_on_is_no_fault_of_a_plug_in(words: list[str], folders: dict[str, Path]) -> None:
    """As in `deid-bench compare a b | head`; tables are written by another library than lines."""
    words = [*words, *map(str, list(folders.values())[:2])] if words == ["compare"] else words
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-P", "-m", "deid_bench", *words]
    done = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, check=False)
    os.close(write)
    assert (done.returncode, done.stderr) == (1, "")
