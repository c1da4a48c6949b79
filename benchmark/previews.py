"""Small pictures for the board: original and de-identified image side by side."""

from __future__ import annotations

import io

import numpy as np

from ..datasets.base import Image, Sample
from ..datasets.images import decode_png

HEIGHT = 220
"""Pixels."""


def preview_jpeg(sample: Sample, deidentified_png: bytes) -> bytes:
    """JPEG of original | de-identified, `HEIGHT` px high: to look at, never to measure."""
    from PIL import Image as PilImage

    pair = [_small(each) for each in (sample.image(), decode_png(deidentified_png))]
    buffer = io.BytesIO()
    PilImage.fromarray(np.concatenate(pair, axis=1)).save(buffer, format="JPEG", quality=85)
    return buffer.getvalue()


def _small(image: Image) -> Image:
    import cv2

    width = max(1, round(image.shape[1] * HEIGHT / image.shape[0]))
    return np.asarray(cv2.resize(image, (width, HEIGHT), interpolation=cv2.INTER_AREA), dtype=np.uint8)
