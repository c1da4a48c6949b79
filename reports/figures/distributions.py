"""Distances by kind of pair: the palm paper's Fig. 5.

Rows are recognisers. Columns are datasets, as in the paper, where a method was run on several; else methods.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ...benchmark.metrics.privacy.diversity import overlap
from ...benchmark.metrics.recognition.decidability import d_prime
from ...benchmark.metrics.values import Undefined
from .data import Entry, RecognizerScores, clean_label, load_scores
from .style import FAINT, INK, WIDTHS, Width, fitting, legend_below, panels, two_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS: dict[Width, int] = {"column": 2, "text": 3, "full": 4}
"""Panels beside each other; more columns go into further figures."""
_POINTS = 400
_MOST_BINS = 60


@dataclass(frozen=True, slots=True)
class Kind:
    """One of the distributions."""

    name: str
    title: str
    colour: str
    dashes: Any


KINDS = (
    Kind("genuine", "genuine", "#D55E00", "-"),
    Kind("impostor", "impostor", "#0072B2", (0, (4, 1.4))),
    Kind("own", "original / de-identified", INK, (0, (5, 1.2, 1, 1.2))),
    Kind("versions", "versions of one image", "#009E73", (0, (1, 1))),
)
"""In the colours of the paper, as far as colour-blind readers can tell them apart."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: what is drawn, and the headings of its column."""

    entry: Entry
    heading: str


def figure(columns: Sequence[Panel], recognizers: Sequence[str], width: Width) -> Figure | Undefined:
    """Rows of recognisers, columns of panels.

    Returns:
        The figure, or why there is none (no panel has distances).
    """
    found = {(row, column): load_scores(panel.entry, name)
             for row, name in enumerate(recognizers) for column, panel in enumerate(columns)}  # fmt: skip
    usable = {place: each for place, each in found.items() if isinstance(each, RecognizerScores)}
    if not usable:
        return next(each for each in found.values() if isinstance(each, Undefined))
    total = WIDTHS[width]
    height = min(1.55, max(1.15, 0.72 * total / len(columns)))
    size = (total if len(columns) > 1 else min(total, 3.5), height * len(recognizers) + 0.3)
    drawn, axes = panels(len(recognizers), len(columns), size, share_x="row", share_y=False)
    for (row, column), scores in found.items():
        axis = axes[row][column]
        if isinstance(scores, RecognizerScores):
            _draw(axis, scores)
        else:
            axis.set_axis_off()
    for column, panel in enumerate(columns):
        axes[0][column].set_title(two_lines(panel.heading, fitting(0.9 * size[0] / len(columns), 7)))
    for row, name in enumerate(recognizers):
        axes[row][0].set_ylabel(f"{clean_label(name)}\ndensity")
    for axis in axes[-1]:
        axis.set_xlabel("distance")
    _add_legend(drawn, list(usable.values()), width)
    return drawn


def _add_legend(drawn: Figure, scores: Sequence[RecognizerScores], width: Width) -> None:
    from matplotlib.lines import Line2D

    kinds = [kind for kind in KINDS if any(getattr(each, kind.name).size for each in scores)]
    handles = [Line2D([], [], color=kind.colour, linestyle=kind.dashes) for kind in kinds]
    handles.append(Line2D([], [], color=FAINT, linewidth=0.8))
    legend_below(drawn, handles, [*(kind.title for kind in kinds), "threshold of the EER"], width)


