"""The papers' tables: each record in its place, one number in all formats, marks only where a difference shows."""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from narrowed import present
from written import save_record

from deid_bench.benchmark.metrics.catalogue import METRICS
from deid_bench.benchmark.readings.differences import compare_records
from deid_bench.benchmark.records.record import Interval, RunRecord, Value, load_record
from deid_bench.benchmark.records.replicates import encode_replicates
from deid_bench.benchmark.statistics.uncertainty import Replicates
from deid_bench.cli import main
from deid_bench.commands.tables_command import TABLES
from deid_bench.reports.board.page import render_board
from deid_bench.reports.leaderboard.table import leaderboards
from deid_bench.reports.paper.build import paper_tables
from deid_bench.reports.paper.formats import EXTENSIONS, csv_tables, file_name, format_tables
from deid_bench.reports.paper.latex import escape
from deid_bench.reports.paper.parts import PaperRow, PaperTable
from deid_bench.reports.paper.published import published_tables
from deid_bench.reports.paper.shown import shown_cell

from .latex_check import check_latex

HERE = Path(__file__).parent

GOLDEN = HERE / "golden_tables"
BASE = load_record(HERE.parent / "benchmark" / "golden" / "run-1-blurring.json")
NOWHERE = Path("nowhere")
HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "=cmd|' /C calc'!A0",
    "=cmd()",
    "@SUM(1+1)",
    "+1+1",
    "-2+3",
    "\t=1",
    "\\input{x}",
    "\\end{tabular}",
    "$x$ a_b ^ ~ # % & {",
    "*[2pt]",
    "a|b`c` **d** [x](http://evil.example) ![y](z) https://evil.example",
    "\u202egnp.evil\u2066\u200b\x00\x1b[31m",
    "--,,''``?`!`\"\"",
    "Müller Ångström ľ 手掌",
    "x" * 10_000,
    "=" + "y" * 10_000,
]


def value(metric: str, number: float | None, recognizer: str | None = None, **more: Any) -> Value:
    return Value(metric=metric, recognizer=recognizer, value=number, n=96, **more)


def quality(ssim: float) -> list[Value]:
    """A row of Table VI: SSIM, MS-SSIM, PSNR with deviation, LPIPS with a reason, no FID."""
    return [
        value("ssim", ssim, std=0.01234567),
        value("ms_ssim", ssim + 0.001, std=0.02),
        value("psnr", 30 + 10 * ssim, std=1.5),
        value("lpips_vgg", None, reason="unavailable: weights vgg16"),
    ]


def privacy(rr: float, recognizer: str = "mtcc") -> list[Value]:
    within = Interval(low=rr - 5.125, high=rr + 1.0625, level=0.95, method="wilson-clustered")
    return [
        value("rr", rr, recognizer, interval=within),
        value("dir", rr - 103.03125, recognizer),
        value("rank1_with_source", 100 - rr, recognizer),
    ]


def record(method: str, values: Sequence[Value], spec: str = "", family: str = "classical", **params: Any) -> RunRecord:
    given = ",".join(f"{key}={each}" for key, each in params.items())
    described = BASE.method.model_copy(
        update={
            "name": method,
            "spec": spec or (f"{method}:{given}" if given else method),
            "params": {"exemplars": "s+m", "alpha": 0.1, **params} if method == "palm_diffusion" else params,
            "family": family,
        }
    )
    digest = hashlib.sha256(described.spec.encode("utf-8", "replace")).hexdigest()
    return BASE.model_copy(update={"method": described, "values": list(values), "digest": digest})


def on(made: RunRecord, part: str, **changes: object) -> RunRecord:
    """The record with a part changed, and another digest."""
    changed = getattr(made, part).model_copy(update=changes)
    return made.model_copy(
        update={
            part: changed,
            "digest": hashlib.sha256(f"{made.digest}{changes}".encode("utf-8", "replace")).hexdigest(),
        }
    )


def tables_of(records: Sequence[RunRecord], *wanted: str) -> list[PaperTable]:
    return paper_tables([(each, NOWHERE) for each in records], wanted or None)


def row(table: PaperTable, label: str) -> PaperRow:
    (found,) = (each for each in table.rows if each.label == label)
    return found


