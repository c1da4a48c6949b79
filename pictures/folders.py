"""A method applied to files and folders: the pictures, a table of what was done, and a sheet to look at."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..characters import plain, sentence
from ..datasets.images import ImageError, suffixes
from ..datasets.types import Failure, Image
from ..files import write_atomically
from .apply import WORDS, Applier
from .contact_sheet import MOST, contact_sheet
from .picture_files import picture_bytes, read_picture

TABLE, SHEET = "deidentified.csv", "preview.jpg"
"""Files written beside the pictures."""
FIELDS = ("file", "state", "reason", "hands", "faces", "changed_percent", "notes")


class PicturesError(ValueError):
    """The files cannot be done as asked; the message says what was expected, what came and what to do."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Source:
    """A file to do, and where the result goes below the output folder."""

    path: Path
    target: Path
    named: bool
    """Named itself, not found in a folder."""


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


def sources(paths: Sequence[Path], out: Path) -> list[Source]:
    """All files below the given ones, in a fixed order, each with its target.

    Raises:
        PicturesError: nothing is there, two files would have one target, or a result would replace its original.
    """
    found: list[Source] = []
    for path in paths:
        if path.is_dir():
            inside = sorted(each for each in path.rglob("*") if each.is_file() and not _within(each, out))
            found += [Source(each, each.relative_to(path), False) for each in inside]
        elif path.exists():
            found.append(Source(path, Path(path.name), True))
        else:
            raise PicturesError(f"expected a file or a folder, found nothing at {plain(path)}; check the path")
    if not found:
        raise PicturesError("expected pictures, found no file; name files or folders that hold some")
    targets: dict[Path, Path] = {}
    for each in found:
        if (other := targets.setdefault(each.target, each.path)) != each.path:
            raise PicturesError(
                f"{plain(other)} and {plain(each.path)} would both become {plain(each.target)}; do them one after the "
                "other, into two folders"
            )
        if (out / each.target).resolve() == each.path.resolve():
            raise PicturesError(
                f"{plain(each.path)} would be replaced by its own result; choose another folder with -o"
            )
    return found


def deidentify_files(
    found: Sequence[Source],
    out: Path,
    applier: Applier,
    *,
    overwrite: bool = False,
    preview: bool = False,
    progress: Callable[[Row], None] | None = None,
) -> list[Row]:
    """Do all files; write the pictures that are done, the table, and the sheet if asked for.

    A file that fails leaves nothing at its target, not even what an earlier call wrote there.

    Raises:
        PicturesError: a target exists and may not be overwritten.
    """
    taken = [each.target for each in found if (out / each.target).exists()]
    if taken and not overwrite:
        raise PicturesError(
            f"{plain(out / taken[0])} exists{f', and {len(taken) - 1} more' if len(taken) > 1 else ''}; choose another "
            "folder with -o, or say --overwrite"
        )
    rows: list[Row] = []
    pairs: list[tuple[Image, Image, str]] = []
    for source in found:
        row, pair = _one(source, out, applier)
        rows.append(row)
        if pair is not None and preview and len(pairs) < MOST:
            pairs.append((*pair, row.file))
        if progress is not None:
            progress(row)
        write_atomically(out / TABLE, table(rows))  # an interrupted call leaves a table of what it did
    if pairs:
        write_atomically(out / SHEET, contact_sheet(pairs))
    return rows


def _one(source: Source, out: Path, applier: Applier) -> tuple[Row, tuple[Image, Image] | None]:
    name, target = source.target.as_posix(), out / source.target
    target.unlink(missing_ok=True)
    if not source.named and source.path.suffix.lower() not in suffixes():
        return Row(name, "passed over", "not a picture by its name"), None
    try:
        picture = read_picture(source.path)
        done = applier.apply(picture.image, name)
        if isinstance(done, Failure):
            return Row(name, "failed", sentence(done.reason), notes="; ".join(picture.notes)), None
        write_atomically(target, picture_bytes(picture, done.image))
    except ImageError as error:
        reason = str(error).removeprefix(f"{source.path.name}: ")  # the row names the file
        return Row(name, "failed", sentence(reason)), None
    except OSError as error:
        return Row(name, "failed", sentence(f"it cannot be written: {type(error).__name__}")), None
    notes = "; ".join((*picture.notes, *done.notes))
    counts = (done.found.get("palm", 0), done.found.get("face", 0))
    row = Row(name, "done", "", *counts, changed_percent=round(100 * done.changed, 2), notes=notes)
    return row, (picture.image, done.image)


def table(rows: Sequence[Row]) -> bytes:
    """The table as CSV; texts that a spreadsheet would take for a formula are put behind an apostrophe."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(FIELDS)
    for row in rows:
        writer.writerow([_cell(getattr(row, name)) for name in FIELDS])
    return stream.getvalue().encode("utf-8")


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


def _cell(value: object) -> object:
    text = plain(value, 0) if isinstance(value, str) else value
    return f"'{text}" if isinstance(text, str) and text[:1] in ("=", "+", "-", "@") else text


def _within(path: Path, folder: Path) -> bool:
    return path.resolve().is_relative_to(folder.resolve())
