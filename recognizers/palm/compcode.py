"""CompCode: the winning orientation of six Gabor filters at each grid point (Kong & Zhang, 2004)."""

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


def competitive_code(crop: Image) -> NDArray[np.uint8]:
    """Index 0..5 (times 30 degrees) of the smallest response to the negated kernels at every fourth pixel.

    Responses are compared in steps of 1e-9, the first orientation wins a tie: flat regions, where all of them are zero
    but for rounding, get the same code on every machine.

    Args:
        crop: (128, 128, 3) uint8 RGB.

    Returns:
        (32, 32) uint8.
    """
    responses = first_order(to_grey(crop).astype(np.float64), YAN)
    code: NDArray[np.uint8] = np.rint(responses / RESPONSE_TOLERANCE).argmin(axis=0).astype(np.uint8)
    return code


class CompCode(CodedPalm):
    """Competitive code with the angular distance, minimised over shifts of up to 2 grid points (8 px).

    The angular distance min(|d|, 6 - |d|) / 3 of two orientations is the Hamming distance of their three-bit Johnson
    codes (000, 001, 011, 111, 110, 100) divided by 3, so templates are three bit planes.
    """

    info: ClassVar[RecognizerInfo] = RecognizerInfo(
        name="compcode",
        version="1",
        modality="palm",
        description="Competitive code: the winning one of six Gabor orientations at each point, angular distance.",
        licence="Apache-2.0",
        citation=(
            "A. W.-K. Kong, D. Zhang. Competitive coding scheme for palmprint verification. "
            "Proc. 17th Int. Conf. on Pattern Recognition (ICPR), vol. 1, 520-523, 2004."
        ),
    )
    planes: ClassVar[int] = ORIENTATIONS // 2
    planes_per_group = planes
    shift = 2

    def bits(self, crop: Image) -> NDArray[np.bool_]:
        """Bits of the Johnson codes: (3, 32, 32)."""
        code = competitive_code(crop)
        plane = np.arange(self.planes)[:, None, None]
        johnson: NDArray[np.bool_] = (code > plane) & (code <= plane + self.planes)
        return johnson
