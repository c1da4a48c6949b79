"""The catalogue of metrics is complete and consistent, and each metric's function does what its docstring shows."""

from __future__ import annotations

import doctest
import inspect
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deid_bench.benchmark.metrics.catalogue import METRICS, catalogue
from deid_bench.benchmark.metrics.metric import SETS
from deid_bench.benchmark.protocols import Protocol, protocols
from deid_bench.benchmark.records.described import catalogue_of
from deid_bench.benchmark.records.record import load_record
from deid_bench.reports.explanation.protocol_words import protocol_words

GOLDEN = Path(__file__).parents[1] / "benchmark" / "golden"
PARTS = ["box", "keypoints_2d", "keypoints_3d", "roi", "mask", "landmarks_5", "landmarks_68"]
PROMISED = {
    *("rr", "rr_cross", "dir", "dir_cross", "rank1_with_source", "rank1_without_source"),
    *("rank5_without_source", "rank5_untargeted", "rank5_targeted", "rank1_untargeted", "rank1_targeted"),
    *(f"fnmr_deidentified_at_fmr_{limit}" for limit in ("10", "1", "0_1")),
    *("roi_coverage", "roi_changed"),
    *("eer_effective", "eer_deidentified", "d_sys", "d_sys_null", "linkability", "singling_out"),
    *("dprime_diversity", "overlap_diversity", "lpips_between_seeds"),
    *("psnr", "ssim", "ms_ssim", "lpips_alex", "lpips_vgg"),
    *("psnr_region", "ssim_region", "lpips_alex_region", "lpips_vgg_region", "ms_ssim_region"),
    *("psnr_paper", "ssim_paper", "ms_ssim_paper", "lpips_paper"),
    *("fid", "kid", "fd_vgg16", "kd_vgg16", "fid_region", "kid_region", "fd_vgg16_region", "kd_vgg16_region"),
    *("survival", *(f"drift_{part}" for part in PARTS), *(f"floor_{part}" for part in PARTS)),
    *("eer", "eer_threshold", "fnmr_at_fmr_10", "fnmr_at_fmr_1", "fnmr_at_fmr_0_1"),
    *("rank1_originals", "rank5_originals", "d_prime"),
    *("failure_rate", "seconds_per_image"),
}


def test_every_promised_metric_is_there() -> None:
    assert set(METRICS) >= PROMISED


@pytest.mark.parametrize("name", METRICS)
def test_metrics_are_complete(name: Any) -> None:
    metric = METRICS[name]
    assert metric.name == name
    assert metric.title
    assert metric.definition.endswith(".")
    assert metric.formula
    assert metric.citation
    assert metric.caveat.endswith(".")
    said = f"{protocol_words(metric)} {metric.how}".strip()
    assert said.endswith(".")
    assert (metric.target is not None) == (metric.better == "target")
    assert metric.column_set in (*SETS, "")
    if metric.low is not None and metric.high is not None:
        assert metric.low < metric.high
        assert metric.unit != "%" or (metric.low, metric.high) in {(0.0, 100.0), (0.0, 50.0)}
    if metric.target is not None and metric.low is not None:
        assert metric.low <= metric.target


FUNCTIONS: set[Any] = {each.function for each in METRICS.values()}


@pytest.mark.parametrize("function", sorted(FUNCTIONS, key=lambda each: str(getattr(each, "__qualname__", ""))))
def test_the_function_of_each_metric_gives_what_its_docstring_shows(function: Any) -> None:
    examples = doctest.DocTestFinder(recurse=False).find(function, globs=vars(sys.modules[function.__module__]).copy())
    (test,) = [each for each in examples if each.examples]
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    assert runner.run(test).failed == 0


def test_function_and_description_stand_together() -> None:
    rooms = {"recognition", "privacy", "quality", "usability"}
    for metric in METRICS.values():
        assert metric.function.__module__.split(".")[-2] in rooms, metric.name


def test_titles_are_unique() -> None:
    titles = [metric.title for metric in METRICS.values()]
    assert len(set(titles)) == len(titles)


def test_a_second_metric_of_one_name_is_refused() -> None:
    other = METRICS["dir"].__class__(
        **{name: getattr(METRICS["ssim"], name) for name in inspect.signature(METRICS["ssim"].__class__).parameters}
        | {"name": "dir", "group": "privacy"}
    )
    with pytest.raises(ValueError, match="'dir' is defined twice"):
        catalogue([METRICS["dir"], other])


def test_the_catalogue_is_read_without_torch() -> None:
    code = "import sys, deid_bench.benchmark.metrics.catalogue; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-P", "-c", code], check=False).returncode == 0


def test_no_metric_names_a_protocol_itself() -> None:
    for metric in METRICS.values():
        text = f"{metric.definition} {metric.how} {metric.caveat}"
        assert not re.search(r"\b(palm|palm-paper|face)/\d", text), metric.name


def test_words_about_protocols_follow_the_protocols() -> None:
    strict = Protocol.of({**protocols()["palm/1.0"].rules, "id": "palm/9.0"}, "a test")
    lax = Protocol.of({**strict.rules, "id": "palm/9.1", "threshold": {"rule": "eer", "from": "eval"}}, "a test")
    said = protocol_words(METRICS["rr"], [strict, lax])
    assert "palm/9.0: the evaluated subjects at the threshold of the dev subjects" in said
    assert "palm/9.1: the evaluated subjects at the threshold of their own originals" in said
    assert protocol_words(METRICS["rank5_untargeted"], [strict]) == ""


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("run-*.json")), ids=lambda path: path.stem)
def test_intervals_stand_where_a_metric_says_that_it_is_resampled(path: Any) -> None:
    record = load_record(path)
    for value in record.values:
        if value.interval is not None:
            assert catalogue_of(record)[value.metric].resampling != "none", value.metric


def test_zero_has_no_sign_and_ends_of_an_interval_do_not_look_alike() -> None:
    rr = METRICS["rr"]
    assert (rr.text(-0.04), rr.text(0.7)) == ("0.0", "0.7")
    assert rr.bounds(0.68, 0.72) == ("0.68", "0.72")
    assert rr.bounds(12.34, 56.78) == ("12.3", "56.8")
    assert rr.bounds(0.7, 0.7) == ("0.7", "0.7")
