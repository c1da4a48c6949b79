"""Numbers by groups of people as tables: those of record and card, in every form, with small groups by name."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from narrowed import present

from deid_bench.benchmark.records.groups import Group
from deid_bench.benchmark.records.record import RunRecord, record_bytes
from deid_bench.cli import main
from deid_bench.reports.leaderboard import reference
from deid_bench.reports.leaderboard.by_group import rows
from deid_bench.reports.paper.group_table import group_table

from .latex_check import check_latex

FORMS = ("text", "markdown", "latex")
GOLDEN = Path(__file__).parents[1] / "benchmark" / "golden"


def shipped(method: str, dataset: str) -> RunRecord:
    found = [each for each in reference.shipped().records if (each.method.name, each.dataset.spec) == (method, dataset)]
    return found[-1]


@pytest.fixture(scope="module")
def faces() -> RunRecord:
    """102 people: two genders, three ages, five ethnicities of which two are rare."""
    return shipped("dedim", "face-london")


def lines_of(records: Sequence[RunRecord]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(group_table(records, "csv"))))


def test_csv_has_every_number_of_the_record_with_its_interval_and_test(faces: RunRecord) -> None:
    groups = present(faces.groups)
    lines = [each for each in lines_of([faces]) if not each["reason"]]
    assert len(lines) == len(groups.numbers)
    for line, number in zip(lines, groups.numbers, strict=True):
        assert (line["kind"], line["group"], line["metric"]) == (number.kind, number.group, number.metric)
        assert (line["recognizer"] or None, float(line["value"])) == (number.recognizer, number.value)
        within = present(number.interval)
        assert (float(line["low"]), float(line["high"]), float(line["level"])) == (
            within.low,
            within.high,
            within.level,
        )
        assert (int(line["people"]), int(line["images"])) == (number.people, number.n)
        (test,) = [
            each
            for each in groups.tests
            if (each.kind, each.metric, each.recognizer) == (number.kind, number.metric, number.recognizer)
        ]
        assert (float(line["spread"]), float(line["p"]), float(line["p_holm"])) == (test.spread, test.p, test.p_holm)
    assert {each["unit"] for each in lines if each["metric"] in ("rr", "survival", "skipped")} == {"%"}


def test_small_groups_are_named_and_have_no_number_in_any_form(faces: RunRecord) -> None:
    palms = shipped("pixelation", "palm-mini")
    for record, few in ((faces, {"east_asian", "east_asian/white"}), (palms, {"dark", "light", "medium"})):
        lines = [each for each in lines_of([record]) if each["group"] in few]
        assert {each["group"] for each in lines} == few
        assert all(each["reason"].startswith("fewer than 10 people") and not each["value"] for each in lines)
        for form in ("text", "markdown"):
            text = group_table([record], form).replace("\\", "")
            for name in few:
                assert f"{name} (" in text
                assert not any(line.startswith("|") and f"{name} (" in line for line in text.splitlines())
    assert group_table([palms], "text").count("named, not rated") == 3
    assert "p:" not in group_table([palms], "text")


def test_the_tables_say_what_the_card_says(faces: RunRecord) -> None:
    text = group_table([faces], "text")
    assert text.count("by gender") == text.count("by age") == text.count("by ethnicity") == 1
    assert "female (49)" in text
    for kind in ("gender", "age", "ethnicity"):
        section = text.partition(f"by {kind}")[2].partition("In brackets")[0]
        lines = [" ".join(line.replace(",", "").split()) for line in section.splitlines()]
        rated = [each.group for each in present(faces.groups).groups if each.kind == kind and each.reason is None]
        for name, told in rows(faces, kind):
            if " after Holm)" not in told:
                continue  # not rated
            numbers, _, test = told.removesuffix(" after Holm)").rpartition(" (")
            cells = [each.removeprefix(f"{group} ") for group, each in zip(rated, numbers.split("; "), strict=True)]
            assert " ".join([name, *cells, test.partition("p = ")[2]]).replace(",", "") in lines


def test_latex_is_sound_and_names_nothing_that_it_would_execute(faces: RunRecord) -> None:
    groups = present(faces.groups)
    odd = Group(kind="gender", group=r"\input{x} & 5 %", people=3, images=6, skipped=0, reason="fewer than 10 people")
    record = faces.model_copy(update={"groups": groups.model_copy(update={"groups": [*groups.groups, odd]})})
    text = group_table([record], "latex")
    assert text.count(r"\begin{table*}") == text.count(r"\end{table*}") == 3
    assert r"\input" not in text
    check_latex(text)


def test_tables_of_several_datasets_say_which_is_which(faces: RunRecord) -> None:
    limited = faces.model_copy(update={"dataset": faces.dataset.model_copy(update={"limited": True})})
    for form in FORMS:
        text = group_table([faces, limited], form)
        assert text.count(", limited, by gender") == 1
        assert text.count("by gender") == 2
        assert text.count("face/1.1") == 6


def test_the_command_writes_it_and_says_what_knows_no_groups(
    faces: RunRecord, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, data in (("a", record_bytes(faces)), ("b", (GOLDEN / "run-1-blurring.json").read_bytes())):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run.json").write_bytes(data)
    assert main(["tables", str(tmp_path), "--table", "groups"]) == 0
    said = capsys.readouterr()
    assert "by ethnicity" in said.out
    assert "1 record without groups of people" in said.err
    out = tmp_path / "paper"
    for form, ending in (("csv", "csv"), ("latex", "tex")):
        assert main(["tables", str(tmp_path), "--table", "groups", "--format", form, "-o", str(out)]) == 0
        assert (out / f"groups.{ending}").read_text() == group_table([faces], form)
    for more in (["--table", "V"], ["--no-intervals"], ["--no-sanity"], ["--one-recognizer"]):
        assert main(["tables", str(tmp_path), "--table", "groups", *more]) == 2
    shutil.rmtree(tmp_path / "a")
    assert main(["tables", str(tmp_path), "--table", "groups"]) == 1
    assert "no record has groups of people" in capsys.readouterr().err
