"""The built-in palms with the real analyzer and recognisers: difficulty, coverage, and the order of the methods."""

from __future__ import annotations

from pathlib import Path

import pytest

from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.records.record import RunRecord
from deid_bench.benchmark.run import Execution, run
from deid_bench.reports.leaderboard import reference

FULL = ("identity", "masking", "other", "blurring", "pixelation", "palm_diffusion")
"""Whose rows on all palms come with the package: this installation would compute them again, or they do not hold."""
LADDER = ("blurring:sigma=0.02", "blurring:sigma=0.05", "blurring:sigma=0.1")
FEW = 6
"""Palms of the runs of all methods here."""
BY_CHANCE = {"shipped": 15.0, "few": 200.0 / FEW}
"""% at rank 1 below which nobody is found but by chance."""


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("palms")


@pytest.fixture(scope="module")
def shipped() -> dict[str, RunRecord]:
    """The reference rows on the controlled palms."""
    rows = reference.shipped()
    kept = [each for each in rows.records if (each.protocol.id, each.dataset.spec) == ("palm-paper/1.1", "palm-mini")]
    assert all(reference.holds(each, rows.people) for each in kept)
    return {each.method.spec: each for each in kept}


def records(out: Path, *methods: str, setting: str = "controlled", limit: int = 0) -> dict[str, RunRecord]:
    options = RunOptions(methods, f"palm-mini:setting={setting}", "palm-paper/1.0", "mtcc", limit=limit)
    return {
        each.record.method.spec: each.record for each in run(options, Execution(out=out, backend="process", jobs=2))
    }


@pytest.fixture(scope="module")
def few(out: Path) -> dict[str, RunRecord]:
    return records(out, *FULL, *LADDER, limit=FEW)


@pytest.fixture(scope="module")
def controlled(out: Path) -> RunRecord:
    return records(out, "identity")["identity"]


@pytest.fixture(scope="module")
def wild(out: Path) -> RunRecord:
    return records(out, "identity", setting="wild")["identity"]


def number(record: RunRecord, metric: str, recognizer: str | None = None) -> float:
    found = record.value(metric, recognizer)
    assert found is not None
    assert found.value is not None, found.reason
    return found.value


def test_hands_are_found(controlled: RunRecord, wild: RunRecord) -> None:
    for record, share in ((controlled, 0.99), (wild, 0.95)):
        assert record.counts.done >= share * record.counts.planned


def test_the_palms_are_neither_trivial_nor_hopeless(controlled: RunRecord, wild: RunRecord) -> None:
    assert 0.3 <= number(controlled, "eer", "mtcc") <= 3
    assert number(controlled, "d_prime", "mtcc") >= 4
    assert 1 <= number(wild, "eer", "mtcc") <= 6


def test_the_rows_are_those_of_a_run(controlled: RunRecord, shipped: dict[str, RunRecord]) -> None:
    """On all palms, of the method that costs nothing; of the others the digests speak."""
    row = shipped["identity"]
    assert controlled.dataset.digest == row.dataset.digest
    for metric in ("eer", "d_prime", "rr_cross", "rank1_with_source"):
        assert number(controlled, metric, "mtcc") == pytest.approx(number(row, metric, "mtcc"), rel=1e-3), metric


@pytest.mark.parametrize("world", ["shipped", "few"])
def test_the_palm_region_covers_what_the_recogniser_sees(world: str, request: pytest.FixtureRequest) -> None:
    found = request.getfixturevalue(world)
    assert number(found["masking"], "roi_coverage") > 98
    assert number(found["masking"], "roi_changed") > 97
    assert number(found["identity"], "roi_changed") == 0


@pytest.mark.parametrize("world", ["shipped", "few"])
def test_the_order_of_the_methods_makes_sense(world: str, request: pytest.FixtureRequest) -> None:
    found = request.getfixturevalue(world)
    assert number(found["identity"], "rr", "mtcc") == 0
    assert number(found["identity"], "rank1_with_source", "mtcc") == 100
    assert number(found["identity"], "ssim") == 1
    assert number(found["masking"], "rr", "mtcc") > 97
    assert number(found["masking"], "rank1_with_source", "mtcc") < BY_CHANCE[world]


def test_stronger_blur_hides_more_and_costs_more(few: dict[str, RunRecord]) -> None:
    records = [few[each] for each in LADDER]
    rejected = [number(each, "rr", "mtcc") for each in records]
    ratio = [number(each, "dir", "mtcc") for each in records]
    likeness = [number(each, "ssim") for each in records]
    assert rejected == sorted(rejected)
    assert rejected[-1] > rejected[0]
    assert ratio == sorted(ratio)
    assert likeness == sorted(likeness, reverse=True)


@pytest.mark.parametrize("world", ["shipped", "few"])
def test_another_persons_palm_looks_like_an_impostors(world: str, request: pytest.FixtureRequest) -> None:
    found = request.getfixturevalue(world)
    assert number(found["other"], "rr", "mtcc") > 90
    assert 80 < number(found["other"], "dir", "mtcc") < 120
    assert number(found["other"], "rank1_with_source", "mtcc") < BY_CHANCE[world]
    assert number(found["other"], "survival") > 95


@pytest.mark.parametrize("world", ["shipped", "few"])
def test_palm_diffusion_hides_and_keeps_as_the_paper_says(world: str, request: pytest.FixtureRequest) -> None:
    """The order of the paper's Tables V and VI, and what the small model is good for."""
    found = request.getfixturevalue(world)
    painted, masked = found["palm_diffusion"], found["masking"]
    assert number(painted, "rr", "mtcc") >= 90
    assert number(painted, "dir", "mtcc") >= 85
    assert number(painted, "rr_cross", "mtcc") >= 90
    assert number(painted, "ssim") >= 0.90
    assert number(painted, "survival") >= 97
    for metric in ("ssim", "ms_ssim", "psnr"):
        assert number(painted, metric) > number(masked, metric), metric
    # Of a few hands all are found again, whatever was done to them.
    assert number(painted, "survival") > number(masked, "survival") - (world == "few")
    for weaker in ("blurring", "pixelation"):
        for metric in ("rr", "dir"):
            assert number(painted, metric, "mtcc") > number(found[weaker], metric, "mtcc"), (weaker, metric)
        for metric in ("rank1_with_source", "rank1_without_source"):
            assert number(painted, metric, "mtcc") < number(found[weaker], metric, "mtcc"), (weaker, metric)
