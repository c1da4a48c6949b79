"""The board: hostile text stays text, no network, tables never mix protocols or datasets."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from narrowed import present
from written import save_record

from deid_bench.benchmark.records.record import RunRecord, load_record
from deid_bench.benchmark.run import Execution, run
from deid_bench.cli import main
from deid_bench.reports.board.data import unpack
from deid_bench.reports.board.page import render_board, update_board, write_board
from deid_bench.reports.leaderboard.table import leaderboards

HOSTILE = [
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "\" onmouseover='alert(1)'",
    "{{ 7 * 7 }}",
    "‮evil‬",
    "x" * 10_000,
]


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    from deid_bench.benchmark.planning.cells import RunOptions

    folder = tmp_path_factory.mktemp("board")
    options = RunOptions(
        methods=("toy_noise",),
        datasets=(f"toy-hands:folder={folder / 'hands'}",),
        analyzer="toy_analyzer",
        recognizers=("toy_recognizer",),
        protocol="palm-paper/1.0",
    )
    return run(options, Execution(out=folder, backend="serial"))[0].record


def board_data(page: str) -> Any:
    """What the page's script reads."""
    return unpack(present(re.search(r'id="data">([^<]*)<', page)).group(1))


class _Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs


def _everything(html: str) -> _Page:
    """The page, with the fragments that its script puts in when they are asked for."""
    (tab,) = board_data(html)["tabs"]
    axes = [part for column in tab["columns"] for part in (column["axis"]["across"], column["axis"]["up"])]
    return _Page("".join([html, *tab["cards"], *(each["html"] for each in tab["sweeps"]), *axes]))


def _named(record: RunRecord, text: str) -> RunRecord:
    """The record with a text wherever strangers write."""
    method = record.method.model_copy(update={"spec": text, "description": text, "citation": text})
    dataset = record.dataset.model_copy(update={"spec": text})
    counts = record.counts.model_copy(update={"reasons": {text: 3}})
    return record.model_copy(update={"method": method, "dataset": dataset, "counts": counts})


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_come_out_inert(record: RunRecord, text: str) -> None:
    clean, page = (_everything(render_board([(_named(record, each), Path("nowhere"))])) for each in ("plain", text))
    assert Counter(page.tags) == Counter(clean.tags)
    assert page.tags.count("img") == 0
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "style"]


def test_the_page_asks_nothing_of_the_network(record: RunRecord) -> None:
    page = render_board([(record, Path("nowhere"))])
    assert "default-src 'none'" in page
    assert not re.search(r"https?://|//[a-z]+\.|@import|url\(", page)


def test_the_policy_lets_the_pages_own_script_run(record: RunRecord) -> None:
    import base64
    import hashlib

    page = render_board([(record, Path("nowhere"))])
    script = present(re.search(r"<script>(.*?)</script>", page, re.S)).group(1)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = present(re.search(r'content="(default-src[^"]*)"', page)).group(1)
    assert f"&#39;sha256-{digest}&#39;" in policy or f"'sha256-{digest}'" in policy


def test_other_protocols_datasets_and_analyzers_get_tables_of_their_own(record: RunRecord) -> None:
    changes: list[dict[str, Any]] = [
        {"protocol": record.protocol.model_copy(update={"digest": "0" * 64})},
        {"dataset": record.dataset.model_copy(update={"digest": "0" * 64})},
        {"analyzer": record.analyzer.model_copy(update={"spec": "other"})},
    ]
    others = [record.model_copy(update={**change, "digest": f"{index}"}) for index, change in enumerate(changes)]
    tables = leaderboards([record, *others])
    assert [len(table.rows) for table in tables] == [1, 1, 1, 1]
    assert len(leaderboards([record, record.model_copy(update={"root_seed": 1, "digest": "x"})])) == 1


