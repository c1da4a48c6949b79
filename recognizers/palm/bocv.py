"""BOCV: the signs of six Gabor responses at each grid point (Guo et al., 2009)."""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...datasets.types import Image
from ..base import RecognizerInfo
from .coded_palm import CodedPalm
from .filter_bank import RESPONSE_TOLERANCE, first_order
from .gabor import ORIENTATIONS, YAN
from .palm_crop import to_grey


class Bocv(CodedPalm):
    """Binary orientation co-occurrence vector: all six orientations are kept, where CompCode keeps the winner.

    Plane k holds the sign of the response at 30 k degrees at every fourth pixel of the 128 px palm square, with zeros
    outside the square. Each plane takes its own best shift of up to 4 grid points (16 px); the distance is the mean of
    the planes' Hamming distances. Kernels (17 x 17, omega 0.5, kappa 2.0, negated), threshold 0 and shifts are those
    of L.-C. Yan's palmprint package (palmprint-recognition-python, MIT), which this code agrees with; with them BOCV
    is the first order half of MTCC. Responses within 1e-9 of zero count as zero.
    """

    info: ClassVar[RecognizerInfo] = RecognizerInfo(
        name="bocv",
        version="1",
        modality="palm",
        description="Binary orientation co-occurrence vector: signs of six Gabor responses, Hamming distance.",
        licence="Apache-2.0",
        citation=(
            "Z. Guo, D. Zhang, L. Zhang, W. Zuo. Palmprint verification using binary orientation co-occurrence vector. "
            "Pattern Recognition Letters 30(13), 1219-1227, 2009."
        ),
    )
    planes: ClassVar[int] = ORIENTATIONS
    planes_per_group = 1
    shift = 4

    def bits(self, crop: Image) -> NDArray[np.bool_]:
        """Signs of the responses: (6, 32, 32)."""
        return first_order(to_grey(crop).astype(np.float64), YAN) > RESPONSE_TOLERANCE
