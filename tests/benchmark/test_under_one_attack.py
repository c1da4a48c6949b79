"""Numbers of attackers stand side by side only where the same attacks were tried."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from narrowed import present

from deid_bench.benchmark.metrics.catalogue import FROM_ATTACKERS, METRICS
from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.readings.choosing import Limit, choose
from deid_bench.benchmark.readings.differences import NotComparable, compare_records
from deid_bench.benchmark.readings.power import for_difference
from deid_bench.benchmark.records.comparable import under_one_attack
from deid_bench.benchmark.records.record import RunRecord, load_record
from deid_bench.benchmark.run import Execution, run
from deid_bench.benchmark.scoring.attacks import WITHHELD
from deid_bench.benchmark.suites import ONE_VERSION, TOO_FEW
from deid_bench.reports.leaderboard.ranks import table_standings
from deid_bench.reports.leaderboard.reference import shipped
from deid_bench.reports.leaderboard.table import leaderboards
from deid_bench.reports.leaderboard.verdict import verdict

GOLDEN = Path(__file__).parent / "golden"
IDS = ("A0", "A1", "A3", "A4")


def asked(ids: Sequence[str], auxiliary: str = "") -> RunRecord:
    """A record whose method met these attacks."""
    record = load_record(GOLDEN / "run-1-attacks.json")
    tried = present(record.attacks)
    about = [tried.about[0].model_copy(update={"id": each}) for each in ids]
    new = tried.model_copy(update={"about": about, "asked": list(ids), "auxiliary": auxiliary})
    return record.model_copy(update={"attacks": new})


def told(record: RunRecord) -> set[str]:
    return {each.metric for each in record.values if each.value is not None and each.metric in FROM_ATTACKERS}


@given(st.lists(st.sets(st.sampled_from(IDS), min_size=1), min_size=1, max_size=6))
def test_numbers_stand_in_those_alone_that_met_the_most(tried: list[set[str]]) -> None:
    records = [asked(sorted(each)) for each in tried]
    alike = under_one_attack(records)
    assert [each.digest for each in alike] == [each.digest for each in records]
    shown = [ids for ids, record in zip(tried, alike, strict=True) if told(record)]
    assert shown
    assert len({tuple(sorted(each)) for each in shown}) == 1
    assert max(map(len, tried)) == len(shown[0])
    for before, after in zip(records, alike, strict=True):
        rest = [[each for each in one.values if each.metric not in FROM_ATTACKERS] for one in (before, after)]
        assert rest[0] == rest[1]


def test_other_teachers_are_other_attackers_and_none_are_any() -> None:
    assert all(map(told, under_one_attack([asked(IDS, "rendered palms"), asked(IDS)])))
    first, second = under_one_attack([asked(IDS, "rendered palms"), asked(IDS, "dev people")])
    (without,) = [each for each in (first, second) if not told(each)]
    reason = present(present(without.value("rank1_worst", "toy_face_recognizer")).reason)
    assert "rendered palms" in reason
    assert "dev people" in reason


def test_what_was_asked_for_and_not_tried_is_not_met() -> None:
    def untried(reason: str) -> RunRecord:
        record = asked(IDS)
        rows = [
            each.model_copy(update={"attack": "A4", "status": "not run", "reason": reason, "slots": []})
            for each in present(record.attacks).rows[:1]
        ]
        new = present(record.attacks).model_copy(update={"rows": [*present(record.attacks).rows, *rows]})
        return record.model_copy(update={"attacks": new})

    for reason, alike in ((f"{TOO_FEW}3 images", False), ("the method does not blur", True), (ONE_VERSION, True)):
        first, second = under_one_attack([untried(reason), asked(IDS)])
        assert bool(told(first)) is alike, reason
        assert told(second)


def test_one_version_does_not_stand_beside_several_that_are_pooled() -> None:
    def with_versions(count: int) -> RunRecord:
        """Of a method that draws, with so many versions of each image; 0: of one that does not."""
        record = asked(IDS)
        (first, *_) = present(record.attacks).rows
        told = {"attack": "A5", "status": "counts", "slots": ["originals, published, frozen, mean"], "reason": ""}
        if count < 2:
            told |= {"status": "not run", "slots": [], "reason": ONE_VERSION if count else "versions are alike"}
        rows = [*present(record.attacks).rows, first.model_copy(update=told)]
        new = present(record.attacks).model_copy(update={"rows": rows})
        return record.model_copy(update={"attacks": new, "repetitions": max(count, 1)})

    def stand(*counts: int) -> list[bool]:
        return [bool(told(each)) for each in under_one_attack([with_versions(count) for count in counts])]

    assert stand(1, 0) == [True, True]
    assert stand(1, 5, 0) == [False, True, True]
    assert stand(3, 5) == [False, True]


def test_the_rows_that_ship_stand_side_by_side() -> None:
    for table in leaderboards(shipped().records, every=True):
        for row in table.rows:
            lost = [each.reason for each in row.record.values if (each.reason or "").startswith("not compared")]
            assert not lost, (row.record.method.spec, lost[0])


def test_the_worst_of_fewer_recognisers_is_not_the_worst() -> None:
    record = asked(IDS)
    tried = present(record.attacks)
    values = [each for each in record.values if each.metric in FROM_ATTACKERS]
    overall = [each.model_copy(update={"recognizer": None}) for each in values]
    rows = [*tried.rows, *(each.model_copy(update={"recognizer": "another"}) for each in tried.rows)]
    more = record.model_copy(
        update={"values": [*record.values, *overall], "attacks": tried.model_copy(update={"rows": rows})}
    )
    fewer = record.model_copy(update={"values": [*record.values, *overall]})
    first, second = under_one_attack([fewer, more])
    assert present(first.value("rank1_worst")).value is None
    assert "recognisers without another" in present(present(first.value("rank1_worst")).reason)
    assert present(second.value("rank1_worst")).value is not None
    assert present(first.value("rank1_worst", "toy_face_recognizer")).value is not None


def test_which_numbers_are_attackers() -> None:
    assert set(WITHHELD) == FROM_ATTACKERS
    assert {name for name, metric in METRICS.items() if "worst attack" in metric.title.lower()} <= FROM_ATTACKERS
    assert "rank1_without_source" not in FROM_ATTACKERS


@pytest.fixture
def two(toy_options: Callable[..., RunOptions], tmp_path: Path) -> list[tuple[RunRecord, Path]]:
    """One method that met A0 alone, and one that met more."""
    found = []
    for method, attacks in (("toy_noise:strength=200", "A0"), ("toy_noise:strength=60", "A1,A4")):
        options = toy_options(method, dataset="identities=12,samples=3", attacks=attacks)
        (outcome,) = run(options, Execution(out=tmp_path / "out", backend="serial"))
        found.append((outcome.record, outcome.folder))
    return found


def test_no_table_verdict_rank_difference_or_choice_sets_one_beside_the_other(
    two: list[tuple[RunRecord, Path]],
) -> None:
    lesser = two[0][0].digest
    assert told(two[0][0]) == told(two[1][0]) != set()
    (table,) = leaderboards([record for record, _ in two], every=True)
    for row in table.rows:
        for column, cell in zip(table.columns, row.cells, strict=True):
            if column.metric in FROM_ATTACKERS:
                assert (cell.order is None) is (row.record.digest == lesser), column
                assert cell.order is not None or "attacks without A1, A4" in cell.remark
    said = {row.record.digest: verdict(row.record) for row in table.rows}
    assert "not compared" in said[lesser]
    ranked = table_standings(table, {record.digest: folder for record, folder in two})
    assert not {each.metric for each in ranked} & FROM_ATTACKERS
    assert "rank1_without_source" in {each.metric for each in ranked}
    for each in compare_records(two[0], two[1]):
        if each.metric in FROM_ATTACKERS:
            assert "only B has it (not compared: attacks without A1, A4" in each.verdict
    chosen = choose(two, [Limit("rank1_worst", 100, True)], "ssim")
    (first,) = [each for each in chosen.candidates if each.record.digest == lesser]
    assert not first.holds
    assert "not compared" in first.values[0]


def test_a_study_is_not_planned_by_two_attackers(two: list[tuple[RunRecord, Path]]) -> None:
    with pytest.raises(NotComparable, match="not compared: attacks without A1, A4"):
        for_difference(two[0], two[1], "rank1_worst", 0.8)
    assert for_difference(two[0], two[1], "rank1_without_source", 0.8)