def _draw(axis: Axes, scores: RecognizerScores) -> None:
    by_kind = {kind.name: getattr(scores, kind.name) for kind in KINDS}
    there = [each for each in by_kind.values() if each.size]
    low, high = float(min(each.min() for each in there)), float(max(each.max() for each in there))
    margin = 0.1 * (high - low) or 0.05
    grid = np.linspace(low - margin, high + margin, _POINTS)
    there_too = [(kind, by_kind[kind.name]) for kind in KINDS if by_kind[kind.name].size]
    curves = [density(values, grid) for _, values in there_too]
    peaks = [(kind.name, float(curve.max())) for (kind, _), curve in zip(there_too, curves, strict=True)]
    # An image that is not changed lies in one place, and its peak would flatten all others. What is cut off ends
    # below the small print.
    lasting = [peak for name, peak in peaks if name in ("genuine", "impostor")] or [peak for _, peak in peaks]
    top = min(max(peak for _, peak in peaks), 1.6 * max(lasting))
    for (kind, values), curve in zip(there_too, curves, strict=True):
        heights, edges = np.histogram(values, histogram_edges(values, low, high), density=True)
        axis.stairs(np.minimum(heights, top), edges, fill=True, color=kind.colour, alpha=0.16, linewidth=0)
        axis.plot(grid, np.minimum(curve, top), color=kind.colour, linestyle=kind.dashes, linewidth=1.0)
    lines = statistics(scores)
    axis.set_ylim(0, top * (1.1 + 0.16 * len(lines)))
    axis.set_yticks([])
    axis.grid(visible=False)
    if scores.threshold is not None:
        axis.axvline(scores.threshold, color=FAINT, linewidth=0.8, zorder=0.5)
    for index, (kind, text) in enumerate(lines):
        axis.text(
            0.015, 0.985 - 0.115 * index, text, transform=axis.transAxes, va="top", fontsize=5.2, color=kind.colour
        )


def statistics(scores: RecognizerScores) -> list[tuple[Kind, str]]:
    """d' and overlap of every kind against impostors, as it is printed."""
    lines = []
    for kind in KINDS:
        values = getattr(scores, kind.name)
        if kind.name == "impostor" or not values.size or not scores.impostor.size:
            continue
        separation, shared = d_prime(values, scores.impostor), overlap(values, scores.impostor)
        texts = ["–" if isinstance(each, Undefined) else f"{each:.2f}" for each in (separation, shared)]
        lines.append((kind, f"d′ {texts[0]}, overlap {texts[1]}"))
    return lines


def histogram_edges(values: NDArray[np.float64], low: float, high: float) -> NDArray[np.float64]:
    """Edges of bins of one width over [low, high]: as many as the sample bears (Freedman and Diaconis)."""
    if high <= low:
        return np.array([low - 0.01, high + 0.01])
    quartiles = np.percentile(values, (25, 75))
    step = 2 * float(quartiles[1] - quartiles[0]) * values.size ** (-1 / 3)
    count = int(np.ceil((high - low) / step)) if step > 0 else _MOST_BINS
    return np.linspace(low, high, min(max(count, 8), _MOST_BINS) + 1)


def density(values: NDArray[np.float64], grid: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaussian kernel density on an even grid, bandwidth by Silverman's rule.

    The sample is laid out on the grid first, so that a million distances take no longer than a hundred.

    Args:
        values: (n,) inside the grid, n at least 1.
        grid: (g,) rising in even steps.

    Returns:
        (g,) density.
    """
    step = float(grid[1] - grid[0])
    place = (values - grid[0]) / step
    left = np.clip(np.floor(place).astype(np.intp), 0, grid.size - 2)
    share = np.clip(place - left, 0.0, 1.0)
    weights = np.bincount(left, 1 - share, grid.size) + np.bincount(left + 1, share, grid.size)
    spread = min(float(values.std()), float(np.subtract(*np.percentile(values, (75, 25)))) / 1.349 or np.inf)
    width = max(0.9 * spread * values.size**-0.2, 1.5 * step)
    reach = np.arange(-grid.size, grid.size + 1) * step
    kernel = np.exp(-0.5 * (reach / width) ** 2) / (width * np.sqrt(2 * np.pi))
    return np.asarray(np.convolve(weights, kernel)[grid.size : 2 * grid.size] / values.size, dtype=np.float64)
