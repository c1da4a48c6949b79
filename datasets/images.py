"""Reading and writing image files: everything becomes (H, W, 3) uint8 RGB, upright, or an `ImageError`.

Nothing but regular files is opened, nothing larger than `MAX_BYTES` is read, and decoding takes at most about
`MAX_WORK` bytes: the picture is converted in strips, straight into the array that is returned, and what a file carries
beside its pixels is left out.
"""

from __future__ import annotations

import importlib.util
import io
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .image_parts import PartsError, is_view, pixels_alone, without_texts
from .png_chunks import SIGNATURE
from .sample_depth import WIDE, declared_bits, full_scale, is_wide, to_8_bits
from .types import Image

if TYPE_CHECKING:
    import PIL.Image

MIN_SIDE = 16
"""Shortest side in px of an image worth reading; below it there is no hand or face to find."""
MAX_SIDE = 12_000
"""Longest side in px; larger files are refused before they are decoded."""
MAX_PIXELS = 80_000_000
"""Largest area in px, whatever the format."""
MAX_WORK = 240_000_000
"""Bytes that decoding may take, the result included; what would need more is refused before it is decoded."""
MAX_BYTES = 256_000_000
"""Largest file; larger ones are refused unread."""

_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
_PLAIN_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm", ".pnm"}
)
HEIF_SUFFIXES = frozenset({".heic", ".heif", ".hif", ".avif"})
"""Lower-case file name endings of what telephones write; read where pillow-heif is installed."""
HEIF_HINT = "needs the extra heif: pip install 'deid-bench[heif]'"

_ORIENTATION_TAG = 0x0112
_PNG_LEVEL = 1
_STRIP = 1 << 17
"""Pixels that are converted at a time."""
_RESULT = 3
"""Bytes per px of what is returned."""


class ImageError(ValueError):
    """A file is not an image this toolkit can use; the message says what was expected, what came and what to do."""


@cache
def heif() -> bool:
    """Whether HEIC and AVIF can be read here: pillow-heif is installed."""
    return importlib.util.find_spec("pillow_heif") is not None


def suffixes() -> frozenset[str]:
    """Lower-case file name endings that are taken for images here."""
    return _PLAIN_SUFFIXES | HEIF_SUFFIXES if heif() else _PLAIN_SUFFIXES


