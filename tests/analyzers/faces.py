"""One face in many guises, made from scikit-image's astronaut (NASA, public domain) by array operations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Photo = NDArray[np.uint8]


def astronaut() -> Photo:
    """(512, 512, 3) RGB; the face is about 90 px wide, its middle near (225, 118)."""
    from skimage import data

    return np.ascontiguousarray(data.astronaut())


def _two(photo: Photo) -> Photo:
    """The photograph, and to its right the same at half size on grey."""
    small = np.full((512, 256, 3), 127, np.uint8)
    small[:256] = photo[::2, ::2]
    return np.hstack([photo, small])


def _grey(photo: Photo) -> Photo:
    return np.repeat((photo.astype(np.uint16).sum(axis=2) // 3).astype(np.uint8)[..., None], 3, axis=2)


VARIANTS: dict[str, Callable[[Photo], Photo]] = {
    "whole": lambda photo: photo,
    "mirrored": lambda photo: photo[:, ::-1],
    "half size": lambda photo: photo[::2, ::2],
    "grey": _grey,
    "dark": lambda photo: photo // 4,
    "two faces": _two,
    "head only": lambda photo: photo[20:220, 130:320],
    "upside down": lambda photo: photo[::-1, ::-1],
    "no face": lambda photo: photo[260:, :],
}
"""Every one of them without interpolation, so that the pixels are the same on every machine."""


def variant(name: str) -> Photo:
    """A photograph by its name in `VARIANTS`."""
    return np.ascontiguousarray(VARIANTS[name](astronaut()))