def ablation() -> list[RunRecord]:
    """Two exemplars, two fusions, three values of alpha, the classical methods and what the paper has not."""
    swept = [("s", 0.1), ("m", 0.1), ("m+s", 0.1), ("s+m", 0.2), ("s+m", 0.3), ("s", 0.3)]
    made = [
        record("palm_diffusion", quality(0.9 + alpha / 100) + privacy(98 - 10 * alpha), exemplars=name, alpha=alpha)
        for name, alpha in swept
    ]
    made += [record("masking", quality(0.91) + privacy(100)), record("blurring", quality(0.98) + privacy(0.0625))]
    made += [record("blurring", quality(0.99) + privacy(0), sigma=0.01), record("stranger", quality(0.5))]
    return [*made, record("identity", [value("ssim", 1.0)], family="sanity")]


# ------------------------------------------------------------------------------------------------ published numbers


def test_the_command_offers_the_tables_that_there_are() -> None:
    assert tuple(published_tables()) == TABLES


@pytest.mark.parametrize(
    ("table", "label", "column", "text", "number"),
    [
        ("II", "Zhou", 0, "79.61", 79.61),
        ("II", "NTU-PI", 7, "0.26", 0.26),
        ("III", "PolyU", 2, "34.1753", 34.1753),
        ("IV", "NTU-PI", 4, "5.148", 5.148),
        ("V", "α = 0.1", 1, "94.79", 94.79),
        ("V", "Pixelating", 2, "97.92", 97.92),
        ("VI", "Masking", 4, "168.0455", 168.0455),
        ("VII", "s+m+f", 3, "0.17", 0.17),
        ("DeDiM-1", "DeDiM", 1, "12.4", 12.4),
        ("DeDiM-1", "TIP-IM", 5, "77", 77.0),
        ("DeDiM-1", "original image", 0, "81.8", 81.8),
    ],
)
def test_printed_numbers_are_the_papers(table: str, label: str, column: int, text: str, number: float) -> None:
    (found,) = (each for each in published_tables()[table].rows if each.label == label)
    printed = found.numbers[column]
    assert printed is not None
    assert (printed.text, printed.value) == (text, number)
    assert label in printed.where


def test_a_deviation_is_in_the_unit_of_its_number() -> None:
    first = present(published_tables()["III"].rows[0].numbers[0])
    assert (first.value, first.std) == (0.9633, 0.0104)
    assert published_tables()["II"].rows[-1].numbers[0] is None


def test_the_prior_interpolation_at_0_1_is_the_method_of_the_other_tables() -> None:
    tables = published_tables()
    for main_table, by_setting in (("III", "VI"), ("IV", "VII")):
        (row_of,) = (each for each in tables[by_setting].rows if each.label == "α = 0.1")
        assert [present(each).value for each in tables[main_table].rows[0].numbers] == [
            present(each).value for each in row_of.numbers
        ]


# ------------------------------------------------------------------------------------------------ rows and columns


def test_every_record_stands_in_its_place_and_none_is_lost() -> None:
    records = ablation()
    (table,) = tables_of(records, "VI")
    assert {each.record.digest for each in table.rows if each.record} == {each.digest for each in records}
    places = {(each.segment[:2], each.label) for each in table.rows if each.record}
    assert {("A.", "s"), ("A.", "m"), ("B.", "s+m"), ("C.", "α = 0.1"), ("C.", "α = 0.2")} <= places
    assert {("D.", "Blurring"), ("D.", "Blurring (sigma=0.01)"), ("Ot", "stranger"), ("En", "identity")} <= places
    assert ("Ot", "palm_diffusion:exemplars=s,alpha=0.3") in places
    assert row(table, "f").record is None
    assert row(table, "f").cells[0].reason == "no record of this setting"
    assert any("alpha = 0.1" in note for note in table.notes)


def test_exemplars_are_compared_at_the_alpha_that_most_of_them_have() -> None:
    records = ablation() + [
        record("palm_diffusion", quality(0.9), exemplars=name, alpha=0) for name in ("s", "m", "f", "s+m")
    ]
    (table,) = tables_of(records, "VI")
    assert present(row(table, "f").record).method.params["alpha"] == 0
    assert [present(each.record).method.params["alpha"] for each in table.rows if each.segment.startswith("C.")] == [
        0.1,
        0.2,
        0.3,
    ]


