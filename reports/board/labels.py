"""Where the names of points go in a plane: beside their point or further off with a line, none on another.

`board_labels.js` does the same for axes and rows that are chosen later; a test holds the two together.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

CHARACTER = 6.5
"""Pixels of a character at 11 px in a wide font."""
HEIGHT = 13.0
CLEAR = 6.0
"""Half a point, with some air."""
MOST = 100
"""So many points are named; others when they are pointed at."""
_DIRECTIONS = (
    (1.0, 0.0), (-1.0, 0.0), (0.707, -0.707), (-0.707, -0.707), (0.707, 0.707), (-0.707, 0.707), (0.0, -1.0),
    (0.0, 1.0), (0.924, -0.383), (-0.924, -0.383), (0.924, 0.383), (-0.924, 0.383), (0.383, -0.924),
    (-0.383, -0.924), (0.383, 0.924), (-0.383, 0.924),
)  # fmt: skip
_RINGS = (8.0, 20.0, 34.0, 50.0, 70.0, 95.0, 125.0, 160.0, 200.0, 250.0, 310.0, 380.0, 460.0)
_BELOW = 44.0
"""From the axis to the names that found no room beside it."""

Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A name."""

    x: float
    """Its left end."""
    y: float
    """Its baseline."""
    line: tuple[float, float] | None
    """Where a line from the point ends; None where the name stands beside it."""


def place_labels(
    points: Sequence[tuple[float, float]], widths: Sequence[float], area: Box
) -> tuple[list[Placed], float]:
    """Places for all names, one after the other.

    Args:
        points: centres, px; those first that should have their names nearest.
        widths: of the names, px.
        area: where names may stand.

    Returns:
        A place for each, and how many pixels the figure has to grow below its area for those that found no room in it.
    """
    taken: list[Box] = []
    found = []
    below = 0
    for (u, v), width in zip(points, widths, strict=True):
        box = next((each for each in _candidates(u, v, width) if _free(each, area, taken, points)), None)
        if box is None:
            box = next((each for each in _candidates(u, v, width) if _free(each, area, taken, ())), None)
        if box is None:
            left, top = area[0] + 290 * (below % 3), area[3] + _BELOW + (HEIGHT + 2) * (below // 3)
            box, below = (left, top, left + width, top + HEIGHT), below + 1
        taken.append(box)
        near = (min(max(u, box[0]), box[2]), min(max(v, box[1]), box[3]))
        far = abs(near[0] - u) + abs(near[1] - v) > 14
        found.append(Placed(box[0], box[1] + 10, near if far else None))
    return found, (HEIGHT + 2) * ((below + 2) // 3) + 12 if below else 0.0


def _candidates(u: float, v: float, width: float) -> Iterator[Box]:
    for ring in _RINGS:
        for right, down in _DIRECTIONS:
            middle = u + right * ring + (width / 2 if right > 0 else -width / 2 if right < 0 else 0.0)
            centre = v + down * (ring + HEIGHT / 2)
            yield middle - width / 2, centre - HEIGHT / 2, middle + width / 2, centre + HEIGHT / 2


def _free(box: Box, area: Box, taken: Sequence[Box], points: Sequence[tuple[float, float]]) -> bool:
    left, top, right, bottom = box
    if left < area[0] or top < area[1] or right > area[2] or bottom > area[3]:
        return False
    if any(left < c and a < right and top < d and b < bottom for a, b, c, d in taken):
        return False
    return not any(left - CLEAR < u < right + CLEAR and top - CLEAR < v < bottom + CLEAR for u, v in points)
