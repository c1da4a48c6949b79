"""Challenges on codabench.org with attackers: who strikes one out, or meets others, gets no score."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from forgery import DISTANCES, RECORD, Data, rescored, under_its_digest
from narrowed import present

from deid_bench.benchmark.planning import cells
from deid_bench.benchmark.planning.attack_plan import ALL_ALIKE, NO_OWN
from deid_bench.benchmark.planning.auxiliary import AuxiliaryPeople, unrendered_people
from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.planning.loaded_dataset import load_dataset
from deid_bench.benchmark.protocols import protocol_of
from deid_bench.benchmark.records.record import RunRecord
from deid_bench.benchmark.results.attacks import AttackResults
from deid_bench.benchmark.results.distances_file import read, write
from deid_bench.benchmark.run import Execution, run
from deid_bench.benchmark.submission.attacks_met import Asked, not_met, possible_plans
from deid_bench.benchmark.submission.pack import MANIFEST_NAME, Submitter, pack
from deid_bench.benchmark.suites import TOO_FEW, get_suite
from deid_bench.cli import main
from deid_bench.reports.codabench import scoring
from deid_bench.reports.codabench.challenge import Challenge
from deid_bench.reports.leaderboard.reference import shipped

from .toy_challenge import ATTACKS, rules

PEOPLE = 12
NAME = "toy_recognizer"
RULES = rules("toy-attacked/1.0", ATTACKS)
Members = dict[str, bytes]
Change = Callable[[AttackResults], AttackResults]


class World:
    """A bundle with attackers, and a participant's honest submission."""

    def __init__(self, folder: Path) -> None:
        self.rules = folder / "toy.toml"
        self.rules.write_text(RULES)
        self.dataset = f"toy-hands:folder={folder / 'hands'}"
        arguments = ["codabench", "-o", str(folder / "b.zip"), "-p", str(self.rules), "-d", self.dataset]
        assert main([*arguments, "--image", "us/deid-bench:1", "--seeds", "2"]) == 0
        self.files = unzipped(folder / "b.zip")
        self.challenge = json.loads(self.files["reference_data/challenge.json"])
        self.members = self.packed(folder / "honest", "toy_noise", repetitions=2)

    def packed(self, folder: Path, method: str, **changes: Any) -> Members:
        """A submission of a run under the challenge's rules, but for the changes."""
        values = {"protocol": str(self.rules), "datasets": (self.dataset,)} | changes
        run(RunOptions(methods=(method,), **values), Execution(out=folder / "results", backend="serial"))
        pack([folder / "results"], folder / "s.zip", 0, Submitter())
        return unzipped(folder / "s.zip")

    def forged(self, change: Change) -> Members:
        """The honest submission with other attacks, under the right hashes and with the numbers that follow."""
        found = read(self.members[DISTANCES])
        distances = replace(found, attacks=change(present(found.attacks)))
        return listed(self.members, rescored(distances, json.loads(self.members[RECORD])), write(distances)[0])


