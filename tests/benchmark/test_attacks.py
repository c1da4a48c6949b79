"""Attacks in the toy world: the same numbers as without them, who is never learned on, choice, controls, restarts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from narrowed import present

from deid_bench.benchmark.planning import cells
from deid_bench.benchmark.planning.auxiliary import AuxiliaryPeople
from deid_bench.benchmark.planning.cells import RunOptions, make_cells
from deid_bench.benchmark.planning.loaded_dataset import load_dataset
from deid_bench.benchmark.records.record import RunRecord, record_bytes
from deid_bench.benchmark.run import Execution, Outcome, run
from deid_bench.benchmark.suites import SuiteError, get_suite, read_suite
from deid_bench.datasets.synthetic_palm import PlannedImage
from deid_bench.weights.sources import WeightsError

PEOPLE = 12
STOPS = ("attackers: run the method on them", "attackers: embed", "attackers: fit", "attackers: compare")
"""Stages of a run with attacks, in their order."""


@pytest.fixture
def learners(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Toy people in the place of rendered ones: identities that no test evaluates."""

    def few(*_: Any) -> Any:
        spec = f"toy-hands:folder={tmp_path / 'strangers'},identities={PEOPLE + 6},samples=3"
        samples = load_dataset(spec, 0, 1, None).samples[6 * 3 :]
        return AuxiliaryPeople(tuple(samples), "toy people")

    monkeypatch.setattr(cells, "rendered_people", few)


def one(options: Any, out: Path, **execution: Any) -> RunRecord:
    (outcome,) = run(options, Execution(out=out, backend=execution.pop("backend", "serial"), **execution))
    return outcome.record


