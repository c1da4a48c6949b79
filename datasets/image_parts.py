"""What an image file carries beside its pixels, left out before a decoder reads it.

Decoders hold every text, profile, thumbnail and private part of a file at once, some of them several times over, and
join the pieces of a comment in a time that grows with their square. Pixels need next to nothing of it: a file that
carries much is read through a view that leaves it out, and one that cannot be looked through is refused.
"""

from __future__ import annotations

import io
import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import BinaryIO, cast

from . import png_chunks

MOST_ASIDE = 1 << 20
"""Bytes beside the pixels that are left where they are; most files have far fewer."""
MOST_PARTS = png_chunks.MOST_CHUNKS
"""Chunks, segments or blocks of extensions that a file may be made of."""
MOST_TAGS = 8_000_000
"""Bytes that the tags of a TIFF file may hold."""
MOST_WHOLE = 40_000_000
"""Bytes of a WebP, HEIC or AVIF file, which decoders hold as a whole, and more than once."""
_MOST_ENTRIES, _MOST_STRIPS = 4096, 100_000
_MOST_BLOCKS = 2_000_000
"""Of 255 bytes each, of which the frames of a GIF file are made."""
_BMP_HEADER = 1024

Piece = tuple[int, int] | bytes
"""Offset and length of a part of a file, or what stands in its place."""


class PartsError(ValueError):
    """A file carries what no decoder should be given."""


def pixels_alone(stream: BinaryIO) -> BinaryIO:
    """The file as it is, or as if it had nothing that is long and that its pixels do not need.

    Args:
        stream: an image file of whatever kind, seekable; it has to stay open.

    Raises:
        PartsError: it is made of too many parts, or its tags, its header or all of it are too long.
    """
    stream.seek(0)
    head = stream.read(16)
    if head.startswith(png_chunks.SIGNATURE):
        pieces = _png(stream)
    elif head.startswith(b"\xff\xd8"):
        pieces = _jpeg(stream)
    elif head.startswith((b"GIF87a", b"GIF89a")):
        pieces = _gif(stream)
    elif head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")):
        pieces = _tiff(stream, "<" if head.startswith(b"II") else ">", big=head[2:4] in (b"+\0", b"\0+"))
    else:
        _check_header(stream, head)
        pieces = None
    stream.seek(0)
    return stream if pieces is None else cast(BinaryIO, io.BufferedReader(Pieces(stream, pieces)))


def without_texts(stream: BinaryIO) -> BinaryIO | None:
    """A PNG file without all that its pixels do not need, for a decoder that minds a text; None: it is no PNG file.

    Args:
        stream: as in `pixels_alone`.
    """
    stream.seek(0)
    if stream.read(len(png_chunks.SIGNATURE)) != png_chunks.SIGNATURE:
        return None
    return cast(BinaryIO, io.BufferedReader(Pieces(stream, png_chunks.needed(stream))))


def is_view(stream: BinaryIO) -> bool:
    """Whether something is left out of the file, so that compiled code cannot read it by itself."""
    return isinstance(getattr(stream, "raw", None), Pieces)


class Pieces(io.RawIOBase):
    """Some parts of a file, read-only, as if they were all of it.

    Args:
        stream: the file, seekable; it has to stay open.
        pieces: its parts, in their order.
    """

    def __init__(self, stream: BinaryIO, pieces: Sequence[Piece]) -> None:
        super().__init__()
        self._position = self._size = 0
        self._starts: list[int] = []
        self._pieces: list[tuple[BinaryIO, int, int]] = []
        for piece in pieces:
            source = io.BytesIO(piece) if isinstance(piece, bytes) else stream
            offset, length = (0, len(piece)) if isinstance(piece, bytes) else piece
            last = self._pieces[-1] if self._pieces else (None, 0, 0)
            if last[0] is source and last[1] + last[2] == offset:
                self._pieces[-1] = (source, last[1], last[2] + length)
            elif length:
                self._starts.append(self._size)
                self._pieces.append((source, offset, length))
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
        number = bisect_right(self._starts, self._position) - 1
        if number < 0:
            return 0
        source, offset, length = self._pieces[number]
        inside = self._position - self._starts[number]
        if inside >= length:
            return 0
        source.seek(offset + inside)
        data = source.read(min(len(buffer), length - inside))
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)


