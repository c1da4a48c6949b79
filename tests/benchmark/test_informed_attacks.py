"""Attackers who know the seed, the method's own networks, or what its author knows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from narrowed import present

from deid_bench.attackers.shortlist import overlaid, shortlist
from deid_bench.benchmark.planning.cells import RunOptions, make_cells
from deid_bench.benchmark.records.attacks import AttackRow
from deid_bench.benchmark.records.record import RunRecord
from deid_bench.benchmark.run import Execution, run
from deid_bench.plugins.entries import Kind, PluginError

FILE = Path(__file__).parents[1] / "informed.py"


def one(options: Any, out: Path, **execution: Any) -> RunRecord:
    (outcome,) = run(options, Execution(out=out, backend=execution.pop("backend", "serial"), **execution))
    return outcome.record


def row_of(record: RunRecord, attack: str) -> AttackRow:
    return present(present(record.attacks).row(attack, "toy_recognizer"))


def found(record: RunRecord, attack: str) -> float:
    return present(present(row_of(record, attack).value("rank1_without_source")).value)


def test_who_knows_the_seed_finds_what_the_noise_hides(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    options = toy_options(f"{FILE}:Drowns", dataset="identities=5", attacks="A1,A1s")
    record = one(options, tmp_path / "a")
    assert found(record, "A1") < 60
    assert found(record, "A1s") > 90  # all five people are on each list
    row = row_of(record, "A1s")
    assert (row.status, row.label, row.slots) == ("counts", "A1s", ["seeded, published, frozen, one"])
    assert present(present(record.value("rank1_max", "toy_recognizer")).value) > 90
    again = one(options, tmp_path / "b", backend="process", jobs=2)
    assert again.model_dump(exclude={"host"}) == record.model_dump(exclude={"host"})


def test_a_crash_of_one_recogniser_is_told_where_it_says_who_is_likely(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    faulty = f"{FILE.parent / 'faulty.py'}:Faulty:fault=align"
    options = toy_options(
        f"{FILE}:Drowns", dataset="identities=5", attacks="A1,A1s", recognizers=("toy_recognizer", faulty)
    )
    record = one(options, tmp_path / "a")
    row = row_of(record, "A1s")
    assert row.status == "not run"
    assert row.reason.startswith("crashed: ")
    assert row_of(record, "A1").status == "counts"


def test_a_method_that_draws_nothing_has_no_seed_to_know(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    record = one(toy_options("masking", attacks="A1s"), tmp_path / "out")
    row = row_of(record, "A1s")
    assert row.status == "not run"
    assert "draws nothing" in present(row.reason)


def test_an_attack_that_the_method_brings_and_its_encoder_stand_in_ladder_and_worst_case(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    record = one(toy_options(f"{FILE}:Cards", attacks="OWN,A7"), tmp_path / "out")
    assert found(record, "A0") < 60
    assert found(record, "OWN") == 100
    assert found(record, "A7") == 100
    rows = {each.attack: each for each in present(record.attacks).rows}
    assert {each: rows[each].status for each in rows} == dict.fromkeys(("A0", "A7", "OWN"), "counts")
    assert rows["OWN"].slots == ["originals, sorts_cards, frozen, one"]
    assert rows["A7"].slots[0].endswith("published, encoder, one")
    assert present(record.attacks).worst_label("rank1_worst", "toy_recognizer") in ("OWN", "A7", "A7 | OWN", "OWN | A7")


def test_the_code_of_an_own_attack_is_part_of_the_digest(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    file = tmp_path / "mine.py"
    file.write_text(FILE.read_text())
    (before,) = make_cells(toy_options(f"{file}:Cards", attacks="OWN"), 1)
    file.write_text(FILE.read_text().replace("sorted_rows[_order(len(sorted_rows))] = ", "sorted_rows[::-1] = "))
    (after,) = make_cells(toy_options(f"{file}:Cards", attacks="OWN"), 1)
    assert before.digest != after.digest


def test_the_checks_see_what_a_method_brings() -> None:
    from deid_bench.benchmark.plugin_checks.contracts import run_checks

    names = ("names_attacks_that_exist", "encodes_images")
    for method, words in (("Cards", ""), ("MissesItsAttack", "nobody")):
        found = {each.check: each.problem for each in run_checks(f"{FILE}:{method}", Kind.DEIDENTIFIER)}
        assert words in (found[names[0]] or "")
        assert bool(found[names[0]]) == bool(words)
        assert found[names[1]] is None


def test_methods_without_any_say_so_and_wrong_names_show_before_any_work(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    record = one(toy_options("identity", attacks="OWN,A7"), tmp_path / "out")
    assert "brings no attack" in present(row_of(record, "OWN").reason)
    assert "nothing that could recognise" in present(row_of(record, "A7").reason)
    with pytest.raises(PluginError, match="no attacker named 'nobody'"):
        make_cells(toy_options(f"{FILE}:MissesItsAttack", attacks="basic"), 1)


def test_the_likeliest_people_are_listed_once_each_and_never_by_the_source() -> None:
    nan = np.nan
    first = np.array([[0.1, 0.2, 0.3, 0.4, 0.5], [0.5, nan, 0.3, 0.2, 0.1]], np.float32)
    people, sources = [0, 0, 1, 1, 2], [0, 4]
    assert shortlist([first], people, sources, 2) == [[1, 2], [3, 0]]
    assert shortlist([first, first[:, ::-1]], people, [-1, -1], 5)[1] != []
    assert shortlist([first], people, sources, 9) == [[1, 2, 4], [3, 0]]


def test_whoever_is_not_listed_is_farther_than_all_who_are() -> None:
    before = np.array([[0.1, 0.5, 0.3], [0.2, np.nan, 0.6]], np.float32)
    after = overlaid(before, [[(1, 7.0)], [(2, 9.0)]])
    assert after[0, 1] == 7.0
    assert after[1, 2] == 9.0
    assert np.isnan(after[1, 1])
    others = after[[0, 0, 1], [0, 2, 0]]
    assert (others > 9.0).all()
    assert others[0] < others[2] < others[1]
    assert overlaid(before, [[(1, np.nan)], []]) is before
