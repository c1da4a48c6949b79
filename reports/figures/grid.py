"""Images side by side: the palm paper's Figs. 4 (pairs by dataset), 6 (versions by seed) and 7 (settings)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ...datasets.types import Image
from .data import Group, clean_label
from .grid_images import Case
from .style import WIDTHS, Width, fitting, two_lines

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ACROSS: dict[Width, int] = {"column": 4, "text": 6, "full": 8}
"""Images beside each other; a case with more goes on below."""
DPI = 300
_GAP = 0.035
_PAGE = 8.8
"""Inches that a figure may be high."""
_HEADING = 0.17
"""Inches of a dataset's name above its images."""
_LINE = 0.115
_SIZE = 6.0


@dataclass(frozen=True, slots=True, eq=False)
class Strip:
    """One row of the grid before it is broken into lines."""

    label: str
    """Above it; empty for none."""
    images: tuple[Image, ...]
    titles: tuple[str, ...]


def strips_of(group: Group, cases: Sequence[Case], named: bool) -> list[Strip]:
    """Original, then every version of every method; several versions are counted in their titles."""
    strips: list[Strip] = []
    for case in cases:
        images, titles = [case.original], ["original"]
        for entry, versions in zip(group.entries, case.versions, strict=True):
            images += versions
            several = len(versions) > 1
            titles += [f"{entry.label} #{index + 1}" if several else entry.label for index in range(len(versions))]
        strips.append(Strip(group.dataset if named and not strips else "", tuple(images), tuple(titles)))
        if case.close is not None:
            strips.append(Strip("", (case.close[0], *case.close[1]), tuple(titles)))
    return strips


def figure(strips: Sequence[Strip], width: Width) -> Figure:
    """The grid. Titles stand once above columns where all strips have the same, else above every image.

    Args:
        strips: one or more.
        width: preset.
    """
    from matplotlib.figure import Figure

    across = _across(strips, width)
    total = WIDTHS[width] if across > 2 else min(WIDTHS[width], 3.5)
    cell = (total - _GAP * (across - 1)) / across
    lines = [line for each in strips for line in _broken(each, across)]
    once = all(each.titles == lines[0].titles for each in lines)
    heads = [_head(each, cell) if not once or index == 0 else [] for index, each in enumerate(lines)]
    above = [_LINE * max((text.count("\n") + 1 for text in each), default=0) for each in heads]
    named = [_HEADING if each.label else 0.0 for each in lines]
    tall = [cell * max(image.shape[0] / image.shape[1] for image in each.images) for each in lines]
    height = sum(above) + sum(named) + sum(tall) + _GAP * len(lines)
    drawn = Figure(figsize=(total, height))
    top = height
    for line, head, over, name, image_height in zip(lines, heads, above, named, tall, strict=True):
        top -= name
        if line.label:
            label = clean_label(line.label, fitting(total, _SIZE + 1))
            drawn.text(0.0, (top + 0.02) / height, label, fontsize=_SIZE + 1, va="bottom", ha="left")
        top -= over
        for index, image in enumerate(line.images):
            left = index * (cell + _GAP)
            here = cell * image.shape[0] / image.shape[1]
            axis = drawn.add_axes((left / total, (top - here) / height, cell / total, here / height))
            axis.imshow(_reduced(image, cell), interpolation="none", aspect="auto")
            axis.set_axis_off()
            if head:
                drawn.text((left + cell / 2) / total, (top + 0.02) / height, head[index], fontsize=_SIZE, ha="center",
                           va="bottom", linespacing=1.05)  # fmt: skip
        top -= image_height + _GAP
    return drawn


def _across(strips: Sequence[Strip], width: Width) -> int:
    """Images beside each other: lines as even as can be, and no figure higher than a page where smaller images help."""
    longest = max(len(each.images) for each in strips)
    even = math.ceil(longest / math.ceil(longest / ACROSS[width]))
    for across in range(even, min(longest, 2 * ACROSS[width])):
        cell = WIDTHS[width] / across
        tall = [max(image.shape[0] / image.shape[1] for image in each.images) * cell + 2 * _LINE for each in strips]
        lines = [math.ceil(len(each.images) / across) for each in strips]
        if sum(high * count for high, count in zip(tall, lines, strict=True)) <= _PAGE:
            return across
    return min(longest, max(even, 2 * ACROSS[width]))


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