# ------------------------------------------------------------------------------------------------ kinds of files


def _png(stream: BinaryIO) -> Sequence[Piece] | None:
    aside = count = 0
    for kind, _, length in png_chunks.chunks(stream):
        aside, count = aside + (length if kind != b"IDAT" else 0), count + 1
    if count >= png_chunks.MOST_CHUNKS:
        raise PartsError(f"it is made of more than {png_chunks.MOST_CHUNKS:,} chunks")
    return png_chunks.needed(stream) if aside > MOST_ASIDE else None


_ALONE = frozenset({0x01, *range(0xD0, 0xD9)})
"""Markers without a length."""
_SCAN, _COMMENT, _APP0, _APP1, _APP2, _APP14, _APP15 = 0xDA, 0xFE, 0xE0, 0xE1, 0xE2, 0xEE, 0xEF
_TOLD_BY = {_APP1: (b"Exif\0", b"http://ns.adobe.com/xap/1.0/\0"), _APP2: (b"MPF\0",)}
"""Beginnings of the segments that say how a picture is turned (EXIF, and XMP where there is none), and that further
pictures lie behind it."""
_LONGEST_NAME = 32


def _jpeg(stream: BinaryIO) -> Sequence[Piece] | None:
    """Everything up to the scan but comments and applications' parts; orientation and colour stay."""
    kept, aside, position = [(0, 2)], 0, 2
    left = MOST_ASIDE
    for _ in range(MOST_PARTS):
        stream.seek(position)
        head = stream.read(4 + _LONGEST_NAME)
        if len(head) < 4 or head[0] != 0xFF:  # damaged, or filled up in a way that the decoder knows
            break
        marker, length = head[1], int.from_bytes(head[2:4], "big") + 2
        if marker == 0xFF:
            position += 1
            continue
        if marker in _ALONE:
            length = 2
        elif marker == _SCAN:
            break
        needed = not (_APP0 <= marker <= _APP15 or marker == _COMMENT) or marker in (_APP0, _APP14)
        if head[4:].startswith(_TOLD_BY.get(marker, ())) and length <= left:
            needed, left = True, left - length
        aside += length if _APP0 <= marker <= _APP15 or marker == _COMMENT else 0
        kept += [(position, length)] if needed else []
        position += length
    else:
        raise PartsError(f"it is made of more than {MOST_PARTS:,} segments")
    if aside <= MOST_ASIDE:
        return None
    return [*kept, (position, stream.seek(0, io.SEEK_END) - position)]


_EXTENSION, _FRAME, _CONTROL = 0x21, 0x2C, 0xF9


def _gif(stream: BinaryIO) -> Sequence[Piece] | None:
    """Header and frames with what controls them, without comments and applications' parts."""
    stream.seek(0)
    head = stream.read(13)
    if len(head) < 13:
        return None
    position = 13 + _colours(head[10])
    kept, aside = [(0, position)], 0
    steps = {True: 0, False: 0}
    while True:
        stream.seek(position)
        start, mark = position, stream.read(2)
        if len(mark) < 2 or mark[0] not in (_EXTENSION, _FRAME):
            break
        if mark[0] == _FRAME:
            stream.seek(position + 9)
            packed = stream.read(1)
            position += 11 + (_colours(packed[0]) if packed else 0)
        else:
            position += 2
        extension = mark[0] == _EXTENSION and mark[1] != _CONTROL
        for length in _blocks(stream, position):
            position += length
            steps[extension] += 1
            if steps[extension] > (MOST_PARTS if extension else _MOST_BLOCKS):
                what = "extensions" if extension else "frames"
                raise PartsError(f"it has more than {steps[extension] - 1:,} blocks of {what}")
        if extension:
            aside += position - start
        else:
            kept.append((start, position - start))
    if aside <= MOST_ASIDE >> 4:  # decoders take longer over these than over others
        return None
    return [*kept, (position, stream.seek(0, io.SEEK_END) - position)]


