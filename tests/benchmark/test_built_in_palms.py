"""The built-in palms with the real analyzer and recognisers: difficulty, coverage, and the order of the methods."""

from __future__ import annotations

from pathlib import Path

import pytest

from deid_bench.benchmark.planning.cells import RunOptions
from deid_bench.benchmark.records.record import RunRecord
from deid_bench.benchmark.run import Execution, run

METHODS = (
    "identity",
    "masking",
    "blurring:sigma=0.02",
    "blurring:sigma=0.05",
    "blurring:sigma=0.1",
    "other",
    "blurring",
    "pixelation",
    "palm_diffusion",
)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("palms")


@pytest.fixture(scope="module")
def controlled(out: Path) -> dict[str, RunRecord]:
    options = RunOptions(METHODS, "palm-mini:setting=controlled", "palm-paper/1.0", "mtcc")
    return {
        each.record.method.spec: each.record for each in run(options, Execution(out=out, backend="process", jobs=2))
    }


@pytest.fixture(scope="module")
def wild(out: Path) -> RunRecord:
    options = RunOptions(
        methods=("identity",), datasets=("palm-mini:setting=wild",), recognizers=("mtcc",), protocol="palm-paper/1.0"
    )
    return run(options, Execution(out=out, backend="process", jobs=2))[0].record


def number(record: RunRecord, metric: str, recognizer: str | None = None) -> float:
    found = record.value(metric, recognizer)
    assert found is not None
    assert found.value is not None, found.reason
    return found.value


def test_hands_are_found(controlled: dict[str, RunRecord], wild: RunRecord) -> None:
    for record, share in ((controlled["identity"], 0.99), (wild, 0.95)):
        assert record.counts.done >= share * record.counts.planned


def test_the_palms_are_neither_trivial_nor_hopeless(controlled: dict[str, RunRecord], wild: RunRecord) -> None:
    assert 0.3 <= number(controlled["identity"], "eer", "mtcc") <= 3
    assert number(controlled["identity"], "d_prime", "mtcc") >= 4
    assert 1 <= number(wild, "eer", "mtcc") <= 6


def test_the_palm_region_covers_what_the_recogniser_sees(controlled: dict[str, RunRecord]) -> None:
    assert number(controlled["masking"], "roi_coverage") > 98
    assert number(controlled["masking"], "roi_changed") > 97
    assert number(controlled["identity"], "roi_changed") == 0


def test_the_order_of_the_methods_makes_sense(controlled: dict[str, RunRecord]) -> None:
    assert number(controlled["identity"], "rr", "mtcc") == 0
    assert number(controlled["identity"], "rank1_with_source", "mtcc") == 100
    assert number(controlled["identity"], "ssim") == 1
    assert number(controlled["masking"], "rr", "mtcc") > 97
    assert number(controlled["masking"], "rank1_with_source", "mtcc") < 15


def test_stronger_blur_hides_more_and_costs_more(controlled: dict[str, RunRecord]) -> None:
    records = [controlled[f"blurring:sigma={sigma}"] for sigma in ("0.02", "0.05", "0.1")]
    rejected = [number(each, "rr", "mtcc") for each in records]
    ratio = [number(each, "dir", "mtcc") for each in records]
    likeness = [number(each, "ssim") for each in records]
    assert rejected == sorted(rejected)
    assert rejected[-1] > rejected[0]
    assert ratio == sorted(ratio)
    assert likeness == sorted(likeness, reverse=True)


def test_another_persons_palm_looks_like_an_impostors(controlled: dict[str, RunRecord]) -> None:
    assert number(controlled["other"], "rr", "mtcc") > 90
    assert 80 < number(controlled["other"], "dir", "mtcc") < 120
    assert number(controlled["other"], "rank1_with_source", "mtcc") < 15
    assert number(controlled["other"], "survival") > 95


def test_palm_diffusion_hides_and_keeps_as_the_paper_says(controlled: dict[str, RunRecord]) -> None:
    """The order of the paper's Tables V and VI, and what the small model is good for."""
    painted, masked = controlled["palm_diffusion"], controlled["masking"]
    assert number(painted, "rr", "mtcc") >= 90
    assert number(painted, "dir", "mtcc") >= 85
    assert number(painted, "rr_cross", "mtcc") >= 90
    assert number(painted, "ssim") >= 0.90
    assert number(painted, "survival") >= 97
    for metric in ("ssim", "ms_ssim", "psnr", "survival"):
        assert number(painted, metric) > number(masked, metric), metric
    for weaker in ("blurring", "pixelation"):
        for metric in ("rr", "dir"):
            assert number(painted, metric, "mtcc") > number(controlled[weaker], metric, "mtcc"), (weaker, metric)
        for metric in ("rank1_with_source", "rank1_without_source"):
            assert number(painted, metric, "mtcc") < number(controlled[weaker], metric, "mtcc"), (weaker, metric)
