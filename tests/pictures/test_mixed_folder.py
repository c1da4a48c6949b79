"""A folder as people have it, with nothing said about what the pictures show: right files, right words, no metadata."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from PIL import Image as PilImage

from deid_bench.cli import main
from deid_bench.datasets.images import read_image

HANDS = Path(__file__).parents[1] / "analyzers" / "data"
PORTRAIT = Path(__file__).parents[2] / "datasets" / "assets" / "face_london"
SECRET = "Rue du Secret 7"
HAND = (240, 320)
"""Width and height of a hand's picture."""


def with_a_place(turn: int = 1) -> PilImage.Exif:
    """EXIF with a camera, a comment, a place, and how the picture is to be turned."""
    exif = PilImage.Exif()
    exif[0x0112], exif[0x010F], exif[0x010E] = turn, "a camera", SECRET
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 30.0), 3: "E", 4: (11.0, 34.0, 30.0)}
    return exif


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Portrait, hands, a telephone's pictures, a picture of nothing, and a text."""
    inside = tmp_path_factory.mktemp("mixed") / "in"
    inside.mkdir()
    left, right = (PilImage.fromarray(read_image(HANDS / f"{side}.jpg")) for side in ("left", "right"))
    words: dict[str, Any] = {"comment": SECRET.encode(), "xmp": f"<x>{SECRET}</x>".encode(), "icc_profile": b"x" * 200}
    portrait = PilImage.open(sorted(PORTRAIT.glob("*.webp"))[0]).convert("RGB")
    portrait.save(inside / "portrait.jpg", quality=92, exif=with_a_place(), **words)
    left.save(inside / "hand.jpg", quality=92, exif=with_a_place(), **words)
    left.transpose(PilImage.Transpose.ROTATE_90).save(inside / "turned.jpg", quality=92, exif=with_a_place(6), **words)
    two = PilImage.fromarray(np.hstack([np.asarray(left), np.asarray(right)]))
    two.save(inside / "two.png", exif=with_a_place())
    pillow_heif.from_pillow(right).save(
        inside / "phone.heic", quality=92, exif=with_a_place().tobytes(), xmp=words["xmp"]
    )
    PilImage.fromarray(np.full((120, 120, 3), 90, np.uint8)).save(inside / "none.png")
    (inside / "notes.txt").write_text(SECRET)
    return inside


def without_metadata(path: Path) -> bool:
    """Whether Pillow sees nothing but pixels, and the file holds no word of what stood there."""
    pillow_heif.register_heif_opener()
    with PilImage.open(path) as picture:
        told = {name for name, value in picture.info.items() if value not in (None, b"", [], {}, 1)}
        tags = dict(picture.getexif())
    kept = {"exif", "xmp", "comment", "icc_profile", "icc_profile_type", "metadata", "thumbnails", "photoshop"}
    data = path.read_bytes()
    return not tags and not told & kept and SECRET.encode() not in data and b"a camera" not in data


def test_the_originals_have_what_is_to_be_gone(folder: Path) -> None:
    names = ("portrait.jpg", "hand.jpg", "turned.jpg", "two.png", "phone.heic")
    assert [name for name in names if without_metadata(folder / name)] == []


def test_everything_in_a_mixed_folder_is_done_or_said(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, before = tmp_path / "out", {each.name: each.read_bytes() for each in folder.iterdir()}
    assert main(["deidentify", "-m", "masking", str(folder), "-o", str(out)]) == 1
    said = capsys.readouterr()
    with (out / "deidentified.csv").open(newline="", encoding="utf-8") as stream:
        rows = {row["file"]: row for row in csv.DictReader(stream)}
    found = {name: (row["state"], row["hands"], row["faces"], row["reason"]) for name, row in rows.items()}
    assert found == {
        "portrait.jpg": ("done", "0", "1", ""),
        "hand.jpg": ("done", "1", "0", ""),
        "turned.jpg": ("done", "1", "0", ""),
        "two.png": ("done", "2", "0", ""),
        "phone.heic": ("done", "1", "0", ""),
        "none.png": ("failed", "0", "0", "no hand found; no face found"),
        "notes.txt": ("passed over", "0", "0", "other file type (.txt)"),
    }
    assert "5 of 7 files done: 5 hands and 1 face" in said.out
    assert "passed over: notes.txt: other file type" in said.out
    assert "failed: none.png: no hand found; no face found" in said.err
    done = [name for name, row in found.items() if row[0] == "done"]
    assert sorted(each.name for each in out.iterdir()) == sorted([*done, "deidentified.csv"])
    assert [name for name in done if not without_metadata(out / name)] == []
    assert {each.name: each.read_bytes() for each in folder.iterdir()} == before
    for name in done:
        original, made = read_image(folder / name), read_image(out / name)
        assert made.shape == original.shape, "upright, and of the same size"
        apart = np.abs(made.astype(int) - original).max(axis=2) > 24
        assert 0.01 < apart.mean() < 0.6, name
    for name, form in (("phone.heic", "HEIF"), ("turned.jpg", "JPEG"), ("two.png", "PNG")):
        with PilImage.open(out / name) as picture:
            assert picture.format == form
            assert picture.size == (HAND if name != "two.png" else (2 * HAND[0], HAND[1]))


def test_a_method_for_hands_alone_writes_no_portrait(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    paths = [str(folder / name) for name in ("portrait.jpg", "hand.jpg")]
    assert main(["deidentify", "-q", "-m", "k_same", "--modality", "palm", *paths, "-o", str(out)]) == 1
    assert sorted(each.name for each in out.iterdir()) == ["deidentified.csv", "hand.jpg"]
    assert "portrait.jpg,failed,no hand found," in (out / "deidentified.csv").read_text()
