"""A stranger's metric: run, stored, shown everywhere, verified; and what it may not do."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from narrowed import present

from deid_bench.benchmark.metrics.base import Comparisons, MetricInfo
from deid_bench.benchmark.metrics.catalogue import METRICS
from deid_bench.benchmark.metrics.plugged import check_info, number
from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.records.described import catalogue_of
from deid_bench.benchmark.records.record import RunRecord, load_record
from deid_bench.benchmark.results.distances_file import DISTANCES_NAME, read
from deid_bench.benchmark.run import Execution, run
from deid_bench.benchmark.scoring.cell import score_results
from deid_bench.benchmark.scoring.plugged import resampled
from deid_bench.benchmark.submission.recompute import rebuild
from deid_bench.cli import main
from deid_bench.plugins.entries import PluginError, Registry
from deid_bench.plugins.neighbours import forget
from deid_bench.reports.explanation.page import metrics_page

FILE = Path(__file__).parents[1] / "my_metrics.py"
EDGE, RATIO, BROKEN = (f"{FILE}:{name}" for name in ("EdgeLoss", "OwnRatio", "Broken"))
TOY = "toy_recognizer"


pytestmark = pytest.mark.usefixtures("registry_as_before")


def one(
    toy_options: Callable[..., RunOptions], out: Path, *metrics: str, method: str = "toy_noise", **changes: Any
) -> RunRecord:
    (outcome,) = run(toy_options(method, metrics=metrics, **changes), Execution(out=out, backend="serial"))
    return outcome.record


def test_a_metric_of_distances_has_the_numbers_and_intervals_of_the_built_in_one(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    record = one(toy_options, tmp_path / "out", RATIO)
    mine, ours = record.value("own_ratio", TOY), record.value("dir", TOY)
    assert present(mine).value == pytest.approx(present(ours).value, rel=1e-12)
    assert (present(present(mine).interval).low, present(present(mine).interval).high) == pytest.approx(
        (present(present(ours).interval).low, present(present(ours).interval).high), rel=1e-9
    )
    assert present(present(mine).interval).method == present(present(ours).interval).method


def test_a_metric_of_images_is_a_mean_with_an_interval_over_identities(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    record = one(toy_options, tmp_path / "out", EDGE, f"{EDGE}:gain=2")
    once, twice = present(record.value("edge_loss")), present(record.value("edge_loss:gain=2"))
    rows = [present(row.measures["edge_loss"]) for row in record.samples]
    assert once.value == pytest.approx(np.mean(rows))
    assert once.std == pytest.approx(np.std(rows))
    assert twice.value == pytest.approx(2 * present(once.value))
    assert present(once.interval).low < present(once.value) < present(once.interval).high
    assert catalogue_of(record)["edge_loss:gain=2"].title == "Edge loss (gain=2)"


def test_records_without_own_metrics_keep_their_digest_and_others_have_one_of_their_own(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    from deid_bench.benchmark.planning.cells import make_cells

    plain, with_edge, with_gain = (
        make_cells(toy_options("toy_noise", metrics=metrics), 1)[0] for metrics in ((), (EDGE,), (f"{EDGE}:gain=2",))
    )
    assert len({each.digest for each in (plain, with_edge, with_gain)}) == 3
    assert make_cells(toy_options("toy_noise", metrics=(EDGE, EDGE)), 1)[0].digest == with_edge.digest


def test_it_is_found_in_terminal_board_tables_page_explain_and_list(
    toy_arguments: list[str], toy_plugin_arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    arguments = [each for each in toy_arguments if each != "--quiet"]
    metrics = ["--metric", EDGE, "--metric", RATIO, "--backend", "serial", "--out", str(out)]
    code = main([*toy_plugin_arguments, "run", "-m", "toy_noise", "-m", "masking", *arguments, *metrics])
    printed = " ".join(capsys.readouterr().out.split())
    assert code == 0
    for title in ("Edge", "loss", "Own", "ratio", "→100"):
        assert title in printed
    board = (out / "board.html").read_text(encoding="utf-8")
    assert "Edge loss" in board
    assert "Own ratio" in board
    assert main(["compare", *map(str, sorted(out.glob("*/run.json"))), "--json"]) == 0
    assert {"own_ratio", "edge_loss"} <= {row["metric"] for row in json.loads(capsys.readouterr().out)}
    assert main(["explain", EDGE, RATIO]) == 0
    said = capsys.readouterr().out
    assert "Mean absolute difference of vertical gradients." in said
    assert "the nearer to 100 %" in said
    plugin = ["--plugin", str(FILE)]
    assert main([*plugin, "list", "metrics"]) == 0
    assert "own_ratio" in capsys.readouterr().out
    assert main([*plugin, "explain", "--all", "--markdown"]) == 0
    page = capsys.readouterr().out
    assert "### Edge loss (`edge_loss`)" in page
    assert page != metrics_page()


def test_it_stands_in_the_papers_tables(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    from deid_bench.reports.paper.build import paper_tables

    outcomes = run(
        toy_options("masking", "toy_noise", metrics=(EDGE, RATIO)), Execution(out=tmp_path / "out", backend="serial")
    )
    tables = paper_tables([(each.record, each.folder) for each in outcomes])
    columns = {table.id: {column.metric for column in table.columns} for table in tables}
    assert any("edge_loss" in some for some in columns.values()), columns
    assert any("own_ratio" in some for some in columns.values()), columns


def test_verify_computes_it_anew_where_the_very_plug_in_is_at_hand(
    toy_options: Callable[..., RunOptions], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, zipped = tmp_path / "out", tmp_path / "submission.zip"
    one(toy_options, out, EDGE, RATIO)
    assert main(["pack", str(out), "-o", str(zipped), "--samples", "0"]) == 0
    capsys.readouterr()

    def verdicts(*options: str) -> dict[str, tuple[str, str]]:
        assert main(["verify", str(zipped), "--json", *options]) == 0
        (record,) = json.loads(capsys.readouterr().out)["records"]
        assert record["problems"] == []
        return {each["metric"]: (each["outcome"], each["note"]) for each in record["values"]}

    without = verdicts()
    assert without["edge_loss"][0] == "equal"  # a mean over rows needs no plug-in
    assert without["own_ratio"] == ("not recomputable", "its metric plug-in is not at hand")
    assert verdicts("--plugin", str(FILE))["own_ratio"][0] == "equal"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits of memory need Linux")
@pytest.mark.parametrize(
    ("when", "outcome"), [("imported", "equal"), ("asked", "not recomputable")], ids=["when imported", "when asked"]
)
def test_the_memory_that_a_metric_takes_is_not_held_against_a_record(
    when: str,
    outcome: str,
    toy_options: Callable[..., RunOptions],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limits = resource_limits()
    spec = odd(tmp_path, "if asked: np.empty(3 * 2**29, np.uint8)")
    out, zipped, file = tmp_path / "out", tmp_path / "submission.zip", tmp_path / "odd.py"
    held = "held = np.empty(3 * 2**29, np.uint8)" if when == "imported" else ""
    file.write_text(f"{file.read_text()}\nasked = {when == 'asked'}\n{held}\n")
    one(toy_options, out, spec)
    assert main(["pack", str(out), "-o", str(zipped), "--samples", "0"]) == 0
    forget(file)
    monkeypatch.setattr("deid_bench.plugins.entries._REGISTRY", Registry())
    capsys.readouterr()
    code = main(["verify", str(zipped), "--json", "--plugin", str(file)])
    assert code == (0 if when == "imported" else 1)
    (record,) = json.loads(capsys.readouterr().out)["records"]
    assert record["problems"] == []
    found = {each["metric"]: each for each in record["values"]}["odd"]
    assert found["outcome"] == outcome, found
    assert resource_limits() == limits


def resource_limits() -> tuple[int, int]:
    import resource

    return resource.getrlimit(resource.RLIMIT_AS)


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("raise", r"the metric failed: KeyError: 'an odd\nmessage'"),
        ("nan", "the metric failed: gave nan"),
        ("text", "the metric failed: gave str in place of a number"),
    ],
)
def test_what_fails_is_no_number_and_says_why(
    toy_options: Callable[..., RunOptions], tmp_path: Path, how: str, why: str
) -> None:
    given = "" if how == "raise" else f":how={how}"
    record, name = one(toy_options, tmp_path / "out", f"{BROKEN}{given}"), f"broken{given}"
    assert present(record.value(name, TOY)).value is None
    assert present(record.value(name, TOY)).reason == why
    (failure,) = record.failures
    assert (failure.stage, failure.outcome, record.complete) == ("metric", "crashed", False)
    assert present(record.value("rr", TOY)).value is not None


def test_a_metric_of_images_that_gives_no_number_has_crashed(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    for gives, why in (("'seven'", "gave str in place of a number"), ("-1.0", "gave -1, which is outside")):
        (tmp_path / f"said{len(why)}.py").write_text(
            "from dataclasses import replace\nfrom my_metrics import EdgeLoss\n\nclass Says(EdgeLoss):\n"
            f"    info = replace(EdgeLoss.info, name='says')\n\n    def measure(self, *_):\n        return {gives}\n"
        )
        record = one(toy_options, tmp_path / f"out{len(why)}", f"{tmp_path}/said{len(why)}.py:Says")
        value = present(record.value("says"))
        assert (value.value, record.complete) == (None, False)
        (failure,) = record.failures
        assert (failure.stage, failure.outcome) == ("metric", "crashed")
        assert why in failure.reason


def test_two_definitions_of_one_name_are_two_columns(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    from deid_bench.reports.leaderboard.table import leaderboards

    record = one(toy_options, tmp_path / "out", EDGE)
    other = record.model_copy(
        update={
            "metrics": [record.metrics[0].model_copy(update={"description": "Something else."})],
            "digest": "0" * 64,
        }
    )
    (table,) = leaderboards([record, other], every=True)
    columns = [index for index, each in enumerate(table.columns) if each.metric == "edge_loss"]
    assert len(columns) == 2
    for row in table.rows:
        assert sorted(row.cells[index].order is None for index in columns) == [False, True]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "Edge Loss"}, "lower-case"),
        ({"name": "ssim"}, "metric of the toolkit"),
        ({"takes": "video"}, "images or comparisons"),
        ({"better": "target"}, "belong together"),
        ({"target": 3.0}, "belong together"),
        ({"decimals": 99}, "0 to 12"),
        ({"low": 2.0, "high": 1.0}, "below high"),
        ({"description": "edges"}, "sentence"),
        ({"group": "recognition"}, "comparisons"),
    ],
)
def test_a_description_that_does_not_fit_together_is_refused(changes: dict[str, Any], said: str) -> None:
    values = {"name": "edge_loss", "version": "1", "description": "Edges.", "takes": "images", "better": "lower"}
    with pytest.raises(PluginError, match=re.escape(said)):
        check_info(MetricInfo(**{**values, **changes}))


def test_a_name_of_the_toolkit_cannot_be_taken_over_by_a_record(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    record = one(toy_options, tmp_path / "out", EDGE)
    forged = record.model_copy(
        update={"metrics": [record.metrics[0].model_copy(update={"name": "ssim", "spec": "ssim"})]}
    )
    with pytest.raises(PluginError, match="metric of the toolkit"):
        catalogue_of(forged)
    assert METRICS["ssim"].title == "SSIM"


def test_resampling_counts_identities_as_the_toolkit_does() -> None:
    comparisons = Comparisons(
        genuine=np.array([0.1, 0.2]),
        impostor=np.array([0.8, 0.9]),
        own=np.array([0.3]),
        mated=np.array([0.4]),
        non_mated=np.array([0.7, 0.6]),
        genuine_identity=np.array([0, 1]),
        impostor_identities=np.array([[0, 1], [1, 2]]),
        own_identity=np.array([1]),
        mated_identity=np.array([2]),
        non_mated_identities=np.array([[0, 1], [2, 0]]),
        threshold=0.5,
    )
    drawn = resampled(comparisons, np.array([2, 1, 0]))
    assert drawn.genuine.tolist() == [0.1, 0.1, 0.2]
    assert drawn.impostor.tolist() == [0.8, 0.8]
    assert drawn.own.tolist() == [0.3]
    assert drawn.mated.tolist() == []
    assert drawn.non_mated.tolist() == [0.7, 0.7]


def test_the_record_is_read_back(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    record = one(toy_options, tmp_path / "out", EDGE, RATIO)
    (path,) = (tmp_path / "out").glob("*/run.json")
    assert load_record(path) == record
    assert [each.name for each in record.metrics] == ["edge_loss", "own_ratio"]


@pytest.mark.parametrize(
    ("gives", "said"),
    [
        (lambda: sys.exit(0), "the metric failed: it called sys.exit(0)"),
        (lambda: os._exit(0), "the metric failed: it called os._exit(0)"),
        (lambda: 10**400, "the metric failed: OverflowError"),
        (lambda: [][0], "the metric failed: IndexError"),
        (lambda: "0.5", "the metric gave str in place of a number"),
        (lambda: True, "the metric gave bool in place of a number"),
        (lambda: np.True_, "in place of a number"),
        (lambda: np.array([0.5]), "the metric gave ndarray in place of a number"),
        (lambda: 1 + 2j, "the metric gave complex in place of a number"),
        (lambda: 7.0, "the metric gave 7, which is outside of the range 0..1 that it declares"),
        (lambda: -1e-3, "the metric gave -0.001, which is outside of the range 0..1 that it declares"),
    ],
)
def test_what_is_no_number_of_its_range_is_none_and_ends_nothing(gives: Callable[[], Any], said: str) -> None:
    found = number(gives, low=0.0, high=1.0)
    assert isinstance(found, Undefined)
    assert said in found.reason


def _same(value: object) -> object:
    return value


def test_numbers_of_every_kind_and_rounded_ones_are_numbers() -> None:
    for each in (1, 0.5, np.float16(0.5), np.int64(1), 1 + 1e-12, Fraction(1, 2)):
        assert number(partial(_same, each), low=0.0, high=1.0) == float(each)
    assert number(lambda: -5.0) == -5


@pytest.mark.parametrize("how", ["exit", "patch"])
def test_a_metric_of_distances_that_ends_or_changes_the_process_costs_itself(
    how: str, toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    (tmp_path / "odd.py").write_text(
        FILE.read_text().replace(
            "        g, i, d =",
            "        import sys\n        "
            + ("sys.exit(0)" if how == "exit" else "np.mean = None")
            + "\n        g, i, d =",
        )
    )
    before = np.mean
    record = one(toy_options, tmp_path / "out", f"{tmp_path}/odd.py:OwnRatio")
    assert np.mean is before
    mine = present(record.value("own_ratio", TOY))
    if how == "exit":
        assert (mine.value, mine.reason) == (None, "the metric failed: it called sys.exit(0)")
    else:
        assert mine.value == pytest.approx(present(record.value("dir", TOY)).value)
    assert present(record.value("dir", TOY)).value is not None


ODD = """
from dataclasses import replace
import os, random, time
import numpy as np
from my_metrics import OwnRatio

