"""What stands beside the numbers of a board: verdicts, alarms, merged records, mean places, names of points, links."""

from __future__ import annotations

import importlib.util
import itertools
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from narrowed import present
from written import save_record

from deid_bench.benchmark.records.previews import CLOSE, cases, closeup_jpeg, preview_name
from deid_bench.benchmark.records.record import FILE_NAME, Interval, RunRecord, Value
from deid_bench.benchmark.statistics.mean_ranks import mean_ranks
from deid_bench.benchmark.statistics.uncertainty import Replicates
from deid_bench.benchmark.submission.stamp import Stamp, Status, load_stamp, write_stamp
from deid_bench.reports.board.across import across_datasets
from deid_bench.reports.board.citing import bibtex, links
from deid_bench.reports.board.data import make_tabs, short_labels, unpack
from deid_bench.reports.board.images import Picture, pictures, within_limit
from deid_bench.reports.board.labels import HEIGHT, place_labels
from deid_bench.reports.board.page import render_board
from deid_bench.reports.board.row_notes import alarms_of, row_notes
from deid_bench.reports.leaderboard.merging import merged
from deid_bench.reports.leaderboard.verdict import SANITY, verdict


def _made_up() -> ModuleType:
    file = Path(__file__).with_name("made_up_records.py")
    spec = present(importlib.util.spec_from_file_location("made_up_records", file))
    module = importlib.util.module_from_spec(spec)
    present(spec.loader).exec_module(module)
    return module


made_up_records = _made_up()
NOWHERE = Path("nowhere")


@pytest.fixture(scope="module")
def rows() -> list[RunRecord]:
    made: list[RunRecord] = made_up_records.made_up(8)
    return made


def board_data(page: str) -> Any:
    return unpack(present(re.search(r'id="data">([^<]*)<', page)).group(1))


def _with(record: RunRecord, **numbers: float | tuple[float, float, float]) -> RunRecord:
    """The record with these numbers in place of those of the name; three are value, low and high."""
    values = [each for each in record.values if each.metric not in (*numbers, "rank1_worst")]
    for name, given in numbers.items():
        value, low, high = given if isinstance(given, tuple) else (given, given, given)
        within = Interval(low=low, high=high, level=0.95, method="made up")
        values.append(Value(metric=name, recognizer="mtcc", value=value, interval=within, n=96))
    found = next((each for each in values if each.metric == "survival"), None)
    if found is not None and "survival" in numbers:
        values[values.index(found)] = found.model_copy(update={"recognizer": None})
    counts = record.counts.model_copy(update={"failed": 0})
    return record.model_copy(update={"values": values, "counts": counts})


# ------------------------------------------------------------------------------------------------ words


@pytest.mark.parametrize(
    ("numbers", "words"),
    [
        ({"rank1_worst": 3.0, "survival": 45.0}, "hides (worst attack: 3 %), but 55 % of hands are no longer found"),
        ({"rank1_worst": 99.6, "survival": 100.0}, "does not hide (worst attack: 99 %)"),
        ({"rank1_worst": 40.0, "survival": 100.0}, "hides in part (worst attack: 40 %)"),
        ({"rank1_worst": (8.0, 2.0, 14.0), "survival": 96.0}, "probably hides (worst attack: 8 %)"),
        ({"rr": (97.0, 95.0, 99.0), "survival": 100.0}, "hides from who does not try (3 % recognised)"),
    ],
)
def test_a_row_is_summed_up_in_words(rows: list[RunRecord], numbers: dict[str, Any], words: str) -> None:
    assert verdict(_with(rows[5], **numbers)) == words


def test_who_cannot_be_judged_gets_no_verdict(rows: list[RunRecord]) -> None:
    few = rows[5].model_copy(update={"dataset": rows[5].dataset.model_copy(update={"identities": 9})})
    assert verdict(few) == "no verdict: 9 identities are too few"
    four = rows[5].model_copy(update={"dataset": rows[5].dataset.model_copy(update={"no_rates": "four people"})})
    assert verdict(four) == "no verdict: four people"
    assert verdict(rows[0]) == SANITY
    assert verdict(rows[5].model_copy(update={"values": []})).startswith("no verdict")


