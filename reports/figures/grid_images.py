"""The images of a grid: from the previews beside the records, or from the results folder's store."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...benchmark.metrics.values import Undefined
from ...benchmark.records.record import RunRecord
from ...benchmark.storage.store import STORE_FOLDER, Store
from ...benchmark.submission.pack import original_as_given
from ...datasets.types import Image
from .data import AGAIN, Entry, Group

_SAME = 6.0
"""Two previews of one original differ by less than this in the mean (grey levels): JPEG, and what stands beside it."""
_LARGEST = 2**26
"""Pixels of a preview; a larger file is none of ours."""


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One original and what the methods made of it."""

    original: Image
    versions: tuple[tuple[Image, ...], ...]
    """One or more by entry, in the order of the entries."""
    close: tuple[Image, tuple[Image, ...]] | None = None
    """Palm or face from near by: of the original, and one by entry; None where a record has none."""


def from_previews(group: Group, count: int) -> list[Case] | Undefined:
    """Cases from the small pictures in the records' folders: one version of each original.

    Returns:
        Up to `count` cases that every entry has, or why there are none.
    """
    record = group.entries[0].record
    if not (record.dataset.redistributable or record.dataset.shown):
        return Undefined("the dataset's terms do not let its images be shown; --images store draws them on your word")
    pairs = [_preview_pairs(each.folder) for each in group.entries]
    for entry, found in zip(group.entries, pairs, strict=True):
        if not found:
            return Undefined(f"{entry.folder} has no previews; --images store takes the images from the results folder")
    cases = []
    for original, _, near in pairs[0]:
        found = [each for each in (_version_of(original, shown) for shown in pairs) if each is not None]
        if len(found) == len(pairs):
            closer = [each[2] for each in found if each[2] is not None]
            close = (near[0], tuple(each[1] for each in closer)) if near and len(closer) == len(pairs) else None
            cases.append(Case(original, tuple((each[1],) for each in found), close))
    if not cases:
        return Undefined("the records' previews show no original in common; try --images store")
    return cases[:count]


_Pair = tuple[Image, Image]
_Preview = tuple[Image, Image, _Pair | None]
"""Original, de-identified, and both from near by."""


def _preview_pairs(folder: Path) -> list[_Preview]:
    """Every preview; a file that is none is passed over."""
    found = []
    for path in sorted((folder / "previews").glob("sample-*.jpg")):
        pair = _halves(path)
        if pair is not None:
            found.append((*pair, _halves(path.with_name(path.name.replace("sample-", "closeup-")))))
    return found


def _halves(path: Path) -> _Pair | None:
    from PIL import Image as PilImage

    try:
        with PilImage.open(io.BytesIO(path.read_bytes()), formats=("JPEG",)) as picture:
            if picture.width * picture.height > _LARGEST or picture.width % 2:
                return None
            pixels = np.asarray(picture.convert("RGB"), dtype=np.uint8)
    except (OSError, ValueError, SyntaxError):
        return None
    half = pixels.shape[1] // 2
    return pixels[:, :half], pixels[:, half:]


def _version_of(original: Image, previews: Sequence[_Preview]) -> _Preview | None:
    for each in previews:
        if each[0].shape == original.shape and np.abs(each[0].astype(np.int16) - original).mean() < _SAME:
            return each
    return None


def from_store(group: Group, count: int, versions: int) -> list[Case] | Undefined:
    """Cases in full size: originals as methods got them (a face cut out), versions from the results folder's store.

    Args:
        group: records of one dataset.
        count: cases, each of another identity.
        versions: of each original and method, where there are as many.

    Returns:
        The cases, or why there are none.
    """
    from ...benchmark.planning.loaded_dataset import load_dataset
    from ...datasets.base import DatasetError
    from ...datasets.images import decode_png
    from ...plugins.entries import PluginError

    record = group.entries[0].record
    try:
        dataset = load_dataset(record.dataset.spec, _limit(record), 1, None)
    except (PluginError, DatasetError, OSError) as error:
        return Undefined(f"the originals of {group.dataset} cannot be had: {error}")
    if dataset.digest != record.dataset.digest:
        return Undefined(f"the dataset {group.dataset} is no longer the one that was run")
    cases: list[Case] = []
    shown: set[str] = set()
    why = "no image was made by every method"
    for sample in dataset.samples:
        if sample.identity in shown:
            continue
        made = [_stored(each, sample.sample_id, versions) for each in group.entries]
        lacking = next((each for each in made if isinstance(each, Undefined)), None)
        if lacking is not None:
            why = lacking.reason
            continue
        shown.add(sample.identity)
        given = original_as_given(Store(group.entries[0].folder.parent / STORE_FOLDER), record, sample)
        original = sample.image() if given is None else decode_png(given)
        cases.append(Case(original, tuple(each for each in made if not isinstance(each, Undefined))))
        if len(cases) == count:
            break
    return cases or Undefined(why)


def _limit(record: RunRecord) -> int:
    return record.dataset.identities if record.dataset.limited else 0


def _stored(entry: Entry, sample_id: str, versions: int) -> tuple[Image, ...] | Undefined:
    """The first versions of a sample, as they lie in the store."""
    from ...datasets.images import decode_png

    rows = [each for each in entry.record.samples if each.sample_id == sample_id and each.status == "done"]
    if not rows:
        return Undefined(f"{entry.label} made no image of {sample_id}")
    root = entry.folder.parent / STORE_FOLDER
    images = []
    for row in sorted(rows, key=lambda each: each.repetition)[:versions]:
        if row.task is None:
            return Undefined(f"{entry.folder} is of an older version and does not name its images; {AGAIN}")
        payload = Store(root).read(row.task)
        if payload is None or "image.png" not in payload.blobs:
            return Undefined(f"the images of {entry.label} are not in {root}; {AGAIN}")
        images.append(decode_png(payload.blobs["image.png"]))
    return tuple(images)
