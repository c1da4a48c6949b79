"""MTCC: sign codes of first and second order Gabor responses (Yang et al., 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..analyzers.base import HandAnalysis
from ..datasets.base import Failure, Image
from .base import RecognizerInfo, Templates
from .binary_matching import check_templates, pack_planes, shifted_hamming
from .gabor import CODE_SIZE, OFFICIAL, ORIENTATIONS, RESPONSE_TOLERANCE, YAN, both_orders
from .palm_crop import align_palm, check_crops, to_grey

Variant = Literal["yan", "official"]

PLANES = 2 * ORIENTATIONS
"""Six first order planes, then six second order planes."""


class Mtcc:
    """Multi-order texture coding: one bit per orientation, order and grid point, compared under small shifts.

    Two published parameterisations differ, and so do their distances:

    - ``yan``: omega 0.5, kappa 2.0, grey values as they are; each of the 12 planes takes its own best shift of up to
      4 grid points (16 px); the distance is the mean over the planes.
    - ``official``: omega 0.35, kappa 2.78, grey values brought to mean 0 and variance 10; the six planes of an order
      take one common best shift of up to 2 grid points (8 px); the distance is the mean of both orders.

    Responses within 1e-9 of zero count as zero, so that flat regions give the same bits everywhere.

    Args:
        variant: ``"yan"`` or ``"official"``.

    Raises:
        ValueError: another variant is asked for.
    """

    info: ClassVar[RecognizerInfo] = RecognizerInfo(
        name="mtcc",
        version="1",
        modality="palm",
        description="Multi-order texture codes: signs of first and second order Gabor responses, Hamming distance.",
        licence="Apache-2.0",
        citation=(
            "Z. Yang, L. Leng, T. Wu, M. Li, J. Chu. Multi-order texture features for palmprint recognition. "
            "Artificial Intelligence Review 56(2), 995-1011, 2023."
        ),
    )

    def __init__(self, variant: Variant = "yan") -> None:
        if variant not in get_args(Variant):
            raise ValueError(f"mtcc: expected variant 'yan' or 'official', got {variant!r}")
        self.variant: Variant = variant
        self._bank, self._planes_per_group, self._shift = (YAN, 1, 4) if variant == "yan" else (OFFICIAL, 6, 2)

    def align(self, image: Image, analysis: HandAnalysis) -> Image | Failure:
        """Cut the palm square: (128, 128, 3) uint8 RGB, or the reason why not."""
        return align_palm(image, analysis)

    def embed(self, crops: Sequence[Image]) -> Templates:
        """Code the crops.

        Args:
            crops: (128, 128, 3) uint8 RGB each.

        Returns:
            (n, 12, 32) uint32: first order planes at 0, 30, ... 150 degrees, then second order planes; one word a row
            of the 32 x 32 grid, column c in bit c.

        Raises:
            ValueError: a crop has another shape or dtype.
        """
        check_crops(crops, self.info.name)
        templates = np.empty((len(crops), PLANES, CODE_SIZE), np.uint32)
        for template, crop in zip(templates, crops, strict=True):
            responses = both_orders(self._normalised(crop), self._bank)
            bits = responses.reshape(PLANES, CODE_SIZE, CODE_SIZE) > RESPONSE_TOLERANCE
            template[:] = pack_planes(bits)
        return templates

    def distances(self, a: Templates, b: Templates, *, threads: int = 1) -> NDArray[np.float32]:
        """Distances of all pairs; 0 for equal templates, about 0.45 for different palms, at most 1.

        Args:
            a: (n, 12, 32) uint32.
            b: (m, 12, 32) uint32.
            threads: how many threads share the work; the result is the same for any number.

        Returns:
            (n, m) float32.

        Raises:
            ValueError: the arrays are not templates of this recognizer.
        """
        for templates in (a, b):
            check_templates(templates, PLANES, self.info.name)
        return shifted_hamming(a, b, planes_per_group=self._planes_per_group, shift=self._shift, threads=threads)

    def _normalised(self, crop: Image) -> NDArray[np.float64]:
        grey = to_grey(crop).astype(np.float64)
        if self.variant == "yan":
            return grey
        grey -= grey.mean()
        variance = float(grey.var(ddof=1))
        return grey * np.sqrt(10.0 / variance) if variance > 0 else grey
