"""Cumulative match characteristic of de-identified images against the gallery of originals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...benchmark.metrics.values import Undefined
from ...benchmark.records.curves import CURVES, CurveName
from ...benchmark.records.record import Curve
from .data import Entry, clean_label
from .drawn import Drawn, LeftOut, by_panel, no_interval, told
from .style import FAINT, Stroke, Width, legend_below, side_by_side

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDES = (CURVES["cmc_with_source"], CURVES["cmc_without_source"])
"""Of the panels."""
_EVERY = 5


def find_curve(entry: Entry, name: str, recognizer: str) -> Curve | None:
    """A curve of the record."""
    for each in entry.record.curves:
        if (each.name, each.recognizer) == (name, recognizer) and 0 < len(each.x) == len(each.y):
            return each
    return None


def figure(entries: Sequence[Entry], recognizer: str, width: Width) -> Drawn | Undefined:
    """One panel for each gallery, one curve a method; the interval is that of rank 1.

    Returns:
        The figure, or why there is none.
    """
    curves = {name: [find_curve(each, name, recognizer) for each in entries] for name, _, _ in SIDES}
    shown = [side for side in SIDES if any(curves[side[0]])]
    left_out = _left_out(entries, curves, recognizer)
    if not shown:
        return Undefined(f"no record has a CMC with this recognizer: {told(left_out)}")
    from matplotlib.ticker import FixedLocator

    drawn, axes = side_by_side(len(shown), width, 2.0)
    for axis, (name, metric, heading) in zip(axes, shown, strict=True):
        axis.set_title(f"{clean_label(recognizer)}, {heading}")
        for index, (entry, curve) in enumerate(zip(entries, curves[name], strict=True)):
            if curve is not None:
                _draw(axis, entry, curve, metric, index)
        axis.set_ylim(-3, 103)
        axis.set_xlim(left=0.5)
        axis.xaxis.set_major_locator(FixedLocator([1, *range(5, 100, 5)]))
        axis.set_xlabel("rank")
        axis.set_ylabel("identified (%)")
    there = [index for index in range(len(entries)) if any(some[index] is not None for some in curves.values())]
    _add_legend(drawn, entries, there, width)
    return Drawn(drawn, tuple(entries[index] for index in there), (recognizer,), tuple(left_out))


def _left_out(
    entries: Sequence[Entry], curves: Mapping[CurveName, Sequence[Curve | None]], recognizer: str
) -> list[LeftOut]:
    """Curves that records lack, and first ranks without an interval."""
    lacking: dict[str, dict[str, str]] = {}
    intervals = []
    for name, metric, heading in SIDES:
        pairs = list(zip(entries, curves[name], strict=True))
        lacking[f"({heading})"] = {each.label: _why(each, metric, recognizer) for each, curve in pairs if curve is None}
        drawn = [each for each, curve in pairs if curve is not None]
        intervals += no_interval(drawn, metric, recognizer, f"rank 1 ({heading})")
    return [*by_panel(entries, lacking), *intervals]


def _why(entry: Entry, metric: str, recognizer: str) -> str:
    """Why there is no curve: as its first rank has none, or although it has one."""
    return "its record has no such curve" if entry.value(metric, recognizer) else entry.why_none(metric, recognizer)


def _draw(axis: Axes, entry: Entry, curve: Curve, metric: str, index: int) -> None:
    stroke = Stroke.number(index)
    rates = [100 * each for each in curve.y]
    axis.plot(curve.x, rates, color=stroke.colour, linestyle=stroke.dashes)
    # Marks of neighbours stand at other ranks, so that they do not hide each other.
    marked = slice(index % _EVERY, None, _EVERY)
    axis.plot(curve.x[marked], rates[marked], color=stroke.colour, marker=stroke.marker, linestyle="none",
              markeredgewidth=0)  # fmt: skip
    first = entry.value(metric, curve.recognizer)
    if first is not None and first.interval is not None:
        place = 1 - 0.06 * (index % 6)
        axis.plot([place, place], [first.interval.low, first.interval.high], color=stroke.colour, linewidth=0.9)


def _add_legend(drawn: Figure, entries: Sequence[Entry], there: Sequence[int], width: Width) -> None:
    from matplotlib.lines import Line2D

    strokes = [Stroke.number(index) for index in there]
    handles = [
        Line2D([], [], color=each.colour, linestyle=each.dashes, marker=each.marker, markeredgewidth=0)
        for each in strokes
    ]
    handles.append(Line2D([], [], color=FAINT, linewidth=0.9))
    legend_below(drawn, handles, [*(entries[index].label for index in there), "95 % interval of rank 1"], width)
