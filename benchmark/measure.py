"""Everything that is measured on one pair original | de-identified image."""

from __future__ import annotations

import math
from typing import Any

from ..analyzers.base import HandAnalysis, Missing
from ..datasets.base import Image
from .scoring.coverage import roi_changed
from .scoring.quality import psnr, ssim
from .scoring.usability import drift
from .scoring.values import Undefined

DRIFTS = {name: f"drift_{name}" for name in ("box", "keypoints_2d", "keypoints_3d", "roi", "mask")}
"""Metric of each part of a `Drift`."""


def measure(
    original: Image, deidentified: Image, before: HandAnalysis, after: HandAnalysis | Missing
) -> dict[str, Any]:
    """Values by metric name, and the reason for each that has none.

    Args:
        original, deidentified: two images of one shape.
        before: the hand in the original.
        after: the hand in the de-identified image, or that none was found.

    Returns:
        `{"values": {metric: number or None}, "reasons": {metric: why}}`, plain JSON data.
    """
    found: dict[str, float | Undefined] = {
        "psnr": psnr(original, deidentified),
        "ssim": ssim(original, deidentified),
        "roi_changed": roi_changed(before.roi, original, deidentified),
        **_drift(before, after, original.shape),
    }
    values: dict[str, float | None] = {}
    reasons: dict[str, str] = {}
    for metric, value in found.items():
        if isinstance(value, Undefined):
            values[metric], reasons[metric] = None, value.reason
        elif not math.isfinite(value):
            values[metric], reasons[metric] = None, "the images are identical"
        else:
            values[metric] = float(value)
    return {"values": values, "reasons": reasons}


def _drift(before: HandAnalysis, after: HandAnalysis | Missing, shape: tuple[int, ...]) -> dict[str, float | Undefined]:
    if isinstance(after, Missing):
        return dict.fromkeys(DRIFTS.values(), Undefined("no hand found in the de-identified image"))
    found = drift(before, after, shape)
    return {metric: getattr(found, name) for name, metric in DRIFTS.items()}
