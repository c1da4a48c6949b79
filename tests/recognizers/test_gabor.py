"""The Gabor bank: known kernel values, and the FFT path against direct convolution, for all banks."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.signal import convolve2d

from deid_bench.recognizers.palm.filter_bank import FilterBank, both_orders, first_order
from deid_bench.recognizers.palm.gabor import OFFICIAL, YAN, GaborBank
from deid_bench.recognizers.palm.ordinal import BANK
from deid_bench.recognizers.palm.palm_crop import to_grey


def _direct(grey: NDArray[np.float64], bank: FilterBank) -> NDArray[np.float64]:
    orders = []
    first = [convolve2d(grey, kernel, mode="same") for kernel in bank.kernels()]
    second = [convolve2d(response, kernel, mode="same") for response, kernel in zip(first, bank.kernels(), strict=True)]
    for responses in (first, second):
        orders.append(np.stack(responses)[:, ::4, ::4])
    return np.stack(orders)


@pytest.mark.parametrize(
    ("bank", "centre", "corner", "second_kernel"),
    [(YAN, -0.0863047354, 0.0063923010, 0.0173575557), (OFFICIAL, 0.0434147015, -0.0314204957, 0.0073634988)],
)
def test_kernels_have_the_published_values(bank: GaborBank, centre: float, corner: float, second_kernel: float) -> None:
    kernels = bank.kernels()
    assert kernels.shape == (6, 17, 17)
    assert kernels[0, 8, 8] == pytest.approx(centre, abs=5e-11)
    assert kernels[0, 0, 0] == pytest.approx(corner, abs=5e-11)
    assert kernels[1, 3, 10] == pytest.approx(second_kernel, abs=5e-11)


def test_ordinal_kernels_have_the_published_values() -> None:
    kernels = BANK.kernels()
    assert kernels.shape == (3, 25, 7)
    found = [kernels[k][place] for k in (0, 1) for place in ((12, 3), (0, 0), (5, 1))]
    expected = [-0.3649434991, 0.2438351263, 0.1216399343, -0.1749611784, 0.4000052679, 0.3317132132]
    np.testing.assert_allclose(found, expected, atol=5e-11)


@pytest.mark.parametrize("bank", [YAN, OFFICIAL, BANK], ids=["yan", "official", "ordinal"])
def test_kernels_have_no_mean_and_point_symmetry(bank: FilterBank) -> None:
    kernels = bank.kernels()
    np.testing.assert_allclose(kernels.sum(axis=(1, 2)), 0, atol=1e-13)
    np.testing.assert_allclose(kernels, kernels[:, ::-1, ::-1], atol=1e-15)


@pytest.mark.parametrize("bank", [YAN, OFFICIAL, BANK], ids=["yan", "official", "ordinal"])
@pytest.mark.parametrize("index", [0, 1, 2])
def test_both_orders_agree_with_direct_convolution(
    random_crops: list[NDArray[np.uint8]], bank: FilterBank, index: int
) -> None:
    grey = to_grey(random_crops[index]).astype(np.float64)
    expected = _direct(grey, bank)
    actual = both_orders(grey, bank)
    assert actual.shape == (2, len(bank.kernels()), 32, 32)
    np.testing.assert_allclose(actual, expected, rtol=1e-12, atol=1e-10)
    decided = np.abs(expected) >= 1e-9
    np.testing.assert_array_equal((actual > 0)[decided], (expected > 0)[decided])
    np.testing.assert_allclose(first_order(grey, bank), expected[0], rtol=1e-12, atol=1e-10)
