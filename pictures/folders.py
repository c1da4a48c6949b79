"""A method applied to files and folders: the pictures, a table of what was done, and sheets to look at."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..characters import plain, sentence
from ..datasets.images import ImageError
from ..datasets.types import Failure, Image
from ..files import write_atomically
from .apply import Applier
from .contact_sheet import Sheets
from .picture_files import picture_bytes, read_picture
from .sources import Source
from .table import TABLE, PicturesError, Row, Table


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the files of one call."""

    rows: list[Row]
    sheets: list[Path]
    """Sheets of originals beside results that were written."""


def deidentify_files(
    found: Sequence[Source],
    out: Path,
    applier: Applier,
    *,
    overwrite: bool = False,
    preview: bool = False,
    progress: Callable[[Row], None] | None = None,
) -> Outcome:
    """Do all files; write the pictures that are done, the table, and the sheets if asked for.

    A file that fails leaves nothing at its target, not even what an earlier call wrote there. What no earlier call
    wrote is neither replaced nor removed.

    Raises:
        PicturesError: a target exists and may not be overwritten, or there is a foreign file at the table's place.
        StoreError: the output folder cannot be written.
        WeightsError, ToolError: something is missing on this machine.
    """
    table = Table(out, [each.target.as_posix() for each in found])
    earlier = _earlier_results(found, out, table, overwrite)
    table.save()  # says whether the folder can be written, before there is anything to write
    rows: list[Row] = []
    sheets = Sheets(out, overwrite)
    for number, source in enumerate(found):
        row, pair = _one(source, out, applier)
        if row.state == "failed" and source.target in earlier:
            row = _without_earlier(row, out / source.target)
        rows.append(row)
        table.put(number, row)
        table.save()  # an interrupted call leaves a table of what it did
        if pair is not None and preview:
            sheets.add(*pair, row.file)
        if progress is not None:
            progress(row)
    sheets.finish()
    return Outcome(rows, sheets.written)


def _earlier_results(found: Sequence[Source], out: Path, table: Table, overwrite: bool) -> frozenset[Path]:
    """Targets at which an earlier call's results lie.

    Raises:
        PicturesError: they may not be replaced.
    """
    taken = [each.target for each in found if not each.passed_over and _is_there(out / each.target)]
    foreign = [each for each in taken if not table.made(each.as_posix())]
    if taken and not overwrite:
        raise PicturesError(
            f"{plain(out / taken[0])} exists{_more(taken)}; choose another folder with -o, or say --overwrite"
        )
    if foreign:
        raise PicturesError(
            f"{plain(out / foreign[0])} exists{_more(foreign)}, and {TABLE} does not say that an earlier call wrote "
            "it; move it away, or choose another folder with -o"
        )
    return frozenset(taken)


def _is_there(path: Path) -> bool:
    """A folder is not replaced in any case: its picture cannot be written."""
    return os.path.lexists(path) and (path.is_symlink() or not path.is_dir())


def _more(paths: Sequence[Path]) -> str:
    return f", and {len(paths) - 1} more" if len(paths) > 1 else ""


def _without_earlier(row: Row, target: Path) -> Row:
    try:
        target.unlink(missing_ok=True)
    except OSError as error:
        still = f"what an earlier call wrote is still there ({type(error).__name__})"
        return replace(row, reason=f"{row.reason}; {still}")
    return row


def _one(source: Source, out: Path, applier: Applier) -> tuple[Row, tuple[Image, Image] | None]:
    name, target = source.target.as_posix(), out / source.target
    if source.fault:
        return Row(name, "passed over" if source.passed_over else "failed", source.fault), None
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
