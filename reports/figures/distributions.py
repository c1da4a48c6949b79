"""Distances by kind of pair: the palm paper's Fig. 5.

Rows are recognisers. Columns are datasets, as in the paper, where a method was run on several; else methods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...benchmark.metrics.metric import NO_VALUE
from ...benchmark.metrics.values import Undefined
from ...benchmark.readings.distributions import Distributions
from .data import Entry, clean_label, load_distributions
from .drawn import Drawn, LeftOut, told
from .style import FAINT, INK, WIDTHS, Width, fitting, legend_below, panels, two_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLUMNS: dict[Width, int] = {"column": 2, "text": 3, "full": 4}
"""Panels beside each other; more columns go into further figures."""


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
_KINDS = {each.name: each for each in KINDS}


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: what is drawn, and the headings of its column."""

    entry: Entry
    heading: str


def figure(columns: Sequence[Panel], recognizers: Sequence[str], width: Width) -> Drawn | Undefined:
    """Rows of recognisers, columns of panels.

    Returns:
        The figure, or why there is none (no panel has distances).
    """
    found = {(row, column): load_distributions(panel.entry, name, tuple(_KINDS))
             for row, name in enumerate(recognizers) for column, panel in enumerate(columns)}  # fmt: skip
    usable = {place: each for place, each in found.items() if isinstance(each, Distributions)}
    left_out = _left_out(columns, recognizers, found)
    if not usable:
        return Undefined(told(left_out))
    total = WIDTHS[width]
    height = min(1.55, max(1.15, 0.72 * total / len(columns)))
    size = (total if len(columns) > 1 else min(total, 3.5), height * len(recognizers) + 0.3)
    drawn, axes = panels(len(recognizers), len(columns), size, share_x="row", share_y=False)
    for (row, column), scores in found.items():
        axis = axes[row][column]
        if isinstance(scores, Distributions):
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
    shown = tuple(panel.entry for column, panel in enumerate(columns) if any(place[1] == column for place in usable))
    names = tuple(name for row, name in enumerate(recognizers) if any(place[0] == row for place in usable))
    return Drawn(drawn, shown, names, tuple(left_out))


def _left_out(
    columns: Sequence[Panel], recognizers: Sequence[str], found: Mapping[tuple[int, int], Distributions | Undefined]
) -> list[LeftOut]:
    """Panels that are empty, and what others lack of what is drawn in any."""
    drawn = {each.kind for some in found.values() if isinstance(some, Distributions) for each in some.kinds}
    # Versions are there only where images were made several times.
    expected = [each for each in KINDS if each.name != "versions" or each.name in drawn]
    left_out = []
    for (row, column), scores in found.items():
        panel, name = columns[column], recognizers[row]
        where = f"{panel.heading} with {clean_label(name)}"
        if isinstance(scores, Undefined):
            left_out.append(LeftOut(where, scores.reason))
            continue
        there = {each.kind for each in scores.kinds}
        left_out += [LeftOut(f"{each.title} of {where}", "there are no such distances")
                     for each in expected if each.name not in there]  # fmt: skip
        if scores.threshold is None:
            left_out.append(LeftOut(f"threshold of {where}", panel.entry.why_none("eer_threshold", name)))
    return left_out


def _add_legend(drawn: Figure, scores: Sequence[Distributions], width: Width) -> None:
    from matplotlib.lines import Line2D

    kinds = [kind for kind in KINDS if any(kind.name == each.kind for found in scores for each in found.kinds)]
    handles = [Line2D([], [], color=kind.colour, linestyle=kind.dashes) for kind in kinds]
    handles.append(Line2D([], [], color=FAINT, linewidth=0.8))
    legend_below(drawn, handles, [*(kind.title for kind in kinds), "threshold of the EER"], width)


def _draw(axis: Axes, found: Distributions) -> None:
    peaks = {each.kind: each.peak for each in found.kinds}
    # An image that is not changed lies in one place, and its peak would flatten all others. What is cut off ends
    # below the small print.
    lasting = [peak for kind, peak in peaks.items() if kind in ("genuine", "impostor")] or list(peaks.values())
    top = min(max(peaks.values()), 1.6 * max(lasting))
    for each in found.kinds:
        kind = _KINDS[each.kind]
        axis.stairs(each.heights.clip(max=top), each.edges, fill=True, color=kind.colour, alpha=0.16, linewidth=0)
        axis.plot(found.grid, each.density.clip(max=top), color=kind.colour, linestyle=kind.dashes, linewidth=1.0)
    lines = separations(found)
    axis.set_ylim(0, top * (1.1 + 0.16 * len(lines)))
    axis.set_yticks([])
    axis.grid(visible=False)
    if found.threshold is not None:
        axis.axvline(found.threshold, color=FAINT, linewidth=0.8, zorder=0.5)
    for index, (kind, text) in enumerate(lines):
        axis.text(
            0.015, 0.985 - 0.115 * index, text, transform=axis.transAxes, va="top", fontsize=5.2, color=kind.colour
        )


def separations(found: Distributions) -> list[tuple[Kind, str]]:
    """d' and overlap of every kind against impostors, as it is printed; nothing where there are no impostors."""
    if all(each.kind != "impostor" for each in found.kinds):
        return []
    lines = []
    for each in found.kinds:
        if each.kind != "impostor":
            texts = [NO_VALUE if isinstance(one, Undefined) else f"{one:.2f}" for one in (each.d_prime, each.overlap)]
            lines.append((_KINDS[each.kind], f"d′ {texts[0]}, overlap {texts[1]}"))
    return lines
