"""What a forger can do: every field of a record and every block of its distances, with all hashes made right again."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forgery import (
    DISTANCES,
    NAME,
    World,
    at,
    edited,
    is_named,
    kinds,
    leaves,
    prefixed,
    put,
    remember,
    under_its_digest,
    without_distances,
)
from numpy.typing import NDArray

from deid_bench.benchmark.results.distances_file import PairDistances, read
from deid_bench.benchmark.results.tiles import whole
from deid_bench.benchmark.storage.strict_zip import Refused
from deid_bench.benchmark.submission.foreign_choices import foreign_choices
from deid_bench.benchmark.submission.remake import Remade, chance_of_passing
from deid_bench.plugins.entries import Kind


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with pytest.MonkeyPatch.context() as patch:
        # Intervals are computed anew in each of hundreds of verdicts; few resamples will do.
        patch.setattr("deid_bench.benchmark.scoring.numbers.RESAMPLES", 20)
        folder = tmp_path_factory.mktemp("forgers")
        yield World(folder, "refuses_some", f"toy-hands:folder={folder / 'hands'},identities=5,samples=2,blank=1")


@pytest.fixture
def remembered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of `world`."""
    remember(world, monkeypatch)


def test_the_honest_record_is_verified(world: World, remembered: None) -> None:
    report = world.judged(world.data)
    assert report.problems == []
    assert [each for each in report.reruns if each.outcome != "equal"] == []
    assert report.stamp.status == "verified"
    assert {row["status"] for row in world.data["samples"]} == {"done", "failed", "skipped"}
    assert "all 10 images made anew" in report.stamp.checked


def test_an_edit_of_any_field_is_found_when_every_image_is_made_anew(world: World, remembered: None) -> None:
    places = kinds(leaves(world.data))
    assert len(places) > 100
    passed = []
    for name, path in places.items():
        try:
            report = world.judged(edited(world.data, path))
        except Refused:
            continue
        if report.stamp.status == "verified" and not is_named(path, report.stamp.words):
            passed.append(name)
    assert not passed, ", ".join(passed)


@pytest.mark.parametrize("part", ["method", "dataset", "analyzer"])
def test_no_specification_can_be_given_another_name(world: World, remembered: None, part: str) -> None:
    """Boards show it as the name of the row."""
    report = world.judged(prefixed(world.data, (part, "spec")), count=1)
    assert report.stamp.status != "verified"
    assert report.problems or report.not_rerun


def test_a_record_of_an_earlier_scoring_is_verified_as_it_was_scored(world: World, remembered: None) -> None:
    older = copy.deepcopy(world.data)
    older["score_version"] = 2
    older = under_its_digest(world.rescored(read(world.members[DISTANCES]), older))
    assert older["digest"] != world.data["digest"]
    for count in (1, None):
        report = world.judged(older, count=count)
        assert (report.not_rerun, report.problems, report.different) == ("", [], [])
        assert report.stamp.status == "verified"


def test_a_record_of_an_earlier_toolkit_is_not_called_another_one(world: World, remembered: None) -> None:
    """Its dataset was listed by other code, and its reasons were worded otherwise."""
    older = copy.deepcopy(world.data)
    older["score_version"] = 3
    older["dataset"]["source_sha256"] = "0" * 64
    older = under_its_digest(world.rescored(read(world.members[DISTANCES]), older))
    report = world.judged(older, count=1)
    assert "of scoring 3" in report.not_rerun
    assert (report.problems, report.different, report.stamp.status) == ([], [], "recomputed")


def test_without_distances_an_honest_record_is_verified_by_all_its_images_alone(world: World, remembered: None) -> None:
    bare = without_distances(world.data)
    report = world.judged(bare)
    assert (report.problems, report.different, report.stamp.status) == ([], [], "verified")
    assert "computed anew from the images made anew" in report.stamp.checked
    assert "distances_file" in report.stamp.words
    assert world.judged(bare, count=3).stamp.status == "self-reported"