def test_the_worst_recogniser_speaks(rows: list[RunRecord]) -> None:
    one = _with(rows[5], rank1_worst=2.0, survival=100.0)
    other = Value(metric="rank1_worst", recognizer="compcode", value=80.0, n=96)
    assert verdict(one.model_copy(update={"values": [*one.values, other]})).startswith(
        "does not hide (worst attack: 80"
    )


@pytest.mark.parametrize(
    ("metric", "there", "words"),
    [
        ("rank1_worst", 2.0, "no verdict: compcode: A2a crashed"),
        ("rank1_worst", 80.0, "does not hide (worst attack: 80"),
        ("rank1_worst", None, "no verdict: mtcc: A2a crashed"),
        ("rr", 99.0, "no verdict: compcode: A2a crashed"),
        ("rr", 20.0, "does not hide from who does not try (80"),
    ],
)
def test_a_number_that_is_absent_could_be_the_worst(
    rows: list[RunRecord], metric: str, there: float | None, words: str
) -> None:
    one = _with(rows[5], **{metric: 2.0, "survival": 100.0})
    kept = [each for each in one.values if each.metric not in ("rr", "rank1_worst")]
    reason = "A2a crashed"
    values = [Value(metric=metric, recognizer="mtcc", value=there, reason=None if there else reason, n=96)]
    values.append(Value(metric=metric, recognizer="compcode", value=None, reason=reason, n=96))
    assert verdict(one.model_copy(update={"values": [*kept, *values]})).startswith(words)


def test_failures_from_five_percent_on_are_told(rows: list[RunRecord]) -> None:
    found = _with(rows[5], rank1_worst=2.0, survival=100.0)
    for failed, told in ((4, False), (5, True)):
        counts = found.counts.model_copy(update={"planned": 100, "failed": failed})
        assert ("images failed" in verdict(found.model_copy(update={"counts": counts}))) is told


# ------------------------------------------------------------------------------------------------ rows


def test_a_record_that_says_nothing_more_is_merged(rows: list[RunRecord]) -> None:
    one = rows[4]
    less = one.model_copy(
        update={"digest": "a" * 64, "values": [each for each in one.values if each.recognizer != "compcode"]}
    )
    kept, stands_for = merged([less, one, rows[5]])
    assert [each.digest for each in kept] == [one.digest, rows[5].digest]
    assert [each.digest for each in stands_for[one.digest]] == [less.digest]
    page = render_board([(each, NOWHERE) for each in (less, one)])
    assert len(board_data(page)["tabs"][0]["rows"]) == 1
    assert "1 further record of the same method" in page


def _stamp(status: Status, *unchecked: str) -> Stamp:
    return Stamp(status, "", "", unchecked=list(unchecked))


@pytest.mark.parametrize(
    ("own", "rival", "stays"),
    [
        (_stamp("verified"), None, True),
        (_stamp("recomputed"), None, True),
        (_stamp("recomputed"), _stamp("self-reported"), True),
        (_stamp("verified"), _stamp("recomputed"), True),
        (_stamp("verified"), _stamp("verified", "rr mtcc"), True),
        (_stamp("verified", "rr mtcc"), _stamp("verified", "rr mtcc"), False),
        (_stamp("verified"), _stamp("verified", "rr compcode"), False),
        (_stamp("recomputed", "rr mtcc"), _stamp("verified"), False),
        (_stamp("self-reported"), None, False),
        (None, _stamp("verified"), False),
        (None, None, False),
    ],
)
def test_no_stamp_disappears_behind_a_weaker_one(
    rows: list[RunRecord], own: Stamp | None, rival: Stamp | None, stays: bool
) -> None:
    one = rows[4]
    kept_values = [each for each in one.values if each.recognizer != "compcode"]
    less = one.model_copy(update={"digest": "a" * 64, "values": kept_values})
    assert present(less.value("rr", "mtcc")).value is not None
    kept, stands_for = merged([less, one], {less.digest: own, one.digest: rival})
    assert [each.digest for each in kept] == ([less.digest] if stays else []) + [one.digest]
    assert [each.digest for some in stands_for.values() for each in some] == ([] if stays else [less.digest])


