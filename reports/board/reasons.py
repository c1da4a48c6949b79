"""Why a number, or a point of the plane of methods, is not there."""

from __future__ import annotations

from collections.abc import Sequence

from ..leaderboard.table import Row


def reasons_of(rows: Sequence[Row], index: int, beginning: str = "") -> list[str]:
    """Why rows have no number in a column, each reason once, with the methods that it holds for where it is not alone.

    Args:
        rows: of a table.
        index: of the column.
        beginning: of the reasons that are meant; empty: all.
    """
    found: dict[str, list[str]] = {}
    lacking = [row for row in rows if row.cells[index].order is None and row.cells[index].remark.startswith(beginning)]
    for row in lacking:
        found.setdefault(row.cells[index].remark or "no reason kept", []).append(row.record.method.spec)
    if len(found) < 2:
        return list(found)
    return [f"{', '.join(dict.fromkeys(methods))}: {reason}" for reason, methods in found.items()]


def not_drawn(lacking: Sequence[str], more: int) -> str:
    """What stands below the plane of methods; `board_plot.js` says the same of other axes.

    Args:
        lacking: names of methods without one of the numbers.
        more: methods that are too many for the figure that stands in the page.
    """
    said = [f"Not drawn, for lack of one of the two numbers: {', '.join(lacking)}."] if lacking else []
    said += [f"Drawn by the page's script only: {more} behind the line."] if more else []
    return " ".join(said)
