"""Restoration with known parameters: a blur is divided out again, blocks are drawn apart along their own grid."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..datasets.types import Failure, Image
from .base import AttackerInfo, Published, Target, fits
from .geometry import lay_in, region_box

_NO_REGION = Failure("the method does not say what it may repaint")


class Deconvolution:
    """Inverts a Gaussian blur of known width, Tikhonov-regularised, in the cosine transform.

    In the discrete cosine transform, whose basis is even at the borders, the blur multiplies the coefficient of
    frequency w by h = exp(-sigma^2 w^2 / 2); the estimate multiplies by h / (h^2 + strength).

    Args:
        strength: of the regularisation, above 0; smaller restores more detail and more noise.

    Raises:
        ValueError: the strength is not above 0.
    """

    info: ClassVar[AttackerInfo] = AttackerInfo(
        name="deconvolution",
        version="1",
        modality=("palm", "face"),
        slot="probe",
        description="Inverts a Gaussian blur of known width (Tikhonov, cosine transform)",
        knowledge="that the method blurs, and how wide",
        light=True,
        citation="Tikhonov & Arsenin, Solutions of ill-posed problems, 1977",
    )

    def __init__(self, strength: float = 0.001) -> None:
        if not strength > 0:
            raise ValueError(f"expected strength to be above 0, got {strength}")
        self.strength = float(strength)

    def lacks(self, target: Target) -> str:
        """Only what is blurred can be sharpened."""
        return fits(self.info, target) or ("" if target.degradation == "blur" else "the method does not blur")

    def restore(self, published: Published) -> Image | Failure:
        """The image with its region sharpened."""
        from scipy.fft import dctn, idctn

        known, region = published.degradation, published.region
        if known is None or known.get("kind") != "blur":
            return Failure("the method does not say how it blurred this image")
        sigma = float(known["sigma"])
        box = None if region is None else region_box(region, int(np.ceil(3 * sigma)))
        if region is None or box is None:
            return _NO_REGION
        patch = published.image[box].astype(np.float64)
        response = _gaussian_response(patch.shape[:2], sigma)
        gain = (response / (response**2 + self.strength))[..., None]
        restored = idctn(dctn(patch, axes=(0, 1), norm="ortho") * gain, axes=(0, 1), norm="ortho")
        # The mean colour stays: only differences were damped.
        restored += patch.mean(axis=(0, 1)) - restored.mean(axis=(0, 1))
        return lay_in(published.image, box, restored, region)


def _gaussian_response(shape: tuple[int, ...], sigma: float) -> NDArray[np.float64]:
    """What a Gaussian blur leaves of each coefficient of a cosine transform of that shape."""
    rows, columns = (np.pi * np.arange(size) / size for size in shape)
    squared: NDArray[np.float64] = rows[:, None] ** 2 + columns[None] ** 2
    return np.exp(-0.5 * sigma**2 * squared)


class BlockUpsampling:
    """Reads each block of a mosaic once and interpolates between the blocks' centres, along the mosaic's own grid.

    Blocks say no more than before, but their edges, which mislead recognisers, are gone. Blocks that lie half outside
    of the region count with what of them is inside.
    """

    info: ClassVar[AttackerInfo] = AttackerInfo(
        name="block_upsampling",
        version="1",
        modality=("palm", "face"),
        slot="probe",
        description="Interpolates between the centres of a mosaic's blocks, along its own grid",
        knowledge="that the method draws a mosaic, and its grid",
        light=True,
        citation="",
    )

    def lacks(self, target: Target) -> str:
        """Only a mosaic has blocks."""
        return fits(self.info, target) or (
            "" if target.degradation == "mosaic" else "the method does not draw a mosaic"
        )

    def restore(self, published: Published) -> Image | Failure:
        """The image with its blocks smoothed into each other."""
        import cv2

        known, region = published.degradation, published.region
        if known is None or known.get("kind") != "mosaic":
            return Failure("the method does not say where its blocks lie")
        box = None if region is None else region_box(region)
        if region is None or box is None:
            return _NO_REGION
        side, top, left = (float(known[name]) for name in ("side", "top", "left"))
        rows = np.arange(box[0].start, min(box[0].stop, region.shape[0]))
        columns = np.arange(box[1].start, min(box[1].stop, region.shape[1]))
        cells = _cell_colours(published.image[box], region[box], (rows - top) / side, (columns - left) / side)
        # Centre of block k lies at k + 1/2 sides; pixels count by their middle.
        at_x, at_y = np.meshgrid((columns + 0.5 - left) / side - 0.5, (rows + 0.5 - top) / side - 0.5)
        colours = cv2.remap(
            cells, at_x.astype(np.float32), at_y.astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )
        return lay_in(published.image, box, np.asarray(colours, np.float64), region)


def _cell_colours(
    patch: Image, inside: NDArray[np.bool_], rows: NDArray[np.float64], columns: NDArray[np.float64]
) -> NDArray[np.float32]:
    """(blocks down, blocks across, 3) mean colour of each block; one without a pixel inside takes its neighbours'."""
    import cv2

    y, x = np.nonzero(inside)
    down, across = int(rows.max(initial=0)) + 1, int(columns.max(initial=0)) + 1
    cell = rows[y].astype(np.intp) * across + columns[x].astype(np.intp)
    count = np.bincount(cell, minlength=down * across).reshape(down, across)
    sums = [
        np.bincount(cell, patch[y, x, channel], minlength=down * across).reshape(down, across) for channel in range(3)
    ]
    colour = np.dstack(sums) / np.maximum(count, 1)[..., None]
    there = (count > 0).astype(np.float64)
    for _ in range(down + across):
        empty = there == 0
        if not empty.any():
            break
        near = cv2.blur(np.dstack([colour * there[..., None], there]), (3, 3), borderType=cv2.BORDER_REPLICATE)
        filled = empty & (near[..., 3] > 0)
        colour[filled] = near[filled][:, :3] / near[filled][:, 3:]
        there[filled] = 1.0
    return np.asarray(colour, np.float32)
