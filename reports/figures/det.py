"""Detection error trade-off of originals and of de-identified images, on probit axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...benchmark.metrics.values import Undefined
from ...benchmark.readings.trade_off import TradeOff, deviates, trade_off
from ...benchmark.records.curves import CURVES, CurveName
from .data import AGAIN, Entry, clean_label
from .drawn import Drawn, LeftOut, by_panel, no_interval, told
from .style import FAINT, INK, Stroke, Width, legend_below, side_by_side

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIDES = (CURVES["det_own"], CURVES["det_cross"])
"""Of the panels."""
TICKS = (0.0001, 0.001, 0.01, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95, 0.99, 0.999, 0.9999)


def line_of(entry: Entry, recognizer: str, name: str, rate: str = "") -> TradeOff | Undefined:
    """A DET as the record has it, or why there is none; see `trade_off`."""
    found = trade_off(entry.record, recognizer, name, rate)
    if found is not None:
        return found
    if recognizer not in entry.recognizers():
        return Undefined(entry.not_run_with(recognizer))
    if rate and entry.record.value(rate, recognizer) is not None and entry.value(rate, recognizer) is None:
        return Undefined(entry.why_none(rate, recognizer))
    return Undefined(f"its record has no {name} with {clean_label(recognizer)}; {AGAIN}")


def figure(entries: Sequence[Entry], recognizer: str, width: Width) -> Drawn | Undefined:
    """One panel for each kind of comparison, one curve a method, and the originals' own.

    Returns:
        The figure, or why there is none.
    """
    sides = {kind: {each.label: line_of(each, recognizer, kind, rate) for each in entries} for kind, rate, _ in SIDES}
    usable = [each for each in entries if any(isinstance(some[each.label], TradeOff) for some in sides.values())]
    left_out = _left_out(entries, sides, recognizer)
    if not usable:
        return Undefined(told(left_out))
    # The originals are the same in all records; one that lacks them is drawn beside those of another.
    found = [line_of(each, recognizer, "det") for each in usable]
    originals = next((each for each in found if isinstance(each, TradeOff)), None)
    if originals is None:
        return Undefined(next(each.reason for each in found if isinstance(each, Undefined)))
    lines = {kind: [some[each.label] for each in usable] for kind, some in sides.items()}
    shown = [side for side in SIDES if any(isinstance(each, TradeOff) for each in lines[side[0]])]
    drawn, axes = side_by_side(len(shown), width, 2.5)
    everything = [originals, *(each for side in shown for each in lines[side[0]] if isinstance(each, TradeOff))]
    for axis, (kind, _, heading) in zip(axes, shown, strict=True):
        axis.set_title(f"{clean_label(recognizer)}, {heading}")
        _draw(axis, originals, None)
        for index, line in enumerate(lines[kind]):
            if isinstance(line, TradeOff):
                _draw(axis, line, Stroke.number(index), index, len(usable))
        _finish(axis, everything)
    _add_legend(drawn, usable, width)
    return Drawn(drawn, tuple(usable), (recognizer,), tuple(left_out))


def _left_out(
    entries: Sequence[Entry], sides: Mapping[CurveName, Mapping[str, TradeOff | Undefined]], recognizer: str
) -> list[LeftOut]:
    """Curves that records lack, and marks without an interval or without a place."""
    lacking, others = {}, []
    for kind, rate, heading in SIDES:
        lines = [(each, sides[kind][each.label]) for each in entries]
        lacking[heading] = {each.label: line.reason for each, line in lines if isinstance(line, Undefined)}
        drawn = [(each, line) for each, line in lines if isinstance(line, TradeOff)]
        others += [
            LeftOut(f"mark of {each.label} {heading}", _no_mark(each, recognizer))
            for each, line in drawn
            if line.at is None
        ]
        others += no_interval([each for each, line in drawn if line.at is not None], rate, recognizer, heading)
    return [*by_panel(entries, lacking), *others]


def _no_mark(entry: Entry, recognizer: str) -> str:
    threshold = entry.record.value("eer_threshold", recognizer)
    if threshold is not None and threshold.value is not None:
        return "its curve does not say where the threshold lies"
    return entry.why_none("eer_threshold", recognizer)


def _draw(axis: Axes, line: TradeOff, stroke: Stroke | None, index: int = 0, count: int = 1) -> None:
    """A curve, the threshold on it, and the interval there, a little aside of what others draw.

    At an FMR of 0 all marks would lie on the axis: there they stand beside each other.
    """
    x, y = line.points
    colour = stroke.colour if stroke else INK
    axis.plot(x, y, color=colour, linestyle=stroke.dashes if stroke else "-", linewidth=1.1 if stroke else 1.4)
    if line.at is None or line.mark is None:
        return
    across, up = line.mark
    at_zero = line.at[0] <= line.finest[0]
    aside = 0.09 * (index + 1) if at_zero and stroke else 0.035 * (index - (count - 1) / 2)
    if line.ends:
        axis.plot([across + aside] * 2, line.ends, color=colour, linewidth=0.9, marker="_", markersize=3.5)
    spot = across + aside if at_zero else across
    axis.plot([spot], [up], color=colour, marker=stroke.marker if stroke else "*", clip_on=False, zorder=3,
              markersize=4 if stroke else 5.5, markeredgewidth=0)  # fmt: skip


def _finish(axis: Axes, lines: Sequence[TradeOff]) -> None:
    """Limits, percent ticks and the diagonal of equal errors."""
    lowest = (max(min(each.finest[0] for each in lines), 1e-5), max(min(each.finest[1] for each in lines), 1e-5))
    left, right, bottom = deviates((lowest[0], 0.6, lowest[1]))
    limits = [(left, right), (bottom, -bottom)]
    axis.set_xlim(*limits[0])
    axis.set_ylim(*limits[1])
    for part, (low, high) in ((axis.xaxis, limits[0]), (axis.yaxis, limits[1])):
        ticks = [(place, rate) for place, rate in zip(deviates(TICKS), TICKS, strict=True) if low <= place <= high]
        part.set_ticks([place for place, _ in ticks], [f"{100 * rate:g}" for _, rate in ticks])
    axis.axline((0, 0), slope=1, color=FAINT, linewidth=0.5, zorder=0.5)
    axis.set_xlabel("FMR (%)")
    axis.set_ylabel("FNMR (%)")


def _add_legend(drawn: Figure, entries: Sequence[Entry], width: Width) -> None:
    from matplotlib.lines import Line2D

    strokes = [Stroke.number(index) for index in range(len(entries))]
    handles = [Line2D([], [], color=INK, linewidth=1.4, marker="*", markersize=5.5, markeredgewidth=0)]
    handles += [
        Line2D([], [], color=each.colour, linestyle=each.dashes, marker=each.marker, markersize=4, markeredgewidth=0)
        for each in strokes
    ]
    handles.append(Line2D([], [], color=FAINT, linewidth=0.9, marker="_", markersize=3.5))
    handles.append(Line2D([], [], color=FAINT, linewidth=0.5))
    names = ["originals", *(each.label for each in entries), "95 % interval at the EER's threshold", "equal errors"]
    legend_below(drawn, handles, names, width)