def unzipped(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def listed(members: Members, data: Data, distances: bytes | None) -> Members:
    """This record and these distances under the right hashes."""
    kept = {**members, DISTANCES: distances or b""}
    sha256 = hashlib.sha256(kept[DISTANCES]).hexdigest()
    data["distances_file"] = {"sha256": sha256, "size": len(kept[DISTANCES]), "reason": None}
    data = under_its_digest(data)
    kept[RECORD] = json.dumps(data).encode()
    manifest = json.loads(kept.pop(MANIFEST_NAME))
    manifest["records"][0]["digest"] = data["digest"]
    manifest["files"] = {
        name: {"sha256": hashlib.sha256(each).hexdigest(), "size": len(each)} for name, each in kept.items()
    }
    return {**kept, MANIFEST_NAME: json.dumps(manifest).encode()}


def scored(world: World, members: Members, root: Path, **changes: Any) -> tuple[int, Data | None, str]:
    """Exit code, scores and details, by the challenge with these changes."""
    files = {"ref/challenge.json": json.dumps(world.challenge | changes).encode()}
    for name, data in (files | {f"res/{name}": each for name, each in members.items()}).items():
        place = root / "input" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
    code = main(["codabench", "--score", str(root / "input"), "-o", str(root / "output")])
    scores, details = root / "output" / scoring.SCORES_NAME, root / "output" / scoring.DETAILS_NAME
    return code, json.loads(scores.read_text()) if scores.exists() else None, details.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("attacked")

    def few(*_: Any) -> AuxiliaryPeople:
        spec = f"toy-hands:folder={folder / 'strangers'},identities={PEOPLE + 6},samples=3"
        return AuxiliaryPeople(tuple(load_dataset(spec, 0, 1, None).samples[6 * 3 :]), "toy people", known="toys")

    with pytest.MonkeyPatch.context() as patch:
        for name in ("rendered_people", "unrendered_people"):  # toy people in the place of rendered ones
            patch.setattr(cells, name, few)
        patch.setattr("deid_bench.benchmark.scoring.numbers.RESAMPLES", 20)
        yield World(folder)


def test_the_command_of_participants_has_the_seeds_of_the_challenge(world: World, tmp_path: Path) -> None:
    page = world.files["pages/participate.md"].decode()
    assert "--method ./my.py:MyMethod --seeds 2\n" in page
    assert "draws nothing leaves `--seeds` out" in page
    assert "**Attackers.**" in world.files["pages/evaluation.md"].decode()
    assert main(["codabench", "--score", str(tmp_path), "-o", str(tmp_path), "--seeds", "2"]) == 2


def test_honest_submissions_are_scored(world: World, tmp_path: Path) -> None:
    code, scores, details = scored(world, world.members, tmp_path / "noise")
    assert code == 0, details
    assert next(iter(present(scores))) == "rank1_worst_toy_recognizer"
    said = RunRecord.model_validate_json(world.members[RECORD]).value("rank1_worst", NAME)
    assert present(scores)["rank1_worst_toy_recognizer"] == pytest.approx(present(present(said).value))
    code, scores, details = scored(world, world.packed(tmp_path / "run", "identity"), tmp_path / "still")
    assert code == 0, details  # it draws nothing, so that there is one version of each image


def test_the_rows_that_ship_met_the_attackers_that_are_planned_for_methods_like_theirs() -> None:
    suite = get_suite("attacks/1.0")
    rows = [each for each in shipped().records if each.attacks is not None]
    assert {"blurring", "palm_diffusion", "masking"} <= {each.method.spec for each in rows}
    for row in rows:
        protocol = present(protocol_of(row.protocol.id, row.protocol.digest, row.protocol.rules))
        asked = Asked(protocol, suite, ("basic",), unrendered_people(suite.auxiliary), 60, 120)
        assert present(row.attacks).digest in {each.digest for each in possible_plans(row, asked)}, row.method.spec


# ------------------------------------------------------------------------------------------------ struck out


def without(*attacks: str, reason: str = "", by: str = "") -> Change:
    """No distances of these attacks, and a reason."""

    def change(found: AttackResults) -> AttackResults:
        variants = {
            name: [each for each in some if each.name.attack not in attacks] for name, some in found.variants.items()
        }
        said = {f"{each}{by}": reason for each in attacks if reason}
        return replace(found, variants=variants, reasons={**found.reasons, **said})

    return change


def only_ignorant(found: AttackResults) -> AttackResults:
    suite = [each.id for each in get_suite("attacks/1.0").attack if each.level == "basic" and each.id != "A0"]
    struck = without(*suite)(found)
    return replace(struck, reasons={**found.reasons, **{each: f"{each}: not possible here" for each in suite}})


def one_combination_less(found: AttackResults) -> AttackResults:
    return replace(found, variants={name: some[:-1] for name, some in found.variants.items()})


def no_controls(found: AttackResults) -> AttackResults:
    return replace(
        found, variants={name: [replace(each, controls={}) for each in some] for name, some in found.variants.items()}
    )


def one_control(found: AttackResults) -> AttackResults:
    cut = {
        name: [replace(each, controls={key: rows[:1] for key, rows in each.controls.items()}) for each in some]
        for name, some in found.variants.items()
    }
    return replace(found, controls=found.controls[:1], variants=cut)


def fewer_parrots(found: AttackResults) -> AttackResults:
    cut = {
        name: [
            replace(
                each,
                distances=each.distances[:, :-1],
                controls={
                    key: rows if key == "identity" else rows[:, :-1] for key, rows in each.controls.items()
                },
            )
            if each.name.gallery == "parrot"
            else each
            for each in some
        ]
        for name, some in found.variants.items()
    }  # fmt: skip
    return replace(found, parrots=found.parrots[:-1], variants=cut)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (only_ignorant, "A1 (A1: not possible here), A2a (A2a: not possible here)"),
        (without("A1"), "tries them: A1."),
        (without("A1", reason="not possible here"), "tries them: A1 (not possible here)"),
        (without("A1", reason=NO_OWN), f"tries them: A1 ({NO_OWN})"),
        (without("A2a", reason=f"{TOO_FEW}2 images", by=f"/{NAME}"), "tries them: A2a"),
        (without("A4", reason="it lacks", by=f"/{NAME}"), "tries them: A4"),
        (without("A5", reason=ALL_ALIKE), f"tries them: A5 ({ALL_ALIKE})"),
        (without("A8", reason="not possible here"), "tries them: A8 (not possible here)"),
        (one_combination_less, "tries them: A5"),
        (no_controls, "attacks without the controls of their suite"),
        (one_control, "whose controls are others"),
        (fewer_parrots, "who put other images through the method"),
    ],
)
def test_no_attack_can_be_struck_out(world: World, tmp_path: Path, change: Change, why: str) -> None:
    code, scores, details = scored(world, world.forged(change), tmp_path)
    assert (code, scores) == (1, None)
    assert "<strong>No score</strong>: not the challenge&#39;s attackers: " in details
    assert why in details


