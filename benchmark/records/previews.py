"""Small pictures for the board: original and de-identified image side by side, the plain ones and the worst."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ...datasets.images import decode_png
from ...datasets.types import Image
from .record import RunRecord, SampleRow

HEIGHT = 220
"""Pixels."""
LARGE = 480
"""Pixels at most, of the best, the typical and the worst image."""
CLOSE = 200
"""Pixels of a close-up, which is a square."""
AROUND = 1.2
"""A close-up shows so many times the palm or face."""
PLAIN = 4
"""Identities whose first image is shown whatever became of it: the same ones for every method."""
WORST = 4
"""Images shown of each class."""
RECOGNISED = "still recognised"
LOST = "not found again"
OTHER = "neither"
CLASSES = (RECOGNISED, LOST, OTHER)

Kind = Literal["sample", "closeup", "large"]
"""The whole image, small; the palm or face; the whole image in more pixels."""
Case = Literal["best", "typical", "worst"]


def preview_name(row: int, kind: Kind = "sample") -> str:
    """File name of the preview of a row of `RunRecord.samples`, counted from 0."""
    return f"{kind}-{row:05d}.jpg"


def cases(record: RunRecord) -> dict[Case, int]:
    """Rows of `record.samples`: the image furthest from its own original, the median one, and the nearest.

    Of the first version of each image, by distance in units of the recogniser's threshold; where nothing was compared,
    by SSIM: the least changed image is the worst. Empty without any image.
    """
    done = [(index, row) for index, row in enumerate(record.samples) if row.status == "done" and row.repetition == 0]
    near = {index: nearest_own(record, row) for index, row in done}
    order = sorted((index for index in near if math.isfinite(near[index])), key=lambda index: (near[index], index))
    if not order:
        alike = {index: ssim for index, row in done if (ssim := row.measures.get("ssim")) is not None}
        order = sorted(alike, key=lambda index: (-alike[index], index))
    return {"best": order[-1], "typical": order[len(order) // 2], "worst": order[0]} if order else {}


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
    return sorted({*shown, *cases(record).values()})


def close_rows(record: RunRecord, identities: Mapping[str, str]) -> set[int]:
    """Rows of `preview_rows` that are shown close up, too: the first images of a few identities, and the cases."""
    plain: dict[str, int] = {}
    for index, row in enumerate(record.samples):
        if row.status == "done" and row.repetition == 0 and len(plain) < PLAIN:
            plain.setdefault(identities[row.sample_id], index)
    return {*plain.values(), *cases(record).values()}


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


def preview_jpeg(original: Image, deidentified_png: bytes, height: int = HEIGHT) -> bytes:
    """JPEG of original | de-identified, at most `height` px high: to look at, never to measure."""
    return _pair_jpeg(*(_small(each, height) for each in (original, decode_png(deidentified_png))))


def closeup_jpeg(original: Image, deidentified_png: bytes, corners: NDArray[np.float32]) -> bytes:
    """JPEG of original | de-identified, where the palm or face is, `CLOSE` px high.

    Args:
        corners: (n, 2) points around it, px.
    """
    low, high = corners.min(axis=0), corners.max(axis=0)
    side = max(2.0, float((high - low).max()) * AROUND)
    left, top = (low + high - side) / 2
    return _pair_jpeg(*(_cut(each, left, top, side) for each in (original, decode_png(deidentified_png))))


def _pair_jpeg(first: Image, second: Image) -> bytes:
    from PIL import Image as PilImage

    buffer = io.BytesIO()
    PilImage.fromarray(np.concatenate([first, second], axis=1)).save(buffer, format="JPEG", quality=85)
    return buffer.getvalue()


def _cut(image: Image, left: float, top: float, side: float) -> Image:
    """A square of the image, `CLOSE` px; what lies beyond its border repeats it."""
    import cv2

    shrunk = side / CLOSE
    place = np.array([[shrunk, 0, left], [0, shrunk, top]], dtype=np.float64)
    how = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    blurred = cv2.GaussianBlur(image, (0, 0), shrunk / 2) if shrunk > 1.5 else image  # or fine lines turn into steps
    return np.asarray(cv2.warpAffine(blurred, place, (CLOSE, CLOSE), flags=how, borderMode=cv2.BORDER_REPLICATE))


def _small(image: Image, height: int) -> Image:
    import cv2

    width = max(1, round(image.shape[1] * height / image.shape[0]))
    return np.asarray(cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8)
