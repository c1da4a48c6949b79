"""PNG files by their chunks: what a file declares about its samples, and which chunks its pixels need."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_CHUNKS = 100_000
"""Of one file; what follows is not looked at."""
_NEEDED = frozenset({b"IHDR", b"PLTE", b"tRNS", b"sBIT", b"eXIf", b"acTL", b"fcTL", b"IDAT", b"IEND"})
_ORIENTATION = b"Raw profile type exif\0"
"""Keyword under which some programs keep EXIF, and with it the orientation, in a text."""
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
    found = [(0, len(SIGNATURE))]
    for kind, offset, length in chunks(stream):
        short = length <= _KEPT or kind == b"IDAT"
        if (kind in _NEEDED and short) or _is_orientation(stream, kind, offset, length):
            found.append((offset, length))
    return found


def _is_orientation(stream: BinaryIO, kind: bytes, offset: int, length: int) -> bool:
    """Whether a text chunk is EXIF and short enough to be kept."""
    if kind not in (b"tEXt", b"zTXt") or length > _KEPT:
        return False
    stream.seek(offset + _HEAD)
    data = stream.read(length - _HEAD - _CHECKSUM)
    if not data.startswith(_ORIENTATION):
        return False
    if kind != b"zTXt":
        return kind == b"tEXt"
    try:
        inflated = zlib.decompressobj().decompress(data[len(_ORIENTATION) + 1 :], _KEPT + 1)
    except zlib.error:
        return False
    return len(inflated) <= _KEPT
