"""The papers' tables as LaTeX; booktabs is the only package that they need, on any engine."""

from __future__ import annotations

import re
import unicodedata
from itertools import groupby

from .build import PaperTable
from .shown import Shown, headings, legend, shown_blocks, shown_label, shown_notes, shown_title

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


def latex_table(table: PaperTable) -> str:
    """A `table` environment with caption, label and notes."""
    count = len(table.columns)
    lines = [
        r"% needs \usepackage{booktabs}",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{escape(shown_title(table))}}}",
        rf"\label{{tab:{table.id}-{table.short}}}",
        r"\footnotesize",
        r"\setlength{\tabcolsep}{4pt}",
        rf"\begin{{tabular}}{{l{'r' * count}}}",
        r"\toprule",
        *_group_lines(table),
        " & ".join(["", *(escape(each) for each in headings(table))]) + r" \\",
    ]
    for block in shown_blocks(table):
        lines += [r"\midrule", rf"\multicolumn{{{count + 1}}}{{l}}{{\emph{{{escape(block.heading)}}}}} \\"]
        for label, cells in block.rows:
            lines.append(" & ".join([escape(label), *map(_cell, cells)]) + r" \\")
    lines += [r"\bottomrule", r"\end{tabular}", "", r"\smallskip", r"\begin{minipage}{\linewidth}", r"\scriptsize"]
    lines += [rf"{escape(each)}\par" for each in shown_notes(table, legend("Bold", "underlined"))]
    return "\n".join([*lines, r"\end{minipage}", r"\end{table}", ""])


def _group_lines(table: PaperTable) -> list[str]:
    """Recognisers over their columns."""
    cells, rules, start = [], [], 2
    for name, members in groupby(table.columns, key=lambda each: each.recognizer):
        end = start + len(list(members)) - 1
        cells.append(rf"\multicolumn{{{end - start + 1}}}{{c}}{{{escape(shown_label(name)) if name else ''}}}")
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
