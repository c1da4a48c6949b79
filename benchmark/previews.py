"""Small pictures for the board: original and de-identified image side by side."""

from __future__ import annotations

import numpy as np

from ..datasets.base import Image, Sample
from ..datasets.images import decode_png, write_png

HEIGHT = 220
"""Pixels."""


def preview_png(sample: Sample, deidentified_png: bytes) -> bytes:
    """PNG of original | de-identified, `HEIGHT` px high."""
    pair = [_small(each) for each in (sample.image(), decode_png(deidentified_png))]
    return write_png(np.concatenate(pair, axis=1))


def _small(image: Image) -> Image:
    import cv2

    width = max(1, round(image.shape[1] * HEIGHT / image.shape[0]))
    return np.asarray(cv2.resize(image, (width, HEIGHT), interpolation=cv2.INTER_AREA), dtype=np.uint8)
