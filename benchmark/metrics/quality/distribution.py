"""How far a set of de-identified images lies from the set of originals, by the features of an image network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ....datasets.types import Image
from ..values import Undefined
from .frechet import Moments, SetDistance, frechet_distance
from .kernel_distance import kernel_distance
from .perceptual import SMALLEST_SIDE, Net

Network = Literal["alexnet", "inception", "vgg16"]
Features = NDArray[np.float64]

WEIGHTS: dict[Network, str] = {"alexnet": "lpips-alex", "inception": "fid-inception", "vgg16": "lpips-vgg"}
"""Weight file of each network."""
NAMES: dict[Network, tuple[str, str]] = {
    "alexnet": ("fd_alexnet", "kd_alexnet"),
    "inception": ("fid", "kid"),
    "vgg16": ("fd_vgg16", "kd_vgg16"),
}
"""Metrics of its Fréchet and its kernel distance."""
_NETS: dict[Network, Net] = {"alexnet": "alex", "vgg16": "vgg"}
_TITLES: dict[Network, str] = {"alexnet": "AlexNet", "vgg16": "VGG16"}


def set_features(images: Sequence[Image], network: Network, *, device: str = "cpu") -> Features | Undefined:
    """Features of every image.

    Args:
        images: (H, W, 3) uint8, each of its own size.
        network: `inception`: 2048 features of the network that FID is defined by, at 299 x 299 px. `vgg16`: relu5_3
            at the image's own size, averaged over positions, 512 features. `alexnet`: relu5 in the same way, 256.
        device: torch's name of it.

    Returns:
        (n, 2048), (n, 512) or (n, 256), features of one portion of a set; or why there are none: torch or the weights
        are not there, or an image is too small for `vgg16` or `alexnet`.
    """
    net = _NETS.get(network)
    least = min((min(image.shape[:2]) for image in images), default=0)
    if net is not None and images and least < SMALLEST_SIDE[net]:
        return Undefined(f"{_TITLES[network]} features need at least {SMALLEST_SIDE[net]} px a side, got {least}")
    try:
        import torch  # noqa: F401
    except ImportError:
        return Undefined("unavailable: torch is not installed")
    from ....weights.files import WeightsError
    from .networks.feature_networks import pooled_features
    from .networks.inception import inception_features

    try:
        return inception_features(images, device) if net is None else pooled_features(images, net, device)
    except WeightsError as error:
        return Undefined(f"unavailable: weights {WEIGHTS[network]}: {error}")


def set_distances(
    originals: Features | Undefined, changed: Features | Undefined, network: Network, *, seed: int = 0
) -> dict[str, SetDistance | Undefined]:
    """Fréchet and kernel distance of two sets by the names of the metrics: FID and KID with `inception` alone.

    Args:
        originals, changed: from `set_features`.
        network: which the features are of.
        seed: of the kernel distance's subsets.
    """
    frechet, kernel = NAMES[network]
    for features in (originals, changed):
        if isinstance(features, Undefined):
            return {frechet: features, kernel: features}
        if len(features) < 2:
            few = Undefined(f"a distance of sets needs at least 2 images a side, got {len(features)}")
            return {frechet: few, kernel: few}
    assert not isinstance(originals, Undefined)
    assert not isinstance(changed, Undefined)
    return {
        frechet: frechet_distance(Moments.of(originals), Moments.of(changed)),
        kernel: kernel_distance(originals, changed, seed=seed),
    }