def test_without_distances_an_edit_of_any_field_is_found(world: World, remembered: None) -> None:
    bare = without_distances(world.data)
    passed, judged = [], set()
    for name, path in kinds(leaves(bare)).items():
        try:
            report = world.judged(edited(bare, path))
        except Refused:
            continue
        judged.add(name.partition(".")[0])
        if report.stamp.status != "self-reported" and not is_named(path, report.stamp.words):
            passed.append(name)
    for part in ("alarms", "curves", "values", "samples"):
        lists: list[list[Any]] = [[], bare[part][:-1], bare[part][::-1]]
        for odd in lists:
            if odd == bare[part]:
                continue
            try:
                report = world.judged({**bare, part: odd})
            except Refused:
                continue
            judged.add(part)
            if report.stamp.status != "self-reported" and not any(each.startswith(part) for each in report.stamp.words):
                passed.append(part)
    assert not passed, ", ".join(passed)
    assert judged >= {"alarms", "curves", "values", "samples"}  # refusing all of them would prove nothing


def test_without_distances_attacks_are_the_submitters_word(world: World) -> None:
    from deid_bench.benchmark.records.record import RunRecord
    from deid_bench.benchmark.scoring.cell import score_results
    from deid_bench.benchmark.submission.bare import bare_problems, bare_words
    from deid_bench.benchmark.submission.recompute import rebuild

    record = RunRecord.model_validate(world.data)
    scored = score_results(*rebuild(record, read(world.members[DISTANCES])))
    assert not any(each.startswith("attacks ") for each in bare_words(record, scored))
    told = record.model_copy(update={"attacks": object()})
    assert bare_problems(told, scored) == []
    assert any(each.startswith("attacks (follow from") for each in bare_words(told, scored))


def test_of_numbers_made_of_images_everything_is_compared(world: World, remembered: None) -> None:
    """The deviation of a distance between sets, and what is remarked on it."""
    from deid_bench.benchmark.records.record import Value
    from deid_bench.benchmark.submission.remake import aside_difference

    here = [Value(metric="kid", value=1.0, n=10, std=0.2, reason="a remark")]
    assert aside_difference(here[0], here, worded=True) is None
    assert aside_difference(here[0].model_copy(update={"std": 0.1}), here, worded=True)
    odd = here[0].model_copy(update={"reason": "none"})
    assert aside_difference(odd, here, worded=True)
    assert aside_difference(odd, here, worded=False) is None


@pytest.mark.parametrize("choice", ["mask=sam2,sam2=evil/huge", "mask=sam2,sam2={folder}", "mask=sam2,sam2=~/masks"])
def test_a_strangers_record_chooses_nothing_to_read_or_fetch(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, choice: str
) -> None:
    import deid_bench.benchmark.submission.at_hand as at_hand

    def fetch(*arguments: object, **others: object) -> None:
        raise AssertionError("weights are looked at")

    monkeypatch.setattr(at_hand, "make_cells", fetch)
    spec = f"mediapipe_hands:{choice.format(folder=tmp_path)}"
    report = world.judged({**world.data, "analyzer": {**world.data["analyzer"], "spec": spec}}, count=1)
    assert "read or fetch what the submitter names" in report.not_rerun
    assert report.stamp.status != "verified"


@pytest.mark.parametrize(
    ("kind", "spec", "odd"),
    [
        (Kind.ANALYZER, "mediapipe_hands:mask=sam2", []),
        (Kind.ANALYZER, "mediapipe_hands:mask=sam2,sam2=facebook/sam2.1-hiera-large", []),
        (Kind.RECOGNIZER, "mtcc:variant=official", []),
        (Kind.RECOGNIZER, "ccnet:device=cpu", []),
        (Kind.RECOGNIZER, "ccnet:weights=/any/file.pth", ["weights=/any/file.pth"]),
        (Kind.RECOGNIZER, "ccnet:weights=..", ["weights=.."]),
        (Kind.RECOGNIZER, "facenet:weights=C:\\x.onnx", ["weights=C:\\x.onnx"]),
    ],
)
def test_what_a_parameter_chooses(kind: Kind, spec: str, odd: list[str]) -> None:
    assert foreign_choices(kind, spec) == odd


