"""MTCC: sign codes of first and second order Gabor responses (Yang et al., 2023)."""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ...datasets.types import Image
from ..base import RecognizerInfo
from .coded_palm import CodedPalm
from .filter_bank import CODE_SIZE, RESPONSE_TOLERANCE, both_orders
from .gabor import OFFICIAL, ORIENTATIONS, YAN
from .palm_crop import to_grey

Variant = Literal["yan", "official"]


class Mtcc(CodedPalm):
    """Multi-order texture coding: one bit per orientation, order and grid point, compared under small shifts.

    Planes 0 to 5 are first order at 0, 30, ... 150 degrees, planes 6 to 11 second order. Two published
    parameterisations differ, and so do their distances:

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
    planes: ClassVar[int] = 2 * ORIENTATIONS

    def __init__(self, variant: Variant = "yan") -> None:
        if variant not in get_args(Variant):
            raise ValueError(f"mtcc: expected variant 'yan' or 'official', got {variant!r}")
        self.variant: Variant = variant
        self._bank, self.planes_per_group, self.shift = (YAN, 1, 4) if variant == "yan" else (OFFICIAL, 6, 2)

    def bits(self, crop: Image) -> NDArray[np.bool_]:
        """Signs of the responses: (12, 32, 32)."""
        responses = both_orders(self._normalised(crop), self._bank)
        return responses.reshape(self.planes, CODE_SIZE, CODE_SIZE) > RESPONSE_TOLERANCE

    def _normalised(self, crop: Image) -> NDArray[np.float64]:
        grey = to_grey(crop).astype(np.float64)
        if self.variant == "yan":
            return grey
        grey -= grey.mean()
        variance = float(grey.var(ddof=1))
        return grey * np.sqrt(10.0 / variance) if variance > 0 else grey
