"""AlexNet's and VGG16's convolutions, run on two nearly alike images at once. Needs torch: import on first use only.

The changed image is not run through a network as a whole: at every layer only the values that a changed pixel can
reach are computed, on top of the original's. They are the values that a full run gives; everywhere else the two images'
features are equal.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from .....datasets.types import Image
from .....weights.files import tensors
from ..changes import Box

Net = Literal["alex", "vgg"]

NOWHERE = Box(0, 0, 0, 0)
_SHIFT, _SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""LPIPS' own normalisation of images in -1..1."""


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

    def prepared(self, images: Sequence[Image]) -> Tensor:
        """(N, 3, H, W) as LPIPS normalises: x / 127.5 - 1, then its shift and scale.

        Args:
            images: (H, W, 3) uint8 of one shape.
        """
        stacked = torch.from_numpy(np.stack(images)).to(self.device).permute(0, 3, 1, 2)
        x = stacked.float().div_(127.5).sub_(1.0)
        shift, scale = (torch.tensor(v, device=self.device).view(1, 3, 1, 1) for v in (_SHIFT, _SCALE))
        return ((x - shift) / scale).contiguous(memory_format=torch.channels_last)

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
    """The convolutions of `alex` or `vgg` with LPIPS' weights, from the registry of weight files.

    Raises:
        WeightsError: the weight file is not there, or not the expected one.
    """
    arrays = tensors(f"lpips-{net}")
    prefix = "AlexNet_0" if net == "alex" else "VGG16_0"
    if f"{prefix}.Conv_0.kernel" not in arrays:
        prefix = next(name.split(".")[0] for name in arrays if not name.startswith("NetLin"))
    place = torch.device(device)
    heads = iter(range(5))

    def conv(index: int, stride: int = 1, padding: int = 1, *, tap: bool = False) -> Layer:
        kernel = torch.from_numpy(arrays[f"{prefix}.Conv_{index}.kernel"]).permute(3, 2, 0, 1)
        weight = kernel.to(place).contiguous(memory_format=torch.channels_last)
        bias = torch.from_numpy(arrays[f"{prefix}.Conv_{index}.bias"]).to(place)
        head = None
        if tap:
            head = torch.from_numpy(arrays[f"NetLinLayer_{next(heads)}.Conv_0.kernel"]).reshape(-1).to(place)
        return Layer(weight.shape[2], stride, padding, weight, bias, head)

    layers: list[Layer] = []
    if net == "alex":
        pool = Layer(3, 2)
        layers += [conv(0, 4, 2, tap=True), pool, conv(1, 1, 2, tap=True), pool]
        layers += [conv(index, tap=True) for index in (2, 3, 4)]
    else:
        index = 0
        for block, depth in enumerate((2, 2, 3, 3, 3)):
            layers += [Layer(2, 2)] if block else []
            for i in range(depth):
                layers.append(conv(index, tap=i == depth - 1))
                index += 1
    return Trunk(tuple(layers), place)


def pooled_features(images: Sequence[Image], device: str = "cpu") -> NDArray[np.float64]:
    """VGG16's relu5_3, averaged over the image.

    Args:
        images: (H, W, 3) uint8, each of its own size, sides >= 16 px.
        device: torch's name of it.

    Returns:
        (n, 512).

    Raises:
        WeightsError: the weight file is not there, or not the expected one.
    """
    network = trunk("vgg", device)
    rows = np.empty((len(images), 512))
    with torch.inference_mode(), exact_arithmetic():
        for row, image in zip(rows, images, strict=True):
            *_, last = network.walk(network.prepared([image]), [])
            row[:] = last.before[0].double().mean(dim=(1, 2)).cpu().numpy()
    return rows
