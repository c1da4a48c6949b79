"""`deid-bench explain`, and the page that is made with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deid_bench.benchmark.metrics.catalogue import METRICS
from deid_bench.cli import main
from deid_bench.reports.explanation.page import REGENERATE, facts, metrics_page
from deid_bench.reports.explanation.protocol_words import protocol_words

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"


def call(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    code = main(["explain", *arguments])
    out, err = capsys.readouterr()
    return code, out, err


def words(text: str) -> str:
    """Without the line breaks of a narrow terminal."""
    return " ".join(text.split())


@pytest.mark.parametrize("name", METRICS)
def test_it_tells_everything_about_a_metric(capsys: pytest.CaptureFixture[str], name: str) -> None:
    code, out, err = call(capsys, name)
    metric = METRICS[name]
    assert (code, err) == (0, "")
    for text in (
        name,
        metric.title,
        metric.definition,
        metric.formula,
        metric.citation,
        metric.how,
        protocol_words(metric),
        metric.caveat,
    ):
        assert words(text) in words(out)
    assert max(map(len, out.splitlines())) <= max(100, len(metric.formula) + 20)


@pytest.mark.parametrize(("written", "name"), [("DIR", "dir"), ("Rank-1", "rank1_with_source"), ("ms-ssim", "ms_ssim")])
def test_titles_and_other_spellings_are_understood(capsys: pytest.CaptureFixture[str], written: str, name: str) -> None:
    code, out, _ = call(capsys, written, "--json")
    assert code == 0
    assert [each["name"] for each in json.loads(out)] == [name]


def test_several_metrics_keep_their_order(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "rr_cross", "rr", "--json")
    assert code == 0
    assert [each["name"] for each in json.loads(out)] == ["rr_cross", "rr"]


def test_all_as_json_is_the_catalogue(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "--all", "--json")
    assert code == 0
    assert [each["name"] for each in json.loads(out)] == list(METRICS)
    assert {each["name"]: each["target"] for each in json.loads(out)}["dir"] == 100.0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["rank1_with_sorce"], "did you mean 'rank1_with_source'"),
        (["overlap"], "did you mean 'overlap_diversity'"),
        (["zzzzzzzz"], "deid-bench list metrics"),
        ([], "--all"),
        (["dir", "--all"], "--all"),
        (["dir", "--json", "--markdown"], "Choose one"),
    ],
)
def test_mistakes_end_with_two_and_a_hint(capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    code, out, err = call(capsys, *arguments)
    assert code == 2
    assert said in err
    assert "Traceback" not in err
    assert out == ""


def test_the_page_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "--all", "--markdown")
    assert code == 0
    assert out == metrics_page()
    assert PAGE.read_text(encoding="utf-8") == out, f"docs/metrics.md is not what the catalogue says; run\n{REGENERATE}"


def test_the_page_has_every_metric_once() -> None:
    page = metrics_page()
    for metric in METRICS.values():
        assert page.count(f"(`{metric.name}`)\n") == 1


def test_ranges_and_directions_read_well() -> None:
    assert facts(METRICS["dir"])["range"] == "unbounded"
    assert facts(METRICS["dir"])["better"] == "the nearer to 100 %"
    assert facts(METRICS["rr"])["range"] == "0 to 100 %"
    assert facts(METRICS["psnr"])["range"] == "from 0 dB"
    assert facts(METRICS["eer"])["better"] == "lower (for the recogniser)"


def test_names_of_several_kinds_are_explained_one_after_the_other(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "mtcc", "dir", "A1", "palm/1.0"]) == 0
    out = capsys.readouterr().out
    places = [out.index(each) for each in ("recognizer mtcc", "\ndir  ", "\nA1  parrot", "\npalm/1.0")]
    assert places == sorted(places)
    assert main(["explain", "mtcc", "dir", "--json"]) == 2
    assert "of one kind, got metrics and plug-ins" in capsys.readouterr().err
    assert main(["explain", "A1", "nonsense"]) == 2
