"""Which combinations of an attack count, on whom one is chosen, and what only looks like too few people."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from narrowed import present

from deid_bench.attackers.base import TooFewPeople
from deid_bench.attackers.lda import Lda
from deid_bench.attackers.restoration import Deconvolution
from deid_bench.benchmark.planning import cells
from deid_bench.benchmark.planning.auxiliary import AuxiliaryPeople
from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.planning.loaded_dataset import load_dataset
from deid_bench.benchmark.records.attacks import AttackRow, Control
from deid_bench.benchmark.records.record import RunRecord
from deid_bench.benchmark.results.distances_file import DISTANCES_NAME, read
from deid_bench.benchmark.run import Execution, Outcome, run
from deid_bench.benchmark.scoring import attack_cell, attacks
from deid_bench.benchmark.scoring.attack_choice import Fold
from deid_bench.benchmark.scoring.attack_tables import Searches
from deid_bench.benchmark.scoring.cell import score_results
from deid_bench.benchmark.submission.recompute import rebuild, recompute
from deid_bench.benchmark.suites import TOO_FEW
from deid_bench.plugins.entries import registry

WITH = "toy_recognizer"
Options = Callable[..., RunOptions]


def outcome_of(options: Any, out: Path) -> Outcome:
    (outcome,) = run(options, Execution(out=out, backend="serial"))
    return outcome


def row_of(record: RunRecord, attack: str) -> AttackRow:
    return present(present(record.attacks).row(attack, WITH))


def refusing(refused: Callable[[str], bool], monkeypatch: pytest.MonkeyPatch) -> None:
    """Controls that some combinations do not pass."""
    whole = attack_cell.AttackScoring.controls

    def controls(self: Any, attack: Any, candidate: Any, plain: Any) -> list[Control]:
        if refused(candidate.found.name.slots):
            return [Control(name="identity", rank1=10.0, low=90.0, high=100.0, passed=False)]
        return whole(self, attack, candidate, plain)

    monkeypatch.setattr(attack_cell.AttackScoring, "controls", controls)


def test_a_combination_that_fails_costs_itself_and_not_its_attack(
    toy_options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = toy_options("toy_noise:strength=60", attacks="A4")
    first = outcome_of(options, tmp_path / "first").record
    best = set(row_of(first, "A4").slots)
    with monkeypatch.context() as patch:
        refusing(best.__contains__, patch)
        other = outcome_of(options, tmp_path / "second")
    row = row_of(other.record, "A4")
    assert row.status == "counts"
    assert not best & set(row.slots)
    assert all(any(each.startswith(f"{slots}: on unchanged images") for each in row.left_out) for slots in best)
    assert present(other.record.value("rank1_worst", WITH)).value is not None
    tried = {each.name.slots for each in present(read(other.folder / DISTANCES_NAME).attacks).variants[WITH]}
    refusing(tried.__contains__, monkeypatch)
    none = row_of(outcome_of(options, tmp_path / "third").record, "A4")
    assert (none.status, none.left_out) == ("control failed", [])
    assert "fewer than the plain recogniser" in none.reason


def test_nobody_is_chosen_on_the_people_that_he_is_reported_for(toy_options: Options, tmp_path: Path) -> None:
    options = toy_options("toy_noise", dataset="identities=5,samples=3", attacks="A1,A4")
    made = outcome_of(options, tmp_path / "few")
    for metric in ("rank1_worst", "eer_worst", "tpr_at_fmr_1_worst", "people_found", "disclosure_bits"):
        value = present(made.record.value(metric, WITH))
        assert value.value is None, metric
        assert "5 are too few" in present(value.reason)
    assert present(row_of(made.record, "A1").value("rank1_without_source")).value is not None  # a single combination
    several = row_of(made.record, "A4")
    assert (several.status, several.label) == ("counts", "")
    assert "5 are too few" in present(present(several.value("rank1_without_source")).reason)
    assert present(made.record.attacks).worst == []
    assert recompute(made.record, read(made.folder / DISTANCES_NAME)).problems == []
    enough = toy_options("toy_noise", dataset="identities=6,samples=3", attacks="A1,A4")
    assert present(outcome_of(enough, tmp_path / "enough").record.value("rank1_worst", WITH)).value is not None


@pytest.fixture
def learners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Toy people who are learned on."""

    def some(*_: Any) -> Any:
        spec = f"toy-hands:folder={tmp_path / 'strangers'},identities=18,samples=3"
        return AuxiliaryPeople(tuple(load_dataset(spec, 0, 1, None).samples[6 * 3 :]), "toy people")

    monkeypatch.setattr(cells, "rendered_people", some)


@pytest.mark.parametrize("error", [ValueError, TooFewPeople])
def test_only_too_few_people_are_a_fact_and_any_other_error_a_crash(
    toy_options: Options, tmp_path: Path, learners: None, monkeypatch: pytest.MonkeyPatch, error: type[ValueError]
) -> None:
    def adapt(self: Any, auxiliary: Any) -> Any:
        raise error("3 images of 1 person")

    monkeypatch.setattr(Lda, "adapt", adapt)
    record = outcome_of(toy_options("toy_noise", attacks="A2a"), tmp_path / "out").record
    row = row_of(record, "A2a")
    assert row.status == "not run"
    fact = error is TooFewPeople
    assert row.reason == f"{TOO_FEW}3 images of 1 person" if fact else row.reason.startswith("crashed: ")
    assert record.complete is fact
    assert (present(record.value("rank1_worst", WITH)).value is None) is not fact