@contextmanager
def open_image(path: Path) -> Iterator[io.BufferedReader]:
    """Open a file that is to be read as an image; a pipe or a device is neither waited for nor read.

    Raises:
        OSError: it cannot be opened.
        ImageError: no regular file, an empty one, or one that is larger than `MAX_BYTES`.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as stream:
        state = os.fstat(stream.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise ImageError(f"{path.name}: expected a file, got a pipe, socket, device or folder; leave it out")
        if state.st_size == 0:
            raise ImageError(f"{path.name}: expected an image, got an empty file; copy it again")
        if state.st_size > MAX_BYTES:
            raise ImageError(
                f"{path.name}: expected at most {MAX_BYTES // 10**6} MB, got {state.st_size / 1e6:,.0f} MB; "
                "it is not read: convert it to PNG or JPEG"
            )
        yield stream


def read_image(path: str | Path, bits: int = 0) -> Image:
    """Decode an image file.

    8- and 16-bit grey, palette, RGB and CMYK files come out as 8-bit RGB (colour profiles are not applied). 16-bit
    samples are scaled by the depth that the file declares, else by 255/65535. Transparent pixels are composited over
    white. An EXIF orientation is applied. Of a file with several frames the first is taken.

    Args:
        path: a PNG, JPEG, BMP, TIFF, WebP, GIF or PPM file; HEIC and AVIF where pillow-heif is installed.
        bits: how many bits the samples of 16-bit files use, where the files do not say; 0: what they say, else 16.

    Returns:
        (H, W, 3) uint8 RGB, upright, `MIN_SIDE` <= H, W <= `MAX_SIDE`, writable, C-contiguous.

    Raises:
        ImageError: the file is missing, empty, damaged, too small, too large or of a kind that is not read.
    """
    path = Path(path)
    try:
        with open_image(path) as stream:
            return decode_stream(stream, path.name, bits)
    except OSError as error:
        raise ImageError(
            f"{path.name}: expected a readable file, got {type(error).__name__}; check the path"
        ) from error


def decode_png(data: bytes) -> Image:
    """Decode PNG bytes, for example those of `write_png`.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ImageError: the bytes are not a complete PNG file or break the limits of `read_image`.
    """
    if not data.startswith(SIGNATURE):
        raise ImageError(f"PNG data: expected the PNG signature, got {data[:8]!r}; pass the bytes of a PNG file")
    return decode_image(data, "PNG data")


def write_png(image: Image) -> bytes:
    """Encode losslessly as PNG, at a low compression level because a run writes many images.

    The bytes are the same for the same pixels as long as the versions of Pillow and zlib are.

    Args:
        image: (H, W, 3) uint8 RGB.

    Raises:
        ImageError: the array has another shape or dtype.
    """
    from PIL import Image as PilImage

    array = np.asarray(image)
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3 or 0 in array.shape:
        raise ImageError(f"expected a (H, W, 3) uint8 RGB array, got {array.shape} {array.dtype}; convert it first")
    buffer = io.BytesIO()
    PilImage.fromarray(np.ascontiguousarray(array)).save(buffer, format="PNG", compress_level=_PNG_LEVEL)
    return buffer.getvalue()


def decode_image(data: bytes, name: str) -> Image:
    """Decode the bytes of an image file; as `read_image`, which see.

    Args:
        data: the file's bytes.
        name: how errors call it.

    Raises:
        ImageError: the bytes are empty, damaged, too small, too large or of a kind that is not read.
    """
    if not data:
        raise ImageError(f"{name}: expected an image, got an empty file; copy it again")
    return decode_stream(io.BytesIO(data), name)


def decode_stream(stream: BinaryIO, name: str, bits: int = 0) -> Image:
    """Decode an open image file; as `read_image`, which see.

    Args:
        stream: the file, seekable, binary.
        name: how errors call it.
        bits: as in `read_image`.

    Raises:
        ImageError: the file is damaged, too small, too large or of a kind that is not read.
    """
    from PIL import Image as PilImage
    from PIL import UnidentifiedImageError

    try:
        try:
            return _decode(stream, name, bits)
        except ValueError as error:
            # A text or profile that is longer than Pillow reads; pixels need neither.
            alone = None if isinstance(error, ImageError | PartsError) else without_texts(stream)
            if alone is None:
                raise
            return _decode(alone, name, bits)
    except ImageError:
        raise
    except PartsError as error:
        raise ImageError(
            f"{name}: expected an image, got a file with too much beside its pixels: {error}; save it anew"
        ) from error
    except UnidentifiedImageError as error:
        expected = ", ".join(pillow_formats())
        hint = "" if heif() else f" (HEIC and AVIF: {HEIF_HINT})"
        raise ImageError(
            f"{name}: expected one of {expected}, got something else or a damaged header; convert it to PNG{hint}"
        ) from error
    except (PilImage.DecompressionBombError, PilImage.DecompressionBombWarning) as error:
        raise ImageError(f"{name}: expected at most {MAX_PIXELS} px, got more; scale it down") from error
    except Exception as error:  # decoders raise OSError, SyntaxError, struct.error, zlib.error, MemoryError, …
        raise ImageError(
            f"{name}: expected a complete image, got a damaged one ({type(error).__name__}); copy or convert it again"
        ) from error


def pillow_formats() -> tuple[str, ...]:
    """Kinds of files that are read, by Pillow's names. Pillow registers only its commonest formats by itself."""
    from PIL import TiffImagePlugin, WebPImagePlugin  # noqa: F401

    if not heif():
        return _FORMATS
    _register_heif()
    return (*_FORMATS, "HEIF", "AVIF")


@cache
def _register_heif() -> None:
    import pillow_heif
    from PIL import AvifImagePlugin  # noqa: F401

    pillow_heif.register_heif_opener(thumbnails=False)


def _decode(stream: BinaryIO, name: str, bits: int) -> Image:
    # In two steps, so that Pillow's own copy is gone before the image is turned.
    image, orientation = _lying(pixels_alone(stream), name, bits)
    return _turned(image, orientation)


def _lying(stream: BinaryIO, name: str, bits: int) -> tuple[Image, int]:
    """The image as it lies in the file, and the number of its EXIF orientation."""
    from PIL import Image as PilImage

    stream.seek(0)
    with PilImage.open(stream, formats=pillow_formats()) as picture:
        wide = is_wide(picture)
        declared = declared_bits(picture, stream) if wide else 0
        narrow_colour = wide and not picture.mode.startswith("I") and (bits or declared or WIDE) < WIDE
        whole = narrow_colour or (picture.format == "TIFF" and is_view(stream))  # libtiff then gets it all at once
        copies = 1 if whole else _COPIES.get(picture.format or "", 0)
        _check_size(picture, name, narrow_colour, copies * stream.seek(0, io.SEEK_END))
        picture.load()  # before anything else is asked of it: a question that fails would hide damage
        orientation = _orientation(picture)
        if not narrow_colour:
            return _to_rgb(picture, name, bits, declared), orientation
    del picture
    return _wide_colour(stream, name, bits, declared), orientation


_COPIES = {"WEBP": 3, "HEIF": 3, "AVIF": 3}
"""How many times a decoder holds the whole file, by what measuring says."""


