"""The toolkit from Python: plain words, results that show themselves, a data frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import deid_bench
from deid_bench.benchmark.planning.cells import RunOptions


@pytest.fixture
def words(tmp_path: Path) -> dict[str, Any]:
    """The toy world."""
    return {
        "dataset": f"toy-hands:folder={tmp_path / 'hands'}",
        "analyzer": "toy_analyzer",
        "recognizer": "toy_recognizer",
        "out": tmp_path / "results",
        "protocol": "palm-paper/1.0",
    }


def test_plain_words_give_what_options_give(words: dict[str, Any]) -> None:
    results = deid_bench.run(["masking", "identity"], **words)
    assert [each.record.method.name for each in results] == ["masking", "identity"]
    options = RunOptions(
        ("masking", "identity"),
        (words["dataset"],),
        analyzer="toy_analyzer",
        recognizers=("toy_recognizer",),
        protocol="palm-paper/1.0",
    )
    again = deid_bench.run(options, deid_bench.Execution(out=words["out"]))
    assert all(each.from_store for each in again)
    assert [each.record.digest for each in again] == [each.record.digest for each in results]


def test_a_frame_has_a_row_for_each_number(words: dict[str, Any]) -> None:
    pandas = pytest.importorskip("pandas")
    results = deid_bench.run("masking", **words)
    frame = results.to_frame()
    assert isinstance(frame, pandas.DataFrame)
    record = results[0].record
    assert len(frame) == len(record.values)
    rr = frame[(frame.metric == "rr") & (frame.recognizer == "toy_recognizer")]
    value = record.value("rr", "toy_recognizer")
    assert value is not None
    assert rr.value.item() == value.value
    spans = [(each.range.low, each.range.high) if each.range else (None, None) for each in record.values]
    told = frame[["range_low", "range_high"]].astype(object).where(frame[["range_low", "range_high"]].notna(), None)
    assert list(map(tuple, told.to_numpy())) == spans


def test_a_sweep_makes_a_cell_for_each_value(words: dict[str, Any]) -> None:
    results = deid_bench.run("blurring", sweep="sigma=0.02,0.04", **words)
    assert [each.record.method.params["sigma"] for each in results] == [0.02, 0.04]


def test_results_show_themselves(words: dict[str, Any]) -> None:
    results = deid_bench.run("masking", **words)
    assert repr(results).startswith("<Results of 1 cells: masking on toy-hands")
    assert "<table>" in results._repr_html_()
    assert len(results[:1]) == 1


def test_mistakes_are_named(words: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="did you mean 'dataset"):
        deid_bench.run("masking", datset="palm-mini")
    with pytest.raises(TypeError, match="twice"):
        deid_bench.run("masking", dataset="palm-mini", datasets=("palm-mini",))
    with pytest.raises(TypeError, match="no other words"):
        deid_bench.run(RunOptions(("masking",)), dataset="palm-mini")
    with pytest.raises(ValueError, match="expected a name"):
        deid_bench.run("", **words)