FORGERIES: dict[str, Callable[[PairDistances], PairDistances]] = {}


def forgery(function: Callable[[NDArray[Any], NDArray[Any], NDArray[Any], list[int]], None]) -> None:
    """A change of the blocks, in place; the last argument has the column of the source of each row."""

    def change(found: PairDistances) -> PairDistances:
        own = found.distances[NAME]
        originals, deidentified, versions = (np.array(each) for each in (own.originals, own.deidentified, own.versions))
        column = {int(sample): index for index, sample in enumerate(found.usable)}
        kept = found.version_row >= 0
        function(originals, deidentified, versions, [column[int(each)] for each in found.version_sample[kept]])
        edited = replace(own, originals=originals, deidentified=deidentified, versions=versions)
        return replace(found, distances={NAME: edited})

    FORGERIES[function.__name__] = change


@forgery
def far_from_ones_own(originals: NDArray[Any], deidentified: NDArray[Any], versions: Any, sources: Any) -> None:
    deidentified[np.arange(len(sources)), sources] += 0.5


@forgery
def far_from_everybody(originals: NDArray[Any], deidentified: NDArray[Any], versions: Any, sources: Any) -> None:
    deidentified += 0.5


@forgery
def far_from_the_others_of_one_person(
    originals: NDArray[Any], deidentified: NDArray[Any], versions: Any, sources: Any
) -> None:
    own = deidentified[np.arange(len(sources)), sources].copy()
    deidentified += 0.5
    deidentified[np.arange(len(sources)), sources] = own


@forgery
def one_distance(originals: NDArray[Any], deidentified: NDArray[Any], versions: Any, sources: Any) -> None:
    deidentified[0, (sources[0] + 1) % len(originals)] += 0.3


@forgery
def originals_closer(originals: NDArray[Any], deidentified: NDArray[Any], versions: Any, sources: Any) -> None:
    originals *= 0.5


@forgery
def versions_apart(originals: NDArray[Any], deidentified: NDArray[Any], versions: Any, sources: Any) -> None:
    versions[~np.eye(len(versions), dtype=bool)] += 0.5


@forgery
def not_acquired(originals: NDArray[Any], deidentified: NDArray[Any], versions: Any, sources: Any) -> None:
    deidentified[0] = versions[0] = versions[:, 0] = np.nan


@pytest.mark.parametrize("name", FORGERIES)
def test_no_block_of_distances_can_be_forged_when_every_image_is_made_anew(
    world: World, remembered: None, name: str
) -> None:
    distances = FORGERIES[name](read(world.members[DISTANCES]))
    report = world.judged(world.rescored(distances), distances)
    assert not [each for each in report.recomputed.verdicts if each.outcome == "different"]  # it is what they give
    assert report.stamp.status == "self-reported"
    assert any("computed anew are different" in each for each in report.problems)


@pytest.mark.parametrize("count", [1, None])
def test_whose_the_images_are_cannot_be_told_otherwise(world: World, remembered: None, count: int | None) -> None:
    """Every distance is true, but those who were recognised are said to be somebody else."""
    found = read(world.members[DISTANCES])
    people = [(*names[1:], names[0]) for names in (found.identities, found.subjects)]
    distances = replace(found, identities=people[0], subjects=people[1])
    data = world.rescored(distances)
    assert data["values"] != world.data["values"]
    assert world.judged(data, distances, rerun=False).stamp.status == "recomputed"
    report = world.judged(data, distances, count=count)
    assert report.stamp.status == "self-reported"
    assert any("other images or people" in each for each in report.problems)


@pytest.mark.parametrize(
    ("created", "why"),
    [
        ("9999-12-31T23:59:59-23:59", "in the future"),
        ("2999-01-01", "in the future"),
        ("0001-01-01T00:00:00+23:59", ""),
        ("yesterday", "expected a time"),
    ],
)
def test_a_record_of_tomorrow_would_stay_on_top(world: World, remembered: None, created: str, why: str) -> None:
    report = world.judged({**world.data, "host": {**world.data["host"], "created": created}})
    assert report.stamp.status == ("self-reported" if why else "verified")
    assert any(why in each for each in report.problems) is bool(why)


