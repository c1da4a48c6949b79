"""What a set of samples is, as one digest, and whether it can be used at all."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..files import hash_if_changed
from .base import DatasetError, Sample

_ID = re.compile(r"[A-Za-z0-9._/-]+")
_FORMAT = "deid-bench-manifest/1"


def file_sha256(path: str | Path) -> str:
    """Hex SHA-256 of a file's bytes.

    Remembered for the life of the process and computed anew when the file's size or modification time changes.

    Raises:
        DatasetError: the file cannot be read.
    """
    path = Path(path)
    try:
        return hash_if_changed(path)
    except OSError as error:
        raise DatasetError(
            f"{path.name}: expected a readable file, got {type(error).__name__}; restore it or its permissions"
        ) from error


def manifest_digest(samples: Iterable[Sample]) -> str:
    """Hex SHA-256 of what the samples are: ids, labels and file contents, whatever their order or folder.

    The hashed text is one JSON array a sample, `[sample_id, identity, subject, hand, session, sha256]`, sorted by
    id, after a line that names this format; so two copies of a dataset agree and a relabelled one does not.
    """
    rows = sorted(
        json.dumps([s.sample_id, s.identity, s.subject, s.hand, s.session, s.sha256], separators=(",", ":"))
        for s in samples
    )
    return hashlib.sha256("\n".join([_FORMAT, *rows, ""]).encode("ascii")).hexdigest()


def check_samples(samples: Sequence[Sample]) -> None:
    """Make sure that a list of samples can be planned with.

    Raises:
        DatasetError: there is none, an id occurs twice, or an id could not serve as a relative file name.
    """
    if not samples:
        raise DatasetError("expected at least one sample, got none; check the dataset's path and parameters")
    seen: set[str] = set()
    for sample in samples:
        name = sample.sample_id
        if not _ID.fullmatch(name) or any(part in {"", ".", ".."} for part in name.split("/")):
            raise DatasetError(
                f"expected sample ids of letters, digits and . _ - in parts divided by /, got {name!r}; rename it"
            )
        if name in seen:
            raise DatasetError(f"expected unique sample ids, got {name!r} twice; rename one of them")
        seen.add(name)
