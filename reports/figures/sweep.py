"""Numbers over the values of one parameter of a method, all others being equal: the paper's ablations as curves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

from ...benchmark.metrics.catalogue import METRICS
from ...benchmark.metrics.values import Undefined
from ...plugins.entries import Scalar
from ..leaderboard.same_method import code_and_seeds
from .axes import axis_label
from .data import Entry, clean_label
from .drawn import NO_INTERVAL, Drawn, LeftOut, told
from .style import INK, WIDTHS, Stroke, Width, fitting, legend_below, panels, two_lines

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DEFAULT_METRICS = ("rr", "dir", "rank1_without_source", "ssim")
ACROSS: dict[Width, int] = {"column": 2, "text": 2, "full": 4}
_NEAREST_TICKS = 0.25
"""Of the axis; values that lie nearer to each other are not named one by one."""


@dataclass(frozen=True, slots=True, eq=False)
class Sweep:
    """Records of one method that differ in one parameter alone."""

    method: str
    parameter: str
    fixed: tuple[tuple[str, Scalar], ...]
    """The other parameters."""
    values: tuple[Scalar, ...]
    """Two or more, in order."""
    entries: tuple[Entry, ...]
    """One for each value."""
    others: tuple[Entry, ...] = ()
    """Further records with one of the values."""

    @property
    def numeric(self) -> bool:
        """Whether the values lie on a scale."""
        return all(_is_number(each) for each in self.values)

    @property
    def places(self) -> list[float]:
        """Of the values on the axis: themselves, or one after the other."""
        if self.numeric:
            return [float(each) for each in self.values if isinstance(each, int | float)]
        return [float(index) for index in range(len(self.values))]


class _Key(NamedTuple):
    """What records of one sweep have in common."""

    parameter: str
    code: tuple[str | int, ...]
    """Name, version, code, weights and seeds."""
    quality: str
    fixed: tuple[tuple[str, Scalar], ...]
    types: tuple[str, ...]
    """Of the fixed values: 1 and True are not the same."""


def find_sweeps(entries: Sequence[Entry]) -> list[Sweep]:
    """Every parameter of every method with two or more values, all else (seeds, code and weights, too) being equal."""
    found: dict[_Key, dict[tuple[str, Scalar], list[Entry]]] = {}
    for entry in entries:
        record, method = entry.record, entry.record.method
        for parameter, value in method.params.items():
            fixed = tuple(sorted((name, other) for name, other in method.params.items() if name != parameter))
            types = tuple(type(other).__name__ for _, other in fixed)
            key = _Key(parameter, code_and_seeds(record), record.quality, fixed, types)
            found.setdefault(key, {}).setdefault((type(value).__name__, value), []).append(entry)
    sweeps = []
    for key, points in found.items():
        if len(points) < 2:
            continue
        ordered = sorted(points.items(), key=lambda item: _order(item[0][1]))
        values = tuple(value for (_, value), _ in ordered)
        entries = tuple(some[0] for _, some in ordered)
        others = tuple(each for _, some in ordered for each in some[1:])
        name = entries[0].record.method.name
        sweeps.append(Sweep(name, key.parameter, key.fixed, values, entries, others))
    return sorted(sweeps, key=lambda each: (each.method, each.parameter, repr(each.fixed)))


def _is_number(value: Scalar) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _order(value: Scalar) -> tuple[int, float, str]:
    """Numbers by size, before texts by length and spelling."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (0, float(value), "")
    return (1, float(len(str(value))), str(value))


def figure(sweep: Sweep, recognizers: Sequence[str], width: Width, metrics: Sequence[str]) -> Drawn | Undefined:
    """One panel a metric, one line a recogniser; the intervals are bands, or bars where the values are no numbers.

    Returns:
        The figure, or why there is none.
    """
    shown = [each for each in metrics if _series(sweep, each, recognizers)]
    left_out = _left_out(sweep, recognizers, metrics)
    if not shown:
        return Undefined(f"none of {', '.join(metrics)} is in two of the records: {told(left_out)}")
    across = min(ACROSS[width], len(shown))
    down = math.ceil(len(shown) / across)
    size = (WIDTHS[width] if len(shown) > 1 else min(WIDTHS[width], 3.5), 1.5 * down + 0.1)
    drawn, axes = panels(down, across, size, share_x=True)
    for index, axis in enumerate(each for row in axes for each in row):
        if index >= len(shown):
            axis.set_axis_off()
            continue
        for name, stroke in _series(sweep, shown[index], recognizers).items():
            _draw(axis, sweep, shown[index], name, stroke)
        axis.set_ylabel(two_lines(axis_label(shown[index]), fitting(1.15, 7)))
        axis.tick_params(labelbottom=True)
        if index + across >= len(shown):
            axis.set_xlabel(clean_label(sweep.parameter))
    named = [name for name in recognizers if any(name in _series(sweep, each, recognizers) for each in shown)]
    if named:
        _add_legend(drawn, named, recognizers, width)
    lines = [(metric, name) for metric in shown for name in _series(sweep, metric, recognizers)]
    there = [each for each in sweep.entries if any(each.value(metric, name) for metric, name in lines)]
    return Drawn(drawn, tuple(there), tuple(named), tuple(left_out))


