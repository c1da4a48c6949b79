"""What stands behind the board: the same numbers as in the records, ranks, sweeps, pictures, stamps and citations."""

from __future__ import annotations

import importlib.util
import re
from itertools import combinations
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from narrowed import present

from deid_bench.benchmark.metrics.catalogue import METRICS
from deid_bench.benchmark.readings.distributions import shares
from deid_bench.benchmark.records.previews import LOST, OTHER, RECOGNISED
from deid_bench.benchmark.records.record import FILE_NAME, RunRecord
from deid_bench.benchmark.statistics.comparison import difference, holm
from deid_bench.benchmark.statistics.standings import RankRange, rank_ranges, standings
from deid_bench.benchmark.statistics.uncertainty import Replicates
from deid_bench.benchmark.submission.stamp import Stamp, write_stamp
from deid_bench.reports.board.ablation import sweeps
from deid_bench.reports.board.citing import bibtex
from deid_bench.reports.board.data import UNCHECKED, first_look, knowledge, make_tabs, unpack
from deid_bench.reports.board.images import UNKNOWN, pictures
from deid_bench.reports.board.page import render_board, write_board
from deid_bench.reports.board.svg import BINS, det_svg, distributions_svg, nice_ticks, spread
from deid_bench.reports.leaderboard.alarm_words import shown_alarms
from deid_bench.reports.leaderboard.table import leaderboards


def _made_up() -> ModuleType:
    spec = present(
        importlib.util.spec_from_file_location("made_up_records", Path(__file__).with_name("made_up_records.py"))
    )
    module = importlib.util.module_from_spec(spec)
    present(spec.loader).exec_module(module)
    return module


made_up_records = _made_up()


def board_data(page: str) -> Any:
    return unpack(present(re.search(r'id="data">([^<]*)<', page)).group(1))


@pytest.fixture(scope="module")
def rows() -> list[RunRecord]:
    made: list[RunRecord] = made_up_records.made_up(12)
    return made


def test_numbers_are_those_of_the_record_to_the_last_digit(rows: list[RunRecord]) -> None:
    page = render_board([(each, Path("nowhere")) for each in rows])
    (tab,) = board_data(page)["tabs"]
    by_id = {each.digest[:12]: each for each in rows}
    seen = 0
    for column, values in zip(tab["columns"], tab["value"], strict=True):
        for row, value in zip(tab["rows"], values, strict=True):
            found = by_id[row["id"]].value(column["metric"], column["recognizer"] or None)
            if found is not None:
                assert value == found.value
                seen += 1
    recorded = {each.metric for row in rows for each in row.values}
    methods = {name for name in recorded if METRICS[name].column_set}
    assert {column["metric"] for column in tab["columns"]} == (methods | {"seconds_per_image"}) - {"d_sys_null"}
    assert len({column["key"] for column in tab["columns"]}) == len(tab["columns"])
    assert seen > 12 * 40


def test_the_table_itself_shows_every_number_without_scripts(rows: list[RunRecord]) -> None:
    page = render_board([(each, Path("nowhere")) for each in rows])
    body = present(re.search(r"<tbody>(.*?)</tbody>", page, re.S)).group(1)
    shown = re.findall(r"<td[^>]*>([^<]*)", body)
    record = rows[3]
    for metric in ("rr", "ssim", "drift_roi", "failure_rate"):
        value = present(present(record.value(metric, "mtcc" if metric == "rr" else None)).value)
        assert METRICS[metric].text(value) in [each.strip() for each in shown]


def test_rows_stand_best_first_and_the_heading_says_so(rows: list[RunRecord]) -> None:
    page = render_board([(each, Path("nowhere")) for each in rows])
    (tab,) = board_data(page)["tabs"]
    index = next(each for each in tab["overview"] if tab["columns"][each]["set"] == "privacy")
    higher = tab["columns"][index]["better"] == "higher"
    assert tab["value"][index] == sorted(tab["value"][index], reverse=higher)
    assert re.findall(r'<th[^>]*aria-sort="(\w+)"', page) == ["descending" if higher else "ascending"]


def test_every_metric_has_a_set_of_columns() -> None:
    for name, metric in METRICS.items():
        about_no_method = metric.group == "recognition" or name.startswith("floor_")
        assert (metric.column_set == "") == about_no_method, name


def test_the_same_records_give_the_same_bytes(rows: list[RunRecord]) -> None:
    pages = [render_board([(each, Path("nowhere")) for each in some]) for some in (rows, rows[::-1])]
    assert pages[0] == pages[1]