@pytest.mark.parametrize("number", [10**400, -(10**400), 2**63])
def test_giant_numbers_are_no_numbers_of_a_record(world: World, remembered: None, number: int) -> None:
    for path in kinds(leaves(world.data)).values():
        if isinstance(at(world.data, path), int | float) and not is_named(path, ["host"]):
            try:
                report = world.judged(put(world.data, path, number), count=1)
            except Refused:
                continue
            assert report.stamp.status != "verified", path


@pytest.mark.parametrize("path", ["alarms", "failures", "curves", "values"])
def test_what_is_emptied_is_missed(world: World, remembered: None, path: str) -> None:
    assert world.data[path]
    assert world.judged({**world.data, path: []}).stamp.status == "self-reported"


def test_minus_zero_is_zero(world: World, remembered: None) -> None:
    data = copy.deepcopy(world.data)
    (zero,) = [each for each in data["values"] if each["metric"] == "rank1_with_source"]
    if zero["value"] == 0:
        zero["value"] = -0.0
    assert world.judged(data).stamp.status == "verified"


def test_between_originals_one_image_is_enough(world: World, remembered: None) -> None:
    distances = FORGERIES["originals_closer"](read(world.members[DISTANCES]))
    for seed in range(5):
        assert world.judged(world.rescored(distances), distances, count=1, seed=seed).stamp.status == "self-reported"


def test_the_worst_images_cannot_be_declared_skipped(world: World, remembered: None) -> None:
    found = read(world.members[DISTANCES])
    gone = next(index for index, row in enumerate(world.data["samples"]) if row["status"] == "done")
    data = copy.deepcopy(world.data)
    sample = found.sample_ids.index(data["samples"][gone]["sample_id"])
    reason = next(row["reason"] for row in data["samples"] if row["status"] == "skipped")
    data["samples"][gone].update(
        status="skipped", reason=reason, survived=None, measures={}, distances={}, task=None, image_sha256=None
    )
    data["failures"] = []
    kept = found.version_sample != sample
    column = found.usable.tolist().index(sample)
    row = int(found.version_row[~kept][0])
    own = found.distances[NAME]
    rows = found.version_row[kept]
    distances = replace(
        found,
        usable=found.usable[found.usable != sample],
        version_sample=found.version_sample[kept],
        version_repetition=found.version_repetition[kept],
        version_row=np.where(rows > row, rows - 1, rows).astype(np.int32),
        distances={
            NAME: replace(
                own,
                originals=np.delete(np.delete(whole(own.originals), column, 0), column, 1),
                deidentified=np.delete(np.delete(whole(own.deidentified), row, 0), column, 1),
                versions=np.delete(np.delete(whole(own.versions), row, 0), row, 1),
            )
        },
    )
    data = world.rescored(distances, data)
    assert world.judged(data, distances).recomputed.problems == []
    for count in (1, None):  # whatever is drawn: every original is looked at
        report = world.judged(data, distances, count=count)
        assert report.stamp.status == "self-reported"
        assert any("skipped" in each for each in report.problems)


def test_the_chance_of_passing_is_that_of_drawing_none_of_the_forged(world: World, remembered: None) -> None:
    assert chance_of_passing(96, 1, 5) == pytest.approx(91 / 96)
    assert chance_of_passing(96, 96, 5) == 0
    assert chance_of_passing(10, 3, 10) == 0
    rng = np.random.default_rng(3)
    for forged in (1, 5, 10, 29):
        drawn = np.argsort(rng.random((4000, 96)), axis=1)[:, :5]
        passed = float(np.mean((drawn >= forged).all(axis=1)))
        assert passed == pytest.approx(chance_of_passing(96, forged, 5), abs=0.03)


