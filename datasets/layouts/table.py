"""Tables of labels that a user brings as CSV: read strictly, because a table that is read wrongly mixes people up."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..base import DatasetError

MAX_TABLE = 256_000_000
"""Bytes of a table; a million lines are a tenth of that."""
_MARKS = ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
_ENCODINGS = ("utf-8", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252")

Row = Mapping[str, str]


def check_encoding(encoding: str) -> None:
    """Refuse names of encodings that are not read.

    Raises:
        ValueError: it is none of them.
    """
    if encoding and encoding not in _ENCODINGS:
        raise ValueError(f"expected encoding {', '.join(_ENCODINGS)} or none, got {encoding!r}; choose one of them")


def read_table(path: Path, required: frozenset[str], encoding: str = "") -> Iterator[tuple[int, Row]]:
    """Lines of a CSV file with a header; cells are stripped, empty lines are left out.

    Args:
        path: the file. UTF-8, with or without a mark at its beginning, or UTF-16 with one.
        required: columns that there have to be.
        encoding: what it is written in, where it is neither.

    Yields:
        The number of the line where a row ends, and its cells by column.

    Raises:
        DatasetError: not readable, in another encoding, without the columns, with a column twice, with a quote that is
            not closed, or with more or fewer cells in a line than columns.
    """
    reader = csv.reader(io.StringIO(_text(path, encoding), newline=""), skipinitialspace=True, strict=True)
    header: list[str] | None = None
    start = 1
    try:
        for cells in reader:
            end = reader.line_num
            if header is None:
                header = _checked_header([each.strip() for each in cells], required, path.name)
            elif any(each.strip() for each in cells) or end > start:
                yield end, _row(header, cells, path.name, start)
            start = end + 1
    except csv.Error as error:
        what = "a quote that is not closed or followed by more text"
        if "field larger" in str(error):
            what = f"a cell of more than {csv.field_size_limit():,} characters, or {what}"
        raise DatasetError(
            f"{path.name} line {start}: expected CSV, got {what} ({error}); write a quote inside a cell twice"
        ) from error
    if header is None:
        _checked_header([], required, path.name)


def _text(path: Path, encoding: str) -> str:
    try:
        if not path.is_file():
            raise DatasetError(f"expected a CSV file, got {path.name!r}, which is none; name it relative to path=…")
        if path.stat().st_size > MAX_TABLE:
            raise DatasetError(f"{path.name}: expected a table of at most {MAX_TABLE // 10**6} MB, got more")
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(f"{path.name}: expected a readable CSV file, got {type(error).__name__}") from error
    if not encoding and b"\0" in data and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DatasetError(
            f"{path.name}: expected a UTF-8 CSV file, got one with zero bytes; UTF-16 without a mark? Then say "
            "encoding=utf-16-le"
        )
    known = _encoding(data, encoding, path.name)
    try:
        return data.decode(known)
    except UnicodeDecodeError as error:
        raise DatasetError(
            f"{path.name}: expected a UTF-8 CSV file, got other bytes at {error.start}; save it as UTF-8, or say what "
            "it is, for example encoding=latin-1"
        ) from error


def _encoding(data: bytes, stated: str, name: str) -> str:
    """What a table is written in: as its mark says, which is no part of the first column, else as stated."""
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        raise DatasetError(f"{name}: expected a UTF-8 CSV file, got UTF-32; save it as UTF-8")
    marked = next((known for mark, known in _MARKS if data.startswith(mark)), "")
    family = marked.removesuffix("-sig")
    return marked if marked and (not stated or stated.startswith(family)) else stated or "utf-8"


def _checked_header(columns: list[str], required: frozenset[str], name: str) -> list[str]:
    twice = sorted({each for each in columns if columns.count(each) > 1})
    if twice:
        raise DatasetError(f"{name}: expected each column once, got {twice} twice; rename or remove one of them")
    missing = sorted(required - set(columns))
    if missing:
        other = next((each for each in ";\t|" if len(columns) == 1 and each in columns[0]), "")
        hint = f" and separate its cells by commas, not by {other!r}" if other else ""
        raise DatasetError(
            f"{name}: expected the manifest columns {' and '.join(sorted(required))}, got {columns}; add "
            f"{' and '.join(missing)} to its first line{hint}"
        )
    return columns


def _row(header: list[str], cells: list[str], name: str, line: int) -> Row:
    if len(cells) != len(header):
        way = "put a cell with a comma in quotes" if len(cells) > len(header) else "leave a cell empty by its comma"
        raise DatasetError(f"{name} line {line}: expected {len(header)} cells, got {len(cells)}; {way}")
    broken = next((each for each in cells if "\n" in each or "\r" in each), None)
    if broken is not None:
        raise DatasetError(
            f"{name} line {line}: expected cells of one line, got {broken[:40]!r}…; is a quote not closed?"
        )
    stripped = [each.strip() for each in cells]
    return dict(zip(header, stripped, strict=True))