# ------------------------------------------------------------------------------------------------ ranks


def _methods(count: int, rng: np.random.Generator, holes: bool = False) -> dict[str, Replicates]:
    found = {}
    for index in range(count):
        value = float(rng.choice([0.2, 0.22, 0.5, 0.55, 0.9]) + 0.004 * rng.normal())
        resampled = rng.normal(value, 0.02, 200)
        if holes and index % 3 == 0:
            resampled[:7] = np.nan
        found[f"m{index}"] = Replicates(value, resampled, rng.normal(value, 0.005, 20), 20)
    return found


@pytest.mark.parametrize("holes", [False, True])
@pytest.mark.parametrize("metric", ["rr", "rank1_with_source", "dir"])
def test_all_pairs_at_once_give_the_ranks_of_pair_by_pair(metric: str, holes: bool) -> None:
    for seed in range(4):
        methods = _methods(9, np.random.default_rng(seed), holes)
        target = METRICS[metric].target if METRICS[metric].better == "target" else None
        expected = rank_ranges(methods, METRICS[metric].better, target)
        found = standings(methods, METRICS[metric].better, target)
        assert {name: each.ranks for name, each in found.items()} == expected
        assert len({str(each) for each in expected.values() if isinstance(each, RankRange)}) > 1


def test_methods_share_a_letter_exactly_where_they_do_not_differ() -> None:
    methods = _methods(10, np.random.default_rng(5))
    found = standings(methods, "higher")
    pairs = list(combinations(methods, 2))
    corrected = holm([present(difference(methods[a], methods[b])).p for a, b in pairs])
    for (a, b), p in zip(pairs, corrected, strict=True):
        shared = set(found[a].letters) & set(found[b].letters)
        assert bool(shared) == (p > 0.05), (a, b)
    assert len({each.letters for each in found.values()}) > 1


def test_too_few_identities_or_rivals_have_no_standing() -> None:
    rng = np.random.default_rng(0)
    few = {name: Replicates(0.1, rng.normal(0, 1, 50), rng.normal(0, 1, 6), 6) for name in "ab"}
    assert standings(few, "higher") == {}
    assert standings({"a": _methods(1, rng)["m0"]}, "higher") == {}


# ------------------------------------------------------------------------------------------------ parts of the page


def test_a_sweep_differs_in_one_parameter_and_nothing_else(rows: list[RunRecord]) -> None:
    other = rows[3].model_copy(
        update={
            "digest": "f" * 64,
            "method": rows[3].method.model_copy(
                update={"params": {**rows[3].method.params, "region": "hand", "sigma": 1.0}}
            ),
        }
    )
    (table,) = leaderboards([*rows, other], every=True)
    found = {(each.method, each.parameter): each for each in sweeps(table)}
    assert ("blurring", "sigma") in found
    assert ("blurring", "region") not in found
    settings: list[Any] = [row.record.method.params["sigma"] for row in found["blurring", "sigma"].rows]
    assert settings == sorted(settings)
    assert 1.0 not in settings


def test_pictures_come_worst_first_and_by_what_went_wrong(rows: list[RunRecord], tmp_path: Path) -> None:
    record = rows[4]
    (folder,) = made_up_records.write_results(tmp_path, [record], previews=10)
    (folder / "previews" / "0.jpg").write_bytes(b"old")
    found = pictures(record, folder)
    kinds = [each.kind for each in found]
    assert kinds == sorted(kinds, key=[RECOGNISED, LOST, OTHER, UNKNOWN].index)
    assert kinds[-1] == UNKNOWN
    assert all(each.label.startswith("s0") for each in found[:-1])
    nearest = [
        float(present(re.search(r"([\d.]+) × threshold", each.label))[1]) for each in found if each.kind == OTHER
    ]
    assert nearest == sorted(nearest)
    gated = record.model_copy(update={"dataset": record.dataset.model_copy(update={"redistributable": False})})
    assert pictures(gated, folder) == []
    assert "data:image" not in render_board([(gated, folder)])


