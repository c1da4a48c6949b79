"""Nothing is left out, replaced or removed without a word: listings, names, tables, sheets, what stands in the way."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PilImage
from PIL.PngImagePlugin import PngInfo

from deid_bench.benchmark.storage.store import StoreError
from deid_bench.cli import main
from deid_bench.datasets import images
from deid_bench.datasets.images import read_image
from deid_bench.datasets.types import Failure
from deid_bench.pictures import contact_sheet
from deid_bench.pictures.apply import Applier, Done
from deid_bench.pictures.picture_files import read_picture
from deid_bench.pictures.sources import sources
from deid_bench.pictures.table import TABLE, PicturesError, Table

SQUARE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
LONG = np.zeros((64, 256, 3), np.uint8)
"""No palm square: it fails."""


def picture(path: Path, pixels: NDArray[Any] = SQUARE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PilImage.fromarray(pixels).save(path)
    return path


def called(out: Path, *given: Path | str) -> int:
    """Pictures that are palms need no detector."""
    fixed = ["deidentify", "-q", "-m", "masking", "--modality", "palm", "--analyzer", "precropped", "-o", str(out)]
    return main([*fixed, *map(str, given)])


def rows_of(out: Path) -> dict[str, tuple[str, str]]:
    with (out / TABLE).open(newline="", encoding="utf-8") as stream:
        return {row["file"]: (row["state"], row["reason"]) for row in csv.DictReader(stream)}


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# ------------------------------------------------------------------------------------------------ what is listed


def test_everything_in_a_folder_has_a_row(tmp_path: Path) -> None:
    inside, elsewhere, out = tmp_path / "in", tmp_path / "elsewhere", tmp_path / "out"
    picture(inside / "a.png")
    picture(elsewhere / "b.png")
    picture(inside / ".hidden.png")
    (inside / "linked").symlink_to(elsewhere)
    (inside / "c.png").symlink_to(elsewhere / "b.png")
    (inside / "notes.txt").write_text("a text")
    assert called(out, inside) == 0
    rows = rows_of(out)
    assert {name: state for name, (state, _) in rows.items()} == {
        ".hidden.png": "passed over",
        "a.png": "done",
        "c.png": "done",
        "linked": "passed over",
        "notes.txt": "passed over",
    }
    assert rows["linked"][1] == "linked folder; name it itself to have it done"
    (inside / "gone.png").symlink_to(tmp_path / "nowhere")
    assert called(out, inside, "--overwrite") == 1
    assert rows_of(out)["gone.png"] == ("failed", "broken link")


def test_a_folder_that_cannot_be_read_is_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, out, scandir = tmp_path / "in", tmp_path / "out", os.scandir
    picture(inside / "a.png")
    picture(inside / "shut" / "x.png")

    def shut(path: Path) -> Any:
        if Path(path).name == "shut":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", shut)
    assert called(out, inside) == 1
    assert rows_of(out)["shut"] == ("failed", "unreadable folder (PermissionError)")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_can_only_be_listed_is_a_failure(tmp_path: Path) -> None:
    inside, out = tmp_path / "in", tmp_path / "out"
    picture(inside / "a.png")
    picture(inside / "shut" / "x.png")
    (inside / "shut").chmod(0o400)
    try:
        assert called(out, inside) == 1
    finally:
        (inside / "shut").chmod(0o700)
    assert rows_of(out)["shut/x.png"] == ("failed", "unreadable (PermissionError)")


def test_telephone_pictures_without_the_extra_are_failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(tmp_path / "in" / "a.png")
    (tmp_path / "in" / "b.HEIC").write_bytes(b"a picture")
    monkeypatch.setattr(images, "heif", lambda: False)
    monkeypatch.setattr("deid_bench.datasets.layouts.tree.heif", lambda: False)
    assert called(tmp_path / "out", tmp_path / "in") == 1
    state, reason = rows_of(tmp_path / "out")["b.HEIC"]
    assert state == "failed"
    assert "deid-bench[heif]" in reason


def test_results_never_go_into_or_around_the_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        picture(tmp_path / name / f"{name}.png")
    before = content(tmp_path)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    for out in ("a", ".", "link"):
        assert called(Path(out), "a", "b") == 2
    assert {name: data for name, data in content(tmp_path).items() if not name.startswith("link")} == before


# ------------------------------------------------------------------------------------------------ names and originals


@pytest.mark.parametrize(("one", "other"), [("x.png", "X.png"), ("\u00e9.png", "e\u0301.png")])
def test_names_that_some_file_systems_take_for_one_are_refused(tmp_path: Path, one: str, other: str) -> None:
    found = [picture(tmp_path / "a" / one), picture(tmp_path / "b" / other)]
    with pytest.raises(PicturesError, match=r"both become .* where case and the form of accents make no difference"):
        sources(found, tmp_path / "out")


def test_files_that_are_no_pictures_may_share_a_name(tmp_path: Path) -> None:
    for name in ("a", "b"):
        picture(tmp_path / name / f"{name}.png")
        (tmp_path / name / "notes.txt").write_text(name)
    assert called(tmp_path / "out", tmp_path / "a", tmp_path / "b") == 0
    assert (tmp_path / "out" / TABLE).read_text().count("notes.txt,passed over") == 2


def test_a_file_that_is_named_twice_is_done_once(tmp_path: Path) -> None:
    path = picture(tmp_path / "a" / "x.png")
    assert [each.target for each in sources([tmp_path / "a", path], tmp_path / "out")] == [Path("x.png")]


def test_an_original_is_known_by_itself_and_not_by_its_name(tmp_path: Path) -> None:
    original, out = picture(tmp_path / "in" / "x.png"), tmp_path / "out"
    out.mkdir()
    os.link(original, out / "x.png")
    assert called(out, tmp_path / "in", "--overwrite") == 2
    assert original.read_bytes() == (out / "x.png").read_bytes()
    (out / "x.png").unlink()
    other = picture(out / "other.png")
    (tmp_path / "in" / "other.png").symlink_to(picture(tmp_path / "third.png"))
    assert called(out, tmp_path / "in", "--overwrite") == 2  # what lies there is nobody's result
    assert np.array_equal(read_image(other), SQUARE)


@pytest.mark.parametrize("name", ["preview.jpg", "Preview-2.JPG", "deidentified.csv"])
def test_names_of_the_table_and_the_sheets_are_reserved(tmp_path: Path, name: str) -> None:
    path = tmp_path / "in" / name
    path.parent.mkdir()
    PilImage.fromarray(SQUARE).save(path, format="JPEG")
    assert called(tmp_path / "out", path) == 2
    assert not (tmp_path / "out").exists()


# ------------------------------------------------------------------------------------------------ what stands there


def test_only_results_of_earlier_calls_are_replaced_or_removed(tmp_path: Path) -> None:
    inside, out = tmp_path / "in", tmp_path / "out"
    picture(inside / "a.png")
    (inside / "notes.txt").write_text("a text")
    out.mkdir()
    (out / "notes.txt").write_text("mine")
    assert called(out, inside, "--overwrite") == 0
    mine = picture(out / "b.png")
    before = mine.read_bytes()
    picture(inside / "b.png", LONG)
    assert called(out, inside) == 2
    assert called(out, inside, "--overwrite") == 2
    assert mine.read_bytes() == before
    mine.unlink()
    assert called(out, inside, "--overwrite") == 1
    assert (out / "notes.txt").read_text() == "mine"
    assert rows_of(out)["a.png"][0] == "done"


def test_a_result_is_there_until_the_next_is_complete(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inside, out = tmp_path / "in", tmp_path / "out"
    picture(inside / "a.png")
    assert called(out, inside) == 0
    before = content(out)
    seen: list[dict[str, bytes]] = []

    def stopped(self: Applier, image: NDArray[Any], name: str) -> Done | Failure:
        seen.append(content(out))
        raise KeyboardInterrupt

    monkeypatch.setattr(Applier, "apply", stopped)
    assert called(out, inside, "--overwrite") == 130
    assert seen == [before]
    assert content(out) == before


def test_an_interrupted_call_says_what_it_did_not_reach_and_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, out = tmp_path / "in", tmp_path / "out"
    for name in ("a", "b"):
        picture(inside / f"{name}.png")

    with monkeypatch.context() as patch:

        def killed(self: Table, number: int, row: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(Table, "put", killed)
        assert called(out, inside) == 130
    assert (out / "a.png").is_file()
    assert rows_of(out)["b.png"] == ("failed", "not reached: the command ended before")
    assert called(out, inside, "--overwrite") == 0
    assert {state for state, _ in rows_of(out).values()} == {"done"}


def test_calls_with_one_folder_share_the_table(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert called(out, picture(tmp_path / "a.png")) == 0
    assert called(out, picture(tmp_path / "=b.png", LONG)) == 1
    assert called(out, picture(tmp_path / "=b.png")) == 0
    assert {name: state for name, (state, _) in rows_of(out).items()} == {"a.png": "done", "'=b.png": "done"}
    assert called(out, tmp_path / "=b.png", "--overwrite") == 0


@pytest.mark.parametrize("data", [b"a,b\n1,2\n", b"\xff\xfe", b"", b"file,state,reason,hands,faces,changed_percent\n"])
def test_another_table_is_left_alone(tmp_path: Path, data: bytes) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / TABLE).write_bytes(data)
    for option in ([], ["--overwrite"]):
        assert called(out, picture(tmp_path / "a.png"), *option) == 2
    assert content(out) == {TABLE: data}


def test_a_folder_at_a_target_is_a_failure_of_its_picture(tmp_path: Path) -> None:
    (tmp_path / "out" / "a.png").mkdir(parents=True)
    paths = [picture(tmp_path / "a.png"), picture(tmp_path / "b.png")]
    assert called(tmp_path / "out", *paths, "--overwrite") == 1
    rows = rows_of(tmp_path / "out")
    assert rows["a.png"][0] == "failed"
    assert rows["b.png"][0] == "done"


def test_a_folder_that_cannot_be_written_is_told_before_the_first_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(self: Applier, image: object, name: str) -> Failure:
        pytest.fail("a picture was done")

    monkeypatch.setattr(Applier, "apply", never)
    (tmp_path / "result.jpg").write_text("mine")
    assert called(tmp_path / "result.jpg", picture(tmp_path / "a.png")) == 4
    assert called(tmp_path / "result.jpg" / "deep", picture(tmp_path / "a.png")) == 4

    def full(path: Path, data: bytes) -> None:
        raise StoreError("the disk is full")

    monkeypatch.setattr("deid_bench.pictures.table.save_file", full)
    assert called(tmp_path / "out", tmp_path / "a.png") == 4


# ------------------------------------------------------------------------------------------------ sheets


def test_sheets_are_numbered_and_replace_nothing_but_sheets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(contact_sheet, "MOST", 2)
    inside, out = tmp_path / "in", tmp_path / "out"
    for name in "abc":
        picture(inside / f"{name}.png")
    mine = picture(out / "preview.jpg").read_bytes()
    call = ["-m", "masking", "--modality", "palm", "--analyzer", "precropped", "-o", str(out), str(inside), "--preview"]
    assert main(["deidentify", *call]) == 0
    said = capsys.readouterr().out
    assert "not to publish" in said
    assert "preview-2.jpg" in said
    assert "preview-3.jpg" in said
    first = content(out)
    assert first["preview.jpg"] == mine
    assert called(out, picture(tmp_path / "d.png"), "--preview") == 0
    assert content(out)["preview-2.jpg"] == first["preview-2.jpg"]
    assert (out / "preview-4.jpg").is_file()
    picture(inside / "a.png", SQUARE[::-1])
    assert called(out, inside, "--preview", "--overwrite") == 0
    assert content(out)["preview-2.jpg"] != first["preview-2.jpg"]
    assert content(out)["preview.jpg"] == mine
    assert sorted(path.name for path in out.glob("preview*")) == [
        "preview-2.jpg",
        "preview-3.jpg",
        "preview-4.jpg",
        "preview.jpg",
    ]


def test_a_pair_is_kept_as_small_as_it_is_shown(tmp_path: Path) -> None:
    sheets = contact_sheet.Sheets(tmp_path, False)
    sheets.add(np.zeros((2000, 1000, 3), np.uint8), np.zeros((2000, 1000, 3), np.uint8), "x")
    assert [each.shape for each in sheets._pairs[0][:2]] == [(320, 160, 3)] * 2
    sheets.finish()
    sheets.finish()
    assert [path.name for path in sheets.written] == ["preview.jpg"]


# ------------------------------------------------------------------------------------------------ kinds of files


def test_16_bits_of_colour_are_not_lost_without_a_note(tmp_path: Path) -> None:
    import cv2

    wide = SQUARE.astype(np.uint16) * 257
    for name, pixels in (("colour.png", wide), ("grey.png", wide[..., 0]), ("colour.ppm", wide)):
        assert cv2.imwrite(str(tmp_path / name), pixels)
        assert read_picture(tmp_path / name).notes == ("8 bits in place of 16",), name
    assert read_picture(picture(tmp_path / "narrow.png")).notes == ()


def test_a_picture_with_a_long_text_is_read(tmp_path: Path) -> None:
    texts = PngInfo()
    texts.add_text("about", "x" * (2 << 20), zip=True)
    PilImage.fromarray(SQUARE).save(tmp_path / "a.png", pnginfo=texts)
    read = read_picture(tmp_path / "a.png")
    assert read.kind == "PNG"
    assert np.array_equal(read.image, SQUARE)
