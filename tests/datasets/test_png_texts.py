"""PNG files with long texts and profiles: pixels need neither, and nothing of them is held in memory."""

from __future__ import annotations

import io
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PilImage
from png_files import chunk

from deid_bench.datasets.image_parts import without_texts
from deid_bench.datasets.images import ImageError, decode_image, write_png
from deid_bench.datasets.png_chunks import SIGNATURE, chunks

COLOURS = np.random.default_rng(0).integers(0, 256, (24, 32, 3), dtype=np.uint8)
LONG = 3 << 20


def with_chunks(*extra: bytes) -> bytes:
    """The test picture with chunks after its header."""
    data = write_png(COLOURS)
    end = len(SIGNATURE) + 25
    return data[:end] + b"".join(extra) + data[end:]


LONG_CHUNKS = {
    "zTXt": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"x" * LONG)),
    "iTXt": chunk(b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(b"x" * LONG)),
    "plain iTXt": chunk(b"iTXt", b"Comment\0\0\0\0\0" + b"x" * LONG),
    "iCCP": chunk(b"iCCP", b"Profile\0\0" + zlib.compress(bytes(LONG))),
    "tEXt": chunk(b"tEXt", b"Comment\0" + b"x" * LONG),
}


@pytest.mark.parametrize("kind", LONG_CHUNKS)
def test_long_texts_and_profiles_cost_no_image(kind: Any) -> None:
    assert (decode_image(with_chunks(LONG_CHUNKS[kind]), "a.png") == COLOURS).all()


def test_many_long_texts_cost_no_image() -> None:
    assert (decode_image(with_chunks(*LONG_CHUNKS.values(), *[LONG_CHUNKS["zTXt"]] * 40), "a.png") == COLOURS).all()


def test_an_orientation_among_long_texts_is_applied() -> None:
    exif = PilImage.Exif()
    exif[0x0112] = 6
    raw = exif.tobytes()
    text = b"\nexif\n%8d\n" % len(raw) + raw.hex().encode() + b"\n"
    for short in (
        chunk(b"eXIf", raw.removeprefix(b"Exif\0\0")),
        chunk(b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text)),
        chunk(b"tEXt", b"Raw profile type exif\0" + text),
    ):
        found = decode_image(with_chunks(short, LONG_CHUNKS["zTXt"]), "a.png")
        assert (found == np.rot90(COLOURS, -1)).all()


def test_damage_is_still_refused() -> None:
    data = bytearray(with_chunks(LONG_CHUNKS["zTXt"]))
    data[-60] ^= 0xFF
    with pytest.raises(ImageError, match="damaged"):
        decode_image(bytes(data), "a.png")


@given(st.lists(st.tuples(st.sampled_from([b"tEXt", b"tRNS", b"iCCP", b"abcd"]), st.binary(max_size=20)), max_size=8))
def test_the_view_is_the_file_without_its_texts(parts: Any) -> None:
    kept = b"".join(chunk(name, body) for name, body in parts if name == b"tRNS")
    whole = with_chunks(*[chunk(name, body) for name, body in parts])
    view = without_texts(io.BytesIO(whole))
    assert view is not None
    assert view.read() == with_chunks(kept)
    assert [view.seek(3), view.read(10), view.seek(-4, io.SEEK_END), view.read()] == [
        3,
        with_chunks(kept)[3:13],
        len(with_chunks(kept)) - 4,
        with_chunks(kept)[-4:],
    ]


@given(st.binary(max_size=200))
def test_no_bytes_trip_the_reader_of_chunks(data: bytes) -> None:
    assert sum(length for _, _, length in chunks(io.BytesIO(SIGNATURE + data))) >= 0
    view = without_texts(io.BytesIO(SIGNATURE + data))
    assert view is not None
    view.read()
