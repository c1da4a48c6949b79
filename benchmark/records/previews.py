"""Small pictures for the board: original and de-identified image side by side, the plain ones and the worst."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping

import numpy as np

from ...datasets.images import decode_png
from ...datasets.types import Image
from .record import RunRecord, SampleRow

HEIGHT = 220
"""Pixels."""
PLAIN = 4
"""Identities whose first image is shown whatever became of it: the same ones for every method."""
WORST = 4
"""Images shown of each class."""
RECOGNISED = "still recognised"
LOST = "not found again"
OTHER = "neither"
CLASSES = (RECOGNISED, LOST, OTHER)


def preview_name(row: int) -> str:
    """File name of the preview of a row of `RunRecord.samples`, counted from 0."""
    return f"sample-{row:05d}.jpg"


def preview_rows(record: RunRecord, identities: Mapping[str, str]) -> list[int]:
    """Rows of `record.samples` to show: the first image of a few identities, and the worst of each class.

    Args:
        identities: identity by sample id.
    """
    shown: list[int] = []
    plain: set[str] = set()
    classes: dict[str, list[tuple[float, int]]] = {name: [] for name in CLASSES}
    for index, row in enumerate(record.samples):
        if row.status != "done":
            continue
        identity = identities[row.sample_id]
        if row.repetition == 0 and identity not in plain and len(plain) < PLAIN:
            plain.add(identity)
            shown.append(index)
        nearest = nearest_own(record, row)
        classes[class_of(row, nearest)].append((nearest, index))
    for found in classes.values():
        shown += [index for _, index in sorted(found)[:WORST]]
    return sorted(set(shown))


def nearest_own(record: RunRecord, row: SampleRow) -> float:
    """Smallest distance to the own original in units of the recogniser's threshold; infinite where there is none."""
    ratios = []
    for name, distance in row.distances.items():
        threshold = record.value("eer_threshold", name)
        if distance is not None and threshold is not None and threshold.value:
            ratios.append(distance / threshold.value)
    return min(ratios, default=math.inf)


def class_of(row: SampleRow, nearest: float) -> str:
    """What went wrong with an image, one of `CLASSES`."""
    if nearest <= 1:
        return RECOGNISED
    return LOST if row.survived is False else OTHER


def preview_jpeg(original: Image, deidentified_png: bytes) -> bytes:
    """JPEG of original | de-identified, `HEIGHT` px high: to look at, never to measure."""
    from PIL import Image as PilImage

    pair = [_small(each) for each in (original, decode_png(deidentified_png))]
    buffer = io.BytesIO()
    PilImage.fromarray(np.concatenate(pair, axis=1)).save(buffer, format="JPEG", quality=85)
    return buffer.getvalue()


def _small(image: Image) -> Image:
    import cv2

    width = max(1, round(image.shape[1] * HEIGHT / image.shape[0]))
    return np.asarray(cv2.resize(image, (width, HEIGHT), interpolation=cv2.INTER_AREA), dtype=np.uint8)
