"""Filtering a palm square with a bank of kernels, kept at every fourth pixel: a 32 x 32 grid.

Images are filtered by FFT in float64, one image at a time: no BLAS, and no dependence on the batch.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

IMAGE_SIZE = 128
"""Side of the images that are filtered, px."""
STEP = 4
"""Every fourth pixel is coded, starting with the first."""
CODE_SIZE = IMAGE_SIZE // STEP
RESPONSE_TOLERANCE = 1e-9
"""Responses closer to zero than this count as zero. Flat (masked) regions respond with zero in exact arithmetic;
without the tolerance their bits would be rounding noise, different on every machine."""

# At least IMAGE_SIZE and half a kernel (16 px at most), so that nothing wraps round into the kept part;
# divisible by STEP, so that the sampled inverse can fold its spectrum; with small prime factors, so that it is quick.
_FFT_SIZE = 144

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]


class FilterBank(Protocol):
    """Kernels that belong together. Hashable: their spectra are kept."""

    def kernels(self) -> FloatArray:
        """(n, rows, columns) float64; each point-symmetric, of odd sides of 33 px at most."""
        ...

    def __hash__(self) -> int: ...


def first_order(grey: FloatArray, bank: FilterBank) -> FloatArray:
    """Responses R1 = I * K at every fourth pixel.

    Args:
        grey: (128, 128) float64.
        bank: n kernels.

    Returns:
        (n, 32, 32) float64; convolution of the same size with zeros outside the image.
    """
    return _sampled_inverse(_forward(grey) * _transfer(bank))


def both_orders(grey: FloatArray, bank: FilterBank) -> FloatArray:
    """Responses R1 = I * K and R2 = R1 * K (same kernel, R1 not thresholded) at every fourth pixel.

    Args:
        grey: (128, 128) float64.
        bank: n kernels.

    Returns:
        (2, n, 32, 32) float64; both convolutions keep the image's size, with zeros outside of it.
    """
    transfer = _transfer(bank)
    first = _inverse(_forward(grey) * transfer)
    second = _sampled_inverse(_forward(first) * transfer)
    return np.stack([first[:, ::STEP, ::STEP], second])


@lru_cache(maxsize=8)
def _transfer(bank: FilterBank) -> FloatArray:
    """(n, F, F // 2 + 1) spectra of the kernels centred on the origin; real, as the kernels are point-symmetric."""
    kernels = bank.kernels()
    count, rows, columns = kernels.shape
    padded = np.zeros((count, _FFT_SIZE, _FFT_SIZE))
    padded[:, :rows, :columns] = kernels
    centred = np.roll(padded, (-(rows // 2), -(columns // 2)), axis=(1, 2))
    spectra: FloatArray = np.ascontiguousarray(np.fft.rfft2(centred).real)
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
    folded = spectra.reshape(len(spectra), STEP, _FFT_SIZE // STEP, -1).sum(axis=1) / STEP
    rows = np.fft.ifft(folded, axis=-2)[:, :CODE_SIZE, :]
    images: FloatArray = np.fft.irfft(rows, _FFT_SIZE, axis=-1)[..., :IMAGE_SIZE:STEP]
    return images
