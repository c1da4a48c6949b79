"""Further measures of whole images by the piq package, with its defaults: FSIM, VIFp, GMSD, HaarPSI, DISTS."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from ....datasets.types import Image
from ..metric import Direction, Metric
from ..values import Undefined
from .changes import check_pair
from .wording import PAIR, SIZE, WEIGHTS

if TYPE_CHECKING:
    import torch

SMALLEST_SIDE: Mapping[str, int] = {"fsim": 16, "vif_p": 41, "gmsd": 16, "haarpsi": 16}
"""Pixels a side below which a measure has no value; VIFp's windows at four scales need most."""


def further_similarity(original: Image, changed: Image) -> dict[str, float | Undefined]:
    """Measures that need no weights, of images with values in 0..1.

    Args:
        original: (H, W, 3) uint8.
        changed: same shape.

    Returns:
        `fsim`, `vif_p`, `gmsd` and `haarpsi` as `piq.fsim`, `piq.vif_p`, … give them.

    Raises:
        ValueError: the shapes differ or the images are not uint8.

    >>> small = np.zeros((30, 40, 3), np.uint8)
    >>> further_similarity(small, small)["vif_p"].reason
    'vif_p needs at least 41 px a side, got 30'
    """
    check_pair(original, changed)
    least = min(original.shape[:2])
    found: dict[str, float | Undefined] = {
        name: Undefined(f"{name} needs at least {side} px a side, got {least}")
        for name, side in SMALLEST_SIDE.items()
        if least < side
    }
    wanted = [name for name in SMALLEST_SIDE if name not in found]
    if wanted:
        found |= _by_piq(wanted, original, changed)
    return found


def _by_piq(names: list[str], original: Image, changed: Image) -> dict[str, float]:
    import torch

    from ....weights.torchvision import fit_torchvision

    fit_torchvision()
    import piq

    measures: dict[str, Callable[..., torch.Tensor]] = {name: getattr(piq, name) for name in names}
    with torch.inference_mode():
        pair = _unit(original), _unit(changed)
        return {name: float(measure(*pair, data_range=1.0)) for name, measure in measures.items()}


def dists(original: Image, changed: Image) -> float | Undefined:
    """Deep image structure and texture similarity, as `piq.DISTS` computes it; images above 256 px are reduced to that.

    Args:
        original: (H, W, 3) uint8.
        changed: same shape.

    Returns:
        0 for identical images, at most about 1; or why there is none (too small an image).

    Raises:
        ValueError: the shapes differ or the images are not uint8.
        WeightsError: a weight file is not there, or not the expected one.

    >>> tiny = np.zeros((8, 8, 3), np.uint8)
    >>> dists(tiny, tiny).reason
    'DISTS needs at least 16 px a side, got 8'
    """
    check_pair(original, changed)
    least = min(original.shape[:2])
    if least < 16:
        return Undefined(f"DISTS needs at least 16 px a side, got {least}")
    import torch

    network = _dists_network()
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's, about how piq asks for the reduction
        return float(network(_unit(original), _unit(changed)))


@lru_cache(maxsize=1)
def _dists_network() -> Any:
    """piq's module on VGG16's convolutions from the registry, with the published weights of its layers."""
    import torch

    from ....weights.files import tensors
    from .networks.feature_networks import lpips_network

    vgg = lpips_network("vgg")
    import piq
    from piq.perceptual import VGG16_LAYERS, ContentLoss

    parts = [getattr(vgg.net, f"slice{number}") for number in range(1, vgg.net.N_slices + 1)]
    features = torch.nn.Sequential(*(module for part in parts for module in part))
    channels, layers = [3, 64, 128, 256, 512, 512], ["relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"]
    arrays = tensors("dists")
    weights = [part for name in ("alpha", "beta") for part in torch.split(torch.from_numpy(arrays[name]), channels, 1)]
    network = piq.DISTS.__new__(piq.DISTS)
    # piq's constructor downloads both sets of weights; that of its base class takes what it is given.
    ContentLoss.__init__(
        network,
        features,
        layers=[VGG16_LAYERS[name] for name in layers],
        weights=weights,
        replace_pooling=True,
        mean=piq.perceptual.IMAGENET_MEAN,
        std=piq.perceptual.IMAGENET_STD,
        normalize_features=False,
        allow_layers_weights_mismatch=True,
    )
    return network.eval()


def _unit(image: Image) -> torch.Tensor:
    """(1, 3, H, W), 0..1."""
    import torch

    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255


def _metric(
    name: str,
    title: str,
    better: Direction,
    order: int,
    definition: str,
    formula: str,
    citation: str,
    high: float | None,
) -> Metric:
    network = name == "dists"
    return Metric(
        name=name,
        title=title,
        group="quality",
        unit="",
        better=better,
        low=0.0,
        high=high,
        definition=definition,
        formula=formula,
        citation=citation,
        function=dists if network else further_similarity,
        source="rows",
        decimals=3,
        order=order,
        resampling="images",
        protocol=("images",),
        how=f"{PAIR} By the piq package with its defaults.",
        caveat=f"{SIZE} {WEIGHTS if network else 'Given only in runs with --quality full.'}",
    )


METRICS = (
    _metric(
        "fsim",
        "FSIM",
        "higher",
        60,
        "Feature similarity of original and de-identified image: phase congruency and gradients, with colour (FSIMc).",
        "sum of PC_m S_PC S_G S_C / sum of PC_m",
        "Zhang et al., IEEE TIP 20(8), 2011",
        1.0,
    ),
    _metric(
        "vif_p",
        "VIFp",
        "higher",
        70,
        "Visual information fidelity in the pixel domain: what of the original's information the image still carries. "
        "Images with a side below 41 px have none.",
        "sum over scales of log2(1 + g^2 s_x^2 / (s_v^2 + s_n^2)) / sum of log2(1 + s_x^2 / s_n^2)",
        "Sheikh & Bovik, IEEE TIP 15(2), 2006",
        None,
    ),
    _metric(
        "gmsd",
        "GMSD",
        "lower",
        80,
        "Gradient magnitude similarity deviation: how unevenly the gradients of original and de-identified image "
        "differ.",
        "standard deviation of (2 g_a g_b + c) / (g_a^2 + g_b^2 + c)",
        "Xue et al., IEEE TIP 23(2), 2014",
        None,
    ),
    _metric(
        "haarpsi",
        "HaarPSI",
        "higher",
        90,
        "Perceptual similarity of original and de-identified image by Haar wavelets of three scales.",
        "l^-1(sum of l(HS) W / sum of W)^2",
        "Reisenhofer et al., Signal Processing: Image Communication 61, 2018",
        1.0,
    ),
    _metric(
        "dists",
        "DISTS",
        "lower",
        95,
        "Deep image structure and texture similarity: weighted differences of means and of correlations of VGG16's "
        "features, tolerant of another sample of the same texture.",
        "1 - sum over layers and channels of alpha l + beta s",
        "Ding et al., IEEE TPAMI 44(5), 2022",
        None,
    ),
)
