"""Reference rows: which of them stand on a board, and when they fall silent."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deid_bench.benchmark.planning.attack_plan import DEFAULT_SUITE
from deid_bench.benchmark.planning.auxiliary import rendered_digest
from deid_bench.benchmark.planning.cells import RunOptions, make_cells
from deid_bench.benchmark.records.record import RunRecord
from deid_bench.benchmark.run import Execution, Outcome, run
from deid_bench.benchmark.submission.pack import record_digest
from deid_bench.benchmark.suites import get_suite
from deid_bench.reports.board.page import update_board, write_board
from deid_bench.reports.leaderboard import reference
from deid_bench.reports.leaderboard.reference import Rows, beside, decode, encode, holds


@pytest.fixture
def rows(toy_options: Callable[..., RunOptions], tmp_path: Path) -> tuple[Outcome, RunRecord]:
    """One's own row, and a reference row on the same images."""
    execution = Execution(out=tmp_path / "out", backend="serial")
    own = run(toy_options("toy_noise"), execution)[0]
    other = run(toy_options("identity"), Execution(out=tmp_path / "theirs", backend="serial"))[0]
    (kept,) = decode(encode(Rows((other.record,)))).records
    return own, kept


def test_a_reference_row_keeps_its_numbers_and_little_else(rows: Any) -> None:
    _, kept = rows
    assert kept.value("rr", "toy_recognizer").value is not None
    assert (kept.samples, kept.curves) == ([], [])
    assert encode(Rows((kept,))) == encode(Rows((kept,)))


def test_it_stands_on_the_board_and_says_what_it_is(rows: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, kept = rows
    monkeypatch.setattr(reference, "shipped", lambda: Rows((kept,)))
    out, page = own.folder.parent, tmp_path / "page.html"
    text = update_board(out).read_text()
    assert "<td>reference" in text
    assert "<bdi>identity</bdi>" in text
    text = update_board(out, reference=False).read_text()
    assert "<bdi>identity</bdi>" not in text
    assert update_board(out, reference=False).read_text() == text
    assert write_board([out], page)[0] == 1
    assert "<bdi>identity</bdi>" in page.read_text()
    write_board([out], page, reference=False)
    assert "<bdi>identity</bdi>" not in page.read_text()


def test_it_is_silent_wherever_anything_is_another(rows: Any) -> None:
    own, kept = rows
    assert beside([own.record], Rows((kept,))) == [kept]
    assert beside([own.record, kept], Rows((kept,))) == []  # one has a row of one's own
    assert beside([], Rows((kept,))) == []
    other = {"sha": {"source_sha256": "0" * 64}, "weights": {"weights": {"x": "0" * 64}}, "name": {"spec": "gone"}}
    for change in other.values():
        for part in ("method", "analyzer"):
            odd = kept.model_copy(update={part: getattr(kept, part).model_copy(update=change)})
            odd = odd.model_copy(update={"digest": record_digest(odd, odd.score_version)})
            assert not holds(odd)
    odd = kept.recognizers[0].model_copy(update={"version": "0"})
    assert not holds(kept.model_copy(update={"recognizers": [odd]}))
    assert not holds(kept.model_copy(update={"digest": "0" * 64}))
    rules = kept.protocol.model_copy(update={"digest": "0" * 64})
    assert not holds(kept.model_copy(update={"protocol": rules}))
    images = kept.dataset.model_copy(update={"digest": "0" * 64})
    assert beside([own.record], Rows((kept.model_copy(update={"dataset": images}),))) == []


def test_what_holds_is_what_a_run_would_make_here(rows: Any, toy_options: Callable[..., RunOptions]) -> None:
    _, kept = rows
    (cell,) = make_cells(toy_options("identity"), 1)
    assert cell.digest == kept.digest
    assert holds(kept)


def test_what_ships_is_whole_and_small() -> None:
    """Whether its rows still hold is for `training/reference/build.py --check`: code may change first."""
    path = Path(reference.__file__).parent / "assets" / reference.FILE_NAME
    assert path.stat().st_size < 400_000
    rows = reference.shipped()
    records = rows.records
    assert {record_digest(each, each.score_version) for each in records} == {each.digest for each in records}
    assert decode(encode(rows)) == rows
    assert not any(each.dataset.limited or each.samples for each in records)


def test_attackers_of_a_reference_row_are_those_of_today(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    options = toy_options("toy_noise", protocol="palm-paper/1.1", attacks="A1,A4")
    record = run(options, Execution(out=tmp_path / "out", backend="serial"))[0].record
    assert holds(record)
    assert record.attacks is not None
    others = record.attacks.model_copy(update={"digest": "0" * 64})
    odd = record.model_copy(update={"attacks": others})
    assert not holds(odd.model_copy(update={"digest": record_digest(odd, odd.score_version)}))


def test_attackers_learn_on_the_palms_that_are_rendered_today() -> None:
    rows = reference.shipped()
    assert rows.people == rendered_digest(get_suite(DEFAULT_SUITE).auxiliary)
