"""Privacy against quality: which methods no other beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...benchmark.metrics.catalogue import METRICS
from ...benchmark.metrics.values import Undefined
from ...benchmark.records.record import Value
from ..leaderboard.direction import dominated
from .axes import axis_label
from .data import Entry, clean_label
from .drawn import NO_INTERVAL, Drawn, LeftOut, told
from .style import FAINT, WIDTHS, Stroke, Width, legend_below, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DEFAULT_X = "ssim"
DEFAULT_Y = "rr_cross"
"""As on the board: quality across, privacy upwards."""


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A method with both numbers."""

    entry: Entry
    x: Value
    y: Value

    @property
    def place(self) -> tuple[float, float]:
        assert self.x.value is not None
        assert self.y.value is not None
        return self.x.value, self.y.value


def find_points(entries: Sequence[Entry], recognizer: str, x: str, y: str) -> list[Point]:
    """Methods that have both numbers."""
    points = []
    for each in entries:
        first, second = (_value(each, name, recognizer) for name in (x, y))
        if first is not None and second is not None:
            points.append(Point(each, first, second))
    return points


def find_left_out(entries: Sequence[Entry], points: Sequence[Point], recognizer: str, x: str, y: str) -> list[LeftOut]:
    """Methods that lack one of the numbers, and points without an interval in one of them."""
    there = {each.entry.label for each in points}
    found = []
    for each in entries:
        if each.label not in there:
            lacking = [name for name in dict.fromkeys((x, y)) if _value(each, name, recognizer) is None]
            reasons = [f"{METRICS[name].title}: {_why(each, name, recognizer)}" for name in lacking]
            found.append(LeftOut(each.label, "; ".join(reasons)))
    for metric, values in ((x, [each.x for each in points]), (y, [each.y for each in points])):
        found += [
            LeftOut(f"interval of {METRICS[metric].title} of {point.entry.label}", NO_INTERVAL)
            for point, value in zip(points, values, strict=True)
            if value.interval is None
        ]
    return found


def _value(entry: Entry, metric: str, recognizer: str) -> Value | None:
    """A metric that needs no recogniser has one number for all."""
    return entry.value(metric, recognizer) or entry.value(metric)


def _why(entry: Entry, metric: str, recognizer: str) -> str:
    plain = entry.record.value(metric, recognizer) is None and (
        entry.record.value(metric) is not None or METRICS[metric].source != "distances"
    )
    return entry.why_none(metric, None if plain else recognizer)


def frontier(points: Sequence[Point], x: str, y: str) -> list[Point]:
    """Methods that no other equals in one number and beats in the other, by rising goodness of `x`.

    Sanity checks do not compete.
    """
    rivals = [
        ((METRICS[x].goodness(each.place[0]), METRICS[y].goodness(each.place[1])), each)
        for each in points
        if not each.entry.sanity
    ]
    best = [(good, each) for good, each in rivals if not dominated(good, (other for other, _ in rivals))]
    return [each for _, each in sorted(best, key=lambda item: item[0])]


def figure(entries: Sequence[Entry], recognizer: str, width: Width, x: str, y: str) -> Drawn | Undefined:
    """Points with the crosses of their intervals, and the frontier as a line.

    Returns:
        The figure, or why there is none (fewer than two methods have both numbers).
    """
    points = find_points(entries, recognizer, x, y)
    left_out = find_left_out(entries, points, recognizer, x, y)
    if len(points) < 2:
        lacking = told([each for each in left_out if each.why != NO_INTERVAL])
        why = f"; without: {lacking}" if lacking else ""
        return Undefined(f"needs at least 2 methods with {x} and {y}, got {len(points)}{why}")
    size = min(WIDTHS[width], 5.2)
    drawn, axes = panels(1, 1, (size, 0.66 * size))
    axis = axes[0][0]
    strokes = {each.label: Stroke.number(index) for index, each in enumerate(entries)}
    best = frontier(points, x, y)
    line = [each.place for each in best]
    axis.plot(*_staircase(line, x, y), color=FAINT, linewidth=0.9, zorder=1)
    for each in points:
        stroke, (across, up) = strokes[each.entry.label], each.place
        if each.x.interval is not None:
            axis.plot([each.x.interval.low, each.x.interval.high], [up, up], color=stroke.colour, linewidth=0.8)
        if each.y.interval is not None:
            axis.plot([across, across], [each.y.interval.low, each.y.interval.high], color=stroke.colour, linewidth=0.8)
        axis.plot([across], [up], zorder=3, **_marker(each.entry, stroke))
    for part, metric in ((axis.xaxis, x), (axis.yaxis, y)):
        if METRICS[metric].better == "lower":
            part.set_inverted(True)
    axis.set_title(clean_label(recognizer))
    axis.set_xlabel(axis_label(x))
    axis.set_ylabel(axis_label(y))
    _add_legend(drawn, points, strokes, width)
    return Drawn(drawn, tuple(each.entry for each in points), (recognizer,), tuple(left_out))


def _marker(entry: Entry, stroke: Stroke) -> dict[str, Any]:
    """Full for methods, hollow for sanity checks."""
    return {
        "color": stroke.colour,
        "marker": stroke.marker,
        "linestyle": "none",
        "markersize": 5,
        "markerfacecolor": "white" if entry.sanity else stroke.colour,
        "markeredgewidth": 1.0,
    }


def _staircase(line: Sequence[tuple[float, float]], x: str, y: str) -> tuple[list[float], list[float]]:
    """Corners between neighbours of the frontier: what is reached by choosing among its methods.

    A metric with a target has two sides, and no staircase: its methods are joined by straight lines.
    """
    if "target" in (METRICS[x].better, METRICS[y].better):
        return [each[0] for each in line], [each[1] for each in line]
    across, up = [], []
    for index, (a, b) in enumerate(line):
        if index:
            across.append(line[index - 1][0])
            up.append(b)
        across.append(a)
        up.append(b)
    return across, up


def _add_legend(drawn: Figure, points: Sequence[Point], strokes: dict[str, Stroke], width: Width) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], **_marker(each.entry, strokes[each.entry.label])) for each in points]
    labels = [each.entry.label for each in points]
    handles.append(Line2D([], [], color=FAINT, linewidth=0.9))
    handles.append(Line2D([], [], color=FAINT, linewidth=0.8, marker="+", markersize=6))
    legend_below(
        drawn, handles, [*labels, "not beaten in both", "95 % intervals"], "text" if width == "full" else width
    )