def test_a_verified_record_stands_for_a_newer_one_that_is_not(rows: list[RunRecord], tmp_path: Path) -> None:
    """A stranger copies a verified record, and dates it later: the row that is shown is the verified one."""
    host = rows[4].host.model_copy(update={"created": "2999-01-01T00:00:00+00:00"})
    copy = rows[4].model_copy(update={"digest": "f" * 64, "host": host})
    folders = []
    for number, record in enumerate((rows[4], copy)):
        folder = tmp_path / str(number)
        folder.mkdir()
        save_record(record, folder)
        folders.append((record, folder))
    write_stamp(_stamp("verified"), tmp_path / "0" / FILE_NAME)
    (shown,) = board_data(render_board(folders))["tabs"][0]["rows"]
    assert shown["status"] == "verified"


def test_records_that_differ_in_any_number_both_stay(rows: list[RunRecord]) -> None:
    one = rows[4]
    value = next(each for each in one.values if each.value is not None)
    changed = [
        each if each is not value else value.model_copy(update={"value": present(value.value) + 1e-9})
        for each in one.values
    ]
    others = [
        one.model_copy(update={"digest": "b" * 64, "values": changed}),
        one.model_copy(update={"digest": "c" * 64, "root_seed": 7}),
        one.model_copy(update={"digest": "d" * 64, "method": one.method.model_copy(update={"version": "2"})}),
    ]
    assert len(merged([one, *others])[0]) == 4


def test_rows_say_which_recognisers_they_were_run_with(rows: list[RunRecord]) -> None:
    only = rows[4].model_copy(
        update={
            "recognizers": rows[4].recognizers[:1],
            "values": [each for each in rows[4].values if each.recognizer != "compcode"],
        }
    )
    (tab,) = make_tabs([only, rows[5]], {})
    notes = row_notes(tab)
    assert notes[only.digest].ran == "run with mtcc"
    assert notes[rows[5].digest].ran == ""
    assert 'value="compcode"' in render_board([(only, NOWHERE), (rows[5], NOWHERE)])


def test_alarms_stand_in_the_row_and_below_the_table(rows: list[RunRecord]) -> None:
    some = [
        rows[4].model_copy(update={"alarms": ["too <good>"]}),
        rows[5].model_copy(update={"alarms": ["too <good>"]}),
    ]
    page = render_board([(each, NOWHERE) for each in [*some, rows[6]]])
    assert page.count('class="alarm" title="too &lt;good&gt;"') == 2
    (tab,) = make_tabs([*some, rows[6]], {})
    assert [(text, sorted(names)) for text, names in alarms_of(tab)] == [
        ("too <good>", sorted(each.method.spec for each in some))
    ]
    assert board_data(page)["tabs"][0]["rows"][0].keys() >= {"alarms", "label"}


def test_columns_without_any_number_are_left_out_and_named(rows: list[RunRecord]) -> None:
    def without(record: RunRecord) -> RunRecord:
        reason = Value(metric="fid", value=None, n=0, reason="no <images>")
        values = [each for each in record.values if each.metric != "fid"]
        return record.model_copy(update={"values": [*values, reason]})

    page = render_board([(without(each), NOWHERE) for each in rows])
    (tab,) = board_data(page)["tabs"]
    assert "fid" not in {each["metric"] for each in tab["columns"]}
    assert "no &lt;images&gt;" in page
    page = render_board([(without(each), NOWHERE) for each in rows[:-1]] + [(rows[-1], NOWHERE)])
    assert "fid" in {each["metric"] for each in board_data(page)["tabs"][0]["columns"]}


