"""The lpips package's networks, run on two nearly alike images at once. Needs torch: import on first use only.

The changed image is not run through a network as a whole: at every layer only the values that a changed pixel can
reach are computed, on top of the original's. They are the values that a full run gives; everywhere else the two images'
features are equal.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from .....datasets.types import Image
from .....files import sha256_of
from .....weights.files import tensors
from .....weights.sources import WeightsError
from .....weights.torchvision import fit_torchvision
from ..changes import Box

Net = Literal["alex", "vgg"]

NOWHERE = Box(0, 0, 0, 0)
HEADS: dict[Net, str] = {
    "alex": "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0",
    "vgg": "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
}
"""SHA-256 of the linear layers that the lpips package brings, version 0.1 of LPIPS."""


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A convolution with ReLU, or max pooling where there is no weight."""

    size: int
    stride: int
    padding: int = 0
    weight: Tensor | None = None
    bias: Tensor | None = None
    head: Tensor | None = None
    """(C,) LPIPS' weights of this layer's channels, for the five layers that are compared."""

    def __call__(self, x: Tensor, *, padded: bool = False) -> Tensor:
        """Apply to (N, C, H, W); `padded` says that the border is there already."""
        if self.weight is None:
            return functional.max_pool2d(x, self.size, self.stride)
        return functional.conv2d(x, self.weight, self.bias, self.stride, 0 if padded else self.padding).relu_()

    def reach(self, box: Box, shape: torch.Size) -> Box:
        """Outputs that see the box, of a result of this shape; the empty box when a stride steps over it."""
        if box.empty:
            return NOWHERE

        def span(first: int, end: int, size: int) -> tuple[int, int]:
            low = -((self.size - 1 - self.padding - first) // self.stride)
            return max(low, 0), min((end - 1 + self.padding) // self.stride + 1, size)

        reached = Box(*span(box.top, box.bottom, shape[2]), *span(box.left, box.right, shape[3]))
        return NOWHERE if reached.empty else reached

    def update(self, before: Tensor, box: Box, patch: Tensor, outputs: Box) -> Tensor:
        """Result at `outputs` when the input is `before` with `patch` put in at `box`."""
        height, width = before.shape[2:]
        if box == Box(0, height, 0, width):
            return self(patch)
        top, left = outputs.top * self.stride - self.padding, outputs.left * self.stride - self.padding
        bottom = (outputs.bottom - 1) * self.stride - self.padding + self.size
        right = (outputs.right - 1) * self.stride - self.padding + self.size
        rows = slice(max(top, 0), min(bottom, height))
        columns = slice(max(left, 0), min(right, width))
        x = before[:, :, rows, columns].clone(memory_format=torch.channels_last)
        # a pool may leave out the last row or column; what of the patch lies there has no effect
        inside = patch[:, :, : rows.stop - box.top, : columns.stop - box.left]
        down, right_of = box.top - rows.start, box.left - columns.start
        x[:, :, down : down + inside.shape[2], right_of : right_of + inside.shape[3]] = inside
        border = (columns.start - left, right - columns.stop, rows.start - top, bottom - rows.stop)
        if any(border):
            x = functional.pad(x, border).contiguous(memory_format=torch.channels_last)
        return self(x, padded=True)


@dataclass(frozen=True, slots=True, eq=False)
class Tap:
    """What the images look like at one of the compared layers."""

    head: Tensor
    before: Tensor
    """(N, C, H, W) of the originals."""
    after: list[tuple[Box, Tensor]]
    """For every variant the box where it may differ, and its values there; nothing to be read for an empty box."""


@dataclass(frozen=True, slots=True, eq=False)
class Trunk:
    """Convolutions of one network on one device."""

    layers: tuple[Layer, ...]
    device: torch.device
    scaling: torch.nn.Module
    """LPIPS' own normalisation of images in -1..1."""

    @property
    def width(self) -> int:
        """Channels of the last compared layer."""
        return next(layer.head.numel() for layer in reversed(self.layers) if layer.head is not None)

    def prepared(self, images: Sequence[Image]) -> Tensor:
        """(N, 3, H, W) as LPIPS normalises: x / 127.5 - 1, then its shift and scale.

        Args:
            images: (H, W, 3) uint8 of one shape.
        """
        stacked = torch.from_numpy(np.stack(images)).to(self.device).permute(0, 3, 1, 2)
        x: Tensor = self.scaling(stacked.float().div_(127.5).sub_(1.0))
        return x.contiguous(memory_format=torch.channels_last)

    def walk(self, originals: Tensor, variants: Sequence[tuple[Box, Tensor]]) -> Iterator[Tap]:
        """Go through the layers with the originals whole and the variants' changed parts; stop at the compared ones.

        Args:
            originals: (N, 3, H, W) prepared.
            variants: for each the box outside of which it equals its original, in all N images, and (N, 3, h, w) there.
        """
        before, after = originals, list(variants)
        for layer in self.layers:
            result = layer(before)
            moved = [(layer.reach(box, result.shape), box, patch) for box, patch in after]
            after = [
                (reached, patch if reached.empty else layer.update(before, box, patch, reached))
                for reached, box, patch in moved
            ]
            before = result
            if layer.head is not None:
                yield Tap(layer.head, before, after)


def exact_arithmetic() -> AbstractContextManager[None]:
    """Full float32 products on accelerators, and the same ones every time."""
    return torch.backends.cudnn.flags(  # type: ignore[no-any-return,no-untyped-call,unused-ignore]
        enabled=True, benchmark=False, deterministic=True, allow_tf32=False
    )


@lru_cache(maxsize=4)
def trunk(net: Net, device: str = "cpu") -> Trunk:
    """The convolutions of `alex` or `vgg`, in the order and with the heads of the lpips package.

    Raises:
        WeightsError: a weight file is not there, or not the expected one.
    """
    model, place = lpips_network(net), torch.device(device)
    layers: list[Layer] = []
    for part, head in zip(_slices(model), model.lins, strict=True):
        layers += [_layer(each, place) for each in part if not isinstance(each, torch.nn.ReLU)]
        layers[-1] = replace(layers[-1], head=head.model[-1].weight.reshape(-1).to(place))
    return Trunk(tuple(layers), place, model.scaling_layer.to(place))


def _layer(module: Any, place: torch.device) -> Layer:
    """A convolution with the ReLU that follows it, or a pooling."""
    if isinstance(module, torch.nn.MaxPool2d):
        return Layer(cast(int, module.kernel_size), cast(int, module.stride))
    weight = module.weight.to(place).contiguous(memory_format=torch.channels_last)
    return Layer(module.kernel_size[0], module.stride[0], module.padding[0], weight, module.bias.to(place))


def lpips_network(net: Net) -> Any:
    """The lpips package's own module: its layers and heads, and torchvision's convolutions from the registry.

    Raises:
        WeightsError: a weight file is not there, or not the expected one.
    """
    fit_torchvision()
    import lpips

    arrays, heads = tensors(f"lpips-{net}"), head_weights(net)
    with torch.device("meta"), warnings.catch_warnings():  # nothing is drawn that is replaced at once
        warnings.simplefilter("ignore")  # torchvision's, about how lpips calls it
        model = lpips.LPIPS(net=net, pretrained=False, pnet_rand=True, verbose=False)
    prefix = next(name.partition(".")[0] for name in arrays if not name.startswith("NetLin"))
    convolutions = [each for part in _slices(model) for each in part if isinstance(each, torch.nn.Conv2d)]
    for index, module in enumerate(convolutions):
        kernel = torch.from_numpy(arrays[f"{prefix}.Conv_{index}.kernel"]).permute(3, 2, 0, 1)
        module.weight = torch.nn.Parameter(kernel.contiguous(), requires_grad=False)
        module.bias = torch.nn.Parameter(torch.from_numpy(arrays[f"{prefix}.Conv_{index}.bias"]), requires_grad=False)
    for index, head in enumerate(model.lins):
        head.model[-1].weight = torch.nn.Parameter(heads[f"lin{index}.model.1.weight"], requires_grad=False)
    return model.eval()


def _slices(model: Any) -> list[Any]:
    """The parts of a network at whose ends LPIPS compares."""
    return [getattr(model.net, f"slice{number}") for number in range(1, model.net.N_slices + 1)]


def head_weights(net: Net) -> dict[str, Tensor]:
    """The linear layers of LPIPS v0.1, from the installed lpips package.

    Raises:
        WeightsError: its file is not the published one.
    """
    path = Path(str(resources.files("lpips"))) / "weights" / "v0.1" / f"{net}.pth"
    found = sha256_of(path)
    if found != HEADS[net]:
        raise WeightsError(f"{path}: expected sha256 {HEADS[net]}, got {found}; install lpips 0.1.4 again")
    heads: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    return heads


def pooled(features: Tensor) -> NDArray[np.float64]:
    """(C, H, W) averaged over positions: (C,)."""
    found: NDArray[np.float64] = features.double().mean(dim=(1, 2)).cpu().numpy()
    return found


def pooled_features(images: Sequence[Image], net: Net = "vgg", device: str = "cpu") -> NDArray[np.float64]:
    """The last layer that LPIPS compares (VGG16's relu5_3, AlexNet's relu5), averaged over the image.

    Args:
        images: (H, W, 3) uint8, each of its own size, sides no smaller than LPIPS needs.
        net: `alex` or `vgg`.
        device: torch's name of it.

    Returns:
        (n, 512) with `vgg`, (n, 256) with `alex`.

    Raises:
        WeightsError: the weight file is not there, or not the expected one.
    """
    network = trunk(net, device)
    rows = []
    with torch.inference_mode(), exact_arithmetic():
        for image in images:
            *_, last = network.walk(network.prepared([image]), [])
            rows.append(pooled(last.before[0]))
    return np.stack(rows) if rows else np.empty((0, network.width))
