"""The parity table of docs/validation.md: `python tests/scoring/parity.py [--write]` measures it anew.

Rows whose other implementation is not installed keep what the page says of them.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))  # the other modules of the table are no package

from parity_images import IMAGE_ROWS
from parity_row import Row, Unavailable
from parity_scores import SCORE_ROWS

ROWS: tuple[Row, ...] = (*SCORE_ROWS, *IMAGE_ROWS)
PAGE = Path(__file__).parents[2] / "docs" / "validation.md"
HEADER = "| number | compared with | version | largest difference | allowed | conventions |\n|---|---|---|---|---|---|"
BEGIN, END = "<!-- parity: made by tests/scoring/parity.py --write -->", "<!-- end of parity -->"
REGENERATE = "python tests/scoring/parity.py --write"


def line(row: Row, version: str, difference: float) -> str:
    """A row of the table."""
    names = ", ".join(f"`{name}`" if name.islower() and " " not in name else name for name in row.metrics)
    cells = (names, row.outside, version or "–", f"{difference:.1e}", f"{row.tolerance:.1e}", row.note)
    return "| " + " | ".join(cells) + " |"


def documented(page: str) -> dict[tuple[str, str], str]:
    """Lines of the page's table by number and implementation."""
    table = page[page.index(BEGIN) : page.index(END)].splitlines()
    found = {}
    for each in table:
        cells = [cell.strip() for cell in each.strip("|").split("|")]
        if each.startswith("|") and len(cells) == 6 and cells[0] not in ("number", "---"):
            found[cells[0], cells[1]] = each
    return found


def key(row: Row) -> tuple[str, str]:
    """Where the page has the row."""
    cells = line(row, "", 0.0).strip("|").split("|")
    return cells[0].strip(), cells[1].strip()


def table(page: str) -> tuple[str, list[str]]:
    """The table measured now, and which rows could not be measured."""
    old, lines, skipped = documented(page), [], []
    for row in ROWS:
        try:
            lines.append(line(row, row.version(), row.difference()))
        except Unavailable as error:
            skipped.append(f"{row.name}: {error}")
            if key(row) in old:
                lines.append(old[key(row)])
    return "\n".join([HEADER, *lines]), skipped


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the parity table.")
    parser.add_argument("--write", action="store_true", help=f"put it into {PAGE.name}")
    write = parser.parse_args().write
    page = PAGE.read_text(encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        measured, skipped = table(page)
    if write:
        before, after = page[: page.index(BEGIN)], page[page.index(END) :]
        PAGE.write_text(f"{before}{BEGIN}\n\n{measured}\n\n{after}", encoding="utf-8")
    else:
        sys.stdout.write(measured + "\n")
    for each in skipped:
        sys.stderr.write(f"not measured: {each}\n")


if __name__ == "__main__":
    main()