def test_the_ignorant_attack_is_the_record_without_attacks(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    plain = one(toy_options("toy_noise"), tmp_path / "a")
    attacked = one(toy_options("toy_noise", attacks="A1"), tmp_path / "b")
    row = present(present(attacked.attacks).row("A0", "toy_recognizer"))
    for metric in ("rank1_without_source", "eer_effective", "linkability"):
        own, before = row.value(metric), plain.value(metric, "toy_recognizer")
        assert (present(own).value, present(own).n, present(own).interval) == (
            present(before).value,
            present(before).n,
            present(before).interval,
        )
    kept = [each for each in attacked.values if plain.value(each.metric, each.recognizer)]
    assert kept == plain.values
    assert plain.attacks is None
    assert plain.digest != attacked.digest


def test_an_attacker_who_knows_the_method_is_worse_or_says_why(
    toy_options: Callable[..., RunOptions], tmp_path: Path, learners: None
) -> None:
    record = one(toy_options("toy_noise:strength=200", attacks="basic"), tmp_path / "out")
    found = present(record.attacks)
    assert found.auxiliary == "toy people"
    assert (found.auxiliary_people, found.auxiliary_images) == (PEOPLE, 2 * 3 * PEOPLE)
    assert [each.attack for each in found.rows][:3] == ["A0", "A1", "A2a"]
    for row in found.rows:
        assert row.reason or row.status == "counts"
        assert row.status == "not run" or present(row.value("rank1_without_source")).value is not None
    worst = present(record.value("rank1_worst", "toy_recognizer"))
    assert worst.value is not None
    assert found.worst_label("rank1_worst", "toy_recognizer")
    largest = present(record.value("rank1_max", "toy_recognizer"))
    assert present(largest.value) >= worst.value


def test_unchanged_images_are_found_by_every_attack_that_counts(
    toy_options: Callable[..., RunOptions], tmp_path: Path, learners: None
) -> None:
    record = one(toy_options("identity", attacks="A1,A2a"), tmp_path / "out")
    plain = present(record.value("rank1_without_source", "toy_recognizer"))
    for row in present(record.attacks).rows:
        if row.status == "counts":
            assert (
                present(plain.interval).low
                <= present(present(row.value("rank1_without_source")).value)
                <= present(plain.interval).high
            )


def test_nobody_who_is_evaluated_is_learned_on() -> None:
    from deid_bench.datasets.attacker_palms import AttackerPalms
    from deid_bench.datasets.palm_mini import PalmMini, mini_plan
    from deid_bench.datasets.rendering.palm_seeds import ATTACKER_SETS

    palms = AttackerPalms(120, 2, "controlled")
    planned = palms._plan()
    assert {each.identity_seed for each in planned} <= set(ATTACKER_SETS)
    assert not {each.identity_seed for each in planned} & {each.identity_seed for each in mini_plan()}
    names = {f"aux-{each.identity}" for each in planned}
    for setting in ("controlled", "wild"):
        assert not names & {each.identity for each in PalmMini(setting).samples()}


def test_rendered_people_are_the_same_in_every_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from deid_bench.benchmark.planning.auxiliary import rendered_digest, rendered_people
    from deid_bench.benchmark.suites import AuxiliaryRule
    from deid_bench.datasets import synthetic_palm

    def render(folder: Any, image: PlannedImage, setting: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / image.file).write_bytes(f"{setting} {image.identity_seed} {image.sample_seed}".encode())

    monkeypatch.setenv("DEID_BENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(synthetic_palm, "render_to_file", render)
    rule = AuxiliaryRule(people=4, images=4, least_people=3, least_images=4)

    def lacking() -> None:
        raise WeightsError("not here")

    with pytest.raises(WeightsError):
        rendered_people(rule, 1, None, before=lacking)
    assert not list(tmp_path.rglob("*.jpg"))
    found = rendered_people(rule, 1, None)
    assert (found.people, len(found.samples)) == (4, 16)
    assert len({each.sample_id for each in found.samples}) == len({each.sha256 for each in found.samples}) == 16
    for person in {each.identity for each in found.samples}:
        kinds = [each.sample_id.split("-")[1] for each in found.samples if each.identity == person]
        assert kinds == ["controlled"] * 2 + ["wild"] * 2
    assert rendered_people(rule, 1, None, before=lacking) == found
    assert rendered_digest(rule) == found.digest

    def rounded_otherwise(folder: Path, image: PlannedImage, setting: Any) -> None:
        render(folder, image, setting)
        (folder / image.file).write_bytes((folder / image.file).read_bytes() + b".")

    monkeypatch.setenv("DEID_BENCH_CACHE", str(tmp_path / "elsewhere"))
    monkeypatch.setattr(synthetic_palm, "render_to_file", rounded_otherwise)
    other = rendered_people(rule, 1, None)
    assert {each.sha256 for each in other.samples}.isdisjoint({each.sha256 for each in found.samples})
    assert other.digest == found.digest
    assert rendered_people(rule.model_copy(update={"people": 5}), 1, None).digest != found.digest
    monkeypatch.setenv("DEID_BENCH_CACHE", str(tmp_path / "others"))
    monkeypatch.setattr("deid_bench.datasets.attacker_palms.ATTACKER_SETS", range(7, 1007))
    assert rendered_people(rule, 1, None).digest != found.digest, "others are rendered"


def test_a_stranger_of_the_dataset_is_in_no_role(tmp_path: Path) -> None:
    from deid_bench.benchmark.planning.auxiliary import people_of_dataset
    from deid_bench.benchmark.planning.retrieval_split import assign_roles
    from deid_bench.benchmark.protocols import get_protocol
    from deid_bench.benchmark.suites import AuxiliaryRule
    from deid_bench.datasets.base import Sample

    samples = [
        Sample(f"p{person:03d}-{index}", f"p{person:03d}", f"p{person:03d}", Path(), f"{person:032x}{index:032x}")
        for person in range(400)
        for index in range(4)
    ]
    protocol = get_protocol("face/1.0")
    rule = AuxiliaryRule(people=20, images=4, least_people=10, least_images=4)
    roles = assign_roles(samples, present(protocol.retrieval).model_copy(update={"queries": 30, "gallery_others": 50}))
    found = people_of_dataset(rule, protocol, samples, roles)
    assert found.people == 20
    used = (*roles.queries, *roles.mates, *roles.others)
    assert not {each.identity for each in found.samples} & {each.identity for each in used}
    assert not {each.sha256 for each in found.samples} & {each.sha256 for each in used}
    few = people_of_dataset(rule.model_copy(update={"least_people": 500}), protocol, samples, roles)
    assert not few.samples
    assert "500 are needed" in few.reason


class Interrupts:
    """A progress bar at which somebody presses Ctrl-C: in the middle of the stage of that title."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.inside = False

    def start(self, title: str, total: int) -> None:
        self.inside = title.startswith(self.title)

    def advance(self, count: int) -> None:
        if self.inside:
            raise KeyboardInterrupt

    def stop(self) -> None: ...

    def note(self, text: str) -> None: ...


def test_back_ends_and_restarts_give_the_same_bytes(toy_options: Callable[..., RunOptions], tmp_path: Path) -> None:
    options = toy_options("toy_noise", attacks="A1")
    records = [one(options, tmp_path / "a"), one(options, tmp_path / "b", backend="process", jobs=2)]
    assert records[0].model_dump(exclude={"host"}) == records[1].model_dump(exclude={"host"})
    again = one(options, tmp_path / "a")
    assert again == records[0]


@pytest.mark.slow
def test_all_attacks_give_the_same_bytes_with_every_back_end_and_after_every_stop(
    toy_options: Callable[..., RunOptions], tmp_path: Path, learners: None
) -> None:
    """The basic suite in one process, in two, and where somebody stopped the run at every new stage."""
    options = toy_options("blurring:sigma=0.06", attacks="basic")
    found: dict[str, tuple[bytes, dict[str, bytes]]] = {}
    outcome: Outcome | None = None
    for name, backend in (("serial", "serial"), ("process", "process"), ("stopped", "serial")):
        execution = Execution(out=tmp_path / name, backend=backend, jobs=2 * (backend == "process"))
        for title in STOPS if name == "stopped" else ():
            with pytest.raises(KeyboardInterrupt):
                run(options, execution, Interrupts(title))
            assert not list((tmp_path / name).rglob("run.json"))
        (made,) = run(options, execution)
        outcome = outcome or made
        files = {each.name: each.read_bytes() for each in made.folder.glob("*.npz")}
        assert set(files) == {"distances.npz", "replicates.npz", "scores.npz"}
        # Where and how fast it was made is no result.
        found[name] = record_bytes(made.record.model_copy(update={"host": outcome.record.host})), files
        assert one(options, tmp_path / name) == made.record
    ran = {each.attack for each in present(present(outcome).record.attacks).rows if each.status == "counts"}
    assert ran >= {"A0", "A1", "A2a", "A3", "A4", "A8"}
    assert found["serial"] == found["process"]
    assert found["serial"] == found["stopped"]


def test_wrong_names_show_before_any_work(toy_options: Callable[..., RunOptions]) -> None:
    with pytest.raises(SuiteError, match="did you mean 'A1'"):
        make_cells(toy_options("identity", attacks="A11"), 1)
    with pytest.raises(SuiteError, match="none, basic, full or names"):
        make_cells(toy_options("identity", attacks="basic,A1"), 1)
    with pytest.raises(SuiteError, match="no attack"):
        make_cells(toy_options("identity", attacks="fill"), 1)


def test_a_suite_is_checked() -> None:
    assert get_suite("attacks/1.0").attack[0].id == "A0"
    head = 'id="x/1.0"\ntitle="x"\nsummary="x"\n[auxiliary]\npeople=9\nimages=4\nleast_people=9\nleast_images=4\n'
    head += "[choice]\nfolds=3\nseed=1\n"
    attack = '[[attack]]\nid="{}"\ntitle="t"\nknows="k"\n'
    assert read_suite(head + attack.format("A0"), "x.toml").attack[0].gallery == ("originals",)
    for wrong, words in (
        (attack.format("A1"), "first attack should be A0"),
        (attack.format("A0") + 'gallery=["somewhere"]\n', "attack.0.gallery"),
        (attack.format("A0") + "speed=3\n", "attack.0.speed"),
        (attack.format("A0") * 2, "twice"),
        (attack.format("A0") + 'controls=["grey"]\n', "attack.0.controls"),
        (attack.format("A0") + "fuses=true\n", "controls = "),
        ("[[attack", "no TOML"),
    ):
        with pytest.raises(SuiteError, match=words):
            read_suite(head + wrong, "x.toml")


def test_what_attackers_find_is_computed_anew_from_the_distances(
    toy_options: Callable[..., RunOptions], tmp_path: Path, learners: None
) -> None:
    from deid_bench.benchmark.results.distances_file import DISTANCES_NAME, read
    from deid_bench.benchmark.submission.recompute import recompute

    (outcome,) = run(toy_options("toy_noise", attacks="basic"), Execution(out=tmp_path / "out", backend="serial"))
    found = read(outcome.folder / DISTANCES_NAME)
    again = recompute(outcome.record, found)
    assert again.problems == []
    assert {each.outcome for each in again.verdicts if each.metric.endswith("_worst")} == {"equal"}
    told = present(outcome.record.attacks)
    flattered = [each.model_copy(update={"label": "A0"}) for each in told.rows]
    wrong = outcome.record.model_copy(update={"attacks": told.model_copy(update={"rows": flattered})})
    assert "what its attackers find is not what the distances give" in recompute(wrong, found).problems


def test_an_attack_that_crashes_has_no_number_until_it_is_tried_again(
    toy_options: Callable[..., RunOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deid_bench.attackers.purification import Purify
    from deid_bench.benchmark.results.distances_file import DISTANCES_NAME, read
    from deid_bench.benchmark.submission.recompute import recompute

    options, whole = toy_options("toy_noise", attacks="A1,A4,A8"), Purify.restore

    def restore(self: Any, published: Any) -> Any:
        if self.step == "tv":  # one of five steps
            raise RuntimeError("fell over")
        return whole(self, published)

    with monkeypatch.context() as patch:
        patch.setattr(Purify, "restore", restore)
        (outcome,) = run(options, Execution(out=tmp_path / "out", backend="serial"))
    record = outcome.record
    assert not record.complete
    assert record.counts.retry
    assert [each.about for each in record.failures if each.outcome == "crashed"] == ["attacks"]
    assert any("restore crashed" in each and "fell over" in each for each in record.alarms)
    rows = {each.attack: each for each in present(record.attacks).rows}
    assert rows["A4"].status == rows["A8"].status == "not run"
    assert rows["A4"].reason.startswith("crashed: ")
    assert "A4 crashed" in rows["A8"].reason
    assert rows["A0"].status == rows["A1"].status == "counts"
    for metric in ("rank1_worst", "eer_worst", "rank1_max", "people_found", "disclosure_bits"):
        assert present(record.value(metric, "toy_recognizer")).value is None
        assert "A4 crashed" in present(present(record.value(metric, "toy_recognizer")).reason)
    assert present(record.value("rank1_without_source", "toy_recognizer")).value is not None
    assert recompute(record, read(outcome.folder / DISTANCES_NAME)).problems == []
    again = one(options, tmp_path / "out")
    assert again.complete
    assert (
        present(present(present(again.attacks).row("A4", "toy_recognizer")).value("rank1_without_source")).value
        is not None
    )


def test_a_gallery_that_the_method_crashed_on_is_no_gallery(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    method = f"{Path(__file__).parents[1] / 'misbehaving.py'}:RaisesOnSome"
    record = one(toy_options(method, attacks="A1"), tmp_path / "out")
    rows = {each.attack: each for each in present(record.attacks).rows}
    assert rows["A0"].status == "counts"
    assert rows["A1"].reason.startswith("crashed: ")
    assert not record.complete


def test_a_method_of_other_peoples_images_is_parroted_with_auxiliary_people_or_not_at_all(
    toy_options: Callable[..., RunOptions], tmp_path: Path, learners: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = one(toy_options("other", attacks="A1,A4"), tmp_path / "some")
    assert {each.attack: each.status for each in present(record.attacks).rows} == dict.fromkeys(
        ("A0", "A1", "A4"), "counts"
    )
    monkeypatch.setattr(cells, "rendered_people", lambda *_: AuxiliaryPeople((), "", "everybody is evaluated"))
    record = one(toy_options("other", attacks="A1,A4"), tmp_path / "none")
    rows = {each.attack: each for each in present(record.attacks).rows}
    assert rows["A1"].status == "not run"
    assert "everybody is evaluated" in rows["A1"].reason
    assert rows["A4"].status == "counts"
    assert all(each.startswith("originals") for each in rows["A4"].slots)


def test_what_hides_the_region_has_no_control_of_unchanged_images(
    toy_options: Callable[..., RunOptions], tmp_path: Path
) -> None:
    record = one(toy_options(f"{Path(__file__).parents[1] / 'faulty.py'}:Veils", attacks="A1,A6"), tmp_path / "out")
    rows = {each.attack: each for each in present(record.attacks).rows}
    assert [each.name for each in rows["A1"].controls] == ["identity", "stranger"]
    assert [each.name for each in rows["A6"].controls] == ["stranger"]
    assert rows["A6"].status == "counts"


def test_restored_images_are_made_once_for_all_recognisers_and_not_kept(
    toy_options: Callable[..., RunOptions], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from deid_bench.attackers.purification import Purify
    from deid_bench.benchmark.stages import twice
    from deid_bench.benchmark.storage.store import Store

    def templates(out: Path, light: bool) -> tuple[RunRecord, list[bytes], int, int]:
        calls, whole = [], Purify.restore
        twice._seen.cache_clear()  # each asks its first image twice, as two processes do

        def restore(self: Any, published: Any) -> Any:
            calls.append(self.step)
            return whole(self, published)

        with monkeypatch.context() as patch:
            patch.setattr(Purify, "restore", restore)
            patch.setattr(Purify, "info", replace(Purify.info, light=light))
            options = toy_options("toy_noise", attacks="A4", recognizers=("toy_recognizer", "mtcc"))
            record = one(options, out)
        store = Store(out / ".store")
        payloads = [present(store.read(each)) for each in store.digests()]
        found = sorted(each.arrays["template"].tobytes() for each in payloads if "template" in each.arrays)
        return record, found, len(calls), sum("image.png" in each.blobs for each in payloads)

    light, kept = templates(tmp_path / "light", True), templates(tmp_path / "kept", False)
    assert light[0].values == kept[0].values
    assert light[1] == kept[1]
    assert light[2] == kept[2], "a second recogniser has its own image restored again"
    assert light[3] < kept[3] - 5 * light[0].counts.done
