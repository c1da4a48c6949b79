"""Which files are to be done, and where each result goes; what is left out of a folder is listed, too."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ..characters import plain
from ..datasets.images import HEIF_SUFFIXES, suffixes
from ..datasets.layouts.tree import walk
from ..datasets.passed_over import PassedOver
from ..files import found_at
from .table import TABLE, PicturesError

_LEADS_OUT = "link that leads out of the folder"
_NO_PICTURES = ("hidden", "linked folder", "other file type", "pipe, socket or device")
"""What `walk` passes over and nobody has meant; whatever else it passes over is a picture that is not done."""
_RESERVED = re.compile(rf"{re.escape(TABLE)}|preview(-[0-9]+)?\.jpg")
"""Names at the top of the output folder that are the table's and the sheets' own; the sheets show originals."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file to do, and where the result goes below the output folder."""

    path: Path
    target: Path
    fault: str = ""
    """Why it is not even opened."""
    passed_over: bool = False
    """It is not opened because it is no picture; otherwise a fault is a failure."""


class _Entries(PassedOver):
    """All of what is passed over, by name."""

    def __init__(self) -> None:
        super().__init__()
        self.all: list[tuple[str, str]] = []

    def add(self, reason: str, name: str) -> None:
        self.all.append((name, reason))


def sources(paths: Sequence[Path], out: Path) -> list[Source]:
    """All files below the given ones, in a fixed order, each with its target.

    Raises:
        PicturesError: nothing is there, two files would have one target, a result would replace an original or bear a
            name that is reserved, or an input folder is the output folder or lies in it.
        DatasetError: a folder cannot be read.
    """
    found: list[Source] = []
    for path in paths:
        there = found_at(path, PicturesError)
        if there == "nothing":
            raise PicturesError(f"expected a file or a folder, found nothing at {plain(path)}; check the path")
        if there != "folder":
            found.append(Source(path, Path(path.name)))
        elif any(_same(each, out) for each in (path, *path.resolve().parents)):
            raise PicturesError(
                f"{plain(path)} is the folder of the results, or lies in it; choose another folder with -o"
            )
        else:
            found += _inside(path, out)
    found = _each_once(found)
    if not found:
        raise PicturesError("expected pictures, found no file; name files or folders that hold some")
    _check_originals(found, out)
    return found


def _inside(folder: Path, out: Path) -> Iterator[Source]:
    """What lies in a folder, without the results' own folder."""
    passed, ours = _Entries(), {"": False, ".": False}

    def is_ours(name: str) -> bool:
        if name not in ours:
            above = is_ours(str(PurePosixPath(name).parent))
            ours[name] = above or _same(folder / name, out)
        return ours[name]

    names = [(name, "") for name in walk(folder, passed)]
    for name, reason in sorted([*names, *passed.all]):
        if is_ours(name if reason else str(PurePosixPath(name).parent)):
            continue
        fault = "" if reason == _LEADS_OUT else reason  # a picture may lie anywhere: nothing is written through a link
        if fault == "linked folder":
            fault += "; name it itself to have it done"
        yield Source(folder / name, Path(name), fault, bool(fault) and _is_no_picture(name, reason))


def _is_no_picture(name: str, reason: str) -> bool:
    if reason == "broken link":
        return Path(name).suffix.lower() not in suffixes() | HEIF_SUFFIXES
    return reason.startswith(_NO_PICTURES)


def _each_once(found: Sequence[Source]) -> list[Source]:
    """Without those that are named twice.

    Raises:
        PicturesError: two files have one target, also where the file system ignores case or form of characters.
    """
    kept: list[Source] = []
    targets: dict[str, Source] = {}
    for each in found:
        key = unicodedata.normalize("NFC", each.target.as_posix().casefold())
        if each.passed_over:
            kept.append(each)
            continue
        if _RESERVED.fullmatch(key):
            raise PicturesError(
                f"{plain(each.path)} has the name of a file that is written beside the results ({plain(each.target)}); "
                "rename it"
            )
        other = targets.setdefault(key, each)
        if other is each:
            kept.append(each)
        elif other.path.resolve() != each.path.resolve():
            spelled = "" if other.target == each.target else " where case and the form of accents make no difference"
            raise PicturesError(
                f"{plain(other.path)} and {plain(each.path)} would both become {plain(each.target)}{spelled}; do them "
                "one after the other, into two folders"
            )
    return kept


def _check_originals(found: Sequence[Source], out: Path) -> None:
    """By the files themselves, not by their names: links, and file systems that ignore case.

    Raises:
        PicturesError: a result would replace an original.
    """
    originals = {_identity(each.path): each.path for each in found if not each.passed_over}
    originals.pop(None, None)
    for each in found:
        original = originals.get(_identity(out / each.target))
        if original is not None and not each.passed_over:
            whose = "its own result" if original == each.path else f"the result of {plain(each.path)}"
            raise PicturesError(f"{plain(original)} would be replaced by {whose}; choose another folder with -o")


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _same(one: Path, other: Path) -> bool:
    try:
        return one.samefile(other)
    except OSError:  # one of them is not there
        return False
