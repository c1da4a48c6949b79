"""Originals beside their results, to look at and not to publish."""

from __future__ import annotations

import io
import itertools
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..benchmark.storage.store import save_file
from ..characters import plain
from ..datasets.images import open_image
from ..datasets.types import Image

MOST = 48
"""Pictures on one sheet."""
_SIDE, _GAP, _LABEL, _COLUMNS = 320, 8, 18, 3
_MARK = b"deid-bench: originals beside results; do not publish"
"""Comment by which a sheet is told from other pictures."""


class Sheets:
    """`preview.jpg`, `preview-2.jpg`, ... in the output folder, each written when it is full.

    Args:
        out: the folder.
        overwrite: write over sheets of earlier calls; anything else at a name leaves the name to it.
    """

    def __init__(self, out: Path, overwrite: bool) -> None:
        self.written: list[Path] = []
        self._overwrite = overwrite
        self._names = (out / f"preview{f'-{each}' if each > 1 else ''}.jpg" for each in itertools.count(1))
        self._pairs: list[tuple[Image, Image, str]] = []

    def add(self, before: Image, after: Image, name: str) -> None:
        """Take a pair in, as small as it is shown.

        Raises:
            StoreError: a sheet is full and cannot be written.
        """
        self._pairs.append((_small(before), _small(after), name))
        if len(self._pairs) == MOST:
            self.finish()

    def finish(self) -> None:
        """Write what is not written yet.

        Raises:
            StoreError: it cannot be written.
        """
        if not self._pairs:
            return
        path = next(each for each in self._names if not os.path.lexists(each) or (self._overwrite and _is_sheet(each)))
        save_file(path, contact_sheet(self._pairs))
        self.written.append(path)
        self._pairs.clear()


def _is_sheet(path: Path) -> bool:
    from PIL import Image as PilImage

    try:
        with open_image(path) as stream, PilImage.open(stream, formats=("JPEG",)) as picture:
            return picture.info.get("comment") == _MARK
    except Exception:  # a folder, a pipe, another kind of file
        return False


def _small(image: Image) -> Image:
    from PIL import Image as PilImage

    small = PilImage.fromarray(np.ascontiguousarray(image))
    small.thumbnail((_SIDE, _SIDE))
    return np.array(small, np.uint8)


def contact_sheet(pairs: Sequence[tuple[Image, Image, str]]) -> bytes:
    """A JPEG of pairs: original, result, and the file's name below; three pairs in a row."""
    from PIL import Image as PilImage
    from PIL import ImageDraw

    width, height = 2 * _SIDE + 2 * _GAP, _SIDE + _GAP + _LABEL
    rows = -(-len(pairs) // _COLUMNS)
    sheet = PilImage.new("RGB", (min(len(pairs), _COLUMNS) * width + _GAP, rows * height + _GAP), (255, 255, 255))
    draw = ImageDraw.Draw(sheet)
    for number, (before, after, name) in enumerate(pairs):
        x, y = number % _COLUMNS * width + _GAP, number // _COLUMNS * height + _GAP
        for place, image in enumerate((before, after)):
            sheet.paste(PilImage.fromarray(_small(image)), (x + place * (_SIDE + _GAP // 2), y))
        draw.text((x, y + _SIDE + 2), plain(name, 90).encode("latin-1", "replace").decode("latin-1"), fill=(60, 60, 60))
    stream = io.BytesIO()
    sheet.save(stream, format="JPEG", quality=88, comment=_MARK)
    return stream.getvalue()
