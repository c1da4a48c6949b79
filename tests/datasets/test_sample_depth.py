"""16-bit files whose samples use fewer bits: what the file declares, what the user says, what is merely suspected."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image as PilImage
from png_files import chunk, png_file

from deid_bench.benchmark.planning.loaded_dataset import load_dataset
from deid_bench.datasets.folder import Folder
from deid_bench.datasets.images import ImageError, read_image, write_png
from deid_bench.datasets.manifest import manifest_digest
from deid_bench.datasets.sample_depth import full_scale, narrow_note, to_8_bits

GREY = np.random.default_rng(0).integers(0, 256, (24, 32), dtype=np.uint16)
COLOUR = np.random.default_rng(1).integers(0, 256, (24, 32, 3), dtype=np.uint16)


def at(values: NDArray[Any], bits: int) -> NDArray[Any]:
    """8-bit values as the nearest ones of so many bits, so that scaling gives them back."""
    return ((values.astype(np.uint32) * ((1 << bits) - 1) + 127) // 255).astype(np.uint16)


def png(values: NDArray[Any], sbit: int = 0) -> bytes:
    """A 16-bit PNG of (H, W), (H, W, 3) or (H, W, 4), with a chunk sBIT."""
    channels = 1 if values.ndim == 2 else values.shape[2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    said = chunk(b"sBIT", bytes([sbit] * channels)) if sbit else b""
    return png_file(values.shape[1], values.shape[0], rows, 16, {1: 0, 3: 2, 4: 6}[channels], extra=said)


def read(tmp_path: Path, data: bytes, name: str = "a.png", bits: int = 0) -> NDArray[Any]:
    (tmp_path / name).write_bytes(data)
    return read_image(tmp_path / name, bits)


@pytest.mark.parametrize("bits", [9, 10, 12, 14, 16])
@pytest.mark.parametrize("picture", [GREY, COLOUR], ids=["grey", "colour"])
def test_a_declared_depth_is_heeded(tmp_path: Path, picture: Any, bits: int) -> None:
    expected = picture if picture.ndim == 3 else picture[..., None]
    found = read(tmp_path, png(at(picture, bits), sbit=bits))
    assert np.abs(found.astype(int) - expected).max() <= (1 if bits == 16 and picture.ndim == 3 else 0)


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("picture", [GREY, COLOUR], ids=["grey", "colour"])
def test_a_stated_depth_is_heeded(tmp_path: Path, picture: Any, bits: int) -> None:
    expected = picture if picture.ndim == 3 else picture[..., None]
    assert (read(tmp_path, png(at(picture, bits)), bits=bits) == expected).all()
    assert (read(tmp_path, png(at(picture, bits))).astype(int).max()) <= 256 >> (16 - bits)
    with pytest.raises(ImageError, match=f"samples of {bits} bits as stated"):
        read(tmp_path, png(at(picture, 16)), bits=bits)


def test_transparent_colour_of_few_bits_is_laid_over_white(tmp_path: Path) -> None:
    rgba = np.dstack([at(COLOUR, 12), np.full((24, 32), 4095, np.uint16)])
    rgba[:, :16, 3] = 0
    found = read(tmp_path, png(rgba, sbit=12))
    assert (found[:, :16] == 255).all()
    assert (found[:, 16:] == COLOUR[:, 16:]).all()


@given(st.integers(9, 15), st.booleans(), st.integers(0, 2**32 - 1))
def test_samples_that_were_spread_over_16_bits_are_not_scaled_again(bits: int, filled: bool, seed: int) -> None:
    """As the PNG specification has writers do: shifted, and filled with zeros or with their own top."""
    small = np.random.default_rng(seed).integers(0, 1 << (bits - 4), (8, 8, 1)).astype(np.uint32)
    spare = 16 - bits
    spread = (small << spare) | (small >> (bits - spare) if filled else 0)
    if spread.max() >> bits == 0 and spread.max() > 0:  # dark enough to be mistaken
        assert full_scale(spread.astype(np.uint16), 0, bits) == 65_535


@given(st.integers(9, 16), st.lists(st.integers(0, 255), min_size=1, max_size=50))
def test_scaling_gives_back_what_was_stored(bits: int, values: Any) -> None:
    grey = np.array(values, np.uint16)
    assert (to_8_bits(at(grey, bits), (1 << bits) - 1) == grey).all()


@pytest.mark.parametrize("maxval", [255, 1023, 4095, 65535])
def test_pgm_is_scaled_by_its_largest_value(tmp_path: Path, maxval: int) -> None:
    bits = maxval.bit_length()
    body = at(GREY, bits).astype(">u2" if maxval > 255 else ">u1").tobytes()
    found = read(tmp_path, b"P5 32 24 %d\n" % maxval + body, "a.pgm")
    assert (found == GREY[..., None]).all()


@pytest.mark.parametrize("highest", [4095, 3987])
def test_tiff_is_scaled_by_the_bits_of_its_highest_value(tmp_path: Path, highest: int) -> None:
    path = tmp_path / "a.tif"
    values = np.minimum(at(GREY, 12), highest)
    PilImage.fromarray(values).save(path, tiffinfo={281: highest})
    assert np.abs(read_image(path).astype(int) - np.minimum(GREY, 248 if highest < 4095 else 255)[..., None]).max() <= 0


def test_packed_tiff_of_12_bits(tmp_path: Path) -> None:
    rows = at(GREY, 12)
    packed = np.empty((24, 48), np.uint8)
    first, second = rows[:, ::2], rows[:, 1::2]
    packed[:, ::3], packed[:, 1::3] = first >> 4, ((first & 15) << 4) | (second >> 8)
    packed[:, 2::3] = second & 255
    entries = [(256, 3, 32), (257, 3, 24), (258, 3, 12), (259, 3, 1), (262, 3, 1), (273, 4, 200), (278, 3, 24)]
    entries += [(279, 4, packed.size)]
    ifd = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", t, k, 1, v) for t, k, v in entries) + bytes(4)
    data = (b"II*\0" + struct.pack("<I", 8) + ifd).ljust(200, b"\0") + packed.tobytes()
    assert (read(tmp_path, data, "a.tif") == GREY[..., None]).all()


@pytest.mark.parametrize("picture", [GREY, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("bits", [10, 12, 14])
def test_undeclared_few_bits_raise_an_alarm(tmp_path: Path, picture: Any, bits: int) -> None:
    for place, person in enumerate("ab"):
        (tmp_path / person).mkdir()
        for number in range(2):
            (tmp_path / person / f"{number}.png").write_bytes(png(at(picture, bits) | np.uint16(2 * place + number)))
    loaded = load_dataset(f"folder:path={tmp_path}", 0, 1, None)
    (note,) = loaded.notes
    assert f"fits {bits} bits" in note
    stated = load_dataset(f"folder:path={tmp_path},bits={bits}", 0, 1, None)
    assert not stated.notes
    assert stated.digest != loaded.digest


def test_no_alarm_where_there_is_no_cause(tmp_path: Path) -> None:
    files = {"wide.png": png(at(GREY, 16)), "said.png": png(at(GREY, 12), sbit=12), "black.png": png(0 * GREY)}
    files["eight.png"] = write_png(np.zeros((20, 20, 3), np.uint8))
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
        assert narrow_note([(tmp_path / name, 0)]) == ""
    (tmp_path / "dark.png").write_bytes(png(at(GREY, 12)))
    assert narrow_note([(tmp_path / "dark.png", 0)])
    assert narrow_note([(tmp_path / "dark.png", 0), (tmp_path / "wide.png", 0)]) == ""
    assert narrow_note([(tmp_path / "dark.png", 12)]) == ""


def test_the_digest_knows_a_stated_depth(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "1.png").write_bytes(png(at(GREY, 12)))
    digests = set()
    for bits in (0, 10, 12):
        folder = Folder(str(tmp_path), bits=bits)
        folder.prepare()
        digests.add(manifest_digest(folder.samples()))
    assert len(digests) == 3
    with pytest.raises(ValueError, match="bits=9 to 16"):
        Folder(str(tmp_path), bits=8)


def test_what_opencv_wrote_comes_back(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), at(COLOUR, 12)[..., ::-1])
    assert (read_image(tmp_path / "a.png", 12) == COLOUR).all()
