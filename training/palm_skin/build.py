"""The charts of skin that `palm_diffusion` takes its texture from: patches without lines of photographed palms.

    python build.py PHOTOS OUT.safetensors

PHOTOS holds the images named below (MIT, "collected with informed consent"). From each photograph one chart is made:
the palm is cut upright at 320 px for one palm width, its detail finer than 0.03 palm widths is brought to even
strength, and patches that hold the least of lines are put together anew by image quilting (Efros and Freeman, SIGGRAPH
2001), so that no chart shows anybody's palm. The palm of `Y-right` is held out: nothing here has seen it.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from deid_bench.analyzers.base import HandAnalysis
from deid_bench.analyzers.mediapipe_hands import MediapipeHands
from deid_bench.analyzers.palm_region import palm_mask
from deid_bench.analyzers.palm_roi import palm_width
from deid_bench.datasets.images import read_image
from deid_bench.deidentifiers.palm_diffusion.seam import smooth
from deid_bench.deidentifiers.palm_diffusion.skin_texture import CHART_SCALE, CHART_STEP, CUTS
from deid_bench.deidentifiers.palm_diffusion.tone import depth, masked_smooth, to_lab

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

PHOTOS = ("X-left_s2_024.jpg", "X-left_s2_007.jpg", "W-left_s1_001.jpg", "W-left_s1_056.jpg")
SPAN = 1.8
"""Side of a chart in palm widths."""
PATCH, OVERLAP = 60, 20
"""px of the chart."""
KEPT = 0.25
"""Share of the patches, those with the least of lines."""
CHOICES = 6
"""The patch is drawn from that many that fit best."""
EVEN = 0.12
"""Palm widths over which the strength of detail is made even."""
LINES = 0.006
"""Sigma in palm widths that lines survive and pores do not."""


def upright(photo: Path) -> tuple[Floats, Mask]:
    """(n, n) lightness of the palm, fingers up, index finger at the left, and where it is palm."""
    image = read_image(photo)
    analysis = MediapipeHands().analyze([image])[0]
    if not isinstance(analysis, HandAnalysis):
        raise SystemExit(f"{photo.name}: {analysis.reason}")
    palm, points = palm_width(analysis.keypoints_2d), analysis.keypoints_2d.astype(np.float64)
    across = (points[17] - points[5]) / np.linalg.norm(points[17] - points[5])
    down = np.array([-across[1], across[0]])
    down = down if down @ (points[0] - points[5]) > 0 else -down
    side, scale = int(SPAN * CHART_SCALE), palm / CHART_SCALE
    corner = (points[5] + points[17]) / 2 + 0.5 * palm * down - (across + down) * scale * (side - 1) / 2
    to_image = np.column_stack([across * scale, down * scale, corner])
    if scale > 1.25:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 * (scale - 0.6)), np.uint8)
    flags = cv2.WARP_INVERSE_MAP
    light = to_lab(image.astype(np.float32))[..., 0]
    light = np.asarray(cv2.warpAffine(light, to_image, (side, side), flags=flags | cv2.INTER_CUBIC), np.float32)
    used = palm_mask(image.shape, analysis, margin=0.06) & (depth(analysis.mask) > 0.05 * palm)
    used = cv2.warpAffine(used.astype(np.float32), to_image, (side, side), flags=flags | cv2.INTER_LINEAR) > 0.5
    return light, used


def even_detail(light: Floats, used: Mask) -> tuple[Floats, Floats]:
    """Detail of even strength with strong strokes held back, and how much of a line every pixel is."""
    left = light - masked_smooth(light, used, CUTS[-2] * CHART_SCALE)
    band = smooth(left, LINES * CHART_SCALE)
    line = np.abs(band) / np.sqrt(masked_smooth(band**2, used, 0.3 * CHART_SCALE) + 1e-6)
    detail = np.zeros_like(left)
    for cut in CUTS[1:-1]:
        sigma = cut * CHART_SCALE
        below = masked_smooth(left, used, sigma) if cut < CUTS[-2] else np.zeros_like(left)
        band, left = left - below, below
        mean = float(np.sqrt((band[used] ** 2).mean()))
        even = np.maximum(np.sqrt(masked_smooth(band**2, used, EVEN * CHART_SCALE)), 0.3 * mean)
        most = 3.0 if cut <= 0.01 else 1.6
        detail += np.float32(mean * most) * np.tanh(band / even / np.float32(most))
    return np.asarray(detail / np.sqrt((detail[used] ** 2).mean()), np.float32), np.asarray(line, np.float32)


def quilt(detail: Floats, line: Floats, used: Mask, seed: int) -> Floats:
    """A chart of the same size, of patches that hold the least of lines."""
    rng, side = np.random.default_rng(seed), detail.shape[0]
    whole = cv2.erode((depth(used) > 0.02 * CHART_SCALE).astype(np.uint8), np.ones((PATCH, PATCH)), anchor=(0, 0))
    whole[side - PATCH :], whole[:, side - PATCH :] = 0, 0
    lined = cv2.boxFilter(np.maximum(line - 1.2, 0), -1, (PATCH, PATCH), anchor=(0, 0))
    ys, xs = np.nonzero(whole)
    fit = (lined[ys, xs] <= np.quantile(lined[ys, xs], KEPT)) & (ys % 2 == 0) & (xs % 2 == 0)
    ys, xs = ys[fit], xs[fit]
    patches = np.lib.stride_tricks.sliding_window_view(detail, (PATCH, PATCH))[ys, xs]
    chart, have = np.zeros((side + PATCH, side + PATCH), np.float32), np.zeros((side + PATCH, side + PATCH), bool)
    times = np.zeros(len(ys))
    for y in range(0, side, PATCH - OVERLAP):
        for x in range(0, side, PATCH - OVERLAP):
            here = np.s_[y : y + PATCH, x : x + PATCH]
            now, known = chart[here], have[here]
            apart = ((patches[:, known] - now[known]) ** 2).mean(axis=1) if known.any() else rng.random(len(ys))
            pick = int(rng.choice(np.argsort(apart * (1 + 0.5 * times))[:CHOICES]))
            times[np.hypot(ys - ys[pick], xs - xs[pick]) < PATCH / 3] += 1
            chart[here] = _laid(now, patches[pick], known, x > 0, y > 0)
            have[here] = True
    return np.asarray(chart[:side, :side] / chart[:side, :side].std(), np.float32)


def _laid(now: Floats, patch: Floats, known: Mask, beside: bool, below: bool) -> Floats:
    """The patch over what is there, along the seams where the two differ least."""
    error, share = np.where(known, (patch - now) ** 2, 0), np.ones_like(patch)
    if beside:
        share *= _seam(error[:, :OVERLAP])
    if below:
        share *= _seam(error[:OVERLAP].T).T
    share = np.where(known, smooth(share, 1.0), 1)
    return np.asarray(now * (1 - share) + patch * share, np.float32)


def _seam(error: NDArray[Any]) -> Floats:
    """(PATCH, PATCH), 1 to the right of the cheapest path down through (PATCH, OVERLAP) errors."""
    cost = error.astype(np.float64).copy()
    for row in range(1, len(cost)):
        before = np.pad(cost[row - 1], 1, constant_values=np.inf)
        cost[row] += np.minimum(np.minimum(before[:-2], before[2:]), before[1:-1])
    column, share = int(np.argmin(cost[-1])), np.zeros((PATCH, PATCH), np.float32)
    for row in range(len(cost) - 1, -1, -1):
        share[row, column:] = 1
        if row:
            first = max(0, column - 1)
            column = first + int(np.argmin(cost[row - 1, first : column + 2]))
    return share


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    charts = []
    for seed, name in enumerate(PHOTOS):
        light, used = upright(arguments.photos / name)
        chart = quilt(*even_detail(light, used), used, seed)
        charts.append(np.clip(np.rint(128 + CHART_STEP * chart), 0, 255).astype(np.uint8))
    save_file({"charts": np.stack(charts)}, arguments.out)
    data = arguments.out.read_bytes()
    print(f"sha256 {hashlib.sha256(data).hexdigest()}, {len(data)} bytes")


if __name__ == "__main__":
    main()
