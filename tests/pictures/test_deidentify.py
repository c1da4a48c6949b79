"""Methods on files and folders: right files, right words, and nothing but pixels in them."""

from __future__ import annotations

import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PilImage
from PIL.JpegImagePlugin import JpegImageFile

from deid_bench import deidentify
from deid_bench.analyzers.mediapipe_hands import MediapipeHands
from deid_bench.cli import main
from deid_bench.datasets.images import read_image
from deid_bench.datasets.types import Failure
from deid_bench.pictures.apply import Applier
from deid_bench.pictures.picture_files import picture_bytes, read_picture
from deid_bench.pictures.sources import sources
from deid_bench.pictures.table import Row, summary, table
from deid_bench.plugins.specs import PluginError

HANDS = Path(__file__).parents[1] / "analyzers" / "data"


def hand(side: str = "left") -> NDArray[Any]:
    return read_image(HANDS / f"{side}.jpg")


def rows_of(folder: Path) -> dict[str, dict[str, str]]:
    with (folder / "deidentified.csv").open(newline="", encoding="utf-8") as stream:
        return {row["file"]: row for row in csv.DictReader(stream)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A hand with a place and a camera in its EXIF, turned; two hands; no hand; a damaged file; a text."""
    inside = tmp_path / "in"
    (inside / "deep").mkdir(parents=True)
    exif = PilImage.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "a camera"
    exif[0x8825] = {1: "N", 2: (48.0, 8.0, 30.0)}
    lying = PilImage.fromarray(np.ascontiguousarray(np.rot90(hand(), 1)))
    lying.save(inside / "turned.jpg", quality=95, exif=exif, comment=b"secret", icc_profile=b"x" * 200)
    PilImage.fromarray(np.hstack([hand("left"), hand("right")])).save(inside / "deep" / "two.png")
    PilImage.fromarray(np.full((120, 120, 3), 90, np.uint8)).save(inside / "none.png")
    (inside / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    (inside / "notes.txt").write_text("a text")
    return inside


def test_a_folder_of_all_kinds(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["deidentify", "-m", "blurring", "--modality", "palm", str(folder), "-o", str(out), "--preview"]) == 1
    written = sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file())
    assert written == ["deep/two.png", "deidentified.csv", "preview.jpg", "turned.jpg"]
    rows = rows_of(out)
    assert {name: row["state"] for name, row in rows.items()} == {
        "turned.jpg": "done",
        "deep/two.png": "done",
        "none.png": "failed",
        "broken.jpg": "failed",
        "notes.txt": "passed over",
    }
    assert rows["none.png"]["reason"] == "no hand found"
    assert rows["broken.jpg"]["reason"].startswith("expected")  # the file is named beside it
    assert (rows["turned.jpg"]["hands"], rows["deep/two.png"]["hands"]) == ("1", "2")
    said = capsys.readouterr()
    assert "2 of 5 files done: 3 hands" in said.out
    assert "failed: none.png: no hand found" in said.err
    with PilImage.open(out / "turned.jpg") as made:
        assert made.size == (240, 320)  # upright
        assert len(made.getexif()) == 0
        assert not {"exif", "comment", "icc_profile", "xmp"} & set(made.info)
        with PilImage.open(folder / "turned.jpg") as before:
            assert isinstance(made, JpegImageFile)
            assert isinstance(before, JpegImageFile)
            assert made.quantization == before.quantization
    assert b"secret" not in (out / "turned.jpg").read_bytes()
    two, one = read_image(out / "deep" / "two.png"), read_image(folder / "deep" / "two.png")
    changed = (two != one).any(axis=2)
    assert changed[:, :240].any()
    assert changed[:, 240:].any()
    with PilImage.open(out / "preview.jpg") as sheet:
        assert sheet.width > 1000


def test_a_failure_takes_away_what_an_earlier_call_wrote(tmp_path: Path) -> None:
    source, out = tmp_path / "a.png", tmp_path / "out"
    PilImage.fromarray(hand()).save(source)
    call = ["deidentify", "-q", "-m", "masking", "--modality", "palm", str(source), "-o", str(out)]
    assert main(call) == 0
    assert (out / "a.png").is_file()
    assert main(call) == 2  # nothing is replaced without a word
    PilImage.fromarray(np.full((120, 120, 3), 90, np.uint8)).save(source)
    assert main([*call, "--overwrite"]) == 1
    assert not (out / "a.png").exists()


def test_a_text_that_is_named_is_a_failure_and_nothing_is_an_error(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("a text")
    call = ["deidentify", "-q", "-m", "masking", "-o", str(tmp_path / "out")]
    assert main([*call, str(text)]) == 1
    assert "expected one of" in rows_of(tmp_path / "out")["notes.txt"]["reason"]
    assert main([*call, str(tmp_path / "nowhere")]) == 2
    (tmp_path / "empty").mkdir()
    assert main([*call, str(tmp_path / "empty")]) == 2
    assert main([*call[:3], "nothing", *call[4:], str(text)]) == 2


def test_a_result_never_replaces_its_original_or_another(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        PilImage.fromarray(hand()).save(tmp_path / name / "x.png")
    for paths, out in (([tmp_path / "a" / "x.png", tmp_path / "b" / "x.png"], "out"), ([tmp_path / "a"], "a")):
        before = {path: path.read_bytes() for path in tmp_path.rglob("*.png")}
        call = ["deidentify", "-q", "-m", "masking", *map(str, paths), "-o", str(tmp_path / out), "--overwrite"]
        assert main(call) == 2
        assert {path: path.read_bytes() for path in tmp_path.rglob("*.png")} == before


def test_the_output_folder_may_lie_inside_the_input(tmp_path: Path) -> None:
    PilImage.fromarray(hand()).save(tmp_path / "x.png")
    (tmp_path / "out").mkdir()
    PilImage.fromarray(hand()).save(tmp_path / "out" / "old.png")
    assert [each.target.name for each in sources([tmp_path], tmp_path / "out")] == ["x.png"]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.jpg", {"quality": 40, "subsampling": 2}),
        ("a.jpg", {"quality": 97, "subsampling": 0, "progressive": True}),
        ("a.png", {}),
        ("a.tif", {"compression": "tiff_lzw"}),
        ("a.webp", {"lossless": True}),
        ("a.webp", {"quality": 60}),
        ("a.bmp", {}),
        ("a.gif", {}),
    ],
)
@pytest.mark.parametrize("grey", [False, True])
def test_kind_and_quality_are_kept(tmp_path: Path, name: str, options: dict[str, Any], grey: bool) -> None:
    path = tmp_path / name
    picture = PilImage.fromarray(hand())
    (picture.convert("L") if grey else picture).save(path, **options)
    read = read_picture(path)
    again = tmp_path / f"again-{name}"
    again.write_bytes(picture_bytes(read, read.image))
    with PilImage.open(path) as one, PilImage.open(again) as other:
        assert (one.format, one.size) == (other.format, other.size)
        assert getattr(one, "quantization", None) == getattr(other, "quantization", None)
        assert one.info.get("compression") == other.info.get("compression")
        if name != "a.gif" and name != "a.webp":
            assert one.mode == other.mode
    assert 0.5 < again.stat().st_size / path.stat().st_size < 2
    off = np.abs(read_image(again).astype(int) - read.image).mean()
    assert off < (0.01 if name.endswith(("png", "tif", "bmp")) or "lossless" in options else 6)


def test_the_python_form_gives_pictures_or_reasons(tmp_path: Path) -> None:
    blank = np.full((120, 120, 3), 90, np.uint8)
    made = deidentify([hand(), blank, tmp_path / "none.png", np.zeros((3, 3), np.uint8)], "masking", modality="palm")
    assert isinstance(made[0], np.ndarray)
    assert made[0].shape == hand().shape
    assert not np.array_equal(made[0], hand())
    reasons = [each.reason for each in made[1:] if isinstance(each, Failure)]
    assert len(reasons) == 3
    assert reasons[0] == "no hand found"


def test_the_seed_is_secret_unless_said() -> None:
    assert Applier("masking", "palm").seed != Applier("masking", "palm").seed
    assert Applier("masking", "palm", seed=5).seed == 5


def test_a_method_that_fails_on_one_hand_gives_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    applier, two = Applier("masking", "palm"), np.hstack([hand("left"), hand("right")])
    calls: list[int] = []

    def second_fails(batch: list[object]) -> list[object]:
        calls.append(1)
        return [Failure("not this one")] if len(calls) == 2 else [np.zeros_like(two)]

    monkeypatch.setattr(applier._method, "deidentify", second_fails)
    assert applier.apply(two, "x") == Failure("hand 2 of 2: not this one")
    for broken in (lambda batch: [two[:5]], lambda batch: [], lambda batch: 1 / 0):
        monkeypatch.setattr(applier._method, "deidentify", broken)
        assert isinstance(applier.apply(hand(), "x"), Failure)


def test_what_cannot_be_asked_is_refused() -> None:
    with pytest.raises(PluginError, match="other people"):
        Applier("other")
    with pytest.raises(PluginError, match="not for face"):
        Applier("palm_diffusion", "face")
    with pytest.raises(PluginError, match="say --modality palm"):
        Applier("masking", analyzer="mediapipe_hands")
    assert Applier("masking", "palm", "mediapipe_hands").modalities == ("palm",)


def test_the_table_is_safe_in_a_spreadsheet() -> None:
    rows = [Row("=cmd|x.png", "failed", "no hand found"), Row("a\nb.png", "done", hands=1)]
    lines = table(rows).decode().splitlines()
    assert lines[1].startswith("'=cmd|x.png,failed")
    assert len(lines) == 3
    assert next(iter(summary(rows))) == "1 of 2 files done: 1 hand"


def test_faces_are_done_where_a_method_is_for_both() -> None:
    """A picture of a hand has no face, and both were looked for."""
    done = Applier("blurring").apply(hand(), "x")
    assert not isinstance(done, Failure)
    assert done.found == {"palm": 1}
    assert 0.01 < done.changed < 0.6


def test_the_package_says_it_without_loading_it() -> None:
    program = "import deid_bench, sys; print('cv2' in sys.modules or 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_turned_picture_of_a_hand_is_found() -> None:
    image = cv2.copyMakeBorder(hand(), 40, 40, 40, 40, cv2.BORDER_CONSTANT)
    assert len(MediapipeHands().analyze_all(np.asarray(image, np.uint8))) == 1
