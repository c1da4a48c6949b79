"""Picture files written as they came: same kind, same quality, and nothing but pixels in them.

EXIF (place, time, camera, thumbnail), XMP, comments, embedded previews and colour profiles are left out, because a new
file is written from the pixels alone.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from ..datasets.frames import frames
from ..datasets.image_parts import PartsError, pixels_alone, without_texts
from ..datasets.images import ImageError, open_image, pillow_formats, read_image
from ..datasets.sample_depth import is_wide
from ..datasets.types import Image

if TYPE_CHECKING:
    import PIL.Image

_QUALITY = {"JPEG": 92, "WEBP": 90, "HEIF": 80, "AVIF": 80}
"""Of kinds whose files do not say how they were made."""
_GREY = ("L", "1", "LA", "I", "I;16", "I;16B")
"""Pillow's modes of pictures without colour."""


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A picture as read, and how to write one like it."""

    image: Image
    kind: str
    """Pillow's name of the file's kind."""
    grey: bool
    options: dict[str, Any] = field(default_factory=dict)
    """How it is saved."""
    notes: tuple[str, ...] = ()
    """What the new file will not have besides metadata."""


def read_picture(path: Path) -> PictureFile:
    """Read a picture, upright, and what has to be known to write one like it.

    Raises:
        ImageError: the file cannot be used.
    """
    image = read_image(path)
    try:
        with open_image(path) as stream, _opened(stream) as picture:
            wide = _is_wide(picture)  # before anything is asked that moves on in the file
            # A JPEG with further pictures behind it counts as a JPEG.
            kind = "JPEG" if picture.format == "MPO" else str(picture.format)
            options = _jpeg_options(picture) if kind == "JPEG" else _options(kind, picture, path)
            return PictureFile(image, kind, picture.mode in _GREY, options, _lost(picture, wide))
    except ImageError:
        raise
    except Exception as error:  # what was read as an image does not say how it was made
        raise ImageError(f"{path.name}: its kind cannot be told ({type(error).__name__}); convert it to PNG") from error


def _opened(stream: BinaryIO) -> PIL.Image.Image:
    """The file as Pillow has it, also one with a text or profile that is longer than Pillow reads; see `read_image`."""
    from PIL import Image as PilImage

    try:
        return PilImage.open(pixels_alone(stream), formats=pillow_formats())
    except ValueError as error:
        alone = None if isinstance(error, PartsError) else without_texts(stream)
        if alone is None:
            raise
        return PilImage.open(alone, formats=pillow_formats())


def _is_wide(picture: Any) -> bool:
    # PPM says so by its largest value alone.
    highest = [arg for tile in picture.tile if isinstance(tile.args, tuple) for arg in tile.args]
    return is_wide(picture) or (
        picture.format == "PPM" and any(isinstance(each, int) and each > 255 for each in highest)
    )


def _jpeg_options(picture: Any) -> dict[str, Any]:
    """The file's own quantisation, subsampling and order of scans."""
    from PIL import JpegImagePlugin

    tables = getattr(picture, "quantization", None)
    options: dict[str, Any] = {"qtables": tables} if tables else {"quality": _QUALITY["JPEG"]}
    sampling = JpegImagePlugin.get_sampling(picture)
    if picture.mode == "RGB" and sampling in (0, 1, 2):
        options["subsampling"] = sampling
    return {**options, "progressive": bool(picture.info.get("progressive"))}


def _options(kind: str, picture: Any, path: Path) -> dict[str, Any]:
    if kind == "TIFF":
        compression = str(picture.info.get("compression", "raw"))
        return {} if compression in ("raw", "jpeg") else {"compression": compression}
    if kind == "WEBP" and _is_lossless_webp(path):
        return {"lossless": True}
    return {"quality": _QUALITY[kind]} if kind in _QUALITY else {}


def _lost(picture: Any, wide: bool) -> tuple[str, ...]:
    """What the new file will not have besides metadata."""
    held = frames(picture)
    notes = [f"the first of {held} pictures in the file"] if held > 1 else []
    notes += ["transparency laid over white"] if picture.has_transparency_data else []
    notes += ["8 bits in place of 16"] if wide else []
    return tuple(notes)


def picture_bytes(picture: PictureFile, image: Image) -> bytes:
    """A file of the kind of `picture` with these pixels and no metadata.

    Raises:
        ImageError: this kind cannot be written here.
    """
    from PIL import Image as PilImage

    made = PilImage.fromarray(np.ascontiguousarray(image))
    if picture.grey:
        made = made.convert("L")
    stream = io.BytesIO()
    try:
        made.save(stream, format=picture.kind, **picture.options)
    except Exception as error:
        raise ImageError(
            f"a {picture.kind} file cannot be written here ({type(error).__name__}); convert it to PNG or JPEG"
        ) from error
    return stream.getvalue()


def _is_lossless_webp(path: Path) -> bool:
    """Whether the first picture chunk says so (VP8L), as the container's specification has it."""
    with open_image(path) as stream:
        head = stream.read(1 << 16)
    return b"VP8L" in head and b"VP8 " not in head
