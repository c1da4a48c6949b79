"""What `deid-bench verify` found out about a record, kept beside it as `verification.json`.

A stamp holds for one `run.json`, byte for byte. It is written on the machine where the submission was verified and is
never taken from a submission; whoever can write to the results folder can write a stamp, so it is worth as much as
that folder.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from ..storage.store import save_file

STAMP_NAME = "verification.json"
Status = Literal["verified", "recomputed", "self-reported"]
_FORMAT = 2
_LONGEST = 100_000


@dataclass(frozen=True, slots=True)
class Stamp:
    """How far a record can be trusted."""

    status: Status
    """`verified`: its numbers were computed anew from its distances, and images of it were made anew and are equal;
    `recomputed`: the first of these; `self-reported`: neither."""
    checked: str
    """What was checked, in a sentence or two."""
    when: str
    """UTC time, ISO 8601."""
    unchecked: list[str] = field(default_factory=list)
    """Numbers that nobody has computed anew, as `metric` or `metric recognizer`: they are the submitter's words."""


def write_stamp(stamp: Stamp, record_path: Path) -> Path:
    """Put a stamp beside a `run.json`, bound to its bytes.

    Raises:
        StoreError: the folder cannot be written.
    """
    path = record_path.with_name(STAMP_NAME)
    data = {"format": _FORMAT, "record_sha256": _sha256(record_path), **asdict(stamp)}
    save_file(path, (json.dumps(data, indent=1, ensure_ascii=True) + "\n").encode())
    return path


def load_stamp(record_path: Path) -> Stamp | None:
    """The stamp of a `run.json`; None when there is none, it cannot be read, or the record was changed since."""
    path = record_path.with_name(STAMP_NAME)
    try:
        if path.stat().st_size > _LONGEST:
            return None
        data: Any = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or data.get("format") != _FORMAT or data["status"] not in get_args(Status):
            return None
        if data["record_sha256"] != _sha256(record_path):
            return None
        texts, unchecked = (data["checked"], data["when"]), data["unchecked"]
    except (OSError, ValueError, KeyError, RecursionError):
        return None
    if not isinstance(unchecked, list) or not all(isinstance(each, str) for each in (*texts, *unchecked)):
        return None
    return Stamp(data["status"], *texts, unchecked)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
