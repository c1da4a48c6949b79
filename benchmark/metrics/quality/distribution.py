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
from .perceptual import SMALLEST_SIDE

Network = Literal["inception", "vgg16"]
Features = NDArray[np.float64]

WEIGHTS: dict[Network, str] = {"inception": "fid-inception", "vgg16": "lpips-vgg"}
"""Weight file of each network."""


def set_features(images: Sequence[Image], network: Network, *, device: str = "cpu") -> Features | Undefined:
    """Features of every image.

    Args:
        images: (H, W, 3) uint8, each of its own size.
        network: `inception`: 2048 features of the network that FID is defined by, at 299 x 299 px. `vgg16`: relu5_3
            at the image's own size, averaged over positions, 512 features.
        device: torch's name of it.

    Returns:
        (n, 2048) or (n, 512), features of one portion of a set; or why there are none: torch or the weights are not
        there, or an image is too small for `vgg16`.
    """
    least = min((min(image.shape[:2]) for image in images), default=SMALLEST_SIDE["vgg"])
    if network == "vgg16" and least < SMALLEST_SIDE["vgg"]:
        return Undefined(f"VGG16 features need at least {SMALLEST_SIDE['vgg']} px a side, got {least}")
    try:
        import torch  # noqa: F401
    except ImportError:
        return Undefined("unavailable: torch is not installed")
    from ....weights.files import WeightsError
    from .networks.feature_networks import pooled_features
    from .networks.inception import inception_features

    compute = inception_features if network == "inception" else pooled_features
    try:
        return compute(images, device)
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
    frechet, kernel = ("fid", "kid") if network == "inception" else ("fd_vgg16", "kd_vgg16")
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