def test_printed_numbers_stand_beside_the_settings_they_belong_to() -> None:
    (table,) = tables_of(ablation(), "V")
    assert present(row(table, "α = 0.2").cells[0].printed).text == "91.46"
    assert present(row(table, "Masking").cells[1].printed).text == "125.31"
    assert row(table, "stranger").cells[0].printed is None
    assert [each.recognizer for each in table.columns] == ["mtcc"] * 3 + ["compcode"] * 3
    assert row(table, "Masking").cells[3].printed is None  # the paper has no CompCode
    assert any("CCNet" in note and "not measured" in note for note in table.notes)


def test_the_papers_own_dataset_gets_its_own_printed_row() -> None:
    here = record("palm_diffusion", privacy(90))
    (table,) = tables_of([here], "II")
    assert present(row(table, "palm_diffusion").cells[0].printed).text == "95.42"
    assert any("not about the images" in note for note in table.notes)
    (table,) = tables_of([on(here, "dataset", name="polyu", spec="polyu")], "II")
    assert present(row(table, "palm_diffusion").cells[0].printed).text == "93.73"
    assert not any("not about the images" in note for note in table.notes)


@pytest.mark.parametrize(
    ("part", "changes"),
    [("protocol", {"digest": "0" * 64}), ("dataset", {"digest": "0" * 64}), ("analyzer", {"spec": "other"})],
)
def test_what_cannot_be_compared_is_never_in_one_table(part: str, changes: dict[str, str]) -> None:
    one, other = record("masking", privacy(100)), record("blurring", privacy(3))
    assert len(tables_of([one, other], "V")) == 1
    assert len(tables_of([one, on(other, part, **changes)], "V")) == 2
    names = {file_name(each, "csv") for each in tables_of([one, on(other, part, **changes)], "V")}
    assert len(names) == 2


def test_two_records_of_one_setting_are_told_apart() -> None:
    one = record("masking", privacy(100))
    (table,) = tables_of([one, one.model_copy(update={"root_seed": 1, "digest": "f" * 64})], "V")
    assert sorted(each.label for each in table.rows if each.record) == [
        f"Masking [{one.digest[:6]}]",
        "Masking [ffffff]",
    ]


def test_a_table_without_a_row_of_the_papers_is_not_made() -> None:
    assert tables_of([record("stranger", quality(0.5))], "VI") == []
    assert [each.id for each in tables_of([record("stranger", quality(0.5))])] == ["II", "III", "IV"]


def test_white_and_black_box_columns_follow_from_the_surrogate() -> None:
    names = ("mobilefacenet", "dlib_resnet")
    recognizers = [BASE.recognizers[0].model_copy(update={"spec": each, "name": each}) for each in names]

    def face(method: str, knowledge: str, white: float, black: float, **more: str) -> RunRecord:
        values = [value("rank1_without_source", each, name) for each, name in zip((white, black), names, strict=True)]
        made = record(method, [*values, *quality(0.9)], **more)
        made = on(on(made, "method", knowledge=knowledge), "protocol", id="face/1.0", digest="1" * 64)
        return made.model_copy(update={"recognizers": recognizers})

    records = [
        face("identity", "black box", 80.0, 90.0, family="sanity"),
        face("dedim", "surrogate=mobilefacenet", 1.0, 12.0),
        face("tip_im", "surrogate=dlib_resnet:x=1", 30.0, 0.0),
    ]
    tables = {each.key[-1]: each for each in tables_of(records)}
    assert set(tables) == {"mobilefacenet", "dlib_resnet"}
    table = tables["mobilefacenet"]
    assert [(each.title, each.recognizer) for each in table.columns[:2]] == [
        ("Rank-1 (WB)", "mobilefacenet"),
        ("Rank-1 (BB)", "dlib_resnet"),
    ]
    assert [cell.number for cell in row(table, "DeDiM").cells[:2]] == [1.0, 12.0]
    assert [present(cell.printed).text for cell in row(table, "DeDiM").cells[:2]] == ["0.8", "12.4"]
    assert row(table, "TIP-IM").record is None
    assert tables["dlib_resnet"].columns[0].recognizer == "dlib_resnet"
    assert row(tables["dlib_resnet"], "TIP-IM").cells[0].number == 0.0


def test_the_papers_own_evaluation_is_taken_where_every_record_has_it() -> None:
    def both(name: str, number: float) -> RunRecord:
        return record(name, [*quality(0.5), value("ssim_paper", number)])

    (table,) = tables_of([both("masking", 0.7), both("blurring", 0.8)], "VI")
    assert table.columns[0].metric == "ssim_paper"
    assert row(table, "Masking").cells[0].number == 0.7
    (table,) = tables_of([both("masking", 0.7), record("blurring", quality(0.8))], "VI")
    assert table.columns[0].metric == "ssim"


