"""The papers' tables as LaTeX; booktabs is the only package that they need, on any engine."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from itertools import groupby

from .fitting import Fit, Grid, Layout, floats, has_room, lay_out, pages, text_width
from .parts import PaperTable
from .shown import Block, Shown, headings, legend, shown_blocks, shown_label, shown_notes, shown_title

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "%": r"\%", "_": r"\_",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", '"': "{''}", "`": "{`}",
    # A line break takes these for its own argument and star.
    "[": "{[}", "]": "{]}", "*": "{*}",
    "…": r"\ldots{}", "–": "--", "—": "---", "±": r"$\pm$", "×": r"$\times$", "α": r"$\alpha$", "°": r"$^\circ$",
    "↑": r"$\uparrow$", "↓": r"$\downarrow$", "→": r"$\to$", "‘": "{`}", "’": "{'}", "“": "{``}", "”": "{''}",
    "µ": r"$\mu$", "ß": r"\ss{}", "ø": r"\o{}", "Ø": r"\O{}", "æ": r"\ae{}", "Æ": r"\AE{}", "ł": r"\l{}", "Ł": r"\L{}",
    "ı": r"\i{}",
}  # fmt: skip
_LIGATURES = "-,'"
"""Two of them print as another character."""
_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0304": "=", "\u0306": "u", "\u0307": ".",
    "\u0308": '"', "\u030a": "r", "\u030b": "H", "\u030c": "v", "\u0327": "c",
}  # fmt: skip
"""Combining characters and the accents that LaTeX has in its first encoding."""


_MARKS = {"best": "textbf", "second": "underline"}
_SPACES = re.compile(r"( )")
_JOINT = re.compile(r"(?<=[:=,/_.-])|(?<=[^\W_]{16})(?=[^\W_])")
"""Where a long word may break; one without any joint breaks wherever the line ends."""
_LONG_WORD = 14
"""Characters from which a word may be broken."""


def escape(text: str) -> str:
    """Plain text that any LaTeX prints as it stands and never executes; ASCII only.

    Letters that a plain document has no command for come out as `U+4E2D`.
    """
    normal = unicodedata.normalize("NFC", text)
    pairs = zip(normal, f"{normal[1:]} ", strict=False)
    return "".join(
        _escape_one(each) + ("{}" if each == following and each in _LIGATURES else "") for each, following in pairs
    )


def _escape_one(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character.isascii():
        return character if character.isprintable() else " "
    base, *marks = list(unicodedata.normalize("NFD", character))
    if len(marks) == 1 and marks[0] in _ACCENTS and base.isascii() and base.isalpha():
        return rf"\{_ACCENTS[marks[0]]}{{{base}}}"
    return f"U+{ord(character):04X}"


def latex_table(table: PaperTable, fit: Fit = "text") -> str:
    """A `table` environment with caption, label and notes, laid out so that nothing runs off the page.

    Args:
        table: what to set.
        fit: `column`: a column of a two-column paper, both where it would be too high; `text`: the text of a
            one-column paper; `page`: both columns.
    """
    grid, exchanged = _grid(table), _exchanged(table)
    layout = lay_out(grid, exchanged, fit)
    if fit == "column" and len(floats(layout)) > 1:
        fit, layout = "page", lay_out(grid, exchanged, "page")
    name = "table" if fit == "column" else "table*"
    notes = shown_notes(table, legend("Bold", "underlined"))
    parts = [(layout, pieces) for pieces in floats(layout)]
    return _floats(name, shown_title(table), f"{table.id}-{table.short}", parts, notes)


def latex_grid(title: str, label: str, grid: Grid, notes: Sequence[str], fit: Fit) -> str:
    """As many `table` environments as its rows take, none higher than a page; blocks are kept whole.

    Args:
        title: of the table.
        label: what the text refers to it by, after `tab:`.
        grid: its columns and blocks, in any number.
        notes: below the last of them, or in one of their own.
        fit: as in `latex_table`.
    """
    parts = _parts(grid, fit)
    if fit == "column" and len(parts) > 1:
        fit, parts = "page", _parts(grid, "page")
    if not has_room(*parts[-1], notes):
        parts.append((parts[-1][0], ()))
    return _floats("table" if fit == "column" else "table*", title, label, parts, notes)


def _parts(grid: Grid, fit: Fit) -> list[tuple[Layout, Sequence[range]]]:
    """What stands in one float each."""
    return [(layout, pieces) for layout in pages(grid, fit) for pieces in floats(layout)]


def _floats(
    name: str, title: str, label: str, parts: Sequence[tuple[Layout, Sequence[range]]], notes: Sequence[str]
) -> str:
    """Floating environments, the notes in the last one."""
    written = [rf"{_breakable(each)}\par" for each in notes]
    return "\n".join(
        line
        for number, (layout, pieces) in enumerate(parts)
        for line in _float(name, (title, label), layout, pieces, number, written if number == len(parts) - 1 else [])
    )


def _float(
    name: str, about: tuple[str, str], layout: Layout, pieces: Sequence[range], number: int, notes: Sequence[str]
) -> Iterator[str]:
    """One floating environment; those after the first say that they go on."""
    title, label = about
    yield r"% needs \usepackage{booktabs}"
    yield rf"\begin{{{name}}}"
    yield r"\centering"
    yield rf"\caption{{{_breakable(title)}{f' (continued, {number + 1})' if number else ''}}}"
    yield rf"\label{{tab:{label}{f'-{number + 1}' if number else ''}}}"
    yield rf"\fontsize{{{layout.size:g}}}{{{layout.size + 1.5:g}}}\selectfont"
    yield rf"\setlength{{\tabcolsep}}{{{layout.space:g}pt}}"
    for place, piece in enumerate(pieces):
        yield from ["", r"\smallskip"] if place else []
        yield from _tabular(layout, piece)
    if notes:
        yield from ["", r"\smallskip", r"\begin{minipage}{\linewidth}", r"\raggedright\scriptsize", *notes]
        yield r"\end{minipage}"
    yield rf"\end{{{name}}}"
    yield ""


def _grid(table: PaperTable) -> Grid:
    """Numbers as columns, methods as rows."""
    groups = [shown_label(column.recognizer) if column.recognizer else "" for column in table.columns]
    return Grid(tuple(zip(groups, headings(table), strict=True)), tuple(shown_blocks(table)))


def _exchanged(table: PaperTable) -> Grid:
    """Methods as columns, numbers as rows."""
    blocks = shown_blocks(table)
    rows = [(block.heading, label, cells) for block in blocks for label, cells in block.rows]
    titles = headings(table)
    numbers = [
        Block(
            shown_label(name) if name else "",
            [(titles[place], [cells[place] for _, _, cells in rows]) for place in places],
        )
        for name, places in (
            (name, list(members))
            for name, members in groupby(range(len(titles)), key=lambda place: table.columns[place].recognizer)
        )
    ]
    return Grid(tuple((heading, label) for heading, label, _ in rows), tuple(numbers))


def _tabular(layout: Layout, piece: range) -> Iterator[str]:
    first = "l" if layout.label is None else rf"p{{{layout.label:g}pt}}"
    yield rf"\begin{{tabular}}{{@{{}}{first}{'r' * len(piece)}@{{}}}}"
    yield r"\toprule"
    heads = [layout.grid.heads[place] for place in piece]
    yield from _group_lines([shared for shared, _ in heads])
    yield " & ".join(["", *(escape(title) for _, title in heads)]) + r" \\"
    for block in layout.grid.blocks:
        yield r"\midrule"
        if block.heading:
            across, heading = "l", rf"\emph{{{escape(block.heading)}}}"
            if text_width(block.heading, layout.size) > layout.width:
                across, heading = rf"p{{{layout.width:g}pt}}", rf"\raggedright\emph{{{_breakable(block.heading)}}}"
            yield rf"\multicolumn{{{len(piece) + 1}}}{{@{{}}{across}@{{}}}}{{{heading}}} \\"
        for label, cells in block.rows:
            name = escape(label) if layout.label is None else rf"\raggedright {_breakable(label)}"
            yield " & ".join([name, *(_cell(cells[place]) for place in piece)]) + r" \\"
    yield r"\bottomrule"
    yield r"\end{tabular}"


def _breakable(text: str) -> str:
    """Escaped, and long words may break after what joins their parts."""
    return "".join(
        escape(part) if len(part) < _LONG_WORD else r"\allowbreak{}".join(map(escape, _JOINT.split(part)))
        for part in _SPACES.split(text)
    )


def _group_lines(groups: Sequence[str]) -> list[str]:
    """Shared headings over their columns."""
    cells, rules, start = [], [], 2
    for name, members in groupby(groups):
        end = start + len(list(members)) - 1
        cells.append(rf"\multicolumn{{{end - start + 1}}}{{c}}{{{escape(name)}}}")
        if name:
            rules.append(rf"\cmidrule(lr){{{start}-{end}}}")
        start = end + 1
    return [" & ".join(["", *cells]) + r" \\", "".join(rules)] if rules else []


def _cell(cell: Shown) -> str:
    number = _minus(cell.number)
    if cell.mark:
        number = rf"\{_MARKS[cell.mark]}{{{number}}}"
    spread = rf"{{\scriptsize {_minus(cell.spread)}}}" if cell.spread else ""
    printed = f"({_minus(cell.printed)})" if cell.printed else ""
    return " ".join(each for each in (number, spread, printed) if each)


def _minus(number: str) -> str:
    """A number with a minus sign in place of a hyphen."""
    return re.sub(r"-(?=\d)", "$-$", escape(number))
