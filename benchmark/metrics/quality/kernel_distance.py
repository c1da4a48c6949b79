"""Kernel distance between two sets of features: the squared maximum mean discrepancy that KID averages."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..citations import HOUSE, KID
from ..metric import Metric
from ..values import Undefined
from .frechet import ALEXNET, INCEPTION, SETS, VGG, SetDistance, boxed
from .wording import NETWORK, WEIGHTS

Matrix = NDArray[np.float64]

SUBSETS = 100
SUBSET_SIZE = 1000
"""The usual choice: clean-fid, torchmetrics."""


def mmd2(a: ArrayLike, b: ArrayLike) -> float:
    """Unbiased squared MMD with the kernel (x·y / d + 1)³ (Bińkowski et al., ICLR 2018, section 4).

    Args:
        a, b: (n, d) and (m, d) features, n and m >= 2.

    Returns:
        0 in expectation for sets of one distribution, so that it may be negative.

    Raises:
        ValueError: other shapes, or values that are not finite.
    """
    x, y = _rows(a), _rows(b)
    if x.shape[1] != y.shape[1] or min(len(x), len(y)) < 2:
        raise ValueError(f"expected at least 2 rows a side of one length, got {x.shape} and {y.shape}")
    return _off_diagonal_mean(_kernel(x, x)) + _off_diagonal_mean(_kernel(y, y)) - 2.0 * float(_kernel(x, y).mean())


def kernel_distance(
    a: ArrayLike, b: ArrayLike, *, subsets: int = SUBSETS, subset_size: int = SUBSET_SIZE, seed: int = 0
) -> SetDistance | Undefined:
    """Mean and standard deviation of `mmd2` over random subsets.

    Sets no larger than `subset_size` are taken whole, once: every subset would be the same. The value is unbiased at
    any size, and its spread unknown then.

    Args:
        a, b: (n, d) and (m, d) features.
        subsets: how many.
        subset_size: images a side of each, drawn without replacement.
        seed: of the draws.

    Returns:
        The distance, or why there is none (fewer than two images).

    >>> kernel_distance([[1.0, 0.0], [0.0, 1.0]], [[1.0, 1.0], [1.0, 1.0]]).value
    2.25
    """
    x, y = _rows(a), _rows(b)
    size = min(subset_size, len(x), len(y))
    if size < 2:
        return Undefined(f"the kernel distance needs at least 2 images a side, got {size}")
    if max(len(x), len(y)) <= subset_size:
        return SetDistance(mmd2(x, y), caveat=f"one subset of {len(x)} and {len(y)} images, the spread is unknown")
    rng = np.random.default_rng(seed)
    draws = [
        mmd2(x[rng.choice(len(x), size, replace=False)], y[rng.choice(len(y), size, replace=False)])
        for _ in range(subsets)
    ]
    return SetDistance(float(np.mean(draws)), float(np.std(draws)))


def _kernel(x: Matrix, y: Matrix) -> Matrix:
    from sklearn.metrics.pairwise import polynomial_kernel

    return np.asarray(polynomial_kernel(x, y, degree=3, gamma=1 / x.shape[1], coef0=1.0), dtype=np.float64)


def _off_diagonal_mean(square: Matrix) -> float:
    n = len(square)
    return float((square.sum() - np.trace(square)) / (n * (n - 1)))


def _rows(features: ArrayLike) -> Matrix:
    rows = np.asarray(features, dtype=np.float64)
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise ValueError(f"expected (n, d) features, got shape {rows.shape}")
    if not np.isfinite(rows).all():
        raise ValueError("expected finite features, got NaN or infinity; leave those images out")
    return rows


def _kernel_metric(name: str, title: str, network: str, order: int) -> Metric:
    inception = name == "kid"
    return Metric(
        name=name,
        title=title,
        group="quality",
        unit="",
        better="lower",
        low=None,
        high=None,
        definition=(
            f"Kernel distance between the sets of originals and of de-identified images, by features of {network}"
            f"{'' if inception else '; not comparable with KID'}. Unbiased at any number of images, so that sets alike "
            "may come out slightly below 0; mean over 100 random subsets of 1000 images, or over the whole sets when "
            "they are not larger."
        ),
        formula="unbiased MMD^2 with k(x, y) = (x.y / d + 1)^3",
        citation=KID if inception else f"{HOUSE}; {KID}",
        function=kernel_distance,
        source="images",
        decimals=4,
        order=order,
        protocol=("images",),
        how=SETS,
        caveat=f"Some give it multiplied by 1000. {WEIGHTS if name == 'kd_vgg16' else NETWORK}",
    )


_WHOLE = (_kernel_metric("kid", "KID", INCEPTION, 210), _kernel_metric("kd_vgg16", "KD-VGG16", VGG, 230))
METRICS = (*_WHOLE, _kernel_metric("kd_alexnet", "KD-AlexNet", ALEXNET, 250), *map(boxed, _WHOLE))