def test_a_number_that_cannot_be_had_shows_its_reason(record: RunRecord) -> None:
    from deid_bench.benchmark.records.record import Value

    values = [each for each in record.values if each.metric != "ssim"]
    values.append(Value(metric="ssim", value=None, n=0, reason="the moon was full"))
    other = record.model_copy(update={"values": values, "digest": "f" * 64, "root_seed": 1})
    page = render_board([(record, Path("nowhere")), (other, Path("nowhere"))])
    assert 'title="the moon was full">–<' in page
    assert "(the moon was full)" in render_board([(other, Path("nowhere"))])


def test_what_cannot_be_read_is_listed_with_its_reason(record: RunRecord, tmp_path: Path) -> None:
    save_record(record, tmp_path / "good")
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "run.json").write_text('{"schema_version": 7}')
    rows, left_out = write_board([tmp_path], tmp_path / "board.html")
    assert rows == 1
    assert "schema version" in left_out[0][1]
    assert "schema version" in (tmp_path / "board.html").read_text()


def test_an_unchanged_board_is_not_written_again(record: RunRecord, tmp_path: Path) -> None:
    save_record(record, tmp_path / "good")
    path = update_board(tmp_path)
    before = path.stat().st_mtime_ns
    assert update_board(tmp_path).stat().st_mtime_ns == before


def test_images_of_a_gated_dataset_are_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import dataclasses

    from deid_bench.benchmark.planning.cells import RunOptions
    from deid_bench.plugins.entries import Kind, registry

    toy = registry().entries(Kind.DATASET)["toy-hands"].load()
    options = RunOptions(
        methods=("masking",),
        datasets=(f"toy-hands:folder={tmp_path / 'hands'}",),
        analyzer="toy_analyzer",
        recognizers=("toy_recognizer",),
        protocol="palm-paper/1.0",
    )
    shown = run(options, Execution(out=tmp_path / "a", backend="serial"))[0]
    assert 4 <= len(list(shown.folder.glob("previews/sample-*.jpg"))) <= 19
    assert 4 <= len(list(shown.folder.glob("previews/closeup-*.jpg"))) <= 7
    assert 1 <= len(list(shown.folder.glob("previews/large-*.jpg"))) <= 3
    monkeypatch.setattr(toy, "info", dataclasses.replace(toy.info, redistributable=False))
    hidden = run(options, Execution(out=tmp_path / "b", backend="serial"))[0]
    assert not list(hidden.folder.glob("previews/*.jpg"))
    assert "data:image" not in (render_board([(hidden.record, hidden.folder)]))
    assert load_record(hidden.folder / "run.json").dataset.redistributable is False


def test_what_could_be_had_says_so_in_the_cell(record: RunRecord, capsys: pytest.CaptureFixture[str]) -> None:
    from types import SimpleNamespace

    from deid_bench.benchmark.records.record import Value
    from deid_bench.reports.leaderboard.terminal import print_outcomes

    reason = "unavailable: weights fid-inception (`deid-bench weights fetch fid-inception` says why)"
    lacking = record.model_copy(
        update={"values": [*record.values, Value(metric="fid", value=None, n=0, reason=reason)]}
    )
    having = record.model_copy(
        update={"values": [*record.values, Value(metric="fid", value=3.0, n=9)], "digest": "f" * 64, "root_seed": 1}
    )
    page = render_board([(lacking, Path("nowhere")), (having, Path("nowhere"))])
    assert ">n/a<" in page
    assert "FID unavailable: weights fid-inception" in page
    alone = render_board([(lacking, Path("nowhere"))])
    assert ">n/a<" not in alone
    assert "<bdi>FID</bdi> (unavailable: weights fid-inception" in alone
    outcome: Any = SimpleNamespace(record=lacking, folder=Path("nowhere"), from_store=True)
    print_outcomes([outcome], Path("board.html"), intervals=False)
    assert "unavailable:" in capsys.readouterr().out


def test_a_board_of_nothing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "results").mkdir()
    assert main(["board", str(tmp_path / "results"), "-o", str(tmp_path / "board.html")]) == 1
    assert "there is no record below" in capsys.readouterr().err