def _colours(packed: int) -> int:
    """Bytes of a table of colours."""
    return 3 << ((packed & 7) + 1) if packed & 0x80 else 0


def _blocks(stream: BinaryIO, position: int) -> Iterator[int]:
    """Whole length of each block of data, the empty one at their end included."""
    while True:
        stream.seek(position)
        length = stream.read(1)
        if not length:
            return
        yield length[0] + 1
        if not length[0]:
            return
        position += length[0] + 1


def _check_header(stream: BinaryIO, head: bytes) -> None:
    if head[4:8] == b"ftyp" or (head.startswith(b"RIFF") and head[8:12] == b"WEBP"):
        length = stream.seek(0, io.SEEK_END)
        if length > MOST_WHOLE:
            raise PartsError(f"all {length / 1e6:,.0f} MB are held at once, {MOST_WHOLE // 10**6} MB at most")
    elif head.startswith(b"BM"):
        stream.seek(14)
        (length,) = struct.unpack("<I", stream.read(4).ljust(4, b"\0"))
        if length > _BMP_HEADER:
            raise PartsError(f"its header is said to be {length:,} bytes long")


_STRIPS = frozenset({273, 279, 324, 325})
"""Tags that say where the pixels lie."""
_NEEDED_TAGS = _STRIPS | {320, 347}
"""These, the table of colours and that of JPEG: kept however long they are."""
_LONG_TAG = 1 << 16
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value, by the number of its type."""


def _tiff(stream: BinaryIO, order: str, *, big: bool) -> Sequence[Piece] | None:
    """The file with its long tags emptied, as programs write their layers; a decoder reads those of the first picture.

    What the tags speak of stays where it lies, for other parts are found by their place.
    """
    place, number, entry = ("Q", "Q", "HHQ") if big else ("I", "H", "HHI")
    offset = _unpacked(stream, 8 if big else 4, order + place)
    count = None if offset is None else _unpacked(stream, offset, order + number)
    if offset is None or count is None:
        return None
    if count > _MOST_ENTRIES:
        raise PartsError(f"it has {count:,} tags, of which at most {_MOST_ENTRIES:,} are read")
    start = offset + struct.calcsize("=" + number)
    stream.seek(start)
    width, held, emptied = (20 if big else 12), 0, 0
    table = bytearray(stream.read(width * count))
    for at in range(0, len(table) - width + 1, width):
        tag, kind, values = struct.unpack_from(order + entry, table, at)
        if tag in _STRIPS and values > _MOST_STRIPS:
            raise PartsError(f"it is made of {values:,} strips, of which at most {_MOST_STRIPS:,} are read")
        size = values * _SIZES.get(kind, 1)
        if size > _LONG_TAG and tag not in _NEEDED_TAGS:
            struct.pack_into(order + entry, table, at, tag, kind, 0)
            emptied += size
        else:
            held += size
        if held > MOST_TAGS:
            raise PartsError(f"its tags hold more than {MOST_TAGS // 10**6} MB")
    if held + emptied <= MOST_ASIDE:
        return None
    end = start + len(table)
    return [(0, start), bytes(table), (end, stream.seek(0, io.SEEK_END) - end)]


def _unpacked(stream: BinaryIO, offset: int, form: str) -> int | None:
    stream.seek(offset)
    data = stream.read(struct.calcsize(form))
    return int(struct.unpack(form, data)[0]) if len(data) == struct.calcsize(form) else None
