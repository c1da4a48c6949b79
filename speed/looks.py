"""Four numbers that say whether a repainted palm can be seen: border, tone, texture and lines.

Each compares a de-identified picture with its original inside the repainted region or along its border; L is the
distance index MCP - little MCP. None of them knows who it is, and none can be believed alone: noise of the right
strength brings the texture to 1 and looks like leather, which `lines` tells.

Run as a program, it measures a method on a folder of pictures of open palms and prints the medians:

    python speed/looks.py FOLDER --method palm_diffusion --every 6
"""

from __future__ import annotations

import argparse
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from deid_bench import create
from deid_bench.analyzers.base import HandAnalysis
from deid_bench.analyzers.palm_roi import palm_width as width_of
from deid_bench.datasets.images import read_image, suffixes
from deid_bench.datasets.types import Image
from deid_bench.deidentifiers.base import Request

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

TONE, DETAIL = 0.15, 0.03
"""Sigmas of the blurs, in L: coarser than the first is tone, finer than the second is texture."""
BORDER_BAND = 0.02
"""Half the width of the band along the border, in L."""
STRONGEST = 0.05
"""Share of the pixels that hold the lines."""


@dataclass(frozen=True, slots=True)
class Looks:
    """The four numbers of one picture."""

    border: float
    """Mean gradient along the region's border on the hand, output / original; 1 is unseen."""
    tone: float
    """Root mean square Delta E (CIELAB, 1976) inside the region after a blur of 0.15 L; 0 is unseen."""
    texture: float
    """Root mean square of the lightness finer than 0.03 L inside the region, output / original; 1 is unseen."""
    lines: float
    """Share of that detail's energy in its strongest twentieth of the pixels, output / original; 1 is unseen."""


def looks(original: Image, made: Image, region: Mask, hand: Mask, palm_width: float) -> Looks:
    """Measure one picture.

    Args:
        original: (H, W, 3) uint8 RGB.
        made: the same picture, de-identified.
        region: (H, W), the pixels that were repainted.
        hand: (H, W), the hand's pixels; a border of the region that is also the hand's is not looked at.
        palm_width: L in px.

    Raises:
        ValueError: the region is too small to be measured.
    """
    box = _box(region, 0.5 * palm_width)
    before, after = _lab(original[box]), _lab(made[box])
    region, hand = region[box], hand[box]
    inside = _eroded(region, DETAIL * palm_width)
    band = _band(region, hand, palm_width)
    if inside.sum() < 64 or band.sum() < 16:
        raise ValueError("expected a region of at least 64 px inside and 16 px of border on the hand")
    tone = TONE * palm_width
    apart = _masked_blur(after, region, tone) - _masked_blur(before, region, tone)
    fine_before, fine_after = (_detail(each[..., 0], DETAIL * palm_width)[inside] for each in (before, after))
    return Looks(
        border=_ratio(_gradient(after)[band].mean(), _gradient(before)[band].mean()),
        tone=float(np.sqrt((apart[region] ** 2).sum(axis=1).mean())),
        texture=_ratio(np.sqrt((fine_after**2).mean()), np.sqrt((fine_before**2).mean())),
        lines=_ratio(_strong_share(fine_after), _strong_share(fine_before)),
    )


def _ratio(above: float, below: float) -> float:
    return float(above) / max(float(below), 1e-9)


def _lab(image: Image) -> Floats:
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), dtype=np.float32)


def _box(region: Mask, reach: float) -> tuple[slice, slice]:
    grow, found = int(np.ceil(reach)), []
    for axis in (0, 1):
        used = np.flatnonzero(region.any(axis=1 - axis))
        if not used.size:
            raise ValueError("expected a region to measure, got one without a pixel")
        found.append(slice(max(0, int(used[0]) - grow), int(used[-1]) + 1 + grow))
    return found[0], found[1]


def _eroded(mask: Mask, radius: float) -> Mask:
    framed = np.pad(mask.astype(np.uint8), 1)
    return np.asarray(cv2.distanceTransform(framed, cv2.DIST_L2, cv2.DIST_MASK_5)[1:-1, 1:-1] > max(1.0, radius))


def _band(region: Mask, hand: Mask, palm_width: float) -> Mask:
    """Pixels along the region's border, on the hand and clear of its outline."""
    rim = ~_eroded(region, BORDER_BAND * palm_width) & ~_eroded(~region, BORDER_BAND * palm_width)
    return np.asarray(rim & _eroded(hand, 2.5 * BORDER_BAND * palm_width))


def _masked_blur(values: Floats, mask: Mask, sigma: float) -> Floats:
    """Blur that knows the mask's pixels alone."""
    weight = mask.astype(np.float32)
    total, amount = (_blur(each, sigma) for each in (values * weight[..., None], weight))
    return np.asarray(total / np.maximum(amount, 1e-6)[..., None], dtype=np.float32)


def _blur(values: Floats, sigma: float) -> Floats:
    """Gaussian; a wide one on a smaller picture, for speed."""
    shrink = max(1, int(sigma // 8))
    height, width = values.shape[:2]
    size = (max(1, width // shrink), max(1, height // shrink))
    small = cv2.GaussianBlur(cv2.resize(values, size, interpolation=cv2.INTER_AREA), (0, 0), sigma / shrink)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)


def _detail(values: Floats, sigma: float) -> Floats:
    return np.asarray(values - cv2.GaussianBlur(values, (0, 0), max(0.5, sigma)), dtype=np.float32)


def _gradient(lab: Floats) -> Floats:
    """Length of the gradient over all three channels, Sobel."""
    parts = [cv2.Sobel(lab, cv2.CV_32F, dx, dy, ksize=3) for dx, dy in ((1, 0), (0, 1))]
    return np.asarray(np.sqrt(sum((part**2).sum(axis=2) for part in parts)), dtype=np.float32)


def _strong_share(detail: Floats) -> float:
    energy = np.sort(detail.astype(np.float64) ** 2)
    return float(energy[-max(1, round(STRONGEST * energy.size)) :].sum() / max(energy.sum(), 1e-12))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--method", default="palm_diffusion")
    parser.add_argument("--analyzer", default="mediapipe_hands")
    parser.add_argument("--every", type=int, default=1, help="take every so many pictures, by name")
    arguments = parser.parse_args()
    method, analyzer = create("deidentifier", arguments.method), create("analyzer", arguments.analyzer)
    found: list[Looks] = []
    files = sorted(path for path in arguments.folder.rglob("*") if path.suffix.lower() in suffixes())[
        :: arguments.every
    ]
    for seed, file in enumerate(files):
        image = read_image(file)
        analysis = analyzer.analyze([image])[0]
        if not isinstance(analysis, HandAnalysis):
            click.echo(f"{file.name}: {analysis.reason}")
            continue
        request = Request(image, analysis, seed)
        made = method.deidentify([request])[0]
        if not isinstance(made, np.ndarray):
            click.echo(f"{file.name}: {made.reason}")
            continue
        palm = width_of(analysis.keypoints_2d)
        found.append(looks(image, made, method.repaints(request), analysis.mask, palm))
        click.echo(" ".join([file.name, *(f"{value:.2f}" for value in astuple(found[-1]))]))
    numbers = np.array([astuple(each) for each in found])
    click.echo(f"{len(found)} of {len(files)} pictures")
    for field, column in zip(fields(Looks), numbers.T, strict=True):
        low, middle, high = np.percentile(column, [10, 50, 90])
        click.echo(f"{field.name}: median {middle:.2f}, tenths {low:.2f} and {high:.2f}")


if __name__ == "__main__":
    main()
