"""The Inception network that FID is defined by, up to its 2048 pooled features. Needs torch: import on first use only.

TensorFlow's model of 2015-12-05 as pytorch-fid ported it: average pooling does not count the border, and the last block
pools by the maximum. Batch normalisation is multiplied into the convolutions when the weights are read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from .....datasets.types import Image
from .....weights.files import tensors
from .feature_networks import exact_arithmetic

FEATURES = 2048
_Pool = Callable[[Tensor], Tensor]
_SIDE = 299
_EPSILON = 0.001
_VALID = frozenset({"Conv2d_1a_3x3", "Conv2d_2a_3x3", "Conv2d_4a_3x3"})
"""Convolutions without a border although some have stride 1; the others of stride 1 keep the size."""


@dataclass(frozen=True, slots=True, eq=False)
class Inception:
    """The network's convolutions, (weight, bias) by their dotted names, on one device."""

    convolutions: Mapping[str, tuple[Tensor, Tensor]]
    device: torch.device

    def features(self, image: Image) -> NDArray[np.float64]:
        """2048 features of an image.

        Args:
            image: (H, W, 3) uint8; enlarged or reduced bilinearly, without smoothing, to 299 x 299.
        """
        x = torch.from_numpy(np.ascontiguousarray(image)).to(self.device).permute(2, 0, 1)[None].float() / 255
        x = 2 * functional.interpolate(x, (_SIDE, _SIDE), mode="bilinear", align_corners=False) - 1
        pooled: NDArray[np.float64] = self._pool3(x)[0].double().mean(dim=(1, 2)).cpu().numpy()
        return pooled

    def _pool3(self, x: Tensor) -> Tensor:
        x = self._conv(x, "Conv2d_1a_3x3", 2)
        x = self._chain(x, "Conv2d_2a_3x3", "Conv2d_2b_3x3")
        x = functional.max_pool2d(x, 3, 2)
        x = self._chain(x, "Conv2d_3b_1x1", "Conv2d_4a_3x3")
        x = functional.max_pool2d(x, 3, 2)
        for name in ("Mixed_5b", "Mixed_5c", "Mixed_5d"):
            x = self._block_a(x, name)
        x = self._block_b(x, "Mixed_6a")
        for name in ("Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"):
            x = self._block_c(x, name)
        x = self._block_d(x, "Mixed_7a")
        return self._block_e(self._block_e(x, "Mixed_7b", _average), "Mixed_7c", _maximum)

    def _conv(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        weight, bias = self.convolutions[name]
        same = stride == 1 and name not in _VALID
        padding = (weight.shape[2] // 2, weight.shape[3] // 2) if same else (0, 0)
        return functional.conv2d(x, weight, bias, stride, padding).relu_()

    def _chain(self, x: Tensor, *names: str, last_stride: int = 1) -> Tensor:
        for name in names[:-1]:
            x = self._conv(x, name)
        return self._conv(x, names[-1], last_stride)

    def _block_a(self, x: Tensor, name: str) -> Tensor:
        branches = (
            self._conv(x, f"{name}.branch1x1"),
            self._chain(x, *_numbered(f"{name}.branch5x5", 2)),
            self._chain(x, *_numbered(f"{name}.branch3x3dbl", 3)),
            self._conv(_average(x), f"{name}.branch_pool"),
        )
        return torch.cat(branches, 1)

    def _block_b(self, x: Tensor, name: str) -> Tensor:
        branches = (
            self._conv(x, f"{name}.branch3x3", 2),
            self._chain(x, *_numbered(f"{name}.branch3x3dbl", 3), last_stride=2),
            functional.max_pool2d(x, 3, 2),
        )
        return torch.cat(branches, 1)

    def _block_c(self, x: Tensor, name: str) -> Tensor:
        branches = (
            self._conv(x, f"{name}.branch1x1"),
            self._chain(x, *_numbered(f"{name}.branch7x7", 3)),
            self._chain(x, *_numbered(f"{name}.branch7x7dbl", 5)),
            self._conv(_average(x), f"{name}.branch_pool"),
        )
        return torch.cat(branches, 1)

    def _block_d(self, x: Tensor, name: str) -> Tensor:
        branches = (
            self._chain(x, *_numbered(f"{name}.branch3x3", 2), last_stride=2),
            self._chain(x, *_numbered(f"{name}.branch7x7x3", 4), last_stride=2),
            functional.max_pool2d(x, 3, 2),
        )
        return torch.cat(branches, 1)

    def _block_e(self, x: Tensor, name: str, pool: _Pool) -> Tensor:
        narrow = self._conv(x, f"{name}.branch3x3_1")
        double = self._chain(x, *_numbered(f"{name}.branch3x3dbl", 2))
        branches = (
            self._conv(x, f"{name}.branch1x1"),
            *(self._conv(narrow, f"{name}.branch3x3_2{side}") for side in "ab"),
            *(self._conv(double, f"{name}.branch3x3dbl_3{side}") for side in "ab"),
            self._conv(pool(x), f"{name}.branch_pool"),
        )
        return torch.cat(branches, 1)


def _average(x: Tensor) -> Tensor:
    return functional.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


def _maximum(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, 3, 1, 1)


def _numbered(stem: str, count: int) -> list[str]:
    return [f"{stem}_{number}" for number in range(1, count + 1)]


def from_arrays(arrays: Mapping[str, NDArray[np.float32]], device: str = "cpu") -> Inception:
    """The network from the arrays of a PyTorch state dictionary of pytorch-fid's Inception."""
    place = torch.device(device)
    convolutions = {}
    for key in arrays:
        name = key.removesuffix(".conv.weight")
        if name == key or name.startswith("AuxLogits"):
            continue
        gain, shift, mean, variance = (
            arrays[f"{name}.bn.{part}"].astype(np.float64) for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = gain / np.sqrt(variance + _EPSILON)
        weight = arrays[key].astype(np.float64) * factor[:, None, None, None]
        folded = weight.astype(np.float32), (shift - mean * factor).astype(np.float32)
        convolutions[name] = (torch.from_numpy(folded[0]).to(place), torch.from_numpy(folded[1]).to(place))
    return Inception(convolutions, place)


@lru_cache(maxsize=2)
def inception(device: str = "cpu") -> Inception:
    """The network with its published weights, from the registry of weight files.

    Raises:
        WeightsError: the weight file is not there, or not the expected one.
    """
    return from_arrays(tensors("fid-inception"), device)


def inception_features(images: Sequence[Image], device: str = "cpu") -> NDArray[np.float64]:
    """Features of images, (n, 2048).

    Args:
        images: (H, W, 3) uint8, each of its own size.
        device: torch's name of it.

    Raises:
        WeightsError: the weight file is not there, or not the expected one.
    """
    network = inception(device)
    with torch.inference_mode(), exact_arithmetic():
        rows = [network.features(image) for image in images]
    return np.stack(rows) if rows else np.empty((0, FEATURES))
