"""Images side by side: the palm paper's Figs. 4 (pairs by dataset), 6 (versions by seed) and 7 (settings)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...datasets.types import Image
from .data import Group
from .grid_images import Case
from .style import WIDTHS, Width, fitting, two_lines

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ACROSS: dict[Width, int] = {"column": 4, "text": 6, "full": 8}
"""Images beside each other; a case with more goes on below."""
DPI = 300
_GAP = 0.035
_GUTTER = 0.25
_LINE = 0.115
_SIZE = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Strip:
    """One row of the grid before it is broken into lines."""

    label: str
    """At its left; empty for none."""
    images: tuple[Image, ...]
    titles: tuple[str, ...]


def strips_of(group: Group, cases: Sequence[Case], named: bool) -> list[Strip]:
    """Original, then every version of every method; several versions are counted in their titles."""
    strips = []
    for case in cases:
        images, titles = [case.original], ["original"]
        for entry, versions in zip(group.entries, case.versions, strict=True):
            images += versions
            several = len(versions) > 1
            titles += [f"{entry.label} #{index + 1}" if several else entry.label for index in range(len(versions))]
        strips.append(Strip(group.dataset if named else "", tuple(images), tuple(titles)))
    return strips


def figure(strips: Sequence[Strip], width: Width) -> Figure:
    """The grid. Titles stand once above columns where all strips have the same, else above every image.

    Args:
        strips: one or more.
        width: preset.
    """
    from matplotlib.figure import Figure

    across = min(ACROSS[width], max(len(each.images) for each in strips))
    gutter = _GUTTER if any(each.label for each in strips) else 0.0
    total = WIDTHS[width] if across > 2 else min(WIDTHS[width], 3.5)
    cell = (total - gutter - _GAP * (across - 1)) / across
    lines = [line for each in strips for line in _broken(each, across)]
    once = all(each.titles == lines[0].titles for each in lines)
    heads = [_head(each, cell) if not once or index == 0 else [] for index, each in enumerate(lines)]
    above = [_LINE * max((text.count("\n") + 1 for text in each), default=0) for each in heads]
    tall = [cell * max(image.shape[0] / image.shape[1] for image in each.images) for each in lines]
    height = sum(above) + sum(tall) + _GAP * len(lines)
    drawn = Figure(figsize=(total, height))
    top = height
    for line, head, over, image_height in zip(lines, heads, above, tall, strict=True):
        top -= over
        if line.label:
            label = two_lines(line.label, fitting(image_height, _SIZE))
            drawn.text(0.0, (top - image_height / 2) / height, label, rotation=90, fontsize=_SIZE, va="center",
                       ha="left", linespacing=1.05, multialignment="center")  # fmt: skip
        for index, image in enumerate(line.images):
            left = gutter + index * (cell + _GAP)
            here = cell * image.shape[0] / image.shape[1]
            axis = drawn.add_axes((left / total, (top - here) / height, cell / total, here / height))
            axis.imshow(_reduced(image, cell), interpolation="none", aspect="auto")
            axis.set_axis_off()
            if head:
                drawn.text((left + cell / 2) / total, (top + 0.02) / height, head[index], fontsize=_SIZE, ha="center",
                           va="bottom", linespacing=1.05)  # fmt: skip
        top -= image_height + _GAP
    return drawn


def _broken(strip: Strip, across: int) -> list[Strip]:
    return [
        Strip(
            strip.label if start == 0 else "",
            strip.images[start : start + across],
            strip.titles[start : start + across],
        )
        for start in range(0, len(strip.images), across)
    ]


def _head(strip: Strip, cell: float) -> list[str]:
    """Titles in up to two lines that fit above an image."""
    return [two_lines(each, fitting(cell, _SIZE)) for each in strip.titles]


def _reduced(image: Image, inches: float) -> Image:
    """At most `DPI` in print."""
    import cv2

    across = round(inches * DPI)
    if image.shape[1] <= across:
        return image
    size = (across, max(1, round(image.shape[0] * across / image.shape[1])))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
