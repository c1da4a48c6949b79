"""Everything that is measured on one pair original | de-identified image."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...analyzers.base import Analysis, FaceAnalysis, HandAnalysis, Missing
from ...attackers import geometry
from ...datasets.types import Image, Modality
from ..metrics.quality.full_reference import dists, further_similarity
from ..metrics.quality.image_quality import image_quality
from ..metrics.quality.multiscale import ms_ssim
from ..metrics.quality.paper_preset import paper_lpips, paper_similarity, reduced
from ..metrics.quality.perceptual import Net, Perceptual, lpips
from ..metrics.usability.coverage import recognised_square, roi_changed
from ..metrics.usability.drift import drift, face_drift
from ..metrics.values import Undefined

DRIFTS = {name: f"drift_{name}" for name in ("box", "keypoints_2d", "keypoints_3d", "roi", "mask")}
"""Metric of each part of a `Drift`."""
FACE_DRIFTS = {name: f"drift_{name}" for name in ("box", "landmarks_5", "landmarks_68", "mask")}
"""Metric of each part of a `FaceDrift`."""
PIXELS = ("psnr", "ssim", "ms_ssim", "psnr_region", "ssim_region", "ms_ssim_region")
"""Metrics on pixels alone."""
LOOKED = ("lpips_alex",)
"""Metrics of one pair that need a network and are measured in every run."""
NETS: tuple[Net, ...] = ("alex", "vgg")
DISTS = "dists"
"""Name of its weight file, and of what is asked for beside the networks of LPIPS."""
PAPER = ("psnr_paper", "ssim_paper", "ms_ssim_paper", "lpips_paper")
"""Metrics by the palm paper's own evaluation scripts."""
FURTHER = ("fsim", "vif_p", "gmsd", "haarpsi", "dists")
"""Metrics by the piq package."""
PERCEPTUAL = (*(f"lpips_{net}{suffix}" for net in NETS for suffix in ("", "_region")), *PAPER, *FURTHER)
"""Metrics that need a network or go with them; measured with `--quality full`."""


def measure(
    original: Image,
    deidentified: Image,
    before: Analysis | Missing,
    after: Analysis | Missing,
    region: NDArray[np.bool_] | None,
    located: Analysis,
) -> dict[str, Any]:
    """Values by metric name, and the reason for each that has none.

    Args:
        original, deidentified: two images of one shape.
        before: the hand or face that the analyzer finds in the original; of an original that is itself a crop it may
            find none.
        after: the hand or face in the de-identified image, or that none was found.
        region: (H, W), what the method may repaint, where it says so.
        located: what recognisers align the original by; `before`, unless the original is a crop.

    Returns:
        `{"values": {metric: number or None}, "reasons": {metric: why}}`, plain JSON data.
    """
    return plain(
        {
            **image_quality(original, deidentified, region, nets=()),
            "ms_ssim_region": _ms_ssim_of_box(original, deidentified, region),
            "roi_changed": roi_changed(recognised_square(located), original, deidentified),
            **drifts(before, after, original.shape),
        }
    )


def region_box(region: NDArray[np.bool_] | None) -> geometry.Box | None:
    """Rows and columns of the smallest box around a region; None where there is none."""
    return None if region is None else geometry.region_box(region)


def _ms_ssim_of_box(original: Image, deidentified: Image, region: NDArray[np.bool_] | None) -> float | Undefined:
    box = region_box(region)
    if box is None:
        return Undefined("no region was given")
    return ms_ssim(np.ascontiguousarray(original[box]), np.ascontiguousarray(deidentified[box]))


NO_WEIGHTS = "unavailable: weights "
"""How the reason begins of a number whose network is not at hand."""


def no_weights(name: str) -> Undefined:
    """Stands for a number whose weight file is not at hand and cannot be fetched."""
    return Undefined(f"{NO_WEIGHTS}{name} (`deid-bench weights fetch {name}` says why)")


def perceive(
    original: Image, deidentified: Image, region: NDArray[np.bool_] | None, nets: Sequence[str] = (*NETS, DISTS)
) -> dict[str, Any]:
    """LPIPS on the whole image and on the region, the paper's evaluation and what piq adds; as `measure`.

    Args:
        original, deidentified: two images of one shape.
        region: (H, W), what the method may repaint, where it says so.
        nets: those whose weights are at hand; without them the rest is measured all the same.
    """
    found: dict[str, float | Undefined] = {}
    for net in NETS:
        seen = lpips([original], [deidentified], net, [region])[0] if net in nets else no_weights(f"lpips-{net}")
        whole, part = (seen.value, seen.region) if isinstance(seen, Perceptual) else (seen, seen)
        found[f"lpips_{net}"], found[f"lpips_{net}_region"] = whole, part
    for name, value in paper_similarity(original, deidentified).items():
        found[f"{name}_paper"] = value
    # The paper's LPIPS differs from ours on images that it reduces, and nowhere else.
    as_it_is = reduced(original) is original or "vgg" not in nets
    found["lpips_paper"] = found["lpips_vgg"] if as_it_is else paper_lpips(original, deidentified)
    found |= further_similarity(original, deidentified)
    lacking = next((name for name, net in (("lpips-vgg", "vgg"), (DISTS, DISTS)) if net not in nets), None)
    found["dists"] = no_weights(lacking) if lacking else dists(original, deidentified)
    return plain(found)


def drift_metrics(modality: Modality) -> dict[str, str]:
    """Metric of each part of an analysis."""
    return DRIFTS if modality == "palm" else FACE_DRIFTS


def drifts(
    before: Analysis | Missing, after: Analysis | Missing, shape: tuple[int, ...]
) -> dict[str, float | Undefined]:
    """Drift of every output of the analyzer by metric name, in %."""
    if isinstance(before, HandAnalysis) and isinstance(after, HandAnalysis):
        hand = drift(before, after, shape)
        return {metric: getattr(hand, name) for name, metric in DRIFTS.items()}
    if isinstance(before, FaceAnalysis) and isinstance(after, FaceAnalysis):
        face = face_drift(before, after, shape)
        return {metric: getattr(face, name) for name, metric in FACE_DRIFTS.items()}
    if isinstance(before, Missing):
        return dict.fromkeys(FACE_DRIFTS.values(), Undefined("no face found in the crop of the original"))
    if isinstance(before, FaceAnalysis):
        return dict.fromkeys(FACE_DRIFTS.values(), Undefined("no face found in the de-identified image"))
    return dict.fromkeys(DRIFTS.values(), Undefined("no hand found in the de-identified image"))


def plain(found: Mapping[str, float | Undefined]) -> dict[str, Any]:
    """Numbers and reasons as JSON data."""
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


def measured(meta: Mapping[str, Any], metric: str) -> float | Undefined:
    """A number that `plain` put down."""
    value = meta["values"].get(metric)
    return Undefined(meta["reasons"].get(metric, "not measured")) if value is None else float(value)