os.environ["LEFT_BY_THE_METRIC"] = "1"
calls = 0

class Odd(OwnRatio):
    info = replace(OwnRatio.info, name="odd")

    def measure(self, comparisons):
        global calls
        calls += 1
        {does}
        return super().measure(comparisons)
"""


def odd(folder: Path, does: str) -> str:
    (folder / "odd.py").write_text(ODD.format(does=does))
    return f"{folder}/odd.py:Odd"


@pytest.mark.parametrize("does", ["time.sleep(600)", "if calls > 2: time.sleep(600)"])
def test_a_metric_of_distances_has_a_time_limit_for_all_that_it_is_asked(
    does: str, toy_options: Callable[..., RunOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deid_bench.benchmark.scoring.plugged.SECONDS", 0.5)
    record = one(toy_options, tmp_path / "out", odd(tmp_path, does))
    found = present(record.value("odd", TOY))
    why = "the metric failed: took longer than the limit of 0.5 s for one recogniser"
    assert (found.value, found.reason) == (None, why)
    assert record.counts.retry == 1


def test_a_metric_of_distances_that_crashes_is_in_the_ledger_and_tried_again(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    options = toy_options("toy_noise", metrics=(BROKEN, RATIO))
    for _ in range(2):
        (outcome,) = run(options, Execution(out=tmp_path / "out", backend="serial"))
        assert not outcome.from_store
        (failure,) = outcome.record.failures
        assert (failure.stage, failure.by, failure.outcome) == ("metric", "broken", "crashed")
        assert failure.reason == r"KeyError: 'an odd\nmessage'"
        assert (outcome.record.counts.retry, outcome.record.complete) == (1, False)
        assert present(outcome.record.value("own_ratio", TOY)).value is not None
    record, (path,) = outcome.record, (tmp_path / "out").glob(f"*/{DISTANCES_NAME}")
    scored = score_results(*rebuild(record, read(path)))  # as `verify` and `score` do
    assert (scored.counts.retry, scored.failures) == (1, record.failures)


def test_what_a_metric_of_distances_is_given_cannot_be_changed(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    does = "comparisons.own.flags.writeable = calls < 0; comparisons.own.sort()"
    record = one(toy_options, tmp_path / "out", odd(tmp_path, does))
    assert "read-only" in str(present(record.value("odd", TOY)).reason)


def test_a_metric_of_distances_is_in_its_own_state(
    toy_options: Callable[..., RunOptions], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    does = "print('said', flush=True); return float(os.environ['LEFT_BY_THE_METRIC']) + random.random()"
    record = one(toy_options, tmp_path / "out", odd(tmp_path, does))
    assert present(present(record.value("odd", TOY)).value) > 1
    printed = capfd.readouterr()
    assert (printed.out, "said" in printed.err) == ("", True)
    assert "LEFT_BY_THE_METRIC" not in os.environ
