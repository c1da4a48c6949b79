"""Every value that the quality modules give has a description, and every description a value."""

from __future__ import annotations

import numpy as np

from deid_bench.benchmark.metrics.catalogue import METRICS
from deid_bench.benchmark.metrics.quality.distribution import set_distances
from deid_bench.benchmark.metrics.quality.image_quality import image_quality
from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.benchmark.stages.measure import FURTHER, PAPER

QUALITY_METRICS = [each for each in METRICS.values() if each.group == "quality"]


def test_descriptions_and_values_have_the_same_names() -> None:
    described = [metric.name for metric in QUALITY_METRICS]
    assert len(described) == len(set(described))
    tiny = np.zeros((8, 8, 3), np.uint8)  # too small for any network: the names come without one
    given = set(image_quality(tiny, tiny))
    for network in ("inception", "vgg16", "alexnet"):
        given |= set(set_distances(Undefined("absent"), Undefined("absent"), network))
    given |= (
        set(PAPER) | set(FURTHER) | {f"{name}_region" for name in ("ms_ssim", "fid", "kid", "fd_vgg16", "kd_vgg16")}
    )
    assert given == set(described)


def test_directions_and_bounds_fit_each_other() -> None:
    for metric in QUALITY_METRICS:
        assert metric.group == "quality"
        distance = metric.name.startswith(("lpips", "f", "k", "gmsd", "dists"))
        assert metric.better == ("lower" if distance and metric.name != "fsim" else "higher")
        if metric.name.startswith("k"):
            assert metric.low is None  # unbiased estimates may be negative
        assert metric.definition.endswith(".")
