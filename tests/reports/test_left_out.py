"""Nothing is left out of a report without being named, with the reason that its record gives."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from narrowed import present
from written import save_record

from deid_bench.benchmark.metrics.catalogue import METRICS
from deid_bench.benchmark.records.record import Curve, Range, RunRecord, Value, load_record
from deid_bench.benchmark.results.scores_file import SCORES_NAME
from deid_bench.cli import main
from deid_bench.reports.board.ablation import sweeps
from deid_bench.reports.board.across import NO_RESAMPLES, across_datasets
from deid_bench.reports.board.data import default_plot, make_tabs
from deid_bench.reports.board.figures import row_figures
from deid_bench.reports.board.page import render_board
from deid_bench.reports.figures.catalogue import Options, Written, write_figures
from deid_bench.reports.figures.data import Entry
from deid_bench.reports.figures.sweep import find_sweeps
from deid_bench.reports.leaderboard.reference import nowhere
from deid_bench.reports.leaderboard.table import leaderboards
from deid_bench.reports.leaderboard.terminal import print_outcomes
from deid_bench.reports.paper import build
from deid_bench.reports.paper.notes import _open_thresholds
from deid_bench.reports.paper.parts import PaperCell, PaperColumn, PaperRow
from deid_bench.reports.site.pages import site_files

from .made_up_records import RECOGNIZERS, made_up, write_results

GOLDEN = Path(__file__).parents[1] / "benchmark" / "golden"
WHY = "no image survived"
MTCC = RECOGNIZERS[0]


def without(record: RunRecord, reasons: Mapping[str, str], recognizer: str | None = None) -> RunRecord:
    """The record with no number for these metrics.

    Args:
        record: of a run.
        reasons: by name of the metric.
        recognizer: only with this one; None: with all.
    """

    def lost(value: Value) -> bool:
        return value.metric in reasons and recognizer in (None, value.recognizer)

    values = [Value(metric=each.metric, recognizer=each.recognizer, value=None, n=0, reason=reasons[each.metric])
              if lost(each) else each for each in record.values]  # fmt: skip
    return record.model_copy(update={"values": values})


def with_curves(record: RunRecord, names: Iterable[Any]) -> RunRecord:
    curves = [
        Curve(
            name=name,
            recognizer=each,
            x=[1.0, 2.0, 3.0] if name.startswith("cmc") else [0.0, 0.1, 1.0],
            y=[0.2, 0.5, 1.0] if name.startswith("cmc") else [1.0, 0.3, 0.0],
            at=None if name.startswith("cmc") else [0.1, 0.3],
            comparisons=None if name.startswith("cmc") else [100, 100],
        )
        for each in RECOGNIZERS
        for name in names
    ]
    return record.model_copy(update={"curves": curves})


def drawn(folder: Path, rows: list[RunRecord], kind: str, **options: Any) -> tuple[Written, str, list[str]]:
    """What became of one figure with the first recogniser: all of it, its caption, and the texts in it."""
    if not folder.exists():
        write_results(folder, rows)
    wanted = Options(figures=(kind,), formats=("svg",), recognizers=(MTCC,), **options)
    written = write_figures([folder], folder.parent / "out", wanted)
    assert len(written.captions) == 1, written.refused
    root = ET.fromstring(written.files[0].read_bytes())
    texts = ["".join(each.itertext()) for each in root.iter("{http://www.w3.org/2000/svg}text")]
    return written, written.captions[0].read_text(), texts


def methods_of(caption: str) -> str:
    return caption.partition("Methods: ")[2].partition("\n")[0]


# ------------------------------------------------------------------------------------------------ figures


def test_pareto_names_what_it_draws_and_why_not_the_others(tmp_path: Path) -> None:
    rows = made_up(6)
    lost, other = rows[4], rows[5]
    rows[4] = without(lost, {"ssim": WHY})
    rows[5] = without(other, {"ssim": "not\nlooked at", "rr_cross": WHY}, None)
    written, caption, texts = drawn(tmp_path / "r", rows, "pareto")
    names = [each.method.spec for each in rows]
    assert all(name in methods_of(caption) for name in names[:4])
    assert not any(name in methods_of(caption) or name in texts for name in names[4:])
    assert f"{names[4]} (SSIM: {WHY})" in caption
    assert f"{names[5]} (SSIM: not looked at; {METRICS['rr_cross'].title}: {WHY})" in caption
    assert lost.digest[:12] not in caption, "nothing was drawn from it"
    assert any(WHY in text for _, text in written.notes)


def test_a_point_without_an_interval_says_so(tmp_path: Path) -> None:
    rows = made_up(4)
    values = [each.model_copy(update={"interval": None}) if each.metric == "ssim" else each for each in rows[3].values]
    rows[3] = rows[3].model_copy(update={"values": values})
    _, caption, _ = drawn(tmp_path / "r", rows, "pareto")
    assert f"Not drawn: interval of SSIM of {rows[3].method.spec} (its record has none)." in caption


def test_what_cannot_be_drawn_at_all_names_the_reasons(tmp_path: Path) -> None:
    rows = [made_up(4)[2], without(made_up(4)[3], {"ssim": WHY})]
    write_results(tmp_path / "r", rows)
    ((_, reason), *_) = write_figures([tmp_path / "r"], tmp_path / "out", Options(figures=("pareto",))).refused
    assert f"{rows[1].method.spec} (SSIM: {WHY})" in reason


def test_det_draws_and_names_the_same_methods(tmp_path: Path) -> None:
    every = ("det", "det_own", "det_cross")
    rows = [with_curves(each, every) for each in made_up(5)]
    rows[3] = without(with_curves(rows[3], every[:2]), {"rr_cross": WHY})
    rows[4] = without(with_curves(rows[4], every[:1]), {"rr": WHY, "rr_cross": WHY})
    _, caption, texts = drawn(tmp_path / "r", rows, "det")
    names = [each.method.spec for each in rows]
    assert all(name in methods_of(caption) and name in texts for name in names[:4])
    assert names[4] not in methods_of(caption)
    assert names[4] not in texts, "a legend names curves"
    assert f"{names[3]} against other originals, {names[4]} ({WHY})" in caption


def test_cmc_draws_and_names_the_same_methods(tmp_path: Path) -> None:
    every = ("cmc_with_source", "cmc_without_source")
    rows = [with_curves(each, every) for each in made_up(4)]
    rows[2] = without(with_curves(rows[2], ()), {"rank1_with_source": WHY, "rank1_without_source": WHY})
    rows[3] = with_curves(rows[3], every[:1])
    _, caption, texts = drawn(tmp_path / "r", rows, "cmc")
    names = [each.method.spec for each in rows]
    assert names[2] not in methods_of(caption)
    assert names[2] not in texts
    assert names[3] in texts
    assert f"{names[2]} ({WHY})" in caption
    assert f"{names[3]} (own original not in the gallery) (its record has no such curve)" in caption


def test_distributions_name_panels_that_are_empty(tmp_path: Path) -> None:
    rows = made_up(4)[2:]
    folders = write_results(tmp_path / "r", rows, distances=True)
    (folders[1] / SCORES_NAME).unlink()
    _, caption, _ = drawn(tmp_path / "r", rows, "distributions")
    assert methods_of(caption).startswith(f"{rows[0].method.spec}.")
    assert f"{rows[1].method.spec} with {MTCC} ({SCORES_NAME} is missing" in caption
    assert str(tmp_path) not in caption, "where things lie is nobody's business"


def test_sweeps_name_values_and_lines_that_are_not_there(tmp_path: Path) -> None:
    rows = [each for each in made_up(14) if each.method.name == "blurring"]
    rows[1] = without(rows[1], {"ssim": WHY})
    rows = [without(each, {"dir": WHY}) for each in rows]
    again = {"digest": "f" * 64, "host": rows[0].host.model_copy(update={"created": "2030-01-01"})}
    rows.append(rows[0].model_copy(update=again))
    _, caption, _ = drawn(tmp_path / "r", rows, "sweep")
    assert f"SSIM at sigma {rows[1].method.params['sigma']:g} ({WHY})" in caption
    assert f"DIR with {MTCC} (in fewer than two of the records: {WHY})" in caption
    assert "another record of the same setting is drawn" in caption


def test_ladders_name_methods_that_were_not_attacked_and_attacks_without_a_number(tmp_path: Path) -> None:
    attacked = load_record(GOLDEN / "run-1-attacks.json")
    method = attacked.method.model_copy(update={"spec": "spared", "name": "spared"})
    spared = attacked.model_copy(update={"method": method, "attacks": None, "digest": "e" * 64})
    found = present(attacked.attacks)
    rows = [each.model_copy(update={"values": [], "status": "not run", "reason": "too dear"}) if each.attack == "A1"
            else each for each in found.rows]  # fmt: skip
    stopped = attacked.model_copy(update={"attacks": found.model_copy(update={"rows": rows})})
    for index, record in enumerate((stopped, spared)):
        save_record(record, tmp_path / "r" / str(index))
    written = write_figures([tmp_path / "r"], tmp_path / "out", Options(figures=("ladder",), formats=("svg",)))
    (path,) = written.captions
    caption = path.read_text()
    assert methods_of(caption) == f"{attacked.method.spec}."
    assert "spared (run without attacks)" in caption
    assert f"A1 on {attacked.method.spec} (too dear)" in caption


def test_grids_name_datasets_and_originals_that_are_not_shown(tmp_path: Path) -> None:
    seen, unseen = made_up(3)[2:], made_up(3, dataset="synthetic-palm")[2:]
    write_results(tmp_path / "r" / "a", seen, previews=1)
    write_results(tmp_path / "r" / "b", unseen)
    written = write_figures([tmp_path / "r"], tmp_path / "out", Options(figures=("grid",), formats=("svg",)))
    caption = written.captions[0].read_text()
    assert "Data: palm-mini (96 images of 24 identities, rendered by computer graphics). Protocol" in caption
    assert "images of synthetic-palm (" in caption
    assert "has no previews" in caption
    assert "1 of 2 rows of palm-mini" in caption
    assert unseen[0].digest[:12] not in caption


def test_methods_beyond_those_that_a_plot_holds_are_named(tmp_path: Path) -> None:
    rows = made_up(14)
    _, caption, _ = drawn(tmp_path / "r", rows, "pareto")
    cut = caption.partition("Not drawn: ")[2]
    assert "(a plot holds 12 methods)" in cut
    assert sum(each.method.spec in cut for each in rows) == 2
    assert not any(each.method.spec in methods_of(caption) for each in rows if each.method.spec in cut)


@pytest.mark.parametrize("option", ["--method", "--recognizer"])
def test_what_was_asked_for_beside_others_and_is_nowhere_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str
) -> None:
    write_results(tmp_path / "r", made_up(4))
    known = {"--method": "identity", "--recognizer": MTCC}[option]
    arguments = ["figures", str(tmp_path / "r"), "-o", str(tmp_path / "out"), option, known, option, "nobody"]
    assert main(arguments) == 2
    assert f"no record of the {option[2:]} 'nobody'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------------------------------ one code


def renamed(record: RunRecord, digest: str, **method: Any) -> RunRecord:
    return record.model_copy(update={"digest": digest * 64, "method": record.method.model_copy(update=method)})


@pytest.mark.parametrize("other", [{"source_sha256": "4e" * 32}, {"weights": {"net": "5d" * 32}}])
def test_two_plug_ins_of_one_name_are_no_ablation(other: dict[str, Any]) -> None:
    blurring = next(each for each in made_up(6) if each.method.name == "blurring")
    rows = [blurring, renamed(blurring, "d", params={**blurring.method.params, "sigma": 0.5})]
    apart = [rows[0], renamed(rows[1], "d", **other)]
    for records, expected in ((rows, 1), (apart, 0)):
        (table,) = leaderboards(records, every=True)
        assert len(sweeps(table)) == expected
        entries = [Entry(each, Path("nowhere"), each.digest[:6]) for each in records]
        assert len(find_sweeps(entries)) == expected


def test_an_ablation_counts_rows_of_one_value_and_tells_words_from_truth() -> None:
    blurring = next(each for each in made_up(6) if each.method.name == "blurring")
    params = blurring.method.params
    values: list[Any] = [0.5, 0.5, True, "True"]
    rows = [renamed(blurring, "cdef"[index], params={**params, "sigma": value}) for index, value in enumerate(values)]
    (table,) = leaderboards(rows, every=True)
    (found,) = sweeps(table)
    assert ([row.record.method.params["sigma"] for row in found.rows], found.others) == ([0.5, True, "True"], 1)


def test_a_method_keeps_its_figure_across_datasets_only_with_its_code(tmp_path: Path) -> None:
    first, second = made_up(3)[2], made_up(3, dataset="synthetic-palm")[2]
    folders = write_results(tmp_path / "r", [first, second], distances=True)
    options = Options(figures=("distributions",), formats=("svg",))
    assert len(write_figures([tmp_path / "r"], tmp_path / "a", options).captions) == 1
    save_record(renamed(second, "d", source_sha256="4e" * 32), folders[1])
    assert len(write_figures([tmp_path / "r"], tmp_path / "b", options).captions) == 2


# ------------------------------------------------------------------------------------------------ board


def test_a_column_without_numbers_gives_the_reason_of_every_row() -> None:
    rows = made_up(4)
    rows = [without(each, {"ssim": WHY if index < 3 else "too small", "psnr": WHY}) for index, each in enumerate(rows)]
    (tab,) = make_tabs(rows, {})
    reasons = dict(tab.unmeasured)
    assert reasons["PSNR"] == WHY
    assert f"{rows[3].method.spec}: too small" in reasons["SSIM"]
    assert WHY in reasons["SSIM"]
    page = render_board([(each, Path("nowhere")) for each in rows])
    assert "too small" in page.partition("so without a column")[2]


def test_every_reason_of_what_is_to_be_had_is_said_for_every_recogniser() -> None:
    rows = made_up(5)
    rows[2] = without(rows[2], {"fid": "unavailable: torch is not installed"})
    rows[3] = without(rows[3], {"fid": "unavailable: weights fid-inception"})
    for name, reason in zip(RECOGNIZERS, ("unavailable: this", "unavailable: that"), strict=True):
        rows[4] = without(rows[4], {"rr": reason}, name)
    said = render_board([(each, Path("nowhere")) for each in rows]).partition(">n/a: ")[2].partition("</p>")[0]
    assert f"{rows[2].method.spec}: unavailable: torch is not installed" in said
    assert f"{rows[3].method.spec}: unavailable: weights fid-inception" in said
    assert f"RR ({RECOGNIZERS[0]}) unavailable: this" in said
    assert f"RR ({RECOGNIZERS[1]}) unavailable: that" in said


def test_the_terminal_gives_reasons_of_all_rows(capsys: pytest.CaptureFixture[str]) -> None:
    rows = made_up(4, protocol="palm-paper/1.0")
    rows[3] = without(rows[3], {"fid": "unavailable: weights fid", "rr": "unavailable: no network"})
    print_outcomes(
        cast("Any", [SimpleNamespace(record=row, folder=Path("nowhere"), from_store=True) for row in rows]),
        Path("board.html"),
        intervals=False,
    )
    said = capsys.readouterr().out
    assert "unavailable: weights fid" in said
    assert said.count("unavailable: no network") == 1


def test_the_plane_of_methods_says_who_is_not_in_it() -> None:
    rows = made_up(5)
    (tab,) = make_tabs(rows, {})
    x, y, _, rest = present(default_plot(tab))
    assert rest == ""
    names = (tab.table.columns[x].metric, tab.table.columns[y].metric)
    rows[3] = without(rows[3], {names[0]: WHY})
    (tab,) = make_tabs(rows, {})
    _, _, figure, rest = present(default_plot(tab))
    assert rest.startswith("Not drawn, for lack of one of the two numbers: ")
    assert rows[3].method.name in rest
    assert rows[3].digest[:12] not in figure
    assert rest in render_board([(each, Path("nowhere")) for each in rows])


def test_figures_of_a_row_say_what_every_recogniser_lacks(tmp_path: Path) -> None:
    (record,) = made_up(1)
    (folder,) = write_results(tmp_path, [record], distances=True)
    curves = [each for each in record.curves if each.recognizer == MTCC]
    assert row_figures(record, folder)[1] == ""
    _, missing = row_figures(record.model_copy(update={"curves": curves}), folder)
    assert missing == f"{RECOGNIZERS[1]}: No error trade-off: the record has no curves."
    (folder / SCORES_NAME).unlink()
    _, missing = row_figures(record.model_copy(update={"curves": curves}), folder)
    assert "No distributions of distances" in missing
    assert "No error trade-off" in missing


def test_the_table_over_datasets_names_who_has_no_place_and_why(tmp_path: Path) -> None:
    first, second = made_up(8), made_up(6, dataset="synthetic-palm")
    folders = write_results(tmp_path / "a", first, replicates=True)
    folders += write_results(tmp_path / "b", second, replicates=True)
    places = dict(zip([each.digest for each in [*first, *second]], folders, strict=True))
    key = next(each.column for each in across_datasets(make_tabs([*first, *second], {}), places))
    lost = without(second[5], {key.metric: WHY})
    save_record(lost, places[lost.digest])
    write_results(tmp_path / "b", [lost], replicates=True)
    found = across_datasets(make_tabs([*first, *second[:5], lost], {}), places)[0]
    reasons = dict(found.left_out)
    assert reasons[first[6].method.spec] == "not run on synthetic-palm"
    assert reasons[lost.method.spec] == f"on synthetic-palm: {WHY}"
    assert {name for name, _ in found.rows}.isdisjoint(reasons)
    page = render_board([(each, places[each.digest]) for each in [*first, *second[:5], lost]])
    assert "Without a place by" in page
    assert "not run on synthetic-palm" in page


def test_a_table_over_datasets_that_cannot_be_made_says_why(tmp_path: Path) -> None:
    records = [made_up(3)[2], made_up(3, dataset="synthetic-palm")[2]]
    folders = write_results(tmp_path, records, replicates=True)
    places = dict(zip([each.digest for each in records], folders, strict=True))
    found = across_datasets(make_tabs(records, {}), places)
    assert [each.why for each in found] == ["needs at least 2 methods that have it on all of the datasets, got 1"] * 2
    assert "no mean places, needs at least 2 methods" in render_board(list(zip(records, folders, strict=True)))


def test_a_row_without_resamples_does_not_take_the_place_of_one_that_has_them(tmp_path: Path) -> None:
    first, second = made_up(5), made_up(5, dataset="synthetic-palm")
    folders = write_results(tmp_path / "a", first, replicates=True)
    folders += write_results(tmp_path / "b", second, replicates=True)
    places = dict(zip([each.digest for each in [*first, *second]], folders, strict=True))
    twins = [each.model_copy(update={"digest": f"{index:064d}"}) for index, each in enumerate(first)]
    places |= {each.digest: nowhere(each) for each in twins}
    for order in ([*twins, *first], [*first, *twins]):
        found = across_datasets(make_tabs([*order, *second], {}), places)[0]
        assert len(found.rows) == 3
        assert not found.left_out
    found = across_datasets(make_tabs([*twins, *second], {}), places)[0]
    assert {why for _, why in found.left_out} == {f"on palm-mini: {NO_RESAMPLES}"}


# ------------------------------------------------------------------------------------------------ site, paper


def test_dashes_and_missing_columns_of_a_site_have_reasons() -> None:
    rows = [without(each, {"ssim": "too small"}) for each in made_up(4)]
    rows[2] = without(rows[2], {"psnr": WHY})
    files = dict(site_files([(each, Path("nowhere")) for each in rows]))
    index = files["index.html"].decode()
    assert f'<td title="{WHY}">' in index
    assert "<bdi>SSIM</bdi> (too small)" in index


def test_recognisers_of_one_title_each_say_why_nothing_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "find_marks", lambda about, recognizer, rivals: f"as {recognizer} has none")
    columns = [PaperColumn(METRICS["rr"], name, "RR", None) for name in RECOGNIZERS]
    record = made_up(3)[2]
    cells = tuple(PaperCell(record.value("rr", name), "", None) for name in RECOGNIZERS)
    _, unmarked, _ = build._marked([PaperRow("a", "b", record, cells)], columns, {record.digest: Path("nowhere")})
    assert unmarked == [("RR", f"as {name} has none") for name in RECOGNIZERS]


def test_tables_of_a_paper_say_over_which_range_a_number_lies() -> None:
    """What is printed is the end that is worst for privacy; alone it would be quoted wrongly."""
    value = Value(metric="rr", recognizer=MTCC, value=83.3, n=24, range=Range(low=83.3, high=95.8))
    narrow = value.model_copy(update={"range": Range(low=83.3, high=83.30001)})
    columns = [PaperColumn(METRICS["rr"], MTCC, f"RR {MTCC}", None)]
    rows = [
        PaperRow(name, "", None, (PaperCell(each, "", None),))
        for name, each in (("pixelation", value), ("blurring", narrow), ("masking", None))
    ]
    (said,) = _open_thresholds(rows, columns)
    assert said == (
        f"Over all thresholds of equal error, which the originals leave open: pixelation: RR {MTCC} 83.3 to 95.8."
    )
    assert list(_open_thresholds(rows[1:], columns)) == []
