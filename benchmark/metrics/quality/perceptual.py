"""Learned perceptual image patch similarity, LPIPS v0.1 (Zhang et al., CVPR 2018), with AlexNet or VGG16."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ....datasets.types import Image
from ..citations import HOUSE, LPIPS
from ..metric import Metric
from ..values import Undefined
from .changes import Box, Region, changed_box, check_pair
from .wording import NETWORK, PAIR, REGION, SIZE, WEIGHTS

if TYPE_CHECKING:
    import torch

    from .networks.feature_networks import Tap, Trunk

Net = Literal["alex", "vgg"]

SMALLEST_SIDE: dict[Net, int] = {"alex": 32, "vgg": 16}
"""Pixels a side below which a layer is left without a value."""

_EPSILON = 1e-10
_CHUNK_VALUES = 1 << 19
"""Feature values worked on at a time, so that they stay in the processor's cache."""


@dataclass(frozen=True, slots=True)
class Perceptual:
    """LPIPS of one pair."""

    value: float
    """>= 0, 0 for identical images."""
    region: float | Undefined
    """The same over a region of the image."""


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What one walk through AlexNet tells of a pair."""

    value: float
    """LPIPS, >= 0."""
    original: NDArray[np.float64]
    """(256,) the last compared layer (relu5), averaged over the image."""
    changed: NDArray[np.float64]
    """(256,) the same of the changed image."""


def missing(net: Net) -> Undefined | None:
    """Why LPIPS cannot be computed here: torch or the weight file is not there; None when it can."""
    try:
        import torch  # noqa: F401
    except ImportError:
        return Undefined("unavailable: torch is not installed")
    return _missing_weights(net)


@lru_cache(maxsize=2)
def _missing_weights(net: Net) -> Undefined | None:
    from ....weights.files import WeightsError
    from .networks.feature_networks import trunk

    try:
        trunk(net)
    except WeightsError as error:
        return Undefined(f"unavailable: weights lpips-{net}: {error}")
    return None


def lpips(
    originals: Sequence[Image],
    changed: Sequence[Image],
    net: Net = "alex",
    regions: Sequence[Region | None] | None = None,
    *,
    device: str = "cpu",
    batch: int = 1,
) -> list[Perceptual | Undefined]:
    """LPIPS of pairs of images: at five layers, squared differences of unit feature vectors, weighted by channel.

    Images enter as x / 127.5 - 1. The value sums the layers' means over positions. The value of a region is the mean,
    over the region's pixels, of the layers' maps enlarged bilinearly to the image's size and summed (what the reference
    implementation calls spatial).

    Args:
        originals: (H, W, 3) uint8, pairs of different sizes may follow each other.
        changed: as many, each of its original's shape.
        net: `alex` or `vgg`.
        regions: as many (H, W) bool, or None.
        device: torch's name of it, `cpu` or `cuda`.
        batch: pairs of one shape run together; one is quickest on a processor.

    Returns:
        For each pair its value, or why there is none: too small an image, torch or the weights not there.

    Raises:
        ValueError: the shapes or types differ from these.

    >>> tiny = np.zeros((8, 8, 3), np.uint8)
    >>> lpips([tiny], [tiny])[0].reason
    'LPIPS (alex) needs at least 32 px a side, got 8'
    """
    asked = [None] * len(originals) if regions is None else list(regions)
    for pair in zip(originals, changed, asked, strict=True):
        check_pair(*pair)
    found: list[Perceptual | Undefined] = []
    for start, end in _runs(originals, batch):
        found += _measured(originals[start:end], changed[start:end], asked[start:end], net, device)
    return found


def look(original: Image, changed: Image, *, device: str = "cpu") -> Look | Undefined:
    """LPIPS with AlexNet, and AlexNet's features of both images from the same walk; for distances between sets.

    Args:
        original: (H, W, 3) uint8.
        changed: same shape.
        device: torch's name of it.

    Returns:
        The value of `lpips` and the rows of `set_features`; or why there are none: too small an image, torch or the
        weights not there.

    Raises:
        ValueError: the shapes or types differ from these.
    """
    check_pair(original, changed)
    why = _impossible("alex", original)
    if why is not None:
        return why
    import torch

    from .networks.feature_networks import exact_arithmetic, pooled, trunk

    box, value = changed_box(original, changed), 0.0
    with torch.inference_mode(), exact_arithmetic():
        network = trunk("alex", device)
        starts = [] if box is None else [(box, _patch(network, [changed], box))]
        for tap in network.walk(network.prepared([original]), starts):
            value += sum(float(part[0]) for part, _ in _layer(tap, None))
        before = tap.before[0]
        after = before.clone()
        for reached, patch in tap.after:
            if not reached.empty:
                after[:, reached.top : reached.bottom, reached.left : reached.right] = patch[0]
        return Look(value, pooled(before), pooled(after))


def _runs(images: Sequence[Image], batch: int) -> Iterable[tuple[int, int]]:
    """Slices of neighbours of one shape, at most `batch` long."""
    start = 0
    for end in range(1, len(images) + 1):
        if end == len(images) or end - start == batch or images[end].shape != images[start].shape:
            yield start, end
            start = end


def _measured(
    originals: Sequence[Image],
    changed: Sequence[Image],
    regions: Sequence[Region | None],
    net: Net,
    device: str,
) -> list[Perceptual | Undefined]:
    """LPIPS of pairs of one shape."""
    why = _impossible(net, originals[0])
    if why is not None:
        return [why for _ in originals]
    import torch

    from .networks.feature_networks import exact_arithmetic, trunk

    box = _common_box(originals, changed)
    values, shares = np.zeros(len(originals)), np.zeros(len(originals))
    if box is not None:
        with torch.inference_mode(), exact_arithmetic():
            network = trunk(net, device)
            masks = _masks(regions, originals[0], network)
            for tap in network.walk(network.prepared(originals), [(box, _patch(network, changed, box))]):
                for value, share in _layer(tap, masks):
                    values += value
                    shares += share
    return [
        Perceptual(float(value), _share(region, float(share)))
        for value, share, region in zip(values, shares, regions, strict=True)
    ]


def _impossible(net: Net, image: Image) -> Undefined | None:
    """Why an image has no LPIPS, or None."""
    least = min(image.shape[:2])
    if least < SMALLEST_SIDE[net]:
        return Undefined(f"LPIPS ({net}) needs at least {SMALLEST_SIDE[net]} px a side, got {least}")
    return missing(net)


def _share(region: Region | None, value: float) -> float | Undefined:
    if region is None:
        return Undefined("no region was given")
    return value if region.any() else Undefined("the region is empty")


def _common_box(originals: Sequence[Image], changed: Sequence[Image]) -> Box | None:
    """Box around all changed pixels of all pairs."""
    boxes = [box for pair in zip(originals, changed, strict=True) if (box := changed_box(*pair)) is not None]
    if not boxes:
        return None
    return Box(
        min(b.top for b in boxes), max(b.bottom for b in boxes), min(b.left for b in boxes), max(b.right for b in boxes)
    )


def _patch(network: Trunk, changed: Sequence[Image], box: Box) -> torch.Tensor:
    return network.prepared([image[box.top : box.bottom, box.left : box.right] for image in changed])


def _masks(regions: Sequence[Region | None], image: Image, network: Trunk) -> torch.Tensor | None:
    """(N, 1, H, W) weights of the pixels that sum to 1 in every non-empty region; None without any region."""
    import torch

    if all(region is None for region in regions):
        return None
    shape = image.shape[:2]
    stacked = np.stack([np.zeros(shape, bool) if region is None else region for region in regions])
    masks = torch.from_numpy(stacked).to(network.device).float().unsqueeze(1)
    return masks / masks.sum(dim=(2, 3), keepdim=True).clamp_min(1.0)


def _layer(tap: Tap, masks: torch.Tensor | None) -> Iterable[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """For every variant this layer's part of the value and of the region's value, (N,) each."""
    from torch.nn import functional

    number, _, height, width = tap.before.shape
    for box, patch in tap.after:
        if box.empty:
            yield np.zeros(number), np.zeros(number)
            continue
        local = _distance(tap.before[:, :, box.top : box.bottom, box.left : box.right], patch, tap.head)
        value = local.sum(dim=(1, 2)).double().cpu().numpy() / (height * width)
        share = np.zeros(number)
        if masks is not None:
            border = (box.left, width - box.right, box.top, height - box.bottom)
            layer_map = functional.pad(local, border).unsqueeze(1)
            enlarged = functional.interpolate(layer_map, masks.shape[2:], mode="bilinear", align_corners=False)
            share = (enlarged * masks).sum(dim=(1, 2, 3)).double().cpu().numpy()
        yield value, share


def _distance(a: torch.Tensor, b: torch.Tensor, head: torch.Tensor) -> torch.Tensor:
    """Weighted squared difference of unit vectors along the channels: (N, C, h, w) twice to (N, h, w)."""
    import torch

    number, channels, height, width = b.shape
    result = torch.empty((number, height, width), device=b.device)
    rows = max(1, _CHUNK_VALUES // max(1, number * channels * width)) if b.device.type == "cpu" else max(1, height)
    for start in range(0, height, rows):
        p, q = (t[:, :, start : start + rows].permute(0, 2, 3, 1) for t in (a, b))
        p, q = (t / (torch.linalg.vector_norm(t, dim=-1, keepdim=True) + _EPSILON) for t in (p, q))
        result[:, start : start + rows] = p.sub_(q).square_() @ head
    return result


def _whole(net: Net, network: str, order: int) -> Metric:
    return Metric(
        name=f"lpips_{net}",
        title=f"LPIPS ({network})",
        short=f"LPIPS\n{network}",
        group="quality",
        unit="",
        better="lower",
        low=0.0,
        high=None,
        definition=(
            "Learned perceptual distance of original and de-identified image: weighted difference of the unit feature "
            f"vectors of five layers of {network}."
        ),
        formula="sum over layers of mean over positions of sum over channels of w (u_a - u_b)^2, |u| = 1",
        citation=LPIPS,
        function=lpips,
        source="rows",
        decimals=3,
        order=order,
        # One of the two in the first look: that of every run.
        blocks=frozenset({"quality", "overview"} if net == "alex" else {"quality"}),
        resampling="images",
        protocol=("images",),
        how=PAIR,
        caveat=(
            f"{SIZE} Values of two networks, and of two image sizes, do not compare. "
            f"{WEIGHTS if net == 'vgg' else NETWORK}"
        ),
    )


def _of_region(net: Net, network: str, order: int) -> Metric:
    return Metric(
        name=f"lpips_{net}_region",
        title=f"LPIPS ({network}, region)",
        group="quality",
        unit="",
        better="lower",
        low=0.0,
        high=None,
        definition=(
            "Mean of the spatial LPIPS map, its layers enlarged bilinearly to the image's size, over the pixels of the "
            "protected region."
        ),
        formula="mean over the region of the sum of the layers' maps",
        citation=f"{HOUSE}; {LPIPS}",
        function=lpips,
        source="rows",
        decimals=3,
        order=order,
        resampling="images",
        protocol=("images",),
        how=REGION,
        caveat=f"The network sees beyond the region's border, by up to its field of view. {WEIGHTS}",
    )


METRICS = (
    _whole("alex", "AlexNet", 40),
    _whole("vgg", "VGG16", 50),
    _of_region("alex", "AlexNet", 120),
    _of_region("vgg", "VGG16", 130),
)
