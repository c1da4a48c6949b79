"""Originals beside their results on one picture."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from ..characters import plain
from ..datasets.types import Image

MOST = 48
"""Pictures on one sheet."""
_SIDE, _GAP, _LABEL, _COLUMNS = 320, 8, 18, 3


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
            small = PilImage.fromarray(np.ascontiguousarray(image))
            small.thumbnail((_SIDE, _SIDE))
            sheet.paste(small, (x + place * (_SIDE + _GAP // 2), y))
        draw.text((x, y + _SIDE + 2), plain(name, 90).encode("latin-1", "replace").decode("latin-1"), fill=(60, 60, 60))
    stream = io.BytesIO()
    sheet.save(stream, format="JPEG", quality=88)
    return stream.getvalue()
