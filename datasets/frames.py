"""Files that hold several pictures: stacks, animations, bursts. Of each the first picture is the image."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from .image_parts import pixels_alone
from .images import HEIF_SUFFIXES, heif, open_image, pillow_formats

if TYPE_CHECKING:
    import PIL.Image

_SUFFIXES = frozenset({".tif", ".tiff", ".gif", ".webp", ".png", *HEIF_SUFFIXES})
"""Of kinds that may hold several; a telephone's JPEG may too, whose further ones are previews of the first."""


def frames(picture: PIL.Image.Image) -> int:
    """How many pictures an open file holds, 1 or more."""
    return int(getattr(picture, "n_frames", 1))


def files_of_several(paths: Iterable[Path]) -> list[Path]:
    """Files that hold more than one picture, in the order given; what cannot be opened is told where it is read."""
    from PIL import Image as PilImage

    found = []
    for path in paths:
        suffix = path.suffix.lower()
        if suffix not in _SUFFIXES or (suffix in HEIF_SUFFIXES and not heif()):
            continue
        try:
            with open_image(path) as stream, PilImage.open(pixels_alone(stream), formats=pillow_formats()) as picture:
                if frames(picture) > 1:
                    found.append(path)
        except Exception:  # whatever damage is found is reported where the image is read
            continue
    return found
