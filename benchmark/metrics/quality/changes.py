"""Where two images differ. Most methods touch the palm only; elsewhere every local measure is known beforehand."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....datasets.types import Image

Region = NDArray[np.bool_]
"""(H, W), true inside."""


class Box(NamedTuple):
    """Half-open pixel ranges: rows `top` to `bottom - 1`, columns `left` to `right - 1`."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def empty(self) -> bool:
        """True without a single pixel."""
        return self.top >= self.bottom or self.left >= self.right


def check_pair(original: Image, changed: Image, region: Region | None = None) -> None:
    """Refuse what cannot be compared.

    Raises:
        ValueError: not two (H, W, 3) uint8 images of one shape, or the region is not (H, W) bool.
    """
    for image in (original, changed):
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
            raise ValueError(f"expected (H, W, 3) uint8 images, got {image.shape} {image.dtype}; convert them first")
    if original.shape != changed.shape:
        raise ValueError(f"expected images of one shape, got {original.shape} and {changed.shape}; resize neither")
    if region is not None and (region.dtype != np.bool_ or region.shape != original.shape[:2]):
        raise ValueError(
            f"expected a region of shape {original.shape[:2]} and dtype bool, got {region.shape} {region.dtype}"
        )


def changed_box(original: Image, changed: Image) -> Box | None:
    """Smallest box around all pixels that differ in any channel; None when the images are identical.

    Args:
        original, changed: (H, W, 3) of one shape.
    """
    differs = original != changed
    rows = np.flatnonzero(differs.any(axis=(1, 2)))
    if rows.size == 0:
        return None
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    columns = np.flatnonzero(differs[top:bottom].any(axis=(0, 2)))
    return Box(top, bottom, int(columns[0]), int(columns[-1]) + 1)