def test_no_place_where_no_two_methods_can_be_told_apart_and_ties_are_told(tmp_path: Path) -> None:
    from deid_bench.benchmark.records.replicates import REPLICATES_NAME, encode_replicates

    rows = [_with(each, rr=(50.0, 40.0, 60.0)) for each in made_up_records.made_up(6)]
    rows[2] = _with(rows[2], rr=(90.0, 85.0, 95.0))
    folders = made_up_records.write_results(tmp_path, rows)
    rng = np.random.default_rng(3)
    for row, folder in zip(rows, folders, strict=True):
        centre = 0.9 if row is rows[2] else 0.5
        told = Replicates(centre, rng.normal(centre, 0.02, 300), rng.normal(centre, 0.004, 24), 24)
        blurred = Replicates(0.5, rng.normal(0.5, 0.3, 300), rng.normal(0.5, 0.06, 24), 24)
        replicates = {("rr", "mtcc"): told, ("ssim", ""): blurred}
        (folder / REPLICATES_NAME).write_bytes(encode_replicates(replicates))
    (tab,) = board_data(render_board(list(zip(rows, folders, strict=True))))["tabs"]
    by_key = {each["key"]: tab["rank"][place] for place, each in enumerate(tab["columns"])}
    assert not any(by_key["ssim|"])
    assert sorted(each for each in by_key["rr|mtcc"] if each) == ["1", "=2–4", "=2–4", "=2–4"]


# ------------------------------------------------------------------------------------------------ several datasets


def _replicates(centre: float, rng: np.random.Generator, clusters: int = 20) -> Replicates:
    return Replicates(centre, rng.normal(centre, 0.05, 400), rng.normal(centre, 0.01, clusters), clusters)


def test_mean_places_are_those_of_a_plain_count() -> None:
    rng = np.random.default_rng(0)
    datasets = [{"a": 0.9, "b": 0.5, "c": 0.5}, {"a": 0.2, "b": 0.8, "c": 0.1, "d": 0.3}]
    found = mean_ranks([{name: _replicates(each, rng) for name, each in some.items()} for some in datasets], "higher")
    assert {name: each.places for name, each in found.items()} == {"a": (1, 2), "b": (2.5, 1), "c": (2.5, 3)}
    assert {name: each.value for name, each in found.items()} == {"a": 1.5, "b": 1.75, "c": 2.75}
    assert all(each.low <= each.value <= each.high for each in found.values())
    lower = mean_ranks([{name: _replicates(each, rng) for name, each in some.items()} for some in datasets], "lower")
    assert list(lower) == ["c", "b", "a"]


def test_mean_places_equal_a_slow_ranking_of_every_draw() -> None:
    rng = np.random.default_rng(1)
    datasets = [{name: _replicates(rng.random(), rng) for name in "abcd"} for _ in range(3)]
    found = mean_ranks(datasets, "target", 0.6)
    for name in "abcd":
        draws = []
        for draw in range(400):
            places = []
            for some in datasets:
                off = {each: abs(some[each].resampled[draw] - 0.6) for each in some}
                places.append(1 + sum(off[each] < off[name] for each in some))
            draws.append(np.mean(places))
        low, high = np.percentile(draws, (2.5, 97.5))
        assert (found[name].low, found[name].high) == pytest.approx((low, high))


def test_mean_places_need_two_datasets_ten_people_and_rivals() -> None:
    rng = np.random.default_rng(2)
    one = {"a": _replicates(0.4, rng), "b": _replicates(0.5, rng)}
    assert mean_ranks([one], "higher") == {}
    assert mean_ranks([one, {"a": one["a"]}], "higher") == {}
    few = {name: _replicates(0.4, rng, clusters=9) for name in "ab"}
    assert mean_ranks([one, few], "higher") == {}
    assert mean_ranks([one, dict(one)], "higher").keys() == {"a", "b"}