def test_stamps_stand_in_the_table_and_on_the_card(rows: list[RunRecord], tmp_path: Path) -> None:
    folders = made_up_records.write_results(tmp_path, rows[:3])
    write_stamp(Stamp("verified", "all <b>numbers</b>", "2026-11-22T08:00:00+00:00"), folders[0] / FILE_NAME)
    write_board([tmp_path], tmp_path / "board.html")
    (tab,) = board_data((tmp_path / "board.html").read_text())["tabs"]
    status = {row["id"]: row["status"] for row in tab["rows"]}
    assert status[rows[0].digest[:12]] == "verified"
    assert status[rows[1].digest[:12]] == "self-reported"
    card = tab["cards"][[row["id"] for row in tab["rows"]].index(rows[0].digest[:12])]
    assert "all &lt;b&gt;numbers&lt;/b&gt;" in card
    (folders[0] / FILE_NAME).write_text((folders[0] / FILE_NAME).read_text() + "\n")
    write_board([tmp_path], tmp_path / "board.html")
    assert "verified" not in {
        row["status"] for row in board_data((tmp_path / "board.html").read_text())["tabs"][0]["rows"]
    }


def test_what_cannot_be_compared_is_listed_with_the_reason(rows: list[RunRecord]) -> None:
    old = rows[5].protocol.model_copy(update={"digest": "0" * 64})
    strays = [rows[5].model_copy(update={"protocol": old, "digest": "e" * 64})]
    page = render_board([(each, Path("nowhere")) for each in [*rows, *strays]])
    assert page.count("Not comparable with this table") == 2
    assert "other rules: protocol digest 000000000000" in page
    assert [len(tab["rows"]) for tab in board_data(page)["tabs"]] == [12, 1]


def test_a_table_is_told_by_digests_and_not_by_how_a_dataset_was_typed(rows: list[RunRecord]) -> None:
    typed = rows[0].model_copy(
        update={
            "digest": "1" * 64,
            "dataset": rows[0].dataset.model_copy(update={"spec": "palm-mini:setting=controlled"}),
        }
    )
    (tab,) = make_tabs([typed, rows[1]], {})
    assert tab.table.title.endswith(f"on {rows[1].dataset.spec}")
    assert len(tab.table.rows) == 2


def test_what_another_version_of_the_detector_found_stands_apart(rows: list[RunRecord]) -> None:
    later = rows[0].model_copy(
        update={"digest": "1" * 64, "analyzer": rows[0].analyzer.model_copy(update={"version": "2"})}
    )
    tabs = make_tabs([later, *rows[:2]], {})
    assert [len(tab.table.rows) for tab in tabs] == [2, 1]
    assert tabs[0].others == (
        (later.method.spec, "other detector: mediapipe_hands (version 2), here mediapipe_hands (version 1)"),
    )


def test_figures_are_drawn_from_the_file_of_distances_and_its_absence_is_said(
    rows: list[RunRecord], tmp_path: Path
) -> None:
    (whole,), bare = made_up_records.write_results(tmp_path / "a", rows[:1], distances=True), tmp_path
    for folder, figures in ((whole, 4), (bare, 2)):
        (card,) = board_data(render_board([(rows[0], folder)]))["tabs"][0]["cards"]
        assert card.count("<svg") == figures
        assert ("there is no scores.npz" in card) == (folder is bare)
    (whole / "scores.npz").write_bytes(b"PK nonsense")
    (card,) = board_data(render_board([(rows[0], whole)]))["tabs"][0]["cards"]
    assert "No distributions of distances: " in card


def test_citations_are_bibtex_and_do_not_break_it(rows: list[RunRecord]) -> None:
    text = bibtex(
        rows[3].model_copy(update={"method": rows[3].method.model_copy(update={"citation": "50 % of {A} & B_c"})})
    )
    assert r"50 \% of \{A\} \& B\_c" in text
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    ready = rows[3].method.model_copy(update={"citation": "@article{x,\n title = {Y}}"})
    assert "@article{x,\n title = {Y}}" in bibtex(rows[3].model_copy(update={"method": ready}))


@pytest.mark.parametrize(
    ("name", "csv", "latex", "markdown"),
    [
        ("=cmd|' /C calc'!A0", "\"'=cmd", "=cmd\\textbar{}", "=cmd\\|"),
        ('a"b', '"a""b"', "a{''}b", 'a"b'),
        ("50%_#&", '"50%_#&"', r"50\%\_\#\&", r"50%\_\#&amp;"),
    ],
)
def test_names_are_escaped_for_what_they_are_copied_into(
    rows: list[RunRecord], name: str, csv: str, latex: str, markdown: str
) -> None:
    hostile = rows[3].model_copy(update={"method": rows[3].method.model_copy(update={"spec": name})})
    (row,) = board_data(render_board([(hostile, Path("nowhere"))]))["tabs"][0]["rows"]
    assert row["copy"]["csv"].startswith(csv)
    assert row["copy"]["latex"].startswith(latex)
    assert row["copy"]["markdown"].startswith(markdown)


