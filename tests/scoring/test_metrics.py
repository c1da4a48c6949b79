"""The catalogue of metrics is complete and consistent."""

from __future__ import annotations

import pytest

from deid_bench.benchmark.metrics import METRICS

PROMISED = [
    "eer",
    "eer_threshold",
    "fnmr_at_fmr_10",
    "fnmr_at_fmr_1",
    "fnmr_at_fmr_0_1",
    "rr",
    "rr_cross",
    "dir",
    "dir_cross",
    "d_prime",
    "rank1_with_source",
    "rank1_without_source",
    "ssim",
    "psnr",
    "survival",
    "drift_box",
    "drift_keypoints_2d",
    "drift_keypoints_3d",
    "drift_roi",
    "drift_mask",
    "roi_coverage",
    "roi_changed",
    "failure_rate",
    "seconds_per_image",
]


def test_every_promised_metric_is_described():
    assert set(METRICS) == set(PROMISED)


@pytest.mark.parametrize("name", METRICS)
def test_descriptions_are_complete(name):
    metric = METRICS[name]
    assert metric.name == name
    assert metric.title
    assert metric.definition.endswith(".")
    assert metric.formula
    assert metric.citation
    assert (metric.target is not None) == (metric.better == "target")
    if metric.low is not None and metric.high is not None:
        assert metric.low < metric.high
    if metric.target is not None and metric.low is not None:
        assert metric.low <= metric.target


def test_titles_are_unique():
    titles = [metric.title for metric in METRICS.values()]
    assert len(set(titles)) == len(titles)
