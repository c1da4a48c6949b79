"""Distances forged by no more than another processor changes them, which turn rates of recognition round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from forgery import DISTANCES, World, remember

from deid_bench.benchmark.results.distances_file import PairDistances, read
from deid_bench.benchmark.results.tiles import whole
from deid_bench.benchmark.submission.differences import IMAGE_TOLERANCE, ROUNDING
from deid_bench.benchmark.submission.ties import hanging
from deid_bench.plugins.entries import registry

RECOGNIZERS = ("coarse", "toy_recognizer")
Data = dict[str, Any]


@pytest.fixture(scope="module", params=RECOGNIZERS)
def world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    registry().add_file(Path(__file__).parent.parent / "coarse.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("deid_bench.benchmark.scoring.numbers.RESAMPLES", 20)
        folder = tmp_path_factory.mktemp("ties")
        yield World(folder, "faint", f"toy-hands:folder={folder / 'hands'},identities=6", request.param)


@pytest.fixture
def remembered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of `world`."""
    remember(world, monkeypatch)


def rr(data: Data) -> float:
    (found,) = [each["value"] for each in data["values"] if each["metric"] == "rr"]
    return float(found)


def farther(found: PairDistances, share: float) -> PairDistances:
    """Images farther from the originals of their own person, by this share of the distance and of the largest one."""
    ((name, own),) = found.distances.items()
    deidentified, originals = np.array(whole(own.deidentified)), whole(own.originals)
    people = np.array(found.identities)
    same = people[found.version_sample][:, None] == people[found.usable][None, :]
    deidentified[same] += 0.98 * share * (deidentified[same] + originals.max())
    return replace(found, distances={name: replace(own, deidentified=deidentified)})


def test_the_honest_record_is_verified(world: World, remembered: None) -> None:
    for count in (3, None):
        report = world.judged(world.data, count=count)
        assert report.stamp.status == "verified"
        assert (report.problems, report.different, report.rough) == ([], [], [])
    assert report.stamp.unchecked == []


@pytest.mark.parametrize("count", [3, None])
def test_what_another_processor_may_change_does_not_pass_for_rounding(
    world: World, remembered: None, count: int | None
) -> None:
    distances = farther(read(world.members[DISTANCES]), IMAGE_TOLERANCE)
    data = world.rescored(distances)
    assert rr(data) > rr(world.data) + 5
    report = world.judged(data, distances, count=count)
    assert report.rough
    assert "no better than those of another processor" in report.stamp.checked
    assert report.stamp.status == ("recomputed" if count else "self-reported")
    if not count:
        (odd,) = [each for each in report.different if each.metric == "rr"]
        assert odd.note.startswith(f"says {rr(data)} ")


def test_numbers_forged_within_rounding_are_different_or_not_proved(world: World, remembered: None) -> None:
    """Every distance in sixths is a tie: rounding decides whether anybody counts as recognised."""
    distances = farther(read(world.members[DISTANCES]), ROUNDING)
    data = world.rescored(distances)
    turned = rr(data) != rr(world.data)
    assert turned is (world.data["recognizers"][0]["name"] == "coarse")
    report = world.judged(data, distances)
    assert report.rough == []
    assert report.stamp.status == "self-reported"
    assert any(each.metric == "rr" for each in report.different) is turned
    report = world.judged(data, distances, count=3)
    assert report.stamp.status == "verified"
    assert ("rr coarse" in report.stamp.unchecked) is turned
    assert any(each.startswith("values.value (of ") for each in report.stamp.words) is bool(report.stamp.unchecked)


def test_numbers_hang_on_ties_alone(world: World) -> None:
    names = hanging(world.outcome.record, read(world.members[DISTANCES]))
    assert ("rr coarse" in names) is (world.data["recognizers"][0]["name"] == "coarse")
    assert not any(each.startswith("psnr") for each in names)
