"""What attackers find, as reports show it: labels, counts, reasons, the ladder, the table in its four forms."""

from __future__ import annotations

import csv
import io
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner
from narrowed import present

from deid_bench.benchmark.metrics.catalogue import METRICS
from deid_bench.benchmark.protocols import get_protocol
from deid_bench.benchmark.records.record import RunRecord, load_record
from deid_bench.cli import cli, main
from deid_bench.reports.board.card import sections
from deid_bench.reports.leaderboard.attacks import IGNORANT, left_out, ran, rung_text, rungs, searched_people
from deid_bench.reports.leaderboard.table import leaderboards
from deid_bench.reports.paper.attack_table import attack_tables, format_attacks
from deid_bench.reports.paper.fitting import Fit
from deid_bench.reports.paper.formats import markdown_text
from deid_bench.reports.paper.latex import escape
from deid_bench.reports.paper.selection import Selection

from .latex_check import check_latex

GOLDEN = Path(__file__).parents[1] / "benchmark" / "golden"


@pytest.fixture(scope="module")
def attacked() -> RunRecord:
    return load_record(GOLDEN / "run-1-attacks.json")


def test_a_worst_case_names_its_attacks(attacked: RunRecord) -> None:
    (table,) = leaderboards([attacked])
    (row,) = table.rows
    cells = {each.metric: cell for each, cell in zip(table.columns, row.cells, strict=True)}
    label = present(attacked.attacks).worst_label("rank1_worst", "toy_face_recognizer")
    assert label
    assert cells["rank1_worst"].text.endswith(f" {label}")
    assert cells["rank1_worst"].order == present(attacked.value("rank1_worst", "toy_face_recognizer")).value
    assert " " not in cells["rank1_without_source"].text


def test_how_many_ran_and_why_not_the_others(attacked: RunRecord) -> None:
    assert ran(attacked) == "2/2 attacks (A1)"
    assert ran(load_record(GOLDEN / "run-1-blurring.json")) == IGNORANT
    rows = [
        each.model_copy(update={"status": "not run", "reason": "too dear"}) for each in present(attacked.attacks).rows
    ]
    stopped = attacked.model_copy(update={"attacks": present(attacked.attacks).model_copy(update={"rows": rows})})
    assert ran(stopped) == "0/2 attacks (A1)"
    assert left_out(stopped) == ["A0, A1: too dear"]
    parts = [each.model_copy(update={"left_out": ["one part: no", "another: no"]}) for each in rows]
    counted = [each.model_copy(update={"status": "counts"}) for each in parts]
    partly = attacked.model_copy(update={"attacks": present(attacked.attacks).model_copy(update={"rows": counted})})
    why = "in part; not one part: no, and 1 more in the record"
    assert left_out(partly) == [f"A0 (toy_face_recognizer), A1 (toy_face_recognizer): {why}"]


def test_the_ladder_stands_on_the_card(attacked: RunRecord) -> None:
    found = dict(sections(attacked))
    rows = dict(found["Attackers with toy_face_recognizer"])
    assert [name.split()[0] for name in rows][:2] == ["A0", "A1"]
    assert [rung_text(each) for each in rungs(attacked)] == list(rows.values())[:2]
    assert "found most often" in rows


def test_chance_is_drawn_for_the_people_who_are_searched(attacked: RunRecord) -> None:
    roles = present(attacked.retrieval)
    assert searched_people(attacked) == roles.query_identities + roles.other_identities
    everybody = load_record(GOLDEN / "run-1-blurring.json")
    assert searched_people(everybody) == everybody.dataset.identities
    part = get_protocol("palm/2.0")
    rules = everybody.protocol.model_copy(update={"id": part.id, "digest": part.digest})
    assert searched_people(everybody.model_copy(update={"protocol": rules})) is None


def table_of(records: Sequence[RunRecord], form: str, fit: Fit = "text", **parts: bool) -> str:
    return format_attacks(attack_tables(records, Selection(**parts)), form, fit)


def test_the_table_has_one_line_for_each_attack_in_every_form(attacked: RunRecord) -> None:
    lines = list(csv.DictReader(io.StringIO(table_of([attacked], "csv"))))
    assert [each["attack"] for each in lines] == ["A0", "A1"]
    value = present(present(present(attacked.attacks).row("A0", "toy_face_recognizer")).value("rank1_without_source"))
    assert float(lines[0]["rank1_without_source"]) == pytest.approx(value.value, rel=1e-3)
    latex = table_of([attacked], "latex")
    check_latex(latex)
    rows = [line for line in latex.splitlines() if line.endswith(r"\\")]
    assert len(rows) == 4, "headings, the method with its recogniser, a line for each attack"
    assert all(each in rows[1] for each in (escape(attacked.method.spec), r"toy\_face\_recognizer"))
    assert [re.sub(r"\\[a-z]+ ", "", each)[:2] for each in rows[2:]] == ["A0", "A1"]
    tables = {form: table_of([attacked], form).partition("\n\n") for form in ("markdown", "text")}
    assert {form: len(table.splitlines()) for form, (table, _, _) in tables.items()} == {"markdown": 4, "text": 3}
    for form in ("markdown", "text", "latex"):
        said = [line for line in table_of([attacked], form).splitlines() if "needs at least 1000 impostor" in line]
        assert len(said) == 1, "every reason of a dash stands below the table, once"
        assert all(each in said[0] for each in ("A0 on", "A1 on", "TPR 0.1"))
        assert "link.: needs 10 identities, got 9" in table_of([attacked], form)