# ------------------------------------------------------------------------------------------------ marks


def folder_with(tmp_path: Path, made: RunRecord, numbers: dict[tuple[str, str], float], clusters: int = 24) -> Path:
    """A folder with replicates of these numbers: what methods have in common, and a little noise of their own."""
    common = np.random.default_rng(0).normal(0, 1.0, 1000)
    own = np.random.default_rng(sum(map(ord, made.method.spec))).normal(0, 0.05, 1000)
    replicates = {
        key: Replicates(number, number + common + own, np.full(clusters, number), clusters)
        for key, number in numbers.items()
    }
    folder = tmp_path / made.digest[:12]
    folder.mkdir(parents=True)
    (folder / "replicates.npz").write_bytes(encode_replicates(replicates))
    return folder


def psnr_rows(tmp_path: Path, numbers: dict[str, float], clusters: int = 24) -> PaperTable:
    records = []
    for name, number in numbers.items():
        made = record(name, [value("psnr", number)])
        records.append((made, folder_with(tmp_path, made, {("psnr", ""): number}, clusters)))
    (table,) = paper_tables(records, ["III"])
    return table


def marks(table: PaperTable) -> dict[str, str]:
    place = [each.metric for each in table.columns].index("psnr")
    return {each.label: each.cells[place].mark for each in table.rows if each.record}


def test_best_and_second_are_marked_where_they_can_be_told_from_the_rest(tmp_path: Path) -> None:
    table = psnr_rows(tmp_path, {"masking": 14.0, "blurring": 41.0, "pixelation": 38.0})
    assert marks(table) == {"masking": "", "blurring": "best", "pixelation": "second"}
    text = {form: format_tables([table], form) for form in EXTENSIONS}
    assert "\\textbf{41.0}" in text["latex"]
    assert "\\underline{38.0}" in text["latex"]
    assert "**41.0**" in text["markdown"]
    assert "<ins>38.0</ins>" in text["markdown"]
    assert "41.0*" in text["text"]
    assert "38.0+" in text["text"]


def test_what_cannot_be_told_apart_is_not_marked(tmp_path: Path) -> None:
    table = psnr_rows(tmp_path, {"masking": 14.0, "blurring": 41.0, "pixelation": 41.001})
    assert set(marks(table).values()) == {""}
    assert "no difference is certain enough" in format_tables([table], "latex")


def test_of_two_there_is_no_second(tmp_path: Path) -> None:
    assert marks(psnr_rows(tmp_path, {"masking": 14.0, "blurring": 41.0})) == {"masking": "", "blurring": "best"}


def test_too_few_people_give_no_marks(tmp_path: Path) -> None:
    table = psnr_rows(tmp_path, {"masking": 14.0, "blurring": 41.0}, clusters=6)
    assert set(marks(table).values()) == {""}
    assert any("fewer than" in note for note in table.notes)


def test_without_resamples_nothing_is_marked_and_the_table_says_so(tmp_path: Path) -> None:
    masked, blurred = (
        record(name, [value("psnr", number)]) for name, number in (("masking", 14.0), ("blurring", 41.0))
    )
    folder = folder_with(tmp_path, masked, {("psnr", ""): 14.0})
    (table,) = paper_tables([(masked, folder), (blurred, tmp_path / "nowhere")], ["III"])
    assert not table.marked
    assert any(note.startswith("PSNR: best not marked") for note in table.notes)
    assert "certain enough" not in format_tables([table], "text")


def test_the_nearest_to_its_target_is_best(tmp_path: Path) -> None:
    records = []
    for name, number in {"masking": 125.0, "blurring": 35.0, "pixelation": 96.0}.items():
        made = record(name, [value("dir", number, "mtcc")])
        records.append((made, folder_with(tmp_path, made, {("dir", "mtcc"): number})))
    (table,) = paper_tables(records, ["II"])
    assert [each.cells[1].mark for each in table.rows if each.record] == ["", "second", "best"]


