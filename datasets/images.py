"""Reading and writing image files: everything becomes (H, W, 3) uint8 RGB, upright, or an `ImageError`."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .types import Image

if TYPE_CHECKING:
    import PIL.Image

MIN_SIDE = 16
"""Shortest side in px of an image worth reading; below it there is no hand or face to find."""
MAX_SIDE = 12_000
"""Longest side in px; larger files are refused before they are decoded."""
MAX_PIXELS = 80_000_000
"""Largest area in px; keeps one decoded image under 240 MB."""

_FORMATS = ("PNG", "JPEG", "BMP", "GIF", "PPM", "TIFF", "WEBP")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".ppm", ".pgm"})
"""Lower-case file name endings that are taken for images."""

_ORIENTATION_TAG = 0x0112
_TURNS = {
    2: "FLIP_LEFT_RIGHT",
    3: "ROTATE_180",
    4: "FLIP_TOP_BOTTOM",
    5: "TRANSPOSE",
    6: "ROTATE_270",
    7: "TRANSVERSE",
    8: "ROTATE_90",
}
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_PNG_LEVEL = 1


class ImageError(ValueError):
    """A file is not an image this toolkit can use; the message says what was expected, what came and what to do."""


def read_image(path: str | Path) -> Image:
    """Decode an image file.

    8- and 16-bit grey, palette, RGB and CMYK files come out as 8-bit RGB (16-bit samples are scaled by 255/65535;
    colour profiles are not applied). Transparent pixels are composited over white. An EXIF orientation is applied.
    Of a file with several frames the first is taken.

    Args:
        path: a PNG, JPEG, BMP, TIFF, WebP, GIF or PPM file.

    Returns:
        (H, W, 3) uint8 RGB, upright, `MIN_SIDE` <= H, W <= `MAX_SIDE`, writable, C-contiguous.

    Raises:
        ImageError: the file is missing, empty, damaged, too small, too large or of a kind that is not read.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ImageError(
            f"{path.name}: expected a readable file, got {type(error).__name__}; check the path"
        ) from error
    return decode_image(data, path.name)


def decode_png(data: bytes) -> Image:
    """Decode PNG bytes, for example those of `write_png`.

    Returns:
        (H, W, 3) uint8 RGB.

    Raises:
        ImageError: the bytes are not a complete PNG file or break the limits of `read_image`.
    """
    if not data.startswith(_PNG_SIGNATURE):
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
    # Pillow registers only its commonest formats by itself.
    from PIL import Image as PilImage
    from PIL import TiffImagePlugin, UnidentifiedImageError, WebPImagePlugin  # noqa: F401

    if not data:
        raise ImageError(f"{name}: expected an image, got an empty file; copy it again")
    try:
        with PilImage.open(io.BytesIO(data), formats=_FORMATS) as picture:
            _check_size(picture.size, name)
            picture.load()
            array = _to_rgb(_upright(picture), name)
    except ImageError:
        raise
    except UnidentifiedImageError as error:
        raise ImageError(
            f"{name}: expected one of {', '.join(_FORMATS)}, got something else or a damaged header; convert it to PNG"
        ) from error
    except (PilImage.DecompressionBombError, PilImage.DecompressionBombWarning) as error:
        raise ImageError(f"{name}: expected at most {MAX_PIXELS} px, got more; scale it down") from error
    except Exception as error:  # decoders raise OSError, SyntaxError, struct.error, zlib.error, MemoryError, …
        raise ImageError(
            f"{name}: expected a complete image, got a damaged one ({type(error).__name__}); copy or convert it again"
        ) from error
    return np.ascontiguousarray(array)


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if min(size) < MIN_SIDE:
        raise ImageError(f"{name}: expected at least {MIN_SIDE} px a side, got {width} x {height}; leave it out")
    if max(size) > MAX_SIDE or width * height > MAX_PIXELS:
        raise ImageError(
            f"{name}: expected at most {MAX_SIDE} px a side and {MAX_PIXELS} px in all, "
            f"got {width} x {height}; scale it down"
        )


def _upright(picture: PIL.Image.Image) -> PIL.Image.Image:
    from PIL import Image as PilImage

    try:
        orientation = picture.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # a damaged EXIF block does not make the pixels unusable
        return picture
    turn = _TURNS.get(orientation)
    return picture if turn is None else picture.transpose(getattr(PilImage.Transpose, turn))


def _to_rgb(picture: PIL.Image.Image, name: str) -> Image:
    if picture.mode.startswith("I"):
        return _from_wide_grey(np.asarray(picture), name)
    if picture.mode == "F":
        raise ImageError(f"{name}: expected 8- or 16-bit samples, got floating point; convert it to 16-bit PNG")
    if picture.has_transparency_data:
        return _over_white(np.asarray(picture.convert("RGBA")))
    return np.array(picture.convert("RGB"), dtype=np.uint8)


def _from_wide_grey(values: np.ndarray[Any, Any], name: str) -> Image:
    low, high = int(values.min()), int(values.max())
    if low < 0 or high > 65_535:
        raise ImageError(f"{name}: expected 16-bit samples 0..65535, got {low}..{high}; convert it to 16-bit PNG")
    grey = ((values.astype(np.uint32) * 255 + 32_767) // 65_535).astype(np.uint8)
    return np.repeat(grey[:, :, None], 3, axis=2)


def _over_white(rgba: np.ndarray[Any, Any]) -> Image:
    colour, alpha = rgba[..., :3].astype(np.uint32), rgba[..., 3:].astype(np.uint32)
    return ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