def test_the_board_has_one_table_over_its_datasets(tmp_path: Path) -> None:
    first, second = made_up_records.made_up(7), made_up_records.made_up(6, dataset="synthetic-palm")
    folders = [*made_up_records.write_results(tmp_path / "a", first, replicates=True)]
    folders += made_up_records.write_results(tmp_path / "b", second, replicates=True)
    records = [*first, *second]
    tabs = make_tabs(records, {})
    found = across_datasets(tabs, dict(zip([each.digest for each in records], folders, strict=True)))
    assert [each.column.set for each in found] == ["privacy", "quality"]
    assert {name for name, _ in found[0].rows} == {each.method.spec for each in second[2:]}
    assert "Over several datasets" in render_board(list(zip(records, folders, strict=True)))
    smoke = [each.model_copy(update={"dataset": each.dataset.model_copy(update={"limited": True})}) for each in second]
    assert across_datasets(make_tabs([*first, *smoke], {}), {}) == []
    # One dataset that was scored by two versions is no two datasets.
    older = [each.model_copy(update={"score_version": 1, "digest": f"0{each.digest[1:]}"}) for each in first]
    both = dict(zip([each.digest for each in [*first, *older]], [*folders[:7], *folders[:7]], strict=True))
    assert across_datasets(make_tabs([*first, *older], {}), both) == []


# ------------------------------------------------------------------------------------------------ names of points


@pytest.mark.parametrize("count", [1, 6, 40, 100])
def test_every_point_is_named_and_no_name_lies_on_another(count: int) -> None:
    rng = np.random.default_rng(count)
    points = [
        (float(x), float(y)) for x, y in zip(rng.normal(500, 160, count), rng.normal(200, 60, count), strict=True)
    ]
    points = [(min(max(x, 66.0), 936.0), min(max(y, 16.0), 392.0)) for x, y in points]
    widths = [6.5 * int(each) for each in rng.integers(6, 28, count)]
    placed, more = place_labels(points, widths, (66, 6, 956, 392))
    boxes = [
        (each.x, each.y - 10, each.x + wide, each.y - 10 + HEIGHT) for each, wide in zip(placed, widths, strict=True)
    ]
    assert len(boxes) == count
    for a, b in itertools.combinations(boxes, 2):
        assert not (a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3])
    assert all(top >= 6 and bottom <= 392 + 32 + more for _, top, _, bottom in boxes)
    for (u, v), box, each in zip(points, boxes, placed, strict=True):
        near = max(box[0] - u, u - box[2], 0) + max(box[1] - v, v - box[3], 0)
        assert (each.line is not None) == (near > 14)


def test_names_in_a_figure_lose_what_all_share_and_stay_different() -> None:
    found = short_labels(["blurring:sigma=0.1,region=palm", "blurring:sigma=0.2,region=palm", "own:a=1", "x" * 90])
    assert found["blurring:sigma=0.1,region=palm"] == "blurring:sigma=0.1"
    assert found["own:a=1"] == "own:a=1"
    assert max(map(len, found.values())) <= 32
    assert len(set(found.values())) == 4


# ------------------------------------------------------------------------------------------------ pictures


