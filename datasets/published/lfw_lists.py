"""The text files beside LFW that name its people."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from ..base import DatasetError

PUBLISHED_NAMES = Path(__file__).parents[1] / "assets" / "lfw-names.txt"
"""LFW's own list of people and of how many images each has; ships with the package."""
MD5: Mapping[str, str] = {
    "people.txt": "450f0863dd89e85e73936a6d71a3474b",
    "lfw-names.txt": "a6d0a479bd074669f656265a6e693f6d",
}
"""Published digests of the lists as they are downloaded."""

_SEPARATOR = re.compile(r"[\t ,]+")


def read_names(path: str | Path) -> dict[str, int]:
    """Number of images by person from `lfw-names.txt` or `people.txt`.

    Lines other than `NAME<tab>COUNT` are passed over.

    Raises:
        DatasetError: the file cannot be read or holds no such line.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"expected a readable list of names, got {type(error).__name__}; check {path}") from error
    rows = (_SEPARATOR.split(line.strip()) for line in text.splitlines())
    names = {row[0]: int(row[1]) for row in rows if len(row) == 2 and row[1].isdecimal() and not row[0].isdecimal()}
    if not names:
        raise DatasetError(f"expected lines NAME<tab>COUNT in {Path(path).name}, got none; take lfw-names.txt")
    return names


def is_published(path: str | Path) -> bool:
    """True when a list is, byte for byte, the one that is offered for download."""
    path = Path(path)
    wanted = MD5.get(path.name)
    return wanted is not None and hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest() == wanted
