"""Every kind of file becomes upright 8-bit RGB, or an ImageError that says why."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as PilImage
from png_files import png_file

from deid_bench.datasets.images import MAX_SIDE, MIN_SIDE, ImageError, decode_png, read_image, write_png
from deid_bench.datasets.types import Image


@pytest.fixture
def colours() -> NDArray[Any]:
    return np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)


def saved(tmp_path: Path, picture: PilImage.Image, name: str = "image.png", **options: Any) -> Image:
    path = tmp_path / name
    picture.save(path, **options)
    return read_image(path)


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif", "a.ppm", "a.webp", "A.PNG"])
def test_lossless_formats_come_back_exactly(tmp_path: Path, colours: np.ndarray, name: str) -> None:
    options = {"lossless": True} if name.endswith("webp") else {}
    image = saved(tmp_path, PilImage.fromarray(colours), name, **options)
    assert (image == colours).all()
    assert (image.dtype, image.flags.c_contiguous, image.flags.writeable) == (np.dtype(np.uint8), True, True)


def test_jpeg_comes_back_nearly(tmp_path: Path) -> None:
    smooth = np.tile(np.linspace(40, 200, 32)[None, :, None], (24, 1, 3)).astype(np.uint8)
    image = saved(tmp_path, PilImage.fromarray(smooth), "a.jpg", quality=95)
    assert np.abs(image.astype(int) - smooth).max() < 8


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path: Path, colours: np.ndarray, orientation: int) -> None:
    stored = {
        1: lambda a: a,
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.transpose(1, 0, 2),
        6: lambda a: np.rot90(a),
        7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
        8: lambda a: np.rot90(a, -1),
    }[orientation](colours)
    exif = PilImage.Exif()
    exif[0x0112] = orientation
    image = saved(tmp_path, PilImage.fromarray(np.ascontiguousarray(stored)), exif=exif)
    assert (image == colours).all()


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_a_damaged_exif_block_does_not_lose_the_image(tmp_path: Path, colours: np.ndarray) -> None:
    image = saved(tmp_path, PilImage.fromarray(colours), exif=b"Exif\x00\x00MM\x00*\x00\x00\xff\xff")
    assert (image == colours).all()


def test_grey_and_palette(tmp_path: Path, colours: np.ndarray) -> None:
    grey = colours[..., 0]
    assert (saved(tmp_path, PilImage.fromarray(grey)) == grey[..., None]).all()
    palette = PilImage.fromarray(colours).quantize(8)
    assert (saved(tmp_path, palette) == np.asarray(palette.convert("RGB"))).all()
    bits = PilImage.fromarray(grey > 127)
    assert (saved(tmp_path, bits) == np.where(grey > 127, 255, 0)[..., None]).all()


def test_16_bit_grey_is_scaled_to_8_bits(tmp_path: Path) -> None:
    wide = np.arange(0, 65536, 64, dtype=np.uint16).reshape(32, 32)
    for name in ("a.png", "a.tif"):
        image = saved(tmp_path, PilImage.fromarray(wide), name)
        assert (image == np.rint(wide / 257.0)[..., None]).all()


@pytest.mark.parametrize(("white", "turned"), [(0, True), (1, False)])
def test_white_is_where_a_tiff_says_that_it_is(tmp_path: Path, white: int, turned: bool) -> None:
    ramp = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    PilImage.fromarray(ramp).save(tmp_path / "ramp.tif", tiffinfo={262: white})
    found = read_image(tmp_path / "ramp.tif")[..., 0]
    assert (found[0, 0], found[-1, -1]) == ((255, 0) if turned else (0, 255))


def test_16_bit_colour_is_reduced_to_8_bits(tmp_path: Path) -> None:
    rows = np.random.default_rng(1).integers(0, 65536, (20, 20, 3), dtype=np.uint16)
    raw = b"".join(b"\x00" + row.astype(">u2").tobytes() for row in rows)
    path = tmp_path / "a.png"
    path.write_bytes(png_file(20, 20, raw, bits=16, kind=2))
    assert np.abs(read_image(path).astype(int) - rows / 257.0).max() <= 1


def test_floating_point_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="floating point"):
        saved(tmp_path, PilImage.fromarray(np.zeros((20, 20), np.float32)), "a.tif")


def test_transparency_is_laid_over_white(tmp_path: Path, colours: np.ndarray) -> None:
    alpha = np.zeros((24, 32, 1), np.uint8)
    alpha[:, 16:] = 255
    alpha[:2] = 128
    image = saved(tmp_path, PilImage.fromarray(np.dstack([colours, alpha])))
    assert (image[2:, :16] == 255).all()
    assert (image[2:, 16:] == colours[2:, 16:]).all()
    assert np.abs(image[:2] - (colours[:2] * (128 / 255) + 127)).max() <= 1


def test_transparent_palette_and_grey(tmp_path: Path, colours: np.ndarray) -> None:
    palette = PilImage.fromarray(colours).quantize(4)
    index = int(np.asarray(palette)[0, 0])
    image = saved(tmp_path, palette, transparency=index)
    assert (image[np.asarray(palette) == index] == 255).all()
    grey = np.dstack([colours[..., 0], np.full((24, 32), 255, np.uint8)])
    assert (saved(tmp_path, PilImage.fromarray(grey)) == colours[..., :1]).all()


def test_cmyk_is_converted(tmp_path: Path) -> None:
    cmyk = np.zeros((20, 20, 4), np.uint8)
    cmyk[..., 0] = 255  # full cyan: no red
    image = saved(tmp_path, PilImage.fromarray(cmyk, mode="CMYK"), "a.tif")
    assert image[..., 0].max() == 0
    assert image[..., 1].min() == 255


def test_the_first_frame_of_an_animation_is_taken(tmp_path: Path) -> None:
    frames = [PilImage.fromarray(np.full((20, 20, 3), level, np.uint8)) for level in (10, 200)]
    image = saved(tmp_path, frames[0], "a.gif", save_all=True, append_images=frames[1:])
    assert np.abs(image.astype(int) - 10).max() <= 1


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.tif"])
@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.9])
def test_truncated_files_are_refused(tmp_path: Path, colours: np.ndarray, name: str, share: float) -> None:
    path = tmp_path / name
    PilImage.fromarray(np.tile(colours, (4, 4, 1))).save(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(ImageError, match=f"^{name}: expected .* got .*; "):
        read_image(path)


def test_flipped_bits_are_refused(tmp_path: Path, colours: np.ndarray) -> None:
    data = bytearray(write_png(colours))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(ImageError, match="damaged"):
        decode_png(bytes(data))


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_no_damage_raises_anything_else(data: Any) -> None:
    good = bytearray(write_png(np.random.default_rng(0).integers(0, 9, (20, 20, 3), dtype=np.uint8)))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(8, len(good) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = decode_png(bytes(good))
    except ImageError:
        return
    assert image.dtype == np.uint8
    assert image.ndim == 3


def test_other_files_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "notes.png"
    text.write_text("no image at all, just text that goes on for a while")
    with pytest.raises(ImageError, match=r"notes\.png: expected one of PNG"):
        read_image(text)
    for path in (tmp_path / "gone.png", tmp_path):
        with pytest.raises(ImageError, match="readable file"):
            read_image(path)


def test_messages_name_the_file_and_not_its_folder(tmp_path: Path) -> None:
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(ImageError, match="empty") as caught:
        read_image(tmp_path / "empty.jpg")
    assert str(tmp_path) not in str(caught.value)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("shape", [(1, 1), (MIN_SIDE - 1, 400), (400, MIN_SIDE - 1)])
def test_tiny_images_are_refused(tmp_path: Path, shape: Any) -> None:
    with pytest.raises(ImageError, match=f"at least {MIN_SIDE} px"):
        saved(tmp_path, PilImage.fromarray(np.zeros((*shape, 3), np.uint8)))


def test_the_smallest_image_is_read(tmp_path: Path) -> None:
    picture = PilImage.fromarray(np.zeros((MIN_SIDE, MIN_SIDE, 3), np.uint8))
    assert saved(tmp_path, picture).shape == (MIN_SIDE, MIN_SIDE, 3)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(
    "size", [(MAX_SIDE + 1, 20), (20, MAX_SIDE + 1), (9500, 9500), (11_999, 11_999), (60_000, 60_000)]
)
def test_huge_images_are_refused_before_they_are_decoded(tmp_path: Path, size: Any) -> None:
    path = tmp_path / "bomb.png"
    width, height = size
    path.write_bytes(png_file(width, height, b"", bits=8, kind=2))
    with pytest.raises(ImageError, match=r"at most .*scale it down"):
        read_image(path)


def test_png_bytes_round_trip_and_are_stable(colours: np.ndarray) -> None:
    data = write_png(colours)
    assert (decode_png(data) == colours).all()
    assert write_png(colours.copy()) == data
    assert write_png(np.asfortranarray(colours)) == data
    assert np.asarray(PilImage.open(io.BytesIO(data)).convert("RGB")).tolist() == colours.tolist()


@pytest.mark.parametrize("bad", [np.zeros((20, 20), np.uint8), np.zeros((20, 20, 4), np.uint8), np.zeros((20, 20, 3))])
def test_write_png_refuses_what_is_no_rgb_image(bad: Any) -> None:
    with pytest.raises(ImageError, match="uint8 RGB"):
        write_png(bad)


def test_decode_png_refuses_other_formats(colours: np.ndarray) -> None:
    buffer = io.BytesIO()
    PilImage.fromarray(colours).save(buffer, "JPEG")
    with pytest.raises(ImageError, match="PNG signature"):
        decode_png(buffer.getvalue())
