"""Gabor bank of the palmprint coders: six orientations, first and second order, sampled on a 32 x 32 grid.

The kernel is the one of Kong & Zhang (ICPR 2004), with x along the rows and y along the columns of a 17 x 17 window,
x' = x cos t + y sin t and y' = y cos t - x sin t:

    G = w / (sqrt(2 pi) k) * exp(-w^2 (4 x'^2 + y'^2) / (8 k^2)) * (cos(w x') - exp(-k^2 / 2)),    then minus its mean.

Images are filtered by FFT in float64, one image at a time: no BLAS, and no dependence on the batch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

ORIENTATIONS = 6
KERNEL_SIZE = 17
IMAGE_SIZE = 128
"""Side of the images that are filtered, px."""
STEP = 4
"""Every fourth pixel is coded, starting with the first."""
CODE_SIZE = IMAGE_SIZE // STEP
RESPONSE_TOLERANCE = 1e-9
"""Responses closer to zero than this count as zero. Flat (masked) regions respond with zero in exact arithmetic;
without the tolerance their bits would be rounding noise, different on every machine."""

# At least IMAGE_SIZE + KERNEL_SIZE // 2, so that nothing wraps round into the kept part; divisible by STEP, so that the
# sampled inverse can fold its spectrum; with small prime factors, so that it is quick.
_FFT_SIZE = 144

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


@dataclass(frozen=True, slots=True)
class GaborBank:
    """Parameters of six kernels at theta = 0, 30, ... 150 degrees."""

    omega: float
    """Radial frequency, rad/px."""
    kappa: float
    """Bandwidth: the envelope's sigma is kappa / omega px along the wave, twice that across."""
    sign: float
    """+1, or -1 for the negated kernel that answers dark lines with a positive value."""

    def kernels(self) -> FloatArray:
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
        centred: FloatArray = self.sign * kernels
        return centred


YAN = GaborBank(omega=0.5, kappa=2.0, sign=-1.0)
"""The bank of L.-C. Yan's re-implementations of the classical palmprint coders."""
OFFICIAL = GaborBank(omega=0.35, kappa=2.78, sign=1.0)
"""The bank that the authors of MTCC published."""


def first_order(grey: FloatArray, bank: GaborBank) -> FloatArray:
    """Responses R1 = I * G at every fourth pixel.

    Args:
        grey: (128, 128) float64.
        bank: the kernels.

    Returns:
        (6, 32, 32) float64; convolution of the same size with zeros outside the image.
    """
    return _sampled_inverse(_forward(grey) * _transfer(bank))


def both_orders(grey: FloatArray, bank: GaborBank) -> FloatArray:
    """Responses R1 = I * G and R2 = R1 * G (same orientation, R1 not thresholded) at every fourth pixel.

    Args:
        grey: (128, 128) float64.
        bank: the kernels.

    Returns:
        (2, 6, 32, 32) float64; both convolutions keep the image's size, with zeros outside of it.
    """
    transfer = _transfer(bank)
    first = _inverse(_forward(grey) * transfer)
    second = _sampled_inverse(_forward(first) * transfer)
    return np.stack([first[:, ::STEP, ::STEP], second])


@lru_cache(maxsize=8)
def _transfer(bank: GaborBank) -> FloatArray:
    """(6, F, F // 2 + 1) spectra of the kernels centred on the origin; real, as the kernels are point-symmetric."""
    padded = np.zeros((ORIENTATIONS, _FFT_SIZE, _FFT_SIZE))
    padded[:, :KERNEL_SIZE, :KERNEL_SIZE] = bank.kernels()
    half = KERNEL_SIZE // 2
    spectra: FloatArray = np.ascontiguousarray(np.fft.rfft2(np.roll(padded, (-half, -half), axis=(1, 2))).real)
    spectra.setflags(write=False)
    return spectra


def _forward(images: FloatArray) -> ComplexArray:
    spectra: ComplexArray = np.fft.fft(np.fft.rfft(images, _FFT_SIZE, axis=-1), _FFT_SIZE, axis=-2)
    return spectra


def _inverse(spectra: ComplexArray) -> FloatArray:
    """The upper left 128 x 128 px of the filtered images."""
    rows = np.fft.ifft(spectra, axis=-2)[..., :IMAGE_SIZE, :]
    images: FloatArray = np.fft.irfft(rows, _FFT_SIZE, axis=-1)[..., :IMAGE_SIZE]
    return images


def _sampled_inverse(spectra: ComplexArray) -> FloatArray:
    """Every fourth pixel of `_inverse`: sampling rows in space folds their spectrum, so the transform is shorter."""
    folded = spectra.reshape(ORIENTATIONS, STEP, _FFT_SIZE // STEP, -1).sum(axis=1) / STEP
    rows = np.fft.ifft(folded, axis=-2)[:, :CODE_SIZE, :]
    images: FloatArray = np.fft.irfft(rows, _FFT_SIZE, axis=-1)[..., :IMAGE_SIZE:STEP]
    return images
