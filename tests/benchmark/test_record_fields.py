"""Every field of a record is checked, or named in the stamp as the submitter's word."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forgery import (
    DISTANCES,
    NAME,
    Data,
    Path_,
    World,
    containers,
    edits,
    is_named,
    kinds,
    leaves,
    list_edits,
    remember,
    under_its_digest,
)
from narrowed import present
from pydantic import ValidationError

from deid_bench.benchmark.metrics.catalogue import FROM_ATTACKERS
from deid_bench.benchmark.planning.loaded_dataset import load_dataset
from deid_bench.benchmark.records.record import RunRecord
from deid_bench.benchmark.results.distances_file import read
from deid_bench.benchmark.storage.strict_zip import Refused
from deid_bench.benchmark.submission.fields import FIELDS, IRREGULAR, model_fields, table
from deid_bench.benchmark.submission.verdict import Report
from deid_bench.plugins.entries import registry

DOCS = Path(__file__).parents[2] / "docs" / "reports.md"
ONLY_RICH = ("groups", "attacks", "metrics")
"""Parts of a record that the small world does not have."""
ORIGINS = (
    ["dataset.origin", "method.origin", "analyzer.origin", "recognizers.origin"],
    ["dataset.origin", "method.origin", "analyzer.origin", "recognizers.origin", "metrics.origin"],
)
METRICS = Path(__file__).parents[1] / "my_metrics.py"


def people_in_groups(folder: Path) -> str:
    """A dataset of 24 toy people, 13 tall and 11 short."""
    samples = load_dataset(f"toy-hands:folder={folder / 'drawn'},identities=24,samples=2", 0, 1, None).samples
    hands = folder / "hands"
    hands.mkdir()
    with (hands / "who.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["file", "identity", "size"])
        for each in samples:
            (hands / each.path.name).write_bytes(each.path.read_bytes())
            writer.writerow([each.path.name, each.identity, "tall" if int(each.path.name[:2]) < 13 else "short"])
    return f"folder:path={hands},manifest=who.csv,groups=size"


@pytest.fixture(scope="module")
def few_resamples() -> Iterator[None]:
    """Intervals are computed anew in each of hundreds of verdicts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deid_bench.benchmark.scoring.numbers.RESAMPLES", 20)
        yield


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory, few_resamples: None) -> World:
    """As few images as possible."""
    folder = tmp_path_factory.mktemp("small")
    return World(folder, "refuses_some", f"toy-hands:folder={folder / 'hands'},identities=5,samples=2,blank=1")


@pytest.fixture(scope="module")
def rich(tmp_path_factory: pytest.TempPathFactory, few_resamples: None) -> World:
    """With groups, attacks and a user's metric."""
    registry().add_file(METRICS)
    folder = tmp_path_factory.mktemp("rich")
    return World(folder, "refuses_some", people_in_groups(folder), attacks="A1", metrics=("edge_loss",))


@pytest.fixture
def worlds(small: World, rich: World, monkeypatch: pytest.MonkeyPatch) -> list[World]:
    """Both; what their methods make is computed once."""
    remember(small, monkeypatch)
    remember(rich, monkeypatch)
    return [small, rich]


def places_in(world: World, worlds: list[World], found: Iterator[Path_]) -> dict[str, Path_]:
    """Places of a world: of the rich one those that the small one does not have, as its verdicts take longer."""
    rich = world is worlds[1]
    told = kinds(found, (1,) if rich else (1, 3))
    return {name: path for name, path in told.items() if (path[0] in ONLY_RICH) is rich}


def test_every_field_of_the_model_says_how_it_is_checked() -> None:
    assert sorted(model_fields()) == sorted(FIELDS)


def test_the_manual_has_the_table() -> None:
    assert table() in DOCS.read_text()


def test_the_honest_records_are_verified(worlds: list[World]) -> None:
    for world in worlds:
        report = world.judged(world.data)
        assert report.problems == []
        assert report.different == []
        assert report.stamp.status == "verified"
        assert report.stamp.unchecked == []
        assert report.stamp.words == ["toolkit", *ORIGINS[world is worlds[1]], "host", IRREGULAR]
        assert world.judged(world.data, rerun=False).stamp.status == "recomputed"
    assert worlds[1].data["groups"]["tests"]
    assert worlds[1].data["attacks"]["rows"]


