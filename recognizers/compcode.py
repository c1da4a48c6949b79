"""CompCode: the winning orientation of six Gabor filters at each grid point (Kong & Zhang, 2004)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..analyzers.base import HandAnalysis
from ..datasets.base import Failure, Image
from .base import RecognizerInfo, Templates
from .binary_matching import check_templates, pack_planes, shifted_hamming
from .gabor import CODE_SIZE, ORIENTATIONS, RESPONSE_TOLERANCE, YAN, first_order
from .palm_crop import align_palm, check_crops, to_grey

PLANES = ORIENTATIONS // 2
_SHIFT = 2


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


class CompCode:
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

    def align(self, image: Image, analysis: HandAnalysis) -> Image | Failure:
        """Cut the palm square: (128, 128, 3) uint8 RGB, or the reason why not."""
        return align_palm(image, analysis)

    def embed(self, crops: Sequence[Image]) -> Templates:
        """Code the crops.

        Args:
            crops: (128, 128, 3) uint8 RGB each.

        Returns:
            (n, 3, 32) uint32: bit planes of the Johnson codes, one word a row of the 32 x 32 grid, column c in bit c.

        Raises:
            ValueError: a crop has another shape or dtype.
        """
        check_crops(crops, self.info.name)
        templates = np.empty((len(crops), PLANES, CODE_SIZE), np.uint32)
        plane = np.arange(PLANES)[:, None, None]
        for template, crop in zip(templates, crops, strict=True):
            code = competitive_code(crop)
            template[:] = pack_planes((code > plane) & (code <= plane + PLANES))
        return templates

    def distances(self, a: Templates, b: Templates, *, threads: int = 1) -> NDArray[np.float32]:
        """Distances of all pairs; 0 for equal templates, at most 1.

        Args:
            a: (n, 3, 32) uint32.
            b: (m, 3, 32) uint32.
            threads: how many threads share the work; the result is the same for any number.

        Returns:
            (n, m) float32.

        Raises:
            ValueError: the arrays are not templates of this recognizer.
        """
        for templates in (a, b):
            check_templates(templates, PLANES, self.info.name)
        return shifted_hamming(a, b, planes_per_group=PLANES, shift=_SHIFT, threads=threads)
