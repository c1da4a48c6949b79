"""The ladder of attackers: what each of them finds, from the ignorant one upwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ...benchmark.metrics.values import Undefined
from ..leaderboard.attacks import Rung, rungs, searched_people
from .data import Entry, clean_label
from .style import FAINT, WIDTHS, Stroke, Width, legend_below, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def figure(entries: Sequence[Entry], recognizer: str, width: Width) -> Figure | Undefined:
    """Rank-1 of each attack, with intervals; what does not count is hollow.

    Args:
        entries: methods.
        recognizer: specification.
        width: of the figure.
    """
    ladders = [(entry, _climbed(entry, recognizer)) for entry in entries]
    drawn = [(entry, found) for entry, found in ladders if found]
    if not drawn:
        return Undefined("no record has attacks with this recogniser; run with --attacks basic")
    names = list(dict.fromkeys(each.row.attack for _, found in drawn for each in found))
    made, axes = panels(1, 1, (WIDTHS[width], 2.4))
    axis = axes[0][0]
    handles: list[Any] = []
    labels: list[str] = []
    for index, (entry, found) in enumerate(drawn):
        stroke = Stroke.number(index)
        shift = (index - (len(drawn) - 1) / 2) * 0.6 / max(1, len(drawn))
        for each in found:
            value = each.rank1
            if value is None or value.value is None:
                continue
            place = names.index(each.row.attack) + shift
            counts = each.row.status == "counts"
            if value.interval is not None:
                axis.plot([place, place], [value.interval.low, value.interval.high], color=stroke.colour, linewidth=0.8)
            (dot,) = axis.plot(
                [place], [value.value], marker=stroke.marker, color=stroke.colour, linestyle="none",
                markerfacecolor=stroke.colour if counts else "none",
            )  # fmt: skip
            if entry.label not in labels:
                handles.append(dot)
                labels.append(entry.label)
    axis.set_xticks(range(len(names)), names)
    axis.set_ylim(-3, 103)
    axis.set_title(clean_label(recognizer))
    axis.set_ylabel("rank-1, %")
    axis.set_xlabel("attack")
    if people := searched_people(drawn[0][0].record):
        handles.append(axis.axhline(100.0 / people, color=FAINT, linewidth=0.6, linestyle=(0, (1, 1))))
        labels.append("chance")
    legend_below(made, handles, labels, width)
    return made


def _climbed(entry: Entry, recognizer: str) -> list[Rung]:
    return [each for each in rungs(entry.record, recognizer) if each.rank1 is not None]