def test_best_typical_and_worst_go_by_distance(rows: list[RunRecord]) -> None:
    record = rows[4]
    near = [min(map(present, each.distances.values())) for each in record.samples]
    found = cases(record)
    assert found["worst"] == int(np.argmin(near))
    assert found["best"] == int(np.argmax(near))
    assert found["typical"] == int(np.argsort(near)[len(near) // 2])
    bare = record.model_copy(update={"samples": [each.model_copy(update={"distances": {}}) for each in record.samples]})
    ssim = [present(each.measures["ssim"]) for each in record.samples]
    assert cases(bare)["worst"] == int(np.argmax(ssim))
    assert cases(record.model_copy(update={"samples": []})) == {}


def test_a_closeup_shows_the_region_of_both_images() -> None:
    import cv2

    from deid_bench.datasets.images import write_png

    image = np.zeros((300, 200, 3), np.uint8)
    image[100:140, 60:100] = 200
    corners = np.array([[60, 100], [100, 100], [100, 140], [60, 140]], np.float32)
    data = closeup_jpeg(image, write_png(255 - image), corners)
    found = present(cv2.imdecode(np.frombuffer(data, np.uint8), 0))
    assert found.shape == (CLOSE, 2 * CLOSE)
    inside = slice(CLOSE // 6, -CLOSE // 6)
    assert abs(found[inside, :CLOSE][:, inside].mean() - 200) < 5
    assert abs(found[inside, CLOSE:][:, inside].mean() - 55) < 5


def test_pictures_know_their_case_and_their_closeup(rows: list[RunRecord], tmp_path: Path) -> None:
    record = rows[4]
    (folder,) = made_up_records.write_results(tmp_path, [record], previews=12)
    found = {each.case: each for each in pictures(record, folder) if each.case}
    assert set(found) == {"best", "typical", "worst"}
    assert all(each.close for each in found.values())
    large = (folder / "previews" / preview_name(cases(record)["best"], "large")).stat().st_size
    assert len(found["best"].source) > large
    assert len(pictures(record, folder)) == 12


def test_the_page_keeps_within_its_limit_and_the_cases_come_first() -> None:
    case, other = Picture("x" * 40, "", "", case="best"), Picture("x" * 40, "", "")
    kept, unseen = within_limit({"a": [other, case], "b": [case, other]}, most=130)
    assert [each.case for each in kept["a"]] == ["", "best"]
    assert [each.case for each in kept["b"]] == ["best"]
    assert unseen == 1


# ------------------------------------------------------------------------------------------------ citing


def _citing(record: RunRecord, text: str) -> RunRecord:
    return record.model_copy(update={"method": record.method.model_copy(update={"citation": text})})


def test_links_are_https_addresses_of_what_is_cited(rows: list[RunRecord]) -> None:
    text = (
        "A, B, arXiv:2504.08272, 2025; C, doi 10.1109/TPAMI.2005.12. Code: https://github.com/a/b. "
        'javascript:alert(1) http://plain.example https://x.example/"onclick=1'
    )
    found = links(_citing(rows[4], text).method)
    assert found == [
        ("code", "https://github.com/a/b"),
        ("paper", "https://x.example/"),
        ("paper", "https://arxiv.org/abs/2504.08272"),
        ("paper", "https://doi.org/10.1109/TPAMI.2005.12"),
    ]


def test_bibtex_has_every_key_once_and_balanced_braces(rows: list[RunRecord]) -> None:
    text = bibtex(_citing(rows[4], "A { brace, 2020; Second work, arXiv:1234.56789, CVPR 2021"))
    keys = re.findall(r"^@\w+\{([^,]+),$", text, re.M)
    assert len(keys) == len(set(keys))
    assert text.count("{") == text.count("}")
    assert "year = {2021}" in text
    assert "eprint = {1234.56789}" in text
    assert r"\textbraceleft" in text
    assert "author = {{The deid-bench developers}}" in text


def test_a_card_says_when_by_whom_and_where(rows: list[RunRecord], tmp_path: Path) -> None:
    record = _citing(rows[4], "A, arXiv:2504.08272, 2025")
    (folder,) = made_up_records.write_results(tmp_path, [record])
    write_stamp(Stamp("verified", "all", "2026-01-01", submitter="A. <Author>"), folder / FILE_NAME)
    assert present(load_stamp(folder / FILE_NAME)).submitter == "A. <Author>"
    data = board_data(render_board([(record, folder)]))
    (card,) = data["tabs"][0]["cards"]
    assert "A. &lt;Author&gt;" in card
    assert 'href="https://arxiv.org/abs/2504.08272"' in card
    assert record.host.created[:10] in card
    assert verdict(record) in card
    saved = unpack(data["records"][record.digest[:12]])
    assert saved.encode() == (folder / FILE_NAME).read_bytes()


def test_large_boards_carry_no_records() -> None:
    many = made_up_records.made_up(101)
    assert board_data(render_board([(each, NOWHERE) for each in many]))["records"] == {}
