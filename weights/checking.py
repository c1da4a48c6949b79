"""Whether a weight file is the one that its spec says (floor 0)."""

from __future__ import annotations

from pathlib import Path

from ..files import Progress, hash_if_changed
from .catalogue.spec import WeightSpec
from .sources import is_html


def pin_file(path: Path) -> Path:
    """Where the digest of a file is kept whose maker publishes none."""
    return path.with_name(path.name + ".sha256")


def _expected(wanted: WeightSpec, path: Path) -> str | None:
    """The digest the file must have; None while an unpinned file is still to be pinned."""
    if wanted.sha256 is not None:
        return wanted.sha256
    pin = pin_file(path)
    return pin.read_text(encoding="utf-8").strip() if pin.is_file() else None


def fault_of(wanted: WeightSpec, path: Path, progress: Progress | None = None, *, fresh: bool = False) -> str | None:
    """What is wrong with a file, as the end of a sentence; None when it is the right one."""
    try:
        return _content_fault(wanted, path, progress, fresh=fresh)
    except OSError as error:
        return f"it cannot be read ({error.strerror or error})"


def _content_fault(wanted: WeightSpec, path: Path, progress: Progress | None, *, fresh: bool) -> str | None:
    size = path.stat().st_size
    if wanted.size is not None and size != wanted.size:
        if size and is_html(path):
            return f"it is an HTML page ({size} bytes) in place of the weights"
        if size < wanted.size:
            return f"it is truncated: {size} bytes, expected {wanted.size}"
        return f"it has {size} bytes, expected {wanted.size}"
    expected = _expected(wanted, path)
    if expected is None:
        return "it is an HTML page in place of the weights" if size and is_html(path) else None
    got = hash_if_changed(path, progress, fresh=fresh)
    return None if got == expected else f"its sha256 is {got}"