def test_forged_images_pass_as_often_as_stated(world: World, remembered: None) -> None:
    """Two of the ten planned images are forged, and three are made anew."""
    data = copy.deepcopy(world.data)
    done = [row for row in data["samples"] if row["status"] == "done"]
    for row in done[:2]:
        row["image_sha256"] = "0" * 64
    draws = 60
    for row in done[:2]:
        row["measures"] = {name: None if each is None else each + 1 for name, each in row["measures"].items()}
    data = world.rescored(read(world.members[DISTANCES]), data)
    statuses = [world.judged(data, count=3, seed=seed).stamp.status for seed in range(draws)]
    stated = chance_of_passing(10, 2, 3)
    assert statuses.count("verified") / draws == pytest.approx(stated, abs=4 * (stated * (1 - stated) / draws) ** 0.5)


def test_what_needs_images_is_unchecked_until_all_are_made_anew() -> None:
    """An invented FID stands as the submitter's word under a stamp, number by number."""
    from deid_bench.benchmark.records.record import Value
    from deid_bench.benchmark.submission.remake import value_difference

    invented = Value(metric="fid", value=1.0, n=10)
    assert value_difference(invented, [Value(metric="fid", value=80.0, n=10)])
    assert value_difference(invented, [])
    assert value_difference(invented, [Value(metric="fid", value=1.0, n=10)]) is None
    assert Remade([]).values is None


@pytest.mark.parametrize("count", [3, None], ids=["drawn", "all"])
def test_measures_that_cannot_be_taken_here_prove_nothing(count: int | None, world: World, remembered: None) -> None:
    """Networks that the verifier lacks: a number that the rows give, and nobody has seen that the rows are true."""
    made = copy.deepcopy(world.data)
    for row in made["samples"]:
        if row["status"] == "done":
            row["measures"]["lpips_alex"] = 0.01
    done = sum(row["status"] == "done" for row in made["samples"])
    (value,) = [each for each in made["values"] if each["metric"] == "lpips_alex"]
    value.update(value=0.01, reason=None, n=done, std=0.0)
    report = world.judged(made, count=count)
    assert "lpips_alex" in report.stamp.unchecked or report.stamp.status == "self-reported"
    if count is not None:
        assert report.stamp.status == "verified"
        assert "lpips_alex" in report.stamp.unchecked
        assert any(each.startswith("samples.measures (of lpips_alex") for each in report.stamp.words)


def test_how_many_images_a_number_that_is_absent_speaks_of_is_the_submitters_word(
    world: World, remembered: None
) -> None:
    made = copy.deepcopy(world.data)
    (value,) = [each for each in made["values"] if each["metric"] == "fid"]
    value["n"] = 180
    report = world.judged(made)
    assert report.stamp.status != "verified" or "values (how many images fid speak of)" in report.stamp.words


def test_small_numbers_made_of_images_cannot_be_other_ones() -> None:
    """A KID of 0.0013 is none of 0.0004, nor a mean square error of 0.0009 one of 0.0001."""
    from deid_bench.benchmark.records.record import SampleRow, Value
    from deid_bench.benchmark.submission.differences import IMAGE_TOLERANCE
    from deid_bench.benchmark.submission.remake import NEAR, _odd_measures, aside_difference, value_difference

    here = [Value(metric="kid", value=0.0013, n=10, std=0.0009)]
    assert value_difference(here[0].model_copy(update={"value": 0.00131}), here) is None
    for value in (0.0004, -0.0002, 0.0014):
        assert value_difference(here[0].model_copy(update={"value": value}), here)
    assert aside_difference(here[0].model_copy(update={"std": 0.0}), here, worded=True)

    def row(value: float) -> SampleRow:
        return SampleRow(sample_id="a", repetition=0, status="done", measures={"my_mse": value, "ssim": 0.9})

    assert _odd_measures(row(1e-4), row(1e-4 + 1e-9), IMAGE_TOLERANCE) == []
    assert _odd_measures(row(9e-4), row(1e-4), IMAGE_TOLERANCE) == ["my_mse"]
    assert _odd_measures(row(9e-4), row(1e-4), NEAR) == []
