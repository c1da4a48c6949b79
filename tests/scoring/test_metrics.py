"""The catalogue of metrics is complete and consistent."""

from __future__ import annotations

import pytest

from deid_bench.benchmark.metrics.catalogue import METRICS, _catalogue

PARTS = ["box", "keypoints_2d", "keypoints_3d", "roi", "mask", "landmarks_5", "landmarks_68"]
PROMISED = [
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
]


def test_every_promised_metric_is_described_in_the_order_of_tables():
    assert list(METRICS) == PROMISED


@pytest.mark.parametrize("name", METRICS)
def test_descriptions_are_complete(name):
    metric = METRICS[name]
    assert metric.name == name
    assert metric.title
    assert metric.definition.endswith(".")
    assert metric.formula
    assert metric.citation
    for text in (metric.how, metric.caveat):
        assert text.endswith(".")
    assert (metric.target is not None) == (metric.better == "target")
    if metric.low is not None and metric.high is not None:
        assert metric.low < metric.high
    if metric.target is not None and metric.low is not None:
        assert metric.low <= metric.target


def test_titles_are_unique():
    titles = [metric.title for metric in METRICS.values()]
    assert len(set(titles)) == len(titles)


def test_a_second_description_is_refused():
    with pytest.raises(ValueError, match="'dir' is described twice"):
        _catalogue([METRICS["dir"], METRICS["dir"]])
