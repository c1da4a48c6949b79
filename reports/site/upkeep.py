"""A folder that a site was written into before: what its records no longer have is taken away, and nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ...benchmark.storage.store import explain_os_error, save_file
from ...files import sha256_of

LIST = "site-files.json"
"""Name and SHA-256 of every file of a site; what is not in it, `site` never takes away."""
_FOLDERS = ("rows", "records", "badges", "methods", "datasets", "protocols")
"""Where a site has a file for each row and group."""


@dataclass(frozen=True, slots=True)
class Left:
    """What became of files that an earlier site had and this one has not."""

    removed: int
    strange: tuple[str, ...]
    """Still there: changed since, or from nobody knows whom."""


def write_site(out: Path, files: Iterable[tuple[str, bytes]]) -> Left:
    """Write a site into a folder, and remove what an earlier one wrote there and this one has not.

    Args:
        out: the folder; other files in it stay.
        files: names below it, and contents.

    Raises:
        StoreError: it cannot be written.
    """
    written = {}
    for name, data in files:
        save_file(out / name, data)
        written[name] = hashlib.sha256(data).hexdigest()
    removed = 0
    try:
        for name, known in _earlier(out).items():
            if name not in written and _is_as_written(out, name, known):
                (out / name).unlink()
                removed += 1
        beside = [each for folder in _FOLDERS for each in sorted((out / folder).glob("*")) if each.is_file()]
    except OSError as error:
        raise explain_os_error(error, out) from error
    save_file(out / LIST, (json.dumps(written, indent=1) + "\n").encode())
    names = [each.relative_to(out).as_posix() for each in beside]
    return Left(removed, tuple(each for each in names if each not in written))


def _earlier(out: Path) -> Mapping[str, str]:
    """The list of the site that stands there; empty where there is none that can be read."""
    try:
        found = json.loads((out / LIST).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_as_written(out: Path, name: str, known: str) -> bool:
    """Whether a listed file lies below the folder and is still what `site` wrote."""
    parts, path = PurePosixPath(name).parts, out / name
    if ".." in parts or PurePosixPath(name).is_absolute() or path.is_symlink() or not path.is_file():
        return False
    return path.resolve().is_relative_to(out.resolve()) and sha256_of(path) == known
