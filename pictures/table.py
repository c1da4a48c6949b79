"""The table of what became of each file; calls with one output folder share it."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..benchmark.storage.store import explain_os_error, save_file
from ..characters import plain
from .apply import WORDS

TABLE = "deidentified.csv"
"""Its name in the output folder."""
FIELDS = ("file", "state", "reason", "hands", "faces", "changed_percent", "notes")
NOT_REACHED = "not reached: the command ended before"


class PicturesError(ValueError):
    """The files cannot be done as asked; the message says what was expected, what came and what to do."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Row:
    """What became of one file."""

    file: str
    state: str
    """`done`, `failed` or `passed over`."""
    reason: str = ""
    hands: int = 0
    faces: int = 0
    changed_percent: float = 0.0
    notes: str = ""


class Table:
    """The rows of this call, and those of earlier ones about other files.

    Args:
        out: the output folder.
        names: of the files to do, in order; until they are reached the table says that they are not, unless an
            earlier call has done them.

    Raises:
        PicturesError: the file that has the table's name is none of ours.
        StoreError: it cannot be read.
    """

    def __init__(self, out: Path, names: Sequence[str]) -> None:
        self._path = out / TABLE
        self._lines = _numbered(_earlier(self._path))
        self._made = {name for (name, _), cells in self._lines.items() if _is_made(cells)}
        self._keys = list(_numbered([_cells(Row(name, "")) for name in names]))
        for name, key in zip(names, self._keys, strict=True):
            if key not in self._lines or self._lines[key][1] != "done":
                self._lines[key] = _cells(Row(name, "failed", NOT_REACHED))

    def made(self, name: str) -> bool:
        """Whether an earlier call has written this file's result, so that it may be replaced and removed."""
        return _cell(name) in self._made

    def put(self, number: int, row: Row) -> None:
        """The row of the file of that number."""
        self._lines[self._keys[number]] = _cells(row)

    def save(self) -> None:
        """Write the table.

        Raises:
            StoreError: the folder cannot be written.
        """
        save_file(self._path, _text(self._lines.values()))


def table(rows: Sequence[Row]) -> bytes:
    """The table as CSV; texts that a spreadsheet would take for a formula are put behind an apostrophe."""
    return _text(map(_cells, rows))


def summary(rows: Sequence[Row]) -> Iterator[str]:
    """Lines that say what was done and what was not, with reasons."""
    done = [row for row in rows if row.state == "done"]
    counts = {"palm": sum(row.hands for row in done), "face": sum(row.faces for row in done)}
    seen = " and ".join(f"{counts[each]} {WORDS[each]}{'s' * (counts[each] != 1)}" for each in WORDS if counts[each])
    yield f"{len(done)} of {len(rows)} files done{f': {seen}' if seen else ''}"
    for state in ("failed", "passed over"):
        for row in rows:
            if row.state == state:
                yield f"{state}: {plain(row.file)}: {row.reason}"


Cells = tuple[str, ...]


def _earlier(path: Path) -> list[Cells]:
    try:
        with path.open(newline="", encoding="utf-8") as stream:
            head, *lines = [tuple(line) for line in csv.reader(stream)] or [()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise explain_os_error(error, path) from error
    except (UnicodeDecodeError, csv.Error):
        head, lines = (), []
    if head != FIELDS or any(len(line) != len(FIELDS) for line in lines):
        raise PicturesError(
            f"expected the table of an earlier call at {plain(path)}, got another file, or one that was changed; move "
            "it away, or choose another folder with -o"
        )
    return lines


def _numbered(lines: Sequence[Cells]) -> dict[tuple[str, int], Cells]:
    """By name, and by how many of that name stood before: files of two folders that are passed over may share one."""
    seen: Counter[str] = Counter()
    found = {}
    for line in lines:
        found[line[0], seen[line[0]]] = line
        seen[line[0]] += 1
    return found


def _is_made(cells: Cells) -> bool:
    # A call that was killed may have written a result and not its row.
    return cells[1] == "done" or cells[2] == NOT_REACHED


def _text(lines: Iterable[Cells]) -> bytes:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(FIELDS)
    writer.writerows(lines)
    return stream.getvalue().encode("utf-8")


def _cells(row: Row) -> Cells:
    return tuple(_cell(getattr(row, name)) for name in FIELDS)


def _cell(value: object) -> str:
    text = plain(value, 0)
    return f"'{text}" if isinstance(value, str) and text[:1] in ("=", "+", "-", "@") else text