def _check_size(picture: PIL.Image.Image, name: str, narrow_colour: bool, held: int) -> None:
    width, height = picture.size
    if min(picture.size) < MIN_SIDE:
        raise ImageError(f"{name}: expected at least {MIN_SIDE} px a side, got {width} x {height}; leave it out")
    most = min(MAX_PIXELS, (MAX_WORK - held) // _bytes_per_pixel(picture, narrow_colour))
    if max(picture.size) > MAX_SIDE or width * height > most:
        raise ImageError(
            f"{name}: expected at most {MAX_SIDE} px a side and {most / 1e6:.0f} million px in all ({picture.format}, "
            f"{picture.mode}: more takes too much memory), got {width} x {height}; scale it down"
        )


def _bytes_per_pixel(picture: PIL.Image.Image, narrow_colour: bool) -> int:
    """What decoding a file takes at its worst, the result included, by how its kind is decoded."""
    core = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2}.get(picture.mode, 4)
    samples = len(picture.getbands()) * (2 if is_wide(picture) else 1)
    copied = core if picture.mode.startswith("I") else 0
    work = {
        "JPEG": 2 * samples if picture.info.get("progressive") else 0,  # all coefficients
        "TIFF": samples,  # a strip may be the whole picture
        "WEBP": 12,  # two canvases and a copy
        "HEIF": 5,
        "AVIF": 7,
    }.get(picture.format or "", 0)
    if narrow_colour:  # Pillow's copy is gone by then
        return max(core + work, 2 * samples + _RESULT)
    return core + max(_RESULT + copied, work)


def _orientation(picture: PIL.Image.Image) -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # a damaged EXIF block does not make the pixels unusable
        return 1


def _turned(image: Image, orientation: int) -> Image:
    """The image as it is meant to be seen; `orientation` is EXIF's number."""
    if orientation in (5, 6, 7, 8):
        image = image.transpose(1, 0, 2)
    if orientation in (2, 3, 6, 7):
        image = image[:, ::-1]
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return np.ascontiguousarray(image)


def _strips(height: int, width: int) -> Iterator[slice]:
    rows = max(1, _STRIP // width)
    for top in range(0, height, rows):
        yield slice(top, min(height, top + rows))


_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
"""Tag of a TIFF file, and the value of it that makes 0 white."""


def _to_rgb(picture: PIL.Image.Image, name: str, bits: int, declared: int) -> Image:
    width, height = picture.size
    if picture.mode == "F":
        raise ImageError(f"{name}: expected 8- or 16-bit samples, got floating point; convert it to 16-bit PNG")
    out = np.empty((height, width, 3), dtype=np.uint8)
    if picture.mode.startswith("I"):
        _fill_wide(out, np.asarray(picture)[:, :, None], name, bits, declared)
        if picture.format == "TIFF" and picture.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO:  # type: ignore[attr-defined]
            np.subtract(255, out, out=out)  # Pillow turns such files of 8 bits alone
        return out
    clear = picture.has_transparency_data
    for rows in _strips(height, width):
        strip = picture.crop((0, rows.start, width, rows.stop))
        out[rows] = _over_white(np.asarray(strip.convert("RGBA"))) if clear else np.asarray(strip.convert("RGB"))
    return out


def _wide_colour(stream: BinaryIO, name: str, bits: int, declared: int) -> Image:
    """16-bit colour with fewer bits in use; Pillow would keep the upper byte, where there is little or nothing."""
    import cv2

    stream.seek(0)
    values = cv2.imdecode(np.frombuffer(stream.read(), dtype=np.uint8), cv2.IMREAD_UNCHANGED)
    if values is None or values.dtype != np.uint16 or values.ndim != 3:
        raise ImageError(f"{name}: expected 16-bit colour, got what cannot be read as such; convert it to 8-bit PNG")
    out = np.empty((*values.shape[:2], 3), dtype=np.uint8)
    _fill_wide(out, values[..., 2::-1] if values.shape[2] >= 3 else values[..., :1], name, bits, declared)
    if values.shape[2] == 4:
        alpha, depth = values[..., 3:], bits or declared
        opaque = (1 << (WIDE if int(alpha.max()) >> depth else depth)) - 1
        for rows in _strips(*values.shape[:2]):
            out[rows] = _over_white(np.dstack([out[rows], to_8_bits(alpha[rows], opaque)]))
    return out


def _fill_wide(out: Image, values: NDArray[Any], name: str, bits: int, declared: int) -> None:
    """16-bit samples, (H, W, 1) or (H, W, 3), scaled into an image."""
    low, high = int(values.min()), int(values.max())
    if low < 0 or high >> WIDE:
        raise ImageError(f"{name}: expected 16-bit samples 0..65535, got {low}..{high}; convert it to 16-bit PNG")
    try:
        white = full_scale(values, bits, declared)
    except ValueError as error:
        raise ImageError(f"{name}: {error}") from None
    for rows in _strips(*out.shape[:2]):
        out[rows] = to_8_bits(values[rows], white)


def _over_white(rgba: NDArray[Any]) -> Image:
    colour, alpha = rgba[..., :3].astype(np.uint32), rgba[..., 3:].astype(np.uint32)
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
