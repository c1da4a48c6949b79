"""The ladder of attackers: what each of them finds, from the ignorant one upwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...benchmark.metrics.values import Undefined
from ...benchmark.records.record import Value
from ..leaderboard.attacks import Rung, rungs, searched_people
from .data import Entry, clean_label
from .drawn import NO_INTERVAL, Drawn, LeftOut, told
from .style import FAINT, WIDTHS, Stroke, Width, legend_below, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def figure(entries: Sequence[Entry], recognizer: str, width: Width) -> Drawn | Undefined:
    """Rank-1 of each attack, with intervals; what does not count is hollow.

    Args:
        entries: methods.
        recognizer: specification.
        width: of the figure.
    """
    ladders = [(entry, list(rungs(entry.record, recognizer))) for entry in entries]
    left_out = _left_out(ladders, recognizer)
    climbed = [(entry, [each for each in some if _number(each)]) for entry, some in ladders]
    drawn = [(entry, found) for entry, found in climbed if found]
    if not drawn:
        why = f": {told(left_out)}" if any(some for _, some in ladders) else "; run with --attacks basic"
        return Undefined(f"no record has attacks with this recogniser{why}")
    there = {each.row.attack for _, found in drawn for each in found}
    names = [name for name in dict.fromkeys(each.row.attack for _, some in ladders for each in some) if name in there]
    made, axes = panels(1, 1, (WIDTHS[width], 2.4))
    axis = axes[0][0]
    handles: list[Any] = []
    labels = [entry.label for entry, _ in drawn]
    for index, (_, found) in enumerate(drawn):
        shift = (index - (len(drawn) - 1) / 2) * 0.6 / max(1, len(drawn))
        dots = [_draw(axis, each, names.index(each.row.attack) + shift, Stroke.number(index)) for each in found]
        handles.append(dots[0])
    axis.set_xticks(range(len(names)), names)
    axis.set_ylim(-3, 103)
    axis.set_title(clean_label(recognizer))
    axis.set_ylabel("rank-1, %")
    axis.set_xlabel("attack")
    if people := searched_people(drawn[0][0].record):
        handles.append(axis.axhline(100.0 / people, color=FAINT, linewidth=0.6, linestyle=(0, (1, 1))))
        labels.append("chance")
    else:
        left_out.append(LeftOut("chance", "records do not say how many people are searched"))
    legend_below(made, handles, labels, width)
    return Drawn(made, tuple(entry for entry, _ in drawn), (recognizer,), tuple(left_out))


def _draw(axis: Axes, rung: Rung, place: float, stroke: Stroke) -> Any:
    """One mark with its interval."""
    value = _number(rung)
    assert value is not None
    assert value.value is not None
    counts = rung.row.status == "counts"
    if value.interval is not None:
        axis.plot([place, place], [value.interval.low, value.interval.high], color=stroke.colour, linewidth=0.8)
    (dot,) = axis.plot(
        [place], [value.value], marker=stroke.marker, color=stroke.colour, linestyle="none",
        markerfacecolor=stroke.colour if counts else "none",
    )  # fmt: skip
    return dot


def _number(rung: Rung) -> Value | None:
    found = rung.rank1
    return None if found is None or found.value is None else found


def _left_out(ladders: Sequence[tuple[Entry, Sequence[Rung]]], recognizer: str) -> list[LeftOut]:
    """Methods that were not attacked, attacks without a number, and numbers without an interval."""
    found = []
    for entry, some in ladders:
        if entry.record.attacks is None:
            found.append(LeftOut(entry.label, "run without attacks"))
        elif not some:
            found.append(LeftOut(entry.label, f"not attacked with {clean_label(recognizer)}"))
        for each in some:
            number, what = _number(each), f"{each.row.attack} on {entry.label}"
            if number is None:
                kept = each.rank1.reason if each.rank1 is not None else ""
                found.append(LeftOut(what, each.row.reason or kept or "no number"))
            elif number.interval is None:
                found.append(LeftOut(f"interval of {what}", NO_INTERVAL))
    return found