def test_attackers_who_learned_on_others_are_others(world: World, tmp_path: Path) -> None:
    learned = world.challenge["learned"]
    assert (learned["people"], learned["least"], learned["source"]) == (PEOPLE, PEOPLE, "toy people")
    for number, (changes, why) in enumerate(
        [
            ({"digest": "other toys"}, "people whom they learned on"),
            ({"source": "dev people"}, "attackers who learned on 12 people (toy people)"),
            ({"least": 13, "people": 13}, "attackers who learned on 12 people (toy people)"),
            ({"digest": "", "reason": "nobody"}, "A2a"),
        ]
    ):
        code, scores, details = scored(world, world.members, tmp_path / str(number), learned=learned | changes)
        assert (code, scores) == (1, None)
        assert "not the challenge&#39;s attackers: " in details
        assert why in details

    def fewer(found: AttackResults) -> AttackResults:
        return replace(found, people=PEOPLE - 1)

    assert "attackers who learned on 11 people" in scored(world, world.forged(fewer), tmp_path / "fewer")[2]


def test_a_record_does_not_choose_what_is_imported_here(world: World, tmp_path: Path) -> None:
    place = tmp_path / "evil.py"
    place.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    record = RunRecord.model_validate_json(world.members[RECORD])
    method = record.method.model_copy(
        update={"knowledge": f"surrogate={place}:Evil", "params": {"surrogate": f"{place}:Evil"}}
    )
    asked = present(Challenge.model_validate(world.challenge).attackers(record))
    why = not_met(record.model_copy(update={"method": method}), read(world.members[DISTANCES]), asked)
    assert "is not known here" in why
    assert not (tmp_path / "ran").exists()


# ------------------------------------------------------------------------------------------------ not alike


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"repetitions": 1}, "number of versions (--seeds 2)"),
        ({"repetitions": 2, "root_seed": 5}, "seed (--root-seed 0)"),
        ({"repetitions": 2, "attacks": "A1"}, "attacks"),
    ],
)
def test_a_run_with_other_seeds_or_attacks_gets_no_score(
    world: World, tmp_path: Path, changes: dict[str, Any], what: str
) -> None:
    members = world.packed(tmp_path / "run", "toy_noise", **changes)
    code, scores, details = scored(world, members, tmp_path)
    assert (code, scores) == (1, None)
    assert f"toy_noise: not the challenge&#39;s {what})" in details


def test_a_recogniser_of_other_code_under_the_same_name_is_another_one(world: World, tmp_path: Path) -> None:
    (part,) = world.challenge["recognizers"]
    code, scores, details = scored(world, world.members, tmp_path, recognizers=[part | {"digest": "0" * 64}])
    assert (code, scores) == (1, None)
    assert "not the challenge&#39;s recognisers" in details


def test_a_run_in_which_something_crashed_gets_no_score(world: World, tmp_path: Path) -> None:
    members = world.packed(tmp_path / "run", "raises_on_some")
    assert json.loads(members[RECORD])["counts"]["retry"] > 0
    code, scores, details = scored(world, members, tmp_path)
    assert (code, scores) == (1, None)
    assert "its run is not whole, as something crashed or took too long" in details


def test_images_that_failed_are_counted(world: World, tmp_path: Path) -> None:
    members = world.packed(tmp_path / "run", "refuses_some")
    record = RunRecord.model_validate_json(members[RECORD])
    assert record.counts.failed > 0
    code, scores, details = scored(world, members, tmp_path)
    assert code == 0, details
    assert scores
    assert f"Images: {record.counts.done} done, {record.counts.failed} failed" in details
    assert f"<li>{record.counts.failed} failed of {record.counts.planned} images" in details


def test_alarms_are_shown_as_texts(world: World, tmp_path: Path) -> None:
    data = json.loads(world.members[RECORD]) | {"alarms": ["<b>odd</b> numbers"]}
    details = scored(world, listed(world.members, data, world.members[DISTANCES]), tmp_path)[2]
    assert "<h2>Before you trust it</h2>" in details
    assert "<li>&lt;b&gt;odd&lt;/b&gt; numbers</li>" in details