def test_a_mark_agrees_with_the_paired_comparison(tmp_path: Path) -> None:
    made = {name: record(name, [value("psnr", number)]) for name, number in (("masking", 14.0), ("blurring", 41.0))}
    folders = {
        name: folder_with(tmp_path, each, {("psnr", ""): present(each.values[0].value)}) for name, each in made.items()
    }
    (compared,) = compare_records((made["blurring"], folders["blurring"]), (made["masking"], folders["masking"]))
    (table,) = paper_tables([(each, folders[name]) for name, each in made.items()], ["III"])
    assert compared.verdict == "A"
    assert marks(table)["blurring"] == "best"


def test_sanity_rows_do_not_compete(tmp_path: Path) -> None:
    records = []
    for name, number, family in (("identity", 99.0, "sanity"), ("masking", 14.0, "classical"), ("blurring", 41.0, "x")):
        made = record(name, [value("psnr", number)], family=family)
        records.append((made, folder_with(tmp_path, made, {("psnr", ""): number})))
    (table,) = paper_tables(records, ["III"])
    assert marks(table) == {"identity": "", "masking": "", "blurring": "best"}


# ------------------------------------------------------------------------------------------------ numbers


def test_a_number_is_the_same_number_in_every_format(tmp_path: Path) -> None:
    records = ablation()
    for each in records:
        save_record(each, tmp_path / each.digest[:12])
    stored = {each.digest: load_record(tmp_path / each.digest[:12] / "run.json") for each in records}
    (board_table,) = leaderboards(list(stored.values()))
    page = render_board([(each, NOWHERE) for each in stored.values()])
    tables = tables_of(list(stored.values()))
    lines = list(csv.DictReader(io.StringIO(csv_tables(tables))))
    texts = {form: format_tables(tables, form) for form in ("latex", "markdown", "text")}
    checked = 0
    for line in lines:
        if not line["value"]:
            continue
        source = present(stored[line["record"]].value(line["metric"], line["recognizer"] or None))
        assert line["value"] == repr(source.value)
        assert line["std"] == ("" if source.std is None else repr(source.std))
        assert float(line["value"]) == source.value
        place = [(each.metric, each.recognizer) for each in board_table.columns].index(
            (line["metric"], line["recognizer"])
        )
        (shown,) = (each.cells[place] for each in board_table.rows if each.record.digest == line["record"])
        assert shown.order == source.value
        assert shown.text in page
        for form, text in texts.items():
            assert shown.text.replace("-", "$-$" if form == "latex" else "-") in text
        checked += 1
    assert checked > 50


def test_a_cell_is_shown_as_on_the_board() -> None:
    records = ablation()
    (board_table,) = leaderboards(records)
    for table in tables_of(records):
        for each in (each for each in table.rows if each.record):
            for column, cell in zip(table.columns, each.cells, strict=True):
                if cell.number is None:
                    continue
                names = [(other.metric, other.recognizer) for other in board_table.columns]
                place = names.index((column.metric, column.recognizer))
                (shown,) = (
                    row.cells[place] for row in board_table.rows if row.record.digest == present(each.record).digest
                )
                assert shown_cell(cell, column).number == shown.text


def test_the_csv_file_keeps_reasons_intervals_and_printed_numbers() -> None:
    lines = list(csv.DictReader(io.StringIO(csv_tables(tables_of(ablation(), "V", "VI")))))
    (lpips,) = (each for each in lines if each["row"] == "Masking" and each["metric"] == "lpips_vgg")
    assert (lpips["value"], lpips["reason"]) == ("", "unavailable: weights vgg16")
    assert (lpips["printed"], lpips["printed_std"]) == ("0.0764", "0.0159")
    assert "Table VI, row Masking, column LPIPS" in lpips["printed_in"]
    (rr,) = (each for each in lines if each["row"] == "Blurring" and each["metric"] == "rr" and each["value"])
    assert (rr["low"], rr["high"], rr["level"]) == ("-5.0625", "1.125", "0.95")


@pytest.mark.parametrize("form", EXTENSIONS)
def test_the_tables_are_as_they_were(form: str) -> None:
    """The files are `format_tables(tables_of(ablation(), "V", "VI"), form)`."""
    expected = (GOLDEN / f"ablation{EXTENSIONS[form]}").read_bytes().decode("utf-8")
    assert format_tables(tables_of(ablation(), "V", "VI"), form) == expected


# ------------------------------------------------------------------------------------------------ hostile names


