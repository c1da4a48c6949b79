"""The command line as a user meets it: help, mistakes, exit codes, output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.shell_completion import ShellComplete

from deid_bench.cli import cli, main


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two records of the toy world."""
    out = tmp_path_factory.mktemp("results")
    code = main(_run(out, "toy_noise", "identity"))
    assert code == 0
    return out


def _run(out: Path, *methods: str) -> list[str]:
    arguments = ["run", "--quiet", "--protocol", "palm-paper/1.0", "--out", str(out), "--backend", "serial"]
    for method in methods:
        arguments += ["--method", method]
    arguments += ["--dataset", f"toy-hands:folder={out / 'hands'}"]
    return [*arguments, "--analyzer", "toy_analyzer", "--recognizer", "toy_recognizer"]


def test_quick_is_a_preset_and_what_is_named_beside_it_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from deid_bench.commands.options import as_asked

    bare = {"quick": True, "limit": None, "attacks": "", "datasets": (), "protocol": "palm-paper/1.0"}
    first = {"limit": 6, "attacks": "none", "datasets": ("palm-mini:setting=controlled",)}
    assert as_asked(bare) == bare | first
    named = bare | {"limit": 3, "attacks": "A1", "datasets": ("x", "y")}
    assert as_asked(named) == named
    assert as_asked(bare | {"quick": False}) == bare | {"quick": False}
    arguments = [each for each in _run(tmp_path, "identity") if each != "--quiet"]
    code, out, _ = call(capsys, *arguments, "--quick", "--limit", "4")
    assert code == 0
    assert "--quick stood for" in out
    assert "--limit 4 --attacks none: a first look, not comparable" in " ".join(out.split())
    (record,) = (json.loads(path.read_text()) for path in tmp_path.glob("*/run.json"))
    assert record["dataset"]["limited"]
    assert record["attacks"] is None


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    script = (
        "import sys, deid_bench.cli as c\n"
        "c.main(['--help'])\n"
        "heavy = {'numpy', 'cv2', 'torch', 'scipy', 'numba', 'rich', 'pydantic', 'PIL'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Score de-identification methods" in done.stdout


def test_where_nobody_reads_on_nothing_is_said() -> None:
    """As in `deid-bench list | head`: no plug-in has ended the command."""
    there, here = os.pipe()
    os.close(there)
    done = subprocess.run(
        [sys.executable, "-P", "-m", "deid_bench", "list"], stdout=here, stderr=subprocess.PIPE, check=False
    )
    os.close(here)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize(
    "name",
    [
        "run",
        "plan",
        "list",
        "info",
        "check",
        "new",
        "weights",
        "licence",
        "data",
        "compare",
        "pack",
        "verify",
        "figures",
        "tables",
        "board",
        "docs",
        "doctor",
    ],
)
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, out, _ = call(capsys, name, "--help")
    assert code == 0
    assert "Usage: deid-bench" in out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["runn"], "did you mean 'run'"),
        (["run"], "Missing option '--method'"),
        (["run", "--method", "blurrin"], "did you mean 'blurring'"),
        (["run", "--method", "blurring:sigma=wide"], "should be a number"),
        (["run", "--method", "blurring", "--protocol", "palms"], "there is no protocol"),
        (["run", "--method", "blurring", "--dataset", "folder:path=/nowhere"], "/nowhere"),
        (["run", "--method", "blurring", "--recognizer", "mtc"], "did you mean 'mtcc'"),
        (["run", "--method", "blurring", "--seeds", "0"], "--seeds"),
        (["run", "--method", "blurring", "-m", "masking", "--seeds", "3"], "blurring or masking gives one whatever"),
        (["plan", "--method", "blurring", "--seeds", "10001"], "1<=x<=10000"),
        (["run", "--method", "blurring", "--scheduler", "tcp://h:1"], "--scheduler: of --backend dask, got --backend"),
        (["run", "-m", "blurring", "--dry-run", "--insecure", "--backend", "serial"], "--insecure: of --backend dask"),
        (["work", "plan.json", "--shard", "1/1", "--tls-ca", "ca", "--tls-key", "k"], "--tls-ca, --tls-key: of"),
        (["run", "--method", "blurring", "-o", ""], "expected a path, got ''"),
        (["run", "--method", "no.py:No"], "there is no file"),
        (["--plugin", "nowhere.py", "list"], "nowhere.py"),
        (["info", "blur"], "did you mean 'blurring'"),
        (["explain", "rr", "--protocols"], "--protocols shows all protocols"),
        (["explain", "rr", "--all"], "--all shows all metrics"),
        (["explain", "A1", "--markdown"], "Attacks are explained as text"),
        (["board", "/nowhere"], "/nowhere"),
        (["list", "metric"], "metrics"),
        (["run", "--method", "blurring", "--time-limit", "nan"], "expected a finite number, got nan"),
        (["run", "--method", "blurring", "--time-limit", "inf"], "expected a finite number, got inf"),
        (["power", "results", "--metric", "rr", "--bound", "nan"], "expected a finite number"),
        (["power", "results", "--metric", "rr", "--bound", "1", "--confidence", "nan"], "expected a finite number"),
        (["choose", "results", "--best", "ssim", "--max", "rr=nan"], "expected METRIC=BOUND"),
        (["plan", "--method", "blurring", "--attacks", ""], "expected none, basic, full or names"),
        (["plan", "--method", "blurring", "--attacks", " ,"], "expected none, basic, full or names"),
        (["plan", "--method", "blurring:"], "leave it out for the defaults"),
        (["plan", "--method", "my.py:Mine:"], "leave it out for the defaults"),
        (["verify", "s.zip", "--rerun", "5"], "--rerun needs the method at hand"),
        (["verify", "s.zip", "--rerun", "all", "-d", "palm-mini"], "--rerun and --dataset need the method at hand"),
    ],
)
def test_mistakes_are_explained_and_end_with_two(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    code, _, err = call(capsys, *arguments)
    assert code == 2
    assert words in err
    assert "Traceback" not in err


def test_list_shows_everything_with_its_origin(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "list")
    assert code == 0
    for name in ("palm-mini", "mediapipe_hands", "mtcc", "blurring", "palm/1.0", "toy_noise"):
        assert name in out
    code, out, _ = call(capsys, "list", "--json")
    assert {row["name"] for row in json.loads(out)["deidentifiers"]} >= {"masking", "toy_noise"}


@pytest.mark.parametrize("name", ["blurring", "mtcc", "palm/1.0", "dir", "palm-mini", "mediapipe_hands"])
def test_info_knows_everything(capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, out, _ = call(capsys, "info", name)
    assert code == 0
    assert name in out
    code, out, _ = call(capsys, "info", name, "--json")
    assert json.loads(out)[0]["name"] == name


def test_a_run_writes_a_record_and_a_board(results: Path) -> None:
    assert len(list(results.rglob("run.json"))) == 2
    assert "<table" in (results / "board.html").read_text()


def test_json_output_is_the_record(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, *_run(results, "toy_noise"), "--json")
    assert code == 0
    (path,) = [each for each in results.rglob("run.json") if "toy_noise" in str(each)]
    assert json.loads(out) == [json.loads(path.read_text())]


def test_the_table_shows_the_records_numbers(results: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, *[each for each in _run(results, "identity") if each != "--quiet"])
    assert code == 0
    assert "from the store" in out
    assert "palm-paper/1.0 on toy-hands" in out
    record = json.loads(next(each for each in results.rglob("run.json") if "identity" in str(each)).read_text())
    ratio = next(each["value"] for each in record["values"] if each["metric"] == "dir")
    assert f"{ratio:.1f}" in out


def test_failures_end_with_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, *_run(tmp_path, "raises_on_some"))[0] == 1


def test_plan_counts_without_working(results: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = ["plan", *[each for each in _run(results, "toy_noise")[1:] if each not in ("--quiet", "serial")]]
    arguments.remove("--backend")
    code, out, _ = call(capsys, *arguments, "--json")
    assert code == 0
    (row,) = json.loads(out)["rows"]
    assert row["finished"] is True
    assert row["stages"]["de-identify"] == {"tasks": 18, "stored": 18}
    _, out, _ = call(capsys, *arguments)
    assert "toy_noise on toy-hands" in out
    assert ": finished" in out
    assert "analyze originals 18/18, de-identify 18/18, analyze de-identified 18/18,\n" in out  # no word is broken
    assert max(map(len, out.splitlines()[1:3])) <= 80
    arguments[arguments.index("toy_noise")] = "toy_noise:strength=10"
    code, out, _ = call(capsys, *arguments, "--json")
    (row,) = json.loads(out)["rows"]
    assert row["finished"] is False
    assert row["stages"]["de-identify"] == {"tasks": 18, "stored": 0}
    assert row["stages"]["analyze originals"] == {"tasks": 18, "stored": 18}


def test_a_limited_run_says_that_it_is_a_smoke_test(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = [each for each in _run(tmp_path, "toy_noise") if each != "--quiet"]
    code, out, _ = call(capsys, *arguments, "--limit", "3")
    assert code == 0
    assert "smoke test" in out


def test_data_verify_reports_duplicates_and_unreadable_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import numpy as np

    from deid_bench.datasets.images import write_png

    rng = np.random.default_rng(0)
    for identity in ("a", "b"):
        (tmp_path / identity).mkdir()
        for index in range(2):
            picture = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
            (tmp_path / identity / f"{index}.png").write_bytes(write_png(picture))
    (tmp_path / "b" / "2.png").write_bytes((tmp_path / "a" / "0.png").read_bytes())
    (tmp_path / "b" / "3.png").write_bytes(b"not an image")
    code, out, _ = call(capsys, "data", "verify", f"folder:path={tmp_path}", "--json")
    found = json.loads(out)
    assert code == 1
    assert len(found["unreadable"]) == 1
    assert len(found["duplicates"]) == 1


def test_interrupting_ends_with_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(*arguments: Any, **keywords: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("deid_bench.benchmark.run.run", interrupted)
    code, _, err = call(capsys, "run", "--method", "masking")
    assert code == 130
    assert "the same command goes on" in err


def test_records_of_other_limits_are_told_apart(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    arguments = _run(tmp_path, "identity")
    assert main([*arguments, "--limit", "3"]) == 0
    assert main([*arguments, "--limit", "4"]) == 0
    first, second = sorted(tmp_path.glob("*/run.json"))
    code, _, err = call(capsys, "compare", str(first), str(second))
    assert code == 2
    assert "of 3 identities with --limit" in err
    assert "of 4 identities with --limit" in err
    assert main([*arguments, "--limit", "0"]) == 2


def test_options_take_one_name_and_a_path_as_text() -> None:
    from deid_bench.benchmark.planning.cells import RunOptions
    from deid_bench.benchmark.run import Execution
    from deid_bench.plugins.entries import PluginError

    assert RunOptions(methods="masking", datasets=["a", "b"]).methods == ("masking",)
    written: Any = "results"  # as many would
    assert Execution(out=written).out == Path("results")
    with pytest.raises(PluginError, match="--limit"):
        RunOptions(methods="masking", limit=-1)


def test_a_root_seed_is_a_number_or_drawn(
    toy_arguments: list[str], toy_plugin_arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [*toy_plugin_arguments, "run", "-m", "toy_noise", *toy_arguments, "--backend", "serial", "--out"]
    drawn = []
    for name in ("a", "b"):
        assert main([*arguments, str(tmp_path / name), "--root-seed", "random"]) == 0
        (path,) = (tmp_path / name).glob("*/run.json")
        drawn.append(json.loads(path.read_text())["root_seed"])
    assert drawn[0] != drawn[1]
    assert main([*arguments, str(tmp_path / "a"), "--root-seed", str(drawn[0])]) == 0
    assert len(list((tmp_path / "a").glob("*/run.json"))) == 1, "the seed that was drawn finds its record again"
    assert main([*arguments, str(tmp_path / "c"), "--root-seed", "dice"]) == 2
    assert "expected a whole number or random, got 'dice'" in capsys.readouterr().err


def test_methods_are_listed_by_any_of_their_names(capsys: pytest.CaptureFixture[str]) -> None:
    for first, second in (("methods", "deidentifiers"), ("recognisers", "recognizers"), ("detectors", "analyzers")):
        listed = [call(capsys, "list", each, "--json") for each in (first, second)]
        assert listed[0] == listed[1]
        assert listed[0][0] == 0


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("deid-bench run -m blu", "plain,blurring"),
        ("deid-bench plan --recognizer mt", "plain,mtcc"),
        ("deid-bench run -p face/1.1", "plain,face/1.1"),
        ("deid-bench com", "plain,compare"),
    ],
)
def test_the_shell_completes_names(words: str, expected: str) -> None:
    import os
    import subprocess
    import sys

    count = len(words.split()) - 1
    asked = {"_DEID_BENCH_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(count)}
    done = subprocess.run(
        [sys.executable, "-m", "deid_bench"], env=os.environ | asked, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == [expected]
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("run -m ./mine", "file,./mine"),
        ("info palm/1", "plain,palm/1.0"),
        ("info compc", "plain,compcode"),
        ("check mediap", "plain,mediapipe_hands"),
        ("explain rr_", "plain,rr_cross"),
        ("explain rr A2b", "plain,A2b"),
        ("compare blurring pixelat", "plain,pixelation"),
        ("compare results/b", "dir,results/b"),
        ("compare a b --fail-if-worse ms_ssim_reg", "plain,ms_ssim_region"),
        ("deidentify -m blu", "plain,blurring"),
        ("deidentify --analyzer mtc", "plain,mtcnn"),
        ("verify some.zip --method palm_", "plain,palm_diffusion"),
        ("figures results --method blu", "plain,blurring"),
        ("figures results --metric rr_", "plain,rr_cross"),
        ("data verify palm-m", "plain,palm-mini"),
    ],
)
def test_every_name_of_a_command_is_completed(words: str, expected: str) -> None:
    """Where no name begins so, the shell looks for files or folders."""
    *before, incomplete = words.split()
    shell = ShellComplete(cli, {}, "deid-bench", "_DEID_BENCH_COMPLETE")
    assert [f"{each.type},{each.value}" for each in shell.get_completions(before, incomplete)] == [expected]
