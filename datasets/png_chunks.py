"""PNG files by their chunks: what a file declares about its samples, and the file without its long texts.

Pillow refuses a whole picture for one text or colour profile above a megabyte. Neither is needed for pixels, so the
picture is read again through a view that leaves such chunks out; nothing of them is held in memory.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from typing import BinaryIO

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_TEXTS = frozenset({b"tEXt", b"zTXt", b"iTXt", b"iCCP"})
_ORIENTATION = b"Raw profile type exif\0"
"""Keyword under which some programs keep EXIF, and with it the orientation, in a text."""
_KEPT = 1 << 20
"""Bytes of such a text, inflated, up to which it is kept; Pillow's own limit."""
_HEAD = 8
_CHECKSUM = 4
_MOST_CHUNKS = 100_000


def chunks(stream: BinaryIO) -> Iterator[tuple[bytes, int, int]]:
    """Type, offset and whole length (with head and checksum) of each chunk up to the end or the first damage."""
    position = len(SIGNATURE)
    for _ in range(_MOST_CHUNKS):
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


class WithoutTexts(io.RawIOBase):
    """A PNG file, read-only, as if it had no texts and no colour profile; a short EXIF text stays.

    Args:
        stream: the file, seekable; it has to stay open.
    """

    def __init__(self, stream: BinaryIO) -> None:
        super().__init__()
        self._stream = stream
        self._pieces: list[tuple[int, int, int]] = []  # (position here, offset there, length), consecutive
        self._size = 0
        self._position = 0
        self._add(0, len(SIGNATURE))
        for kind, offset, length in chunks(stream):
            if kind not in _TEXTS or _is_orientation(stream, kind, offset, length):
                self._add(offset, length)

    def _add(self, offset: int, length: int) -> None:
        if self._pieces and sum(self._pieces[-1][1:]) == offset:
            start, before, already = self._pieces[-1]
            self._pieces[-1] = (start, before, already + length)
        else:
            self._pieces.append((self._size, offset, length))
        self._size += length

    def readable(self) -> bool:
        """Always."""
        return True

    def seekable(self) -> bool:
        """Always."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As of any file."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def tell(self) -> int:
        """As of any file."""
        return self._position

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """As of any file; stops at the border of a piece, as raw streams may."""
        for start, offset, length in self._pieces:
            if start <= self._position < start + length:
                inside = self._position - start
                self._stream.seek(offset + inside)
                data = self._stream.read(min(len(buffer), length - inside))
                buffer[: len(data)] = data
                self._position += len(data)
                return len(data)
        return 0


def _is_orientation(stream: BinaryIO, kind: bytes, offset: int, length: int) -> bool:
    """Whether a text chunk is EXIF and short enough to be kept."""
    if length > _KEPT:
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
