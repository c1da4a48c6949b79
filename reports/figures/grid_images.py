"""The images of a grid: from the previews beside the records, or from the results folder's store."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...benchmark.metrics.values import Undefined
from ...benchmark.records.record import RunRecord
from ...benchmark.storage.store import STORE_FOLDER, Store
from ...benchmark.submission.pack import original_as_given
from ...datasets.types import Image
from .data import AGAIN, Entry, Group
from .drawn import LeftOut

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


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """What a grid shows of one dataset."""

    cases: list[Case]
    """At least one."""
    left_out: tuple[LeftOut, ...] = ()
    """Originals and versions that were asked for, or passed over."""


def from_previews(group: Group, count: int) -> Cases | Undefined:
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
            return Undefined(f"{entry.place} has no previews; --images store takes the images from the results folder")
    cases: list[Case] = []
    lacking = 0
    for original, _, near in pairs[0]:
        if len(cases) == count:
            break
        found = [each for each in (_version_of(original, shown) for shown in pairs) if each is not None]
        if len(found) == len(pairs):
            closer = [each[2] for each in found if each[2] is not None]
            close = (near[0], tuple(each[1] for each in closer)) if near and len(closer) == len(pairs) else None
            cases.append(Case(original, tuple((each[1],) for each in found), close))
        else:
            lacking += 1
    if not cases:
        return Undefined("the records' previews show no original in common; try --images store")
    return Cases(
        cases, (*_passed_over(group, {"a method has no preview of them": lacking}), *_fewer(group, cases, count))
    )


def _passed_over(group: Group, reasons: Mapping[str, int]) -> list[LeftOut]:
    """Originals that come before those that are shown."""
    return [LeftOut(f"{count} original{'s' * (count > 1)} of {group.dataset}", why) for why, count in reasons.items()
            if count]  # fmt: skip


def _fewer(group: Group, cases: Sequence[Case], count: int) -> list[LeftOut]:
    if len(cases) == count:
        return []
    return [LeftOut(f"{count - len(cases)} of {count} rows of {group.dataset}", "no more originals are to be had")]


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


def from_store(group: Group, count: int, versions: int) -> Cases | Undefined:
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
    passed_over: dict[str, int] = {}
    for sample in dataset.samples:
        if sample.identity in shown:
            continue
        made = [_stored(each, sample.sample_id, versions) for each in group.entries]
        lacking = next((each for each in made if isinstance(each, Undefined)), None)
        if lacking is not None:
            passed_over[lacking.reason] = passed_over.get(lacking.reason, 0) + 1
            continue
        shown.add(sample.identity)
        given = original_as_given(Store(group.entries[0].folder.parent / STORE_FOLDER), record, sample)
        original = sample.image() if given is None else decode_png(given)
        cases.append(Case(original, tuple(each for each in made if not isinstance(each, Undefined))))
        if len(cases) == count:
            break
    if not cases:
        return Undefined(next(reversed(passed_over), "no image was made by every method"))
    left_out = [*_passed_over(group, passed_over), *_fewer(group, cases, count)]
    for entry, shown_of in zip(group.entries, zip(*(each.versions for each in cases), strict=True), strict=True):
        lost = versions * len(cases) - sum(map(len, shown_of))
        if lost:
            left_out.append(LeftOut(f"{lost} of {versions * len(cases)} versions by {entry.label}", "not made"))
    return Cases(cases, tuple(left_out))


def _limit(record: RunRecord) -> int:
    return record.dataset.identities if record.dataset.limited else 0


def _stored(entry: Entry, sample_id: str, versions: int) -> tuple[Image, ...] | Undefined:
    """The first versions of a sample, as they lie in the store."""
    from ...datasets.images import decode_png

    rows = [each for each in entry.record.samples if each.sample_id == sample_id and each.status == "done"]
    if not rows:
        return Undefined(f"{entry.label} made no image of it")
    root = entry.folder.parent / STORE_FOLDER
    images = []
    for row in sorted(rows, key=lambda each: each.repetition)[:versions]:
        if row.task is None:
            return Undefined(f"{entry.place} is of an older version and does not name its images; {AGAIN}")
        payload = Store(root).read(row.task)
        if payload is None or "image.png" not in payload.blobs:
            return Undefined(f"the images of {entry.label} are not in the results folder's store; {AGAIN}")
        images.append(decode_png(payload.blobs["image.png"]))
    return tuple(images)