def hostile(text: str) -> list[PaperTable]:
    """Every place that a stranger may write into."""
    made = record("masking", quality(0.5) + privacy(3.0), spec=text)
    strange = [value("fid", None, reason=text), value("rr", 7.0, text)]
    recognizer = BASE.recognizers[0].model_copy(update={"spec": text, "name": text})
    made = made.model_copy(update={"values": [*made.values, *strange], "recognizers": [*BASE.recognizers, recognizer]})
    made = on(on(on(made, "dataset", spec=text), "analyzer", spec=text), "protocol", id=text)
    return tables_of([made])


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_inert_in_latex(text: str) -> None:
    made = format_tables(hostile(text), "latex")
    check_latex(made)
    assert max(map(len, made.splitlines())) < 4000


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_inert_in_csv(text: str) -> None:
    made = csv_tables(hostile(text))
    lines = list(csv.reader(io.StringIO(made, newline=""), strict=True))
    assert len({len(each) for each in lines}) == 1
    assert made.count("\r\n") == len(lines)
    for cell in (cell for line in lines for cell in line):
        assert not re.search(r"[\x00-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", cell)
        assert cell[:1] not in tuple("=+-@") or re.fullmatch(r"[+-]?[0-9.]+(e[+-]?\d+)?", cell), cell


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_are_inert_in_markdown_and_text(text: str) -> None:
    markdown_it = pytest.importorskip("markdown_it")
    tables = hostile(text)
    markdown, plain = (format_tables(tables, form) for form in ("markdown", "text"))
    page = markdown_it.MarkdownIt("commonmark").enable("table").render(markdown)
    assert set(re.findall(r"</?([a-z0-9]+)", page)) <= {
        "p", "strong", "table", "thead", "tbody", "tr", "th", "td", "em", "ul", "li", "ins",
    }  # fmt: skip
    assert page.count("<table>") == len(tables)
    assert "://" not in markdown
    for made in (markdown, plain):
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f\u200b-\u200f\u202a-\u202e\u2066-\u2069]", made)
        assert max(map(len, made.splitlines())) < 4000


def test_what_is_escaped_reads_the_same() -> None:
    assert escape("a_b & 5 %") == r"a\_b \& 5 \%"
    assert escape("Müller ± é") == r"M\"{u}ller $\pm$ \'{e}"
    assert escape("手") == "U+624B"
    assert escape("a--b") == "a-{}-b"


@given(st.text(max_size=200))
def test_any_text_can_be_set(text: str) -> None:
    check_latex(escape(text.replace("\n", " ")))


@pytest.mark.parametrize("bad", [r"\input{x}", "a_b", "50 % off", "{", "}", "$x", "a & b & c \\\\\n", "é", "#1", "a~b"])
def test_the_check_itself_finds_bad_latex(bad: str) -> None:
    table = rf"\begin{{tabular}}{{@{{}}lr@{{}}}}{bad}a & b \\" + "\n\\bottomrule\\end{tabular}"
    with pytest.raises(AssertionError):
        check_latex(table)


def test_a_file_name_is_safe_whatever_the_names_are() -> None:
    for text in HOSTILE:
        for table in hostile(text):
            name = file_name(table, "latex")
            assert re.fullmatch(r"[A-Za-z0-9.+_-]+\.tex", name)
            assert len(name) < 160


# ------------------------------------------------------------------------------------------------ the command


def test_the_command_prints_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for each in ablation():
        save_record(each, tmp_path / "results" / each.digest[:12])
    results = str(tmp_path / "results")
    assert main(["tables", results, "--table", "v"]) == 0
    assert "Table V." in capsys.readouterr().out
    for form, extension in EXTENSIONS.items():
        assert main(["tables", results, "--format", form, "-o", str(tmp_path / form)]) == 0
        names = capsys.readouterr().out.split()
        assert [Path(each).suffix for each in names] == [extension] * 6
        assert all(Path(each).is_file() for each in names)
    assert main(["tables", results, "-t", "DeDiM-1"]) == 1
    assert "no record belongs into it" in capsys.readouterr().err
    assert main(["tables", results, "-t", "VIII"]) == 2
    assert main(["tables", str(tmp_path / "nowhere")]) == 2


def test_what_cannot_be_read_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_record(record("masking", privacy(100)), tmp_path / "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.json").write_text("{}")
    assert main(["tables", str(tmp_path), "-t", "V", "--format", "csv"]) == 1
    captured = capsys.readouterr()
    assert captured.out.startswith("table,protocol")
    assert "left out" in captured.err
    assert METRICS["rr"].name in captured.out