def test_what_is_left_out_of_the_table_is_left_out_in_every_form(attacked: RunRecord) -> None:
    about = present(attacked.attacks)
    method = attacked.method.model_copy(update={"spec": "ends", "family": "sanity"})
    sane = attacked.model_copy(update={"method": method})
    other = [each.model_copy(update={"recognizer": "another"}) for each in about.rows]
    unrun = other[1].model_copy(update={"status": "not run", "reason": "too dear", "values": []})
    rows = [*about.rows, other[0], unrun]
    both = [attacked.model_copy(update={"attacks": about.model_copy(update={"rows": rows})}), sane]
    error = present(present(about.row("A1", "toy_face_recognizer")).value("eer_effective"))
    metric, within = METRICS["eer_effective"], present(error.interval)
    number = f"{metric.text(present(error.value))} "
    shown = f"[{metric.text(within.low)}, {metric.text(within.high)}]"
    escaped = {"markdown": markdown_text(shown), "latex": escape(shown), "text": shown, "csv": repr(within.low)}
    for form, interval in escaped.items():
        everything = table_of(both, form)
        assert interval in everything
        assert interval not in table_of(both, form, intervals=False)
        assert number in everything or form == "csv"
        assert "ends" in everything
        assert "ends" not in table_of(both, form, sanity=False)
        assert "too dear" in everything
        assert "too dear" not in table_of(both, form, unmeasured=False)
    first, second = attack_tables(both, Selection(one_recognizer=True))
    assert (first.file_name("latex"), second.file_name("csv")) == (
        "attacks__toy-face-recognizer.tex", "attacks__another.csv",
    )  # fmt: skip
    assert "another" not in format_attacks([first], "csv")
    whole = table_of(both, "csv").splitlines()
    apart = table_of(both, "csv", one_recognizer=True).splitlines()
    assert apart[0] == whole[0]
    assert sorted(apart) == sorted(whole)
    assert attack_tables([sane], Selection(sanity=False)) == []


def test_records_of_several_tables_are_told_apart_in_every_form(attacked: RunRecord) -> None:
    other = attacked.dataset.model_copy(update={"digest": "0" * 64, "limited": True})
    both = [attacked, attacked.model_copy(update={"dataset": other})]
    about = f"{attacked.method.spec}, {attacked.dataset.spec}, {attacked.protocol.id}"
    text = table_of(both, "text")
    assert (text.count(about), text.count(f"{about}, limited")) == (4, 2)
    assert [table_of(both, form).count(", limited") for form in ("markdown", "latex")] == [2, 1]
    lines = list(csv.DictReader(io.StringIO(table_of(both, "csv"))))
    assert [(each["dataset_digest"] == "0" * 64, each["limited"]) for each in lines] == [(False, "no")] * 2 + [
        (True, "yes")
    ] * 2


def test_what_the_table_of_attacks_leaves_out_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("attacks", "blurring"):
        (tmp_path / name).mkdir()
        shutil.copy(GOLDEN / f"run-1-{name}.json", tmp_path / name / "run.json")
    assert main(["tables", str(tmp_path), "--table", "attacks"]) == 0
    assert "1 record without attacks" in capsys.readouterr().err
    (tmp_path / "blurring" / "run.json").write_text("{}")
    assert main(["tables", str(tmp_path), "--table", "attacks"]) == 1
    assert f"left out {tmp_path / 'blurring' / 'run.json'}" in capsys.readouterr().err
    assert main(["tables", str(tmp_path), "--table", "attacks", "--table", "V"]) == 2
    capsys.readouterr()
    assert main(["tables", str(tmp_path), "--table", "attacks", "--no-printed"]) == 2
    assert "table attacks has no printed numbers" in capsys.readouterr().err
    out = tmp_path / "out"
    options = ["--table", "attacks", "--format", "latex", "--fit", "column", "--no-intervals", "-o", str(out)]
    assert main(["tables", str(tmp_path / "attacks"), *options]) == 0
    assert r"\begin{table}" in (out / "attacks.tex").read_text()


def test_commands_show_attacks(tmp_path: Path) -> None:
    folder = tmp_path / "cell"
    folder.mkdir()
    shutil.copy(GOLDEN / "run-1-attacks.json", folder / "run.json")
    runner = CliRunner()
    table = runner.invoke(cli, ["tables", str(tmp_path), "--table", "attacks", "--format", "csv"])
    assert table.exit_code == 0, table.output
    assert table.output.startswith("method,dataset,protocol,recognizer,attack,")
    figure = runner.invoke(
        cli, ["figures", str(tmp_path), "-f", "ladder", "-o", str(tmp_path / "f"), "--format", "svg"]
    )
    assert figure.exit_code == 0, figure.output
    assert list((tmp_path / "f").glob("ladder*.svg"))
    explained = runner.invoke(cli, ["explain", "a1"])
    assert explained.exit_code == 0
    assert "puts the images of his gallery" in " ".join(explained.output.split())
