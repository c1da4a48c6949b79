"""Pictures for the board's image browser, worst first; a dataset that may not be shown has none."""

from __future__ import annotations

import base64
import math
import re
from dataclasses import dataclass
from pathlib import Path

from ...benchmark.records.previews import CLASSES, class_of, nearest_own
from ...benchmark.records.record import RunRecord, SampleRow

UNKNOWN = "sample unknown"

_NAME = re.compile(r"sample-(\d+)\.jpg")


@dataclass(frozen=True, slots=True)
class Picture:
    """Original and de-identified image side by side, and what is known about the pair."""

    source: str
    """As a data address."""
    kind: str
    """What went wrong: one of `CLASSES`, or `UNKNOWN`."""
    label: str


def pictures(record: RunRecord, folder: Path) -> list[Picture]:
    """The previews beside a record, worst first.

    `sample-00012.jpg` is the record's sample row 12 (from 0); other names are shown without their numbers. Worst is
    what is nearest to its own original in units of the recogniser's threshold, whichever recogniser says so.
    """
    if not (record.dataset.redistributable or record.dataset.shown):
        return []
    found = []
    for path in sorted((folder / "previews").glob("*.jpg")):
        source = "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()
        match = _NAME.fullmatch(path.name)
        row = record.samples[int(match[1])] if match and int(match[1]) < len(record.samples) else None
        if row is None:
            found.append(((len(CLASSES), 0.0), Picture(source, UNKNOWN, "")))
            continue
        nearest = nearest_own(record, row)
        kind = class_of(row, nearest)
        found.append(((CLASSES.index(kind), nearest), Picture(source, kind, _label(row, nearest))))
    return [picture for _, picture in sorted(found, key=lambda each: each[0])]


def _label(row: SampleRow, nearest: float) -> str:
    parts = [row.sample_id, f"version {row.repetition + 1}" if row.repetition else ""]
    parts.append(f"{nearest:.2f} × threshold" if math.isfinite(nearest) else "")
    ssim = row.measures.get("ssim")
    parts.append(f"SSIM {ssim:.3f}" if ssim is not None else "")
    return ", ".join(each for each in parts if each)
