"""Makes the photographs that ship: `python -P build.py palm-photos SOURCE` or `face-london SOURCE`.

SOURCE is a folder with `images.csv` and `images/`. Columns of palm-photos: file, identity, subject, hand; of
face-london: file, identity, expression, age, gender, ethnicity. Pictures are turned upright, made smaller, stripped of
everything but their pixels and written as WebP; the manifest beside them has their digests. See the cards in
`datasets/assets`.
"""

from __future__ import annotations

import csv
import hashlib
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, ImageOps

ASSETS = Path(__file__).parents[2] / "datasets" / "assets"
PALM_SIDE, FACE_SIDE = 1280, 512
"""Longest side in px."""
QUALITY = 86
PALMS = {"W-left": 14, "X-left": 14, "Y-right": 14, "Z-left": 6}
"""Photographs of each palm, spread over those there are."""
UNKNOWN = {"NA", ""}


def shrink(source: Path, target: Path, side: int) -> None:
    with Image.open(source) as picture:
        upright = ImageOps.exif_transpose(picture).convert("RGB")
    upright.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=None)
    target.parent.mkdir(parents=True, exist_ok=True)
    upright.save(target, "WEBP", quality=QUALITY, method=6, exif=b"", xmp=b"")


def palms(rows: list[dict[str, str]]) -> Iterator[dict[str, str]]:
    by_palm: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        by_palm[row["identity"]].append(row)
    for palm, wanted in PALMS.items():
        there = sorted(by_palm[palm], key=lambda row: row["file"])
        for number in range(wanted):
            row = there[number * len(there) // wanted]
            name = f"{palm}-{number:02d}"
            yield {
                "source": row["file"], "sample_id": name, "identity": palm, "subject": row["subject"],
                "hand": row["hand"], "session": "", "file": f"{name}.webp",
            }  # fmt: skip


def faces(rows: list[dict[str, str]]) -> Iterator[dict[str, str]]:
    for row in sorted(rows, key=lambda row: row["file"]):
        name = f"{row['identity']}-{row['expression']}"
        groups = {key: "" if row[key] in UNKNOWN else row[key] for key in ("gender", "age", "ethnicity")}
        yield {
            "source": row["file"], "sample_id": name, "identity": row["identity"], "subject": row["identity"],
            "hand": "", "session": row["expression"], "file": f"{name}.webp", **groups,
        }  # fmt: skip


def main(name: str, source: Path) -> None:
    with (source / "images.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    plan, side = (palms(rows), PALM_SIDE) if name == "palm-photos" else (faces(rows), FACE_SIDE)
    folder = ASSETS / name.replace("-", "_")
    made = []
    for row in plan:
        target = folder / row["file"]
        shrink(source / "images" / row.pop("source"), target, side)
        made.append(row | {"sha256": hashlib.sha256(target.read_bytes()).hexdigest()})
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, made[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(made)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
