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
from deid_bench.pictures.picture_files import read_picture

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


def tiff(size: int, compression: str = "raw", tag: int = 37724) -> bytes:
    """With a tag in which Photoshop keeps its layers."""
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags[tag], tags.tagtype[tag] = bytes(size), 7
    tags[0x0112] = 6
    stream = io.BytesIO()
    PilImage.fromarray(COLOURS).save(stream, "TIFF", tiffinfo=tags, compression=compression)
    return stream.getvalue()


XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'


def png_by_xmp(size: int) -> bytes:
    def part(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    data, key = saved("PNG"), b"XML:com.adobe.xmp\0"
    return data[:33] + part(b"prVt", bytes(size)) + part(b"iTXt", key + b"\0\0\0\0" + XMP) + data[33:]


def jpeg_by_xmp(size: int) -> bytes:
    data, body = saved("JPEG"), b"http://ns.adobe.com/xap/1.0/\0" + XMP
    aside = b"\xff\xe2" + struct.pack(">H", 65535) + bytes(65533)
    return data[:2] + aside * (size // 65537) + b"\xff\xe1" + struct.pack(">H", 2 + len(body)) + body + data[2:]


LONG: dict[str, Callable[[], bytes]] = {
    "a private chunk": lambda: png(b"prVt", MANY),
    "private chunks": lambda: png(b"prVt", 10**6, MANY // 10**6),
    "an unknown chunk": lambda: png(b"ABCD", MANY),
    "a long EXIF chunk": lambda: png(b"eXIf", MANY),
    "an application's segments": lambda: jpeg(0xEF, MANY // 65537),
    "colour profiles": lambda: jpeg(0xE2, MANY // 65537),
    "comments": lambda: jpeg(0xFE, MANY // 65537),
    "blocks of a comment": lambda: gif(50_000),
    "a profile of a picture that XMP turns": lambda: jpeg_by_xmp(MANY),
    "a chunk of a picture that XMP turns": lambda: png_by_xmp(MANY),
    "layers": lambda: tiff(MANY),
}
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "tags": (lambda: tiff(MANY, tag=347), "tags hold more than 8 MB"),
    "too many chunks": (lambda: png(b"prVt", 1, MOST_PARTS), "more than 100,000 chunks"),
    "too many blocks": (lambda: gif(MOST_PARTS), "more than 100,000 blocks of extensions"),
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
    kind = {b"GIF": "GIF", b"II*": "TIFF", b"\xff\xd8\xff": "JPEG"}.get(head, "PNG")
    plain = decode_image(saved(kind), "plain")
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


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_deflate", "jpeg"])
def test_layers_are_left_out_of_packed_files(compression: str) -> None:
    plain, layered = decode_image(tiff(10, compression), "plain"), decode_image(tiff(9_000_000, compression), "layered")
    assert (plain == layered).all()


def test_further_pictures_behind_a_jpeg_are_still_told(tmp_path: Path) -> None:
    """Also where a long segment is left out: what a written file will not have is said."""
    stream = io.BytesIO()
    first, second = (PilImage.fromarray(each) for each in (COLOURS, 255 - COLOURS))
    first.save(stream, "MPO", save_all=True, append_images=[second])
    data = stream.getvalue()
    aside = (b"\xff\xef" + struct.pack(">H", 65535) + bytes(65533)) * 20
    (tmp_path / "plain.jpg").write_bytes(data)
    (tmp_path / "long.jpg").write_bytes(data[:2] + aside + data[2:])
    assert (read_image(tmp_path / "long.jpg") == read_image(tmp_path / "plain.jpg")).all()
    plain, long = (read_picture(tmp_path / name) for name in ("plain.jpg", "long.jpg"))
    assert plain.notes
    assert (long.kind, long.notes) == (plain.kind, plain.notes)


def test_a_long_animation_may_have_a_comment() -> None:
    frames = [PilImage.fromarray(np.random.default_rng(i).integers(0, 256, (700, 900), np.uint8)) for i in range(50)]
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:])
    data = stream.getvalue()
    assert len(data) > 256 * MOST_PARTS  # as many blocks, all of frames
    assert decode_image(data[:-1] + b"\x21\xfe\x02ab\0;", "a").shape == (700, 900, 3)


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
