"""The images that a submission brings, held against its record."""

from __future__ import annotations

import hashlib
import struct

from ...characters import plain
from ...datasets.images import ImageError, decode_png
from ..metrics.quality.image_quality import image_quality
from ..metrics.values import Undefined
from .differences import IMAGE_TOLERANCE, close
from .read import Submitted

MAX_PIXELS = 2_000_000
"""Larger images are held against their hash only: measuring one takes some 170 bytes for each pixel."""
_PIXELS = ("psnr", "ssim", "ms_ssim")
_IHDR = struct.Struct(">8s4x4sII")


def check_pairs(submitted: Submitted) -> list[str]:
    """What is wrong with the images that a submission brings: not those of the record, or measuring otherwise."""
    rows = {(row.sample_id, row.repetition): row for row in submitted.record.samples}
    problems = []
    for pair in submitted.packed.pairs:
        row = rows.get((pair.sample_id, pair.repetition))
        data = submitted.images[pair.deidentified]
        if row is None or hashlib.sha256(data).hexdigest() != row.image_sha256:
            problems.append(f"{pair.deidentified}: not the image that the record names")
            continue
        if max(_pixels(each) for each in (data, submitted.images[pair.original])) > MAX_PIXELS:
            continue
        try:
            original, image = decode_png(submitted.images[pair.original]), decode_png(data)
            found = image_quality(original, image, nets=()) if original.shape == image.shape else {}
        except (ImageError, ValueError) as error:
            problems.append(f"{pair.deidentified}: {plain(error)}")
            continue
        problems += [
            f"{pair.deidentified}: its {metric} is not what the record says"
            for metric in _PIXELS
            if metric in row.measures and not close(row.measures[metric], finite(found.get(metric)), IMAGE_TOLERANCE)
        ]
    return problems


def finite(value: float | Undefined | None) -> float | None:
    """A number as records write it: none for what is undefined or infinite."""
    return value if isinstance(value, float) and abs(value) < float("inf") else None


def _pixels(png: bytes) -> int:
    """As many as the first chunk of a PNG says, so that nothing is unpacked to find out; 0 for what is no PNG."""
    if len(png) < _IHDR.size:
        return 0
    _, kind, width, height = _IHDR.unpack_from(png)
    return int(width) * int(height) if kind == b"IHDR" else 0