def test_under_recomputed_labels_images_and_groups_are_the_submitters_words(worlds: list[World]) -> None:
    found = set(worlds[1].judged(worlds[1].data, rerun=False).stamp.words)
    assert {"host", "toolkit", "method", "analyzer", "recognizers", "metrics", "root_seed", "failures"} <= found
    assert {"samples.image_sha256", "groups (who belongs to which is not known here)"} <= found
    assert not found & {"values", "curves", "alarms", "protocol", "samples.distances"}


def test_numbers_of_attackers_are_marked_until_every_image_is_made_anew(worlds: list[World]) -> None:
    """One distance of an attacker is forged, and everything that follows from it is computed anew."""
    world = worlds[1]
    found = read(world.members[DISTANCES])
    (one,) = (each for each in present(found.attacks).variants[NAME] if each.name.attack == "A1")
    far = replace(one, distances=one.distances + np.float32(0.5))
    variants = {NAME: [far if each is one else each for each in present(found.attacks).variants[NAME]]}
    distances = replace(found, attacks=replace(present(found.attacks), variants=variants))
    data = world.rescored(distances)
    data["groups"] = world.data["groups"]
    data["alarms"] = world.data["alarms"] if data["alarms"] == [] else data["alarms"]
    report = world.judged(data, distances, count=1)
    assert report.stamp.status == "verified"
    assert f"rank1_worst {NAME}" in report.stamp.unchecked
    assert f"rr {NAME}" not in report.stamp.unchecked
    report = world.judged(data, distances)
    assert report.stamp.status == "self-reported"
    assert any("distances of attackers" in each for each in report.problems)


def test_attacks_that_were_found_out_by_cannot_be_left_out(worlds: list[World]) -> None:
    world = worlds[1]
    gone = {**world.data, "attacks": None}
    gone["values"] = [each for each in gone["values"] if each["metric"] not in FROM_ATTACKERS]
    report = world.judged(under_its_digest(gone), count=1)
    assert any("attacks that the record does not tell of" in each for each in report.problems)


def passes(report: Report, path: Path_) -> bool:
    """Whether an edit stands unmarked under a stamp that says more than `self-reported`."""
    unchecked = "values" in path and bool(report.stamp.unchecked)
    return report.stamp.status == "verified" and not unchecked and not is_named(path, report.stamp.words)


def read_record(data: Data) -> RunRecord | None:
    """None where it is no record, which no submission can bring."""
    try:
        return RunRecord.model_validate(data)
    except ValidationError:
        return None


def unnoticed(world: World, places: dict[str, Path_], edit: Any, count: int | None) -> list[str]:
    found = []
    for name, path in places.items():
        for what, data in edit(world.data, path):
            if count is None and path[0] not in ONLY_RICH and what == "changed":
                continue  # see test_forgers
            if count is None and path[0] in ONLY_RICH and what not in ("changed", "emptied"):
                continue  # seconds each; what is left out is missed wherever some images are drawn
            forged = under_its_digest(data)
            if read_record(forged) in (None, world.outcome.record):
                continue  # no record, or what is left out has that very value by default
            try:
                report = world.judged(forged, count=count)
            except Refused:
                continue
            if passes(report, path):
                found.append(f"{name} {what}")
    return found


@pytest.mark.parametrize("count", [1, None])
@pytest.mark.parametrize("which", [0, 1])
def test_no_edit_of_a_field_stands_unmarked_under_verified(worlds: list[World], which: int, count: int | None) -> None:
    world = worlds[which]
    places = places_in(world, worlds, leaves(world.data))
    assert len(places) > 40
    found = unnoticed(world, places, edits, count)
    assert not found, ", ".join(found)


@pytest.mark.parametrize("count", [1, None])
@pytest.mark.parametrize("which", [0, 1])
def test_no_edit_of_a_list_stands_unmarked_under_verified(worlds: list[World], which: int, count: int | None) -> None:
    world = worlds[which]
    places = places_in(world, worlds, containers(world.data))
    assert len(places) > 8
    found = unnoticed(world, places, list_edits, count)
    assert not found, ", ".join(found)
