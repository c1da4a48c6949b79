"""What is remembered of a dataset that the user registered: where it lies, what was in it, which terms were accepted.

Environment:
    DEID_BENCH_DATA: the folder of registrations (default: the user's data folder for `deid-bench`). It is no cache:
        nothing in it can be made again without the user.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ...files import DATA_VARIABLE, data_root, write_atomically
from ..base import DatasetError
from .tree import FileState

_FORMAT = "deid-bench-registration/1"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, slots=True)
class PartRecord:
    """One part of a dataset as it was when it was registered."""

    images: int
    identities: int
    subjects: int
    manifest: str
    """Digest of the manifest, the one that records carry."""


@dataclass(frozen=True, slots=True)
class Registration:
    """A registered dataset."""

    name: str
    root: Path
    """The folder, absolute."""
    date: str
    """ISO 8601, UTC."""
    pattern: str
    """The user's own pattern; empty: the published one."""
    parts: Mapping[str, PartRecord]
    files: Mapping[str, FileState]
    """Every image file of every part, by its path below the root."""
    terms_sha256: str
    """Digest of the terms that were accepted."""
    terms_accepted: str
    """When; ISO 8601, UTC."""
    archives: Mapping[str, Mapping[str, str]]
    """SHA-256 and MD5 of the archives that were checked, by file name."""


def registration_file(name: str) -> Path:
    """Where the registration of a dataset is kept.

    Raises:
        DatasetError: the name could not be a file name.
    """
    if not _NAME.fullmatch(name):
        raise DatasetError(f"expected a dataset's name, got {name!r}; see deid-bench data status")
    return data_root() / "datasets" / f"{name}.json"


def find_registration(name: str) -> Registration | None:
    """The registration of a dataset, or None.

    Raises:
        DatasetError: there is one, but it is damaged.
    """
    path = registration_file(name)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise _damaged(path, name, type(error).__name__) from error
    try:
        return _parse(data)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _damaged(path, name, type(error).__name__) from error


def renew_times(known: Registration) -> None:
    """Take over the files' present modification times, after their bytes were found to be the registered ones.

    Raises:
        DatasetError: the data folder cannot be written.
    """
    files = {name: replace(each, mtime_ns=(known.root / name).stat().st_mtime_ns) for name, each in known.files.items()}
    if files != known.files:
        save_registration(replace(known, files=files))


def _damaged(path: Path, name: str, what: str) -> DatasetError:
    return DatasetError(
        f"expected a readable registration at {path}, got a damaged one ({what}); "
        f"register again: deid-bench data register {name} PATH"
    )


def _parse(data: Mapping[str, Any]) -> Registration:
    if data["format"] != _FORMAT:
        raise ValueError(data["format"])
    return Registration(
        name=str(data["name"]),
        root=Path(data["root"]),
        date=str(data["date"]),
        pattern=str(data["pattern"]),
        parts={name: PartRecord(**part) for name, part in data["parts"].items()},
        files={name: FileState(int(size), int(time), str(sha)) for name, size, time, sha in data["files"]},
        terms_sha256=str(data["terms"]["sha256"]),
        terms_accepted=str(data["terms"]["accepted"]),
        archives=dict(data["archives"]),
    )


def save_registration(new: Registration) -> Path:
    """Keep a registration; a killed process leaves the old one or the new one.

    Raises:
        DatasetError: the data folder cannot be written.
    """
    target = registration_file(new.name)
    data = {
        "format": _FORMAT,
        "name": new.name,
        "root": str(new.root),
        "date": new.date,
        "pattern": new.pattern,
        "parts": {name: asdict(part) for name, part in new.parts.items()},
        "terms": {"sha256": new.terms_sha256, "accepted": new.terms_accepted},
        "archives": {name: dict(each) for name, each in new.archives.items()},
        "files": [[name, each.size, each.mtime_ns, each.sha256] for name, each in new.files.items()],
    }
    try:
        write_atomically(target, json.dumps(data).encode())
    except OSError as error:
        raise DatasetError(
            f"cannot write {target}: {error}; set {DATA_VARIABLE} to a folder that can be written"
        ) from error
    return target