def test_parts_that_are_not_tried_are_named_beside_those_that_are(
    toy_options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    method = f"{Path(__file__).parents[1] / 'faulty.py'}:Veils"
    record = outcome_of(toy_options(method, attacks="A1,A3"), tmp_path / "out").record
    assert row_of(record, "A1").left_out == []
    blurred = outcome_of(toy_options("blurring", attacks="A3"), tmp_path / "blurred").record
    row = row_of(blurred, "A3")
    assert "the method does not draw a mosaic" in row.left_out
    about = {each.id: each.reason for each in present(blurred.attacks).about}
    assert about["A3"] == "the method does not draw a mosaic"


def test_the_largest_of_all_is_of_fusions_too(
    toy_options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def knowing(candidates: Sequence[Searches], parts: Sequence[Fold]) -> list[Searches]:
        first = candidates[0]
        distances = (first.own[:, None] != first.enrolled[None]).astype(np.float32)
        return [replace(first, distances=distances, source=np.full(len(first.own), -1)) for _ in parts]

    monkeypatch.setattr(attacks, "fused", knowing)
    refusing(lambda slots: slots.startswith("parrot"), monkeypatch)
    options = toy_options("masking", dataset="identities=12,samples=3", attacks="A1,A4,A8")
    record = outcome_of(options, tmp_path / "out").record
    numbers = {
        each.attack: present(present(each.value("rank1_without_source")).value)
        for each in present(record.attacks).rows
        if each.status == "counts"
    }
    assert numbers.pop("A8") == 100
    assert max(numbers.values()) < 90
    assert present(record.value("rank1_max", WITH)).value == 100


def test_a_crash_is_not_behind_what_the_method_rules_out(
    toy_options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def restore(self: Any, published: Any) -> Any:
        raise RuntimeError("fell over")

    options = toy_options("blurring", attacks="A3")  # of whose two parts the method rules one out
    with monkeypatch.context() as patch:
        patch.setattr(Deconvolution, "restore", restore)
        record = outcome_of(options, tmp_path / "out").record
    row = row_of(record, "A3")
    assert row.status == "not run"
    assert row.reason.startswith("crashed: ")
    for metric in ("rank1_worst", "rank1_max"):
        assert "A3 crashed" in present(present(record.value(metric, WITH)).reason)


def test_what_the_method_failed_on_is_attacked_as_it_was_published(toy_options: Options, tmp_path: Path) -> None:
    method = f"{Path(__file__).parents[1] / 'faulty.py'}:VeilsSome"
    made = outcome_of(toy_options(method, attacks="A1,A6"), tmp_path / "out")
    assert 0 < made.record.counts.failed < made.record.counts.planned
    for each in present(read(made.folder / DISTANCES_NAME).attacks).variants[WITH]:
        assert np.isfinite(each.distances).all(), each.name
        assert all(np.isfinite(control).all() for control in each.controls.values()), each.name
    assert row_of(made.record, "A6").status == "counts"


def test_gallery_images_of_a_protocol_with_queries_are_restored_too(tmp_path: Path) -> None:
    registry().add_file(Path(__file__).parent / "face_world.py")
    options = RunOptions(
        methods=("blurring",),
        datasets=(f"toy-faces:folder={tmp_path / 'faces'},identities=52,samples=2",),
        protocol="face/1.1",
        analyzer="toy_face_analyzer",
        recognizers=("toy_face_recognizer",),
        attacks="A3",
    )
    made = outcome_of(options, tmp_path / "out")
    variants = present(read(made.folder / DISTANCES_NAME).attacks).variants["toy_face_recognizer"]
    parroted = [each for each in variants if (each.name.attack, each.name.gallery) == ("A3", "parrot")]
    assert parroted
    for each in parroted:
        assert np.isfinite(each.controls["identity"]).all(), each.name


def test_an_image_that_one_combination_has_half_of_is_searched_by_the_others(
    toy_options: Options, tmp_path: Path
) -> None:
    made = outcome_of(toy_options("toy_noise:strength=60", attacks="A1,A4,A8"), tmp_path / "out")
    found = read(made.folder / DISTANCES_NAME)
    told = present(found.attacks)
    odd = next(each for each in told.variants[WITH] if each.name.slots == "originals, purify:step=tv, frozen, one")
    spoiled = odd.distances.copy()
    spoiled[0, 1] = np.nan
    object.__setattr__(odd, "distances", spoiled)
    scored = score_results(*rebuild(made.record, found))
    rows = {each.attack: each for each in present(scored.attacks).rows}
    planned = made.record.counts.planned
    assert present(rows["A1"].value("rank1_without_source")).n == planned
    assert present(rows["A8"].value("rank1_without_source")).n == planned - 1  # a fusion needs all of its parts
    assert "1 images: some of their distances are none" in rows["A4"].left_out
    assert not [each for each in rows["A1"].left_out if "some of their" in each]