def test_figures_survive_odd_numbers() -> None:
    assert nice_ticks(0, 100) == [0, 20, 40, 60, 80, 100]
    assert nice_ticks(3.0, 3.0) == [3.0]
    assert shares([("none", np.zeros(0))], BINS, spread) is None
    odd = present(shares([("nan", np.array([np.nan, 0.3, 0.3]))], BINS, spread))
    assert distributions_svg(odd, {"nan": "not a number"}, 0.3).count("<path") > 1
    assert "&lt;b&gt;" in det_svg([("<b>", [0.0, 0.5, 1.0], [1.0, 0.5, 0.0])])


def test_the_first_look_is_a_recogniser_that_no_method_looked_into(rows: list[RunRecord]) -> None:
    def looking_into(surrogate: str) -> list[RunRecord]:
        known = f"surrogate={surrogate}" if surrogate else "black box"
        methods = [row.method.model_copy(update={"knowledge": known}) for row in rows]
        return [row.model_copy(update={"method": each}) for row, each in zip(rows, methods, strict=True)]

    first, second = (each.name for each in rows[0].recognizers[:2])
    for surrogate, shown in (("", first), (first, second), (second, first)):
        (table, *_) = leaderboards(looking_into(surrogate), every=True)
        assert {table.columns[index].recognizer for index in first_look(table)} == {"", shown}
        expected = {first: "", second: ""} if not surrogate else dict.fromkeys((first, second), "black box")
        if surrogate:
            expected[surrogate] = "white box"
        assert {name: knowledge(table.rows, name) for name in (first, second)} == expected


def test_rows_say_where_a_stamp_does_not_count_and_numbers_where_it_does_not_cover_them(
    rows: list[RunRecord], tmp_path: Path
) -> None:
    """In the page as it is without scripts, in words: a screen reader reads neither colours nor a degree sign."""
    folders = made_up_records.write_results(tmp_path, rows[:3])
    stamp = Stamp("verified", "all", "2026-11-22T08:00:00+00:00", ["ssim"], words=["toolkit", "host"])
    write_stamp(stamp, folders[0] / FILE_NAME)
    write_stamp(stamp, folders[1] / FILE_NAME)
    (folders[1] / FILE_NAME).write_text((folders[1] / FILE_NAME).read_text() + "\n")
    write_board([tmp_path], tmp_path / "board.html")
    page = (tmp_path / "board.html").read_text()
    lines = {
        record.digest: next(each for each in page.split("<tr") if f"<bdi>{record.method.spec}</bdi>" in each)
        for record in rows[:3]
    }
    said = 'role="img" aria-label="(not covered by the stamp)"'
    timed = "deidentify" in rows[0].host.seconds
    assert lines[rows[0].digest].count(said) == 1 + timed
    assert "its stamp does not count" in lines[rows[1].digest]
    assert said not in lines[rows[1].digest]
    assert "its stamp" not in lines[rows[2].digest]
    assert "not covered by the stamp of its row" in page
    assert f"The stamp beside <bdi>{rows[1].method.spec}</bdi> does not count: it is of another record" in page
    card = next(each for each in board_data(page)["tabs"][0]["cards"] if "verified" in each)
    assert "The submitter's words, beside these: toolkit, host." in card


def test_numbers_that_no_stamp_covers_are_marked(rows: list[RunRecord]) -> None:
    first = rows[0]
    value = next(each for each in first.values if each.metric == "ssim" and each.value is not None)
    for unchecked in ([], [value.metric]):
        tabs = make_tabs(rows, {first.digest: "verified"}, {first.digest: unchecked})
        found = {
            column.metric
            for tab in tabs
            for row in tab.table.rows
            if row.record.digest == first.digest
            for column, cell in zip(tab.table.columns, row.cells, strict=True)
            if UNCHECKED in cell.text
        }
        assert found == set(unchecked)


def test_alarms_are_shown_with_titles() -> None:
    record: RunRecord = made_up_records.made_up(1)[0]
    said = ["toy: threshold undetermined: rr_cross is anywhere from 1.0 to 2.0 %", "toy: dir is 154 %", "x: nothing is"]
    shown = shown_alarms(record.model_copy(update={"alarms": said}))
    assert shown == [
        "toy: threshold undetermined: RR (other captures) is anywhere from 1.0 to 2.0 %",
        "toy: DIR is 154 %",
        "x: nothing is",
    ]
