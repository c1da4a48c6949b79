"""How wide a table prints, and how it is laid out so that it stays on the page.

Widths are measured in Computer Modern, the widest of the fonts that papers are set in; what fits in it fits in Times.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from math import ceil
from pathlib import Path
from typing import Any, Literal

from .shown import Block, Shown

Fit = Literal["column", "text", "page"]
WIDTHS: dict[str, float] = {"column": 225.0, "text": 339.0, "page": 460.0}
"""Points that a table may take: a column and the text of `article` at 10 pt, the narrowest of the common classes, less
one part in fifty for what is not measured (arrows, rules, rounding)."""

_SIZES = ((8.0, 4.0), (8.0, 3.0), (7.0, 3.0), (7.0, 2.0))
"""Font size and space on each side of a column, in points, as they are tried."""
_GROWTH = {8.0: 1.063, 7.0: 1.139}
"""How much wider Computer Modern is at a small size than its ten points scaled down."""
_BOLD = 1.16
TALLEST = 380.0
"""Points that a table may be high; caption and notes need the rest of a page."""
_NOTES_ROOM = 90.0
"""Points that notes may take below a table of that height."""
_MOST_ROWS = 17
"""Of a block: two lines each, they are not higher than a table may be."""
_LABEL_SHARE = 0.4
"""Of the width that names of rows may take before they are broken."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Columns with their headings, and blocks of rows; a table, or the same with rows and columns exchanged."""

    heads: tuple[tuple[str, str], ...]
    """Of each column: the heading that it shares with its neighbours (may be empty), and its own."""
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """How a table is set."""

    grid: Grid
    pieces: tuple[range, ...]
    """Columns that stand beside each other; the pieces stand below each other."""
    size: float
    """Font size in points."""
    space: float
    """On each side of a column, in points."""
    label: float | None
    """Width of the names of rows in points; None: as wide as the widest."""
    width: float
    """Points that the whole may take; a heading that is wider is broken."""


@lru_cache(maxsize=1)
def _font() -> Any:
    from matplotlib import get_data_path
    from matplotlib.ft2font import FT2Font

    font = FT2Font(str(Path(get_data_path()) / "fonts" / "ttf" / "cmr10.ttf"))
    font.set_size(100.0, 72)
    return font


@lru_cache(maxsize=4096)
def _advance(character: str) -> float:
    """Width of a character in units of the font size; what the font lacks counts as an M."""
    font = _font()
    glyph = character if font.get_char_index(ord(character)) else "M"
    return float(font.load_char(ord(glyph)).linearHoriAdvance) / 65536 / 100


def text_width(text: str, size: float = 8.0) -> float:
    """Printed width in points.

    Args:
        text: before any escaping.
        size: of the font in points.
    """
    return sum(map(_advance, text)) * size * _GROWTH.get(size, 1.0)


def _cell_width(cell: Shown, size: float) -> float:
    number = text_width(cell.number, size) * (_BOLD if cell.mark == "best" else 1.0)
    spread = text_width(f" {cell.spread}", 7.0) if cell.spread else 0.0
    return number + spread + (text_width(f" ({cell.printed})", size) if cell.printed else 0.0)


def lay_out(grid: Grid, exchanged: Grid, fit: Fit) -> Layout:
    """The first layout that fits: one piece, one piece with rows and columns exchanged, several pieces.

    Args:
        grid: the table.
        exchanged: the same with its rows as columns.
        fit: what it has to fit into.
    """
    width = WIDTHS[fit]
    for candidate in (grid, exchanged):
        for size, space in _SIZES:
            found = _pieces(candidate, size, space, width)
            if len(found.pieces) == 1:
                return found
    return _pieces(grid, *_SIZES[2], width)


def floats(layout: Layout) -> list[list[range]]:
    """The pieces by the float that they stand in; one float where all of them fit on a page."""
    most = max(int(TALLEST // piece_height(layout)), 1)
    return [list(layout.pieces[start : start + most]) for start in range(0, len(layout.pieces), most)]


def pages(grid: Grid, fit: Fit) -> list[Layout]:
    """The rows in as many tables as keep all of them within a page, blocks whole where they fit on one.

    Args:
        grid: with at least one block.
        fit: what each has to fit into.
    """
    blocks = [
        Block(block.heading, block.rows[start : start + _MOST_ROWS])
        for block in grid.blocks
        for start in range(0, len(block.rows), _MOST_ROWS)
    ]
    found: list[Layout] = []
    taken: list[Block] = []
    for block in blocks:
        part = Grid(grid.heads, (*taken, block))
        layout = lay_out(part, part, fit)
        if taken and len(layout.pieces) * piece_height(layout) > TALLEST:
            part = Grid(grid.heads, (block,))
            layout, taken = lay_out(part, part, fit), []
            found.append(layout)
        else:
            found[-1:] = [layout]
        taken.append(block)
    return found


def has_room(layout: Layout, pieces: Sequence[range], notes: Sequence[str]) -> bool:
    """Whether notes, each on lines of its own, stand below these pieces on one page."""
    lines = sum(ceil(text_width(each, 7.0) / (0.95 * layout.width)) for each in notes)
    return len(pieces) * piece_height(layout) + 8.0 * lines <= TALLEST + _NOTES_ROOM


def piece_height(layout: Layout) -> float:
    """Printed height of each piece in points, without caption and notes."""
    rows = sum(
        2.0 if layout.label is not None and text_width(label, layout.size) > layout.label else 1.0
        for block in layout.grid.blocks
        for label, _ in block.rows
    )
    heads = 4.5 + sum(
        1.0 + ceil(text_width(block.heading, layout.size) / layout.width) if block.heading else 0.8
        for block in layout.grid.blocks
    )
    return (rows + heads) * (layout.size + 1.5)


def _pieces(grid: Grid, size: float, space: float, width: float) -> Layout:
    natural = max((text_width(label, size) for block in grid.blocks for label, _ in block.rows), default=0.0)
    label = min(natural, _LABEL_SHARE * width)
    left = width - label - 2 * space
    columns = [_column_width(grid, place, size) + 2 * space for place in range(len(grid.heads))]
    pieces = tuple(_packed(grid, columns, left, size))
    return Layout(grid, pieces, size, space, None if label == natural else round(label, 1), width)


def _column_width(grid: Grid, place: int, size: float) -> float:
    cells = [_cell_width(cells[place], size) for block in grid.blocks for _, cells in block.rows]
    return max([text_width(grid.heads[place][1], size), *cells])


def _packed(grid: Grid, columns: Sequence[float], left: float, size: float) -> Iterator[range]:
    """Neighbouring columns together for as long as they fit; a shared heading is kept whole where it can be."""
    start = end = 0
    taken = 0.0
    for _, members in groupby(range(len(columns)), key=lambda place: grid.heads[place][0]):
        places = list(members)
        shared = max(sum(columns[place] for place in places), text_width(grid.heads[places[0]][0], size))
        if end > start and taken + shared > left:
            yield range(start, end)
            start, taken = end, 0.0
        for place in places if shared > left else []:
            if place > start and taken + columns[place] > left:
                yield range(start, place)
                start, taken = place, 0.0
            taken += columns[place]
        taken = taken if shared > left else taken + shared
        end = places[-1] + 1
    yield range(start, end)
