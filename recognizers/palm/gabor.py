"""Gabor kernels of the palmprint coders, in six orientations.

The kernel is the one of Kong & Zhang (ICPR 2004), with x along the rows and y along the columns of a 17 x 17 window,
x' = x cos t + y sin t and y' = y cos t - x sin t:

    G = w / (sqrt(2 pi) k) * exp(-w^2 (4 x'^2 + y'^2) / (8 k^2)) * (cos(w x') - exp(-k^2 / 2)),    then minus its mean.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

ORIENTATIONS = 6
KERNEL_SIZE = 17


@dataclass(frozen=True, slots=True)
class GaborBank:
    """Parameters of six kernels at theta = 0, 30, ... 150 degrees."""

    omega: float
    """Radial frequency, rad/px."""
    kappa: float
    """Bandwidth: the envelope's sigma is kappa / omega px along the wave, twice that across."""
    sign: float
    """+1, or -1 for the negated kernel that answers dark lines with a positive value."""

    def kernels(self) -> NDArray[np.float64]:
        """(6, 17, 17) float64 kernels, each with zero mean."""
        half = KERNEL_SIZE // 2
        x, y = np.mgrid[-half : half + 1, -half : half + 1].astype(np.float64)
        theta = (np.arange(ORIENTATIONS) * np.pi / ORIENTATIONS)[:, None, None]
        along = x * np.cos(theta) + y * np.sin(theta)
        across = y * np.cos(theta) - x * np.sin(theta)
        envelope = np.exp(-(self.omega**2) * (4 * along**2 + across**2) / (8 * self.kappa**2))
        wave = np.cos(self.omega * along) - np.exp(-(self.kappa**2) / 2)
        kernels = self.omega / (np.sqrt(2 * np.pi) * self.kappa) * envelope * wave
        kernels -= kernels.mean(axis=(1, 2), keepdims=True)
        centred: NDArray[np.float64] = self.sign * kernels
        return centred


YAN = GaborBank(omega=0.5, kappa=2.0, sign=-1.0)
"""The bank of L.-C. Yan's re-implementations of the classical palmprint coders."""
OFFICIAL = GaborBank(omega=0.35, kappa=2.78, sign=1.0)
"""The bank that the authors of MTCC published."""
