"""PNG files by their chunks: what a file declares about its samples, and which chunks its pixels need."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_CHUNKS = 100_000
"""Of one file; what follows is not looked at."""
_NEEDED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"sBIT", b"eXIf", b"acTL", b"fcTL", b"IDAT", b"IEND"})
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt"})
_KEYWORDS = frozenset({b"Raw profile type exif", b"XML:com.adobe.xmp"})
"""Keywords of EXIF, which some programs keep in a text, and of XMP."""
_KEPT = 1 << 20
"""Bytes of such a text, inflated, up to which it is kept; Pillow's own limit."""
_HEAD = 8
_CHECKSUM = 4


def chunks(stream: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Type, offset and whole length (with head and checksum) of each chunk up to the end or the first damage."""
    position = len(SIGNATURE)
    for _ in range(MOST_CHUNKS):
        stream.seek(position)
        head = stream.read(_HEAD)
        if len(head) < _HEAD:
            return
        kind, length = head[4:], int.from_bytes(head[:4], "big") + _HEAD + _CHECKSUM
        yield kind, position, length
        if kind == b"IEND":
            return
        position += length


def significant_bits(stream: BinaryIO) -> int:
    """The bits a sample had before it was stored, by the chunk sBIT; 0 where the file does not say.

    Of several channels the largest counts.
    """
    for kind, offset, length in chunks(stream):
        if kind == b"IDAT":
            return 0
        if kind == b"sBIT" and length <= _HEAD + 4 + _CHECKSUM:
            stream.seek(offset + _HEAD)
            return max(stream.read(length - _HEAD - _CHECKSUM), default=0)
    return 0


def needed(stream: BinaryIO) -> list[tuple[int, int]]:
    """Offset and length of all that the pixels of a PNG file need, its orientation and the count of its frames."""
    found, left = [(0, len(SIGNATURE))], _KEPT
    for kind, offset, length in chunks(stream):
        short = length <= _KEPT or kind == b"IDAT"
        turns = length <= left and _turns(stream, kind, offset, length)
        if (kind in _NEEDED and short) or turns:
            found.append((offset, length))
            left -= length if turns else 0
    return found


def _turns(stream: BinaryIO, kind: bytes, offset: int, length: int) -> bool:
    """Whether a text chunk is EXIF or XMP, which say how the picture is turned, and short enough to be kept."""
    if kind not in _TEXTS or length > _KEPT:
        return False
    stream.seek(offset + _HEAD)
    keyword, _, rest = stream.read(length - _HEAD - _CHECKSUM).partition(b"\0")
    if keyword not in _KEYWORDS:
        return False
    packed = kind == b"zTXt" or (kind == b"iTXt" and rest[:1] == b"\1")
    text = rest[1:] if kind == b"zTXt" else rest[2:].split(b"\0", 2)[-1] if kind == b"iTXt" else rest
    if not packed:
        return True
    try:
        return len(zlib.decompressobj().decompress(text, _KEPT + 1)) <= _KEPT
    except zlib.error:
        return False
