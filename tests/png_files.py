"""PNG files made chunk by chunk, so that tests can say what a library would not write."""

from __future__ import annotations

import struct
import zlib


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_file(
    width: int, height: int, rows: bytes, bits: int, kind: int, packed: bool = False, extra: bytes = b""
) -> bytes:
    """A PNG of filtered rows.

    Args:
        width: in px.
        height: in px.
        rows: each a byte for its filter and its samples; as zlib packs them where `packed`.
        bits: of a sample.
        kind: 0 grey, 2 RGB, 6 RGBA.
        packed: whether `rows` are packed already.
        extra: chunks after the header.
    """
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    data = rows if packed else zlib.compress(rows)
    return b"\x89PNG\r\n\x1a\n" + b"".join((chunk(b"IHDR", header), extra, chunk(b"IDAT", data), chunk(b"IEND", b"")))
