"""Pictures for the board's image browser, worst first; a dataset that may not be shown has none."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ...benchmark.records.previews import CLASSES, Kind, cases, class_of, nearest_own, preview_name
from ...benchmark.records.record import RunRecord, SampleRow

UNKNOWN = "sample unknown"

MOST = 20 * 2**20
"""Characters that the pictures of a board may take in all; the best, typical and worst of every row come first."""

_NAME = re.compile(r"sample-(\d+)\.jpg")


@dataclass(frozen=True, slots=True)
class Picture:
    """Original and de-identified image side by side, and what is known about the pair."""

    source: str
    """As a data address; of the best, typical and worst image in the size that is kept beside the record."""
    kind: str
    """What went wrong: one of `CLASSES`, or `UNKNOWN`."""
    label: str
    sample: str = ""
    """Which image, so that methods can be compared on the same one."""
    case: Literal["", "best", "typical", "worst"] = ""
    close: str = ""
    """The palm or face from near by, as a data address; empty where there is none."""

    @property
    def size(self) -> int:
        """Characters."""
        return len(self.source) + len(self.close)


def pictures(record: RunRecord, folder: Path) -> list[Picture]:
    """The previews beside a record, worst first.

    `sample-00012.jpg` is the record's sample row 12 (from 0), `closeup-00012.jpg` the palm or face in it and
    `large-00012.jpg` the same image in more pixels; other names are shown without their numbers. Worst is what is
    nearest to its own original in units of the recogniser's threshold, whichever recogniser says so.
    """
    if not (record.dataset.redistributable or record.dataset.shown):
        return []
    found = []
    chosen = {row: case for case, row in reversed(cases(record).items())}
    for path in sorted((folder / "previews").glob("*.jpg")):
        if path.name.startswith(("closeup-", "large-")):
            continue
        match = _NAME.fullmatch(path.name)
        row = record.samples[int(match[1])] if match and int(match[1]) < len(record.samples) else None
        if match is None or row is None:
            found.append(((len(CLASSES), 0.0), Picture(_address(path), UNKNOWN, "")))
            continue
        number, nearest = int(match[1]), nearest_own(record, row)
        kind = class_of(row, nearest)
        picture = Picture(
            _beside(path, number, "large") or _address(path),
            kind,
            _label(row, nearest),
            f"{row.sample_id}#{row.repetition}",
            chosen.get(number, ""),
            _beside(path, number, "closeup"),
        )
        found.append(((CLASSES.index(kind), nearest), picture))
    return [picture for _, picture in sorted(found, key=lambda each: each[0])]


def within_limit(shown: Mapping[str, Sequence[Picture]], most: int = MOST) -> tuple[dict[str, list[Picture]], int]:
    """The pictures that a page has room for, in their order, and how many it has none for.

    Args:
        shown: by row, in the order of the rows.
        most: characters.
    """
    kept: set[tuple[str, int]] = set()
    left = most
    order = [(not each.case, row, place) for row, some in shown.items() for place, each in enumerate(some)]
    for _, row, place in sorted(order, key=lambda each: each[0]):
        if shown[row][place].size <= left:
            kept.add((row, place))
            left -= shown[row][place].size
    chosen = {row: [each for place, each in enumerate(some) if (row, place) in kept] for row, some in shown.items()}
    return chosen, sum(map(len, shown.values())) - sum(map(len, chosen.values()))


def _address(path: Path) -> str:
    return "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()


def _beside(path: Path, number: int, kind: Kind) -> str:
    other = path.with_name(preview_name(number, kind))
    return _address(other) if other.is_file() else ""


def _label(row: SampleRow, nearest: float) -> str:
    parts = [row.sample_id, f"version {row.repetition + 1}" if row.repetition else ""]
    parts.append(f"{nearest:.2f} × threshold" if math.isfinite(nearest) else "")
    ssim = row.measures.get("ssim")
    parts.append(f"SSIM {ssim:.3f}" if ssim is not None else "")
    return ", ".join(each for each in parts if each)
