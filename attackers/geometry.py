"""Where in an image attackers work: the box around a region, and laying a result in through the region."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..datasets.types import Image

Box = tuple[slice, slice]


def region_box(region: NDArray[np.bool_], reach: int = 0) -> Box | None:
    """Rows and columns around the region and `reach` px more on each side; None where the region is empty."""
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    if not rows.size:
        return None
    return (
        slice(max(0, int(rows[0]) - reach), int(rows[-1]) + 1 + reach),
        slice(max(0, int(columns[0]) - reach), int(columns[-1]) + 1 + reach),
    )


def lay_in(image: Image, box: Box, colours: NDArray[np.floating], region: NDArray[np.bool_]) -> Image:
    """A copy of the image with new colours (of the box) inside the region."""
    result = image.copy()
    inside = region[box]
    result[box][inside] = np.clip(np.rint(colours[inside]), 0, 255).astype(np.uint8)
    return result
