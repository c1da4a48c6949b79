"""How many bits of a 16-bit file carry the picture: what the file declares, what the user says, what is there.

Cameras write values of 10 or 12 bits into files of 16. Scaled as if they used the whole range, the picture is nearly
black, and every measure of quality flatters whatever is done to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .image_parts import pixels_alone
from .png_chunks import SIGNATURE, significant_bits

if TYPE_CHECKING:
    import PIL.Image

WIDE = 16
MIN_BITS = 9
"""Of samples in a 16-bit file."""
_BITS_PER_SAMPLE, _MAX_SAMPLE_VALUE = 258, 281
_WIDE_SUFFIXES = frozenset({".png", ".tif", ".tiff"})
"""Of the kinds that have 16 bits and need not say how many of them are used; PGM and PPM always say."""
_LOOKED_AT = 200
"""16-bit files of a dataset that are decoded in search of a high value."""


def is_wide(picture: PIL.Image.Image) -> bool:
    """Whether the file's samples have more than 8 bits. Before its pixels are loaded."""
    tiles = getattr(picture, "tile", None) or ()
    return picture.mode.startswith("I") or any(";16" in str(each) or ";12" in str(each) for each in tiles)


def declared_bits(picture: PIL.Image.Image, stream: BinaryIO) -> int:
    """How many bits the file says that its samples use: sBIT of PNG, BitsPerSample and MaxSampleValue of TIFF.

    Returns:
        1..16; 0 where it does not say. PGM and PPM files say by their largest value, which Pillow heeds.
    """
    if picture.format == "PNG":
        return significant_bits(stream)
    tags = getattr(picture, "tag_v2", None)
    if picture.format != "TIFF" or tags is None:
        return 0
    try:
        stored = max(int(each) for each in _numbers(tags.get(_BITS_PER_SAMPLE, 0)))
        highest = max(int(each) for each in _numbers(tags.get(_MAX_SAMPLE_VALUE, 0)))
    except (TypeError, ValueError):  # a tag of another type
        return 0
    if 0 < highest.bit_length() < stored:
        return highest.bit_length()
    return stored if MIN_BITS <= stored < WIDE else 0


def _numbers(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) and value else (value or 0,)


def full_scale(values: NDArray[Any], stated: int, declared: int) -> int:
    """The value that stands for white.

    Args:
        values: samples of a 16-bit file.
        stated: bits by the user, 0: not stated.
        declared: bits by the file, 0: not declared.

    A declared depth says what the samples had once, and good writers have spread them over the whole range since
    (the bits below are zero or repeat those above); such samples are taken as 16 bits.

    Raises:
        ValueError: a sample is larger than the stated depth allows.
    """
    highest = int(values.max(initial=0))
    if stated:
        if highest >> stated:
            raise ValueError(f"expected samples of {stated} bits as stated, got one of {highest}; correct bits=")
        return (1 << stated) - 1
    if not MIN_BITS <= declared < WIDE or highest >> declared:
        return (1 << WIDE) - 1
    return (1 << WIDE) - 1 if highest and _spread(values, declared) else (1 << declared) - 1


def _spread(values: NDArray[Any], bits: int) -> bool:
    """Whether samples of so many bits were spread over 16 by shifting, filling up with zeros or with their own top."""
    spare = WIDE - bits
    empty = repeated = True
    for row in values:
        low = row & ((1 << spare) - 1)
        empty = empty and not low.any()
        repeated = repeated and bool((low == (row >> (WIDE - spare))).all())
        if not empty and not repeated:
            return False
    return True


def to_8_bits(values: NDArray[Any], white: int) -> NDArray[np.uint8]:
    """Samples 0..white as 0..255, rounded to the nearest."""
    return ((values.astype(np.uint32) * 255 + white // 2) // white).astype(np.uint8)


def narrow_note(files: Iterable[tuple[Path, int]]) -> str:
    """A sentence, when no 16-bit file that leaves its depth open has a value that needs more than 14 bits.

    Args:
        files: paths, and the bits that the user stated for each (0: none).

    Returns:
        Empty where there is nothing to say.
    """
    looked, most = 0, 0
    for path, stated in files:
        if stated or looked >= _LOOKED_AT or path.suffix.lower() not in _WIDE_SUFFIXES:
            continue
        used = _used_bits(path)
        if used >= WIDE - 1:
            return ""
        looked, most = looked + (used > 0), max(most, used)
    if not looked:
        return ""
    share = 100 * ((1 << most) - 1) / ((1 << WIDE) - 1)
    return (
        f"16-bit images use {share:.2g} % of their range (the highest value of {looked} files fits {most} bits): are "
        f"these values of {max(most, MIN_BITS)} bits? Then say so with bits=; else they are as dark as they seem"
    )


def _used_bits(path: Path) -> int:
    """Bits that the highest value of a 16-bit file needs; 0 for other files, unreadable ones and those that declare
    their depth."""
    from PIL import Image as PilImage

    try:
        with path.open("rb") as stream:
            head = stream.read(26)
            if head.startswith(SIGNATURE) and head[24:25] != bytes([WIDE]):
                return 0
            with PilImage.open(pixels_alone(stream), formats=("PNG", "TIFF")) as picture:
                if not is_wide(picture) or declared_bits(picture, stream) or picture.size[0] * picture.size[1] > 4e7:
                    return 0
                picture.load()
                # Pillow keeps the upper byte of 16-bit colour alone.
                spare = 0 if picture.mode.startswith("I") else 8
                highest = int(np.asarray(picture).max(initial=0)) if spare == 0 else max(_tops(picture))
    except Exception:  # whatever damage is found is reported where the image is read
        return 0
    return highest.bit_length() + spare


def _tops(picture: PIL.Image.Image) -> Iterable[int]:
    """Highest value of each colour, transparency left out."""
    extrema: Any = picture.getextrema()
    found = [extrema] if isinstance(extrema[0], int | float) else list(extrema)
    return [int(high) for name, (_, high) in zip(picture.getbands(), found, strict=True) if name not in {"A", "a"}]