def _left_out(sweep: Sweep, recognizers: Sequence[str], metrics: Sequence[str]) -> list[LeftOut]:
    """Lines with fewer than two values, values that a line lacks, and records beside others of one value."""
    found = []
    for metric in metrics:
        drawn = _series(sweep, metric, recognizers)
        for name in _asked(sweep, metric, recognizers):
            of = METRICS[metric].title + (f" with {clean_label(name)}" if name else "")
            lacking = [(value, entry) for value, entry in zip(sweep.values, sweep.entries, strict=True)
                       if entry.value(metric, name) is None]  # fmt: skip
            if name not in drawn:
                reasons = dict.fromkeys(entry.why_none(metric, name) for _, entry in lacking)
                found.append(LeftOut(of, f"in fewer than two of the records: {', '.join(reasons)}"))
                continue
            for value, entry in lacking:
                at = f"{clean_label(sweep.parameter)} {clean_label(str(value), 16)}"
                found.append(LeftOut(f"{of} at {at}", entry.why_none(metric, name)))
            found += [
                LeftOut(
                    f"interval of {of} at {clean_label(sweep.parameter)} {clean_label(str(value), 16)}", NO_INTERVAL
                )
                for value, entry in zip(sweep.values, sweep.entries, strict=True)
                if (number := entry.value(metric, name)) is not None and number.interval is None
            ]
    return found + [LeftOut(each.label, "another record of the same setting is drawn") for each in sweep.others]


def _asked(sweep: Sweep, metric: str, recognizers: Sequence[str]) -> list[str | None]:
    """What a metric could be drawn with: recognisers, or None where it needs none or is one number for all."""
    alone = METRICS[metric].source != "distances" or any(each.record.value(metric) for each in sweep.entries)
    by_recognizer = [name for name in recognizers
                     if METRICS[metric].source == "distances"
                     or any(each.record.value(metric, name) for each in sweep.entries)]  # fmt: skip
    return [*([None] if alone else []), *by_recognizer]


def _series(sweep: Sweep, metric: str, recognizers: Sequence[str]) -> dict[str | None, Stroke]:
    """Recognisers (None: a metric that needs none) with two values or more, and how they are drawn."""
    strokes: dict[str | None, Stroke] = {None: Stroke(INK, "-", "o")}
    strokes |= {name: Stroke.number(index) for index, name in enumerate(recognizers)}
    return {
        name: stroke
        for name, stroke in strokes.items()
        if sum(each.value(metric, name) is not None for each in sweep.entries) >= 2
    }


def series(sweep: Sweep, metric: str, recognizer: str | None) -> list[tuple[float, float, float, float]]:
    """(place on the axis, value, low, high) of every record that has the number; NaN where it has no interval."""
    points = []
    for place, entry in zip(sweep.places, sweep.entries, strict=True):
        found = entry.value(metric, recognizer)
        if found is None or found.value is None:
            continue
        within = found.interval
        points.append((place, found.value, *((within.low, within.high) if within else (math.nan, math.nan))))
    return points


def _draw(axis: Axes, sweep: Sweep, metric: str, recognizer: str | None, stroke: Stroke) -> None:
    x, y, low, high = zip(*series(sweep, metric, recognizer), strict=True)
    marks: dict[str, Any] = {"color": stroke.colour, "marker": stroke.marker, "markeredgewidth": 0}
    if sweep.numeric:
        axis.fill_between(x, low, high, color=stroke.colour, alpha=0.18, linewidth=0)
        axis.plot(x, y, linestyle=stroke.dashes, **marks)
        steps = [after - before for before, after in pairwise(sweep.places)]
        if min(steps) > _NEAREST_TICKS * sum(steps):
            axis.set_xticks(sweep.places, [f"{each:g}" for each in sweep.places])
        return
    axis.vlines(x, low, high, color=stroke.colour, linewidth=0.9)
    axis.plot(x, y, linestyle="none", **marks)
    axis.set_xticks(sweep.places, [clean_label(str(each), 16) for each in sweep.values],
                    rotation=0 if len(sweep.values) <= 4 else 45)  # fmt: skip
    axis.set_xlim(-0.5, len(sweep.values) - 0.5)


def _add_legend(drawn: Figure, names: Sequence[str], recognizers: Sequence[str], width: Width) -> None:
    from matplotlib.lines import Line2D

    strokes = [Stroke.number(list(recognizers).index(name)) for name in names]
    handles = [
        Line2D([], [], color=each.colour, linestyle=each.dashes, marker=each.marker, markeredgewidth=0)
        for each in strokes
    ]
    legend_below(drawn, handles, [clean_label(each) for each in names], width)
