"""What a file carries beside its pixels costs neither memory nor time, and changes no pixel."""

from __future__ import annotations

import io
import struct
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from peak_memory import peak_mb
from PIL import Image as PilImage
from PIL import TiffImagePlugin

from deid_bench.datasets.image_parts import MOST_PARTS, PartsError, Pieces, pixels_alone
from deid_bench.datasets.images import ImageError, decode_image, read_image

COLOURS = np.random.default_rng(0).integers(0, 256, (40, 32, 3), dtype=np.uint8)
MANY = 80_000_000
"""Bytes of what is not needed."""
BASE_MB = 75
"""What reading a small picture takes, and something more; far below the base with `MANY` bytes once."""


def saved(kind: str, turned: bool = False) -> bytes:
    exif = PilImage.Exif()
    if turned:
        exif[0x0112] = 6
    stream = io.BytesIO()
    options = {"exif": exif} if turned else {}
    PilImage.fromarray(COLOURS).save(stream, kind, **options)
    return stream.getvalue()


def png(kind: bytes, size: int, count: int = 1) -> bytes:
    body = bytes(size)
    part = struct.pack(">I", size) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
    data = saved("PNG", turned=True)
    return data[:33] + part * count + data[33:]


def jpeg(marker: int, count: int) -> bytes:
    part = b"\xff" + bytes([marker]) + struct.pack(">H", 65535) + bytes(65533)
    data = saved("JPEG", turned=True)
    return data[:2] + part * (count // 2) + data[2:20] + part * (count - count // 2) + data[20:]


def gif(blocks: int, label: int = 0xFE) -> bytes:
    data = saved("GIF")
    end = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    return data[:end] + bytes([0x21, label]) + (b"\xff" + bytes(255)) * blocks + b"\0" + data[end:]


def tiff(size: int) -> bytes:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[65000], tags.tagtype[65000] = bytes(size), 7
    stream = io.BytesIO()
    PilImage.fromarray(COLOURS).save(stream, "TIFF", tiffinfo=tags)
    return stream.getvalue()


LONG: dict[str, Callable[[], bytes]] = {
    "a private chunk": lambda: png(b"prVt", MANY),
    "private chunks": lambda: png(b"prVt", 10**6, MANY // 10**6),
    "an unknown chunk": lambda: png(b"ABCD", MANY),
    "a long EXIF chunk": lambda: png(b"eXIf", MANY),
    "an application's segments": lambda: jpeg(0xEF, MANY // 65537),
    "colour profiles": lambda: jpeg(0xE2, MANY // 65537),
    "comments": lambda: jpeg(0xFE, MANY // 65537),
    "blocks of a comment": lambda: gif(50_000),
}
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "tags": (lambda: tiff(MANY), r"tags hold more than 8 MB \(tag 65000: 80,000,000 values\)"),
    "too many chunks": (lambda: png(b"prVt", 1, MOST_PARTS), "more than 100,000 chunks"),
    "too many blocks": (lambda: gif(MOST_PARTS), "too many blocks"),
    "a header": (
        lambda: b"BM" + struct.pack("<IHHII", MANY, 0, 0, MANY, MANY) + bytes(MANY),
        "header is said to be 80,000,000 bytes",
    ),
    "a vast WebP": (lambda: b"RIFF" + struct.pack("<I", MANY) + b"WEBPVP8 " + bytes(MANY), "held at once, 40 MB at"),
}


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to see the peak")
@pytest.mark.parametrize("what", LONG)
def test_what_the_pixels_do_not_need_is_not_held(what: str, tmp_path: Path) -> None:
    path = tmp_path / "a.img"
    path.write_bytes(LONG[what]())
    before = time.monotonic()
    found = read_image(path)
    assert time.monotonic() - before < 60  # a decoder that joins blocks one by one takes minutes
    head = path.read_bytes()[:3]
    plain = decode_image(saved("GIF" if head == b"GIF" else "JPEG" if head[:2] == b"\xff\xd8" else "PNG"), "plain")
    assert (found == (plain if head == b"GIF" else np.rot90(plain, -1))).all()
    said, peak = peak_mb(path)
    assert said == str(found.shape)
    assert peak < BASE_MB


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc to see the peak")
@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_left_out_is_refused_before_it_is_read(what: str, tmp_path: Path) -> None:
    make, why = REFUSED[what]
    path = tmp_path / "a.img"
    path.write_bytes(make())
    with pytest.raises(ImageError, match=f"a.img: expected an image, got a file with too much beside.*{why}.*save it"):
        read_image(path)
    assert peak_mb(path)[1] < BASE_MB


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP", "PPM"])
def test_a_file_without_much_is_given_as_it_is(kind: str) -> None:
    stream = io.BytesIO(saved(kind))
    assert pixels_alone(stream) is stream
    assert stream.tell() == 0


@given(st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "BMP", "WEBP"]), st.data())
@settings(max_examples=300, deadline=None)
def test_no_damage_trips_the_look_at_parts(kind: str, data: st.DataObject) -> None:
    whole = bytearray(saved(kind))
    for _ in range(data.draw(st.integers(1, 8))):
        whole[data.draw(st.integers(0, min(200, len(whole) - 1)))] = data.draw(st.integers(0, 255))
    cut = bytes(whole[: data.draw(st.integers(0, len(whole)))])
    with suppress(PartsError):
        pixels_alone(io.BytesIO(cut)).read()


@given(st.binary(max_size=300), st.lists(st.tuples(st.integers(0, 80), st.integers(1, 60)), max_size=6), st.data())
def test_a_view_of_pieces_is_their_bytes(data: bytes, cuts: list[tuple[int, int]], moves: st.DataObject) -> None:
    pieces, start = [], 0
    for skipped, length in cuts:
        start += skipped
        if start + length > len(data):
            break
        pieces.append((start, length))
        start += length
    whole = b"".join(data[offset : offset + length] for offset, length in pieces)
    view = io.BufferedReader(Pieces(io.BytesIO(data), pieces))
    assert view.read() == whole
    for _ in range(3):
        place = moves.draw(st.integers(0, len(whole) + 5))
        assert view.seek(place) == place
        assert view.read(7) == whole[place : place + 7]
