"""Ordinal code: which of two crossed lines is brighter, at each grid point (Sun et al., 2005)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...datasets.types import Image
from ..base import RecognizerInfo
from .coded_palm import CodedPalm
from .filter_bank import RESPONSE_TOLERANCE, first_order
from .palm_crop import to_grey

ORIENTATIONS = 3


@dataclass(frozen=True, slots=True)
class OrdinalBank:
    """Differences of two line-like Gaussians at right angles, at theta = 0, 30 and 60 degrees.

    With x along the rows and y along the columns of the window, x' = x cos t + y sin t and y' = y cos t - x sin t:

        f(t) = exp(-(x' / length)^2 - (y' / width)^2), minus its mean;    kernel(t) = f(t) - f(t + 90 degrees)
    """

    length: float
    """px along the line, to where f has fallen to 1/e."""
    width: float
    """px across the line, likewise."""
    rows: int
    """Odd, of the window."""
    columns: int
    """Odd, of the window."""

    def kernels(self) -> NDArray[np.float64]:
        """(3, rows, columns) float64, each with zero mean."""
        theta = np.arange(ORIENTATIONS) * np.pi / 6
        kernels: NDArray[np.float64] = self._lines(theta) - self._lines(theta + np.pi / 2)
        return kernels

    def _lines(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        down, right = self.rows // 2, self.columns // 2
        x, y = np.mgrid[-down : down + 1, -right : right + 1].astype(np.float64)
        cosine, sine = np.cos(theta)[:, None, None], np.sin(theta)[:, None, None]
        along, across = x * cosine + y * sine, y * cosine - x * sine
        lines = np.exp(-((along / self.length) ** 2) - (across / self.width) ** 2)
        centred: NDArray[np.float64] = lines - lines.mean(axis=(1, 2), keepdims=True)
        return centred


BANK = OrdinalBank(length=25.0, width=7.0, rows=25, columns=7)
"""The bank of L.-C. Yan's re-implementation; its window is as narrow as the lines are."""


class Ordinal(CodedPalm):
    """Ordinal measures of crossed lines, compared under small shifts.

    Plane k holds the sign of the response at 30 k degrees at every fourth pixel of the 128 px palm square, with zeros
    outside the square. Each of the three planes takes its own best shift of up to 2 grid points (8 px); the distance
    is the mean of the planes' Hamming distances. The filter's form is the paper's; window, scales and shifts are those
    of L.-C. Yan's palmprint package (palmprint-recognition-python, MIT), which this code agrees with. Responses
    within 1e-9 of zero count as zero.
    """

    info: ClassVar[RecognizerInfo] = RecognizerInfo(
        name="ordinal",
        version="1",
        modality="palm",
        description="Ordinal code: which of two crossed lines is brighter, in three orientations, Hamming distance.",
        licence="Apache-2.0",
        citation=(
            "Z. Sun, T. Tan, Y. Wang, S. Z. Li. Ordinal palmprint representation for personal identification. "
            "IEEE Conf. on Computer Vision and Pattern Recognition (CVPR), vol. 1, 279-284, 2005."
        ),
    )
    planes: ClassVar[int] = ORIENTATIONS
    planes_per_group = 1
    shift = 2

    def bits(self, crop: Image) -> NDArray[np.bool_]:
        """Signs of the responses: (3, 32, 32)."""
        return first_order(to_grey(crop).astype(np.float64), BANK) > RESPONSE_TOLERANCE
