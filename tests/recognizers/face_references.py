"""Face networks written out a second time, straight from the published ports, under those ports' own names.

Each reference draws a tensor when its name is first met, so a run leaves a whole `state_dict` in that port's layout
behind. Nothing of the package is used here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as f


class Drawn:
    """Layers by name, with tensors drawn on first use."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = np.random.default_rng(seed)
        self.tensors: dict[str, NDArray[Any]] = {}

    def tensor(self, name: str, shape: tuple[int, ...], low: float, high: float) -> Tensor:
        if name not in self.tensors:
            self.tensors[name] = (low + (high - low) * self.rng.random(shape)).astype(np.float32)
        return torch.from_numpy(self.tensors[name])

    def conv(self, x: Tensor, name: str, outs: int, kernel: int = 1, stride: int = 1, **more: Any) -> Tensor:
        groups, bias = more.get("groups", 1), more.get("bias", False)
        shape = (outs, x.shape[1] // groups, kernel, kernel)
        bound = (6 / np.prod(shape[1:])) ** 0.5
        weight = self.tensor(f"{name}.weight", shape, -bound, bound)
        offset = self.tensor(f"{name}.bias", (outs,), -0.1, 0.1) if bias else None
        return f.conv2d(x, weight, offset, stride, more.get("pad", kernel // 2), groups=groups)

    def norm(self, x: Tensor, name: str) -> Tensor:
        n = x.shape[1]
        self.tensors.setdefault(f"{name}.num_batches_tracked", np.array(7))
        scale, offset = self.tensor(f"{name}.weight", (n,), 0.5, 1.0), self.tensor(f"{name}.bias", (n,), -0.2, 0.2)
        mean = self.tensor(f"{name}.running_mean", (n,), -0.2, 0.2)
        variance = self.tensor(f"{name}.running_var", (n,), 0.5, 1.5)
        return f.batch_norm(x, mean, variance, scale, offset, False, 0.0, 1e-5)

    def prelu(self, x: Tensor, name: str) -> Tensor:
        slope = self.tensor(f"{name}.weight", (x.shape[1],), 0.1, 0.4).view(1, -1, 1, 1)
        return torch.where(x >= 0, x, slope * x)

    def linear(self, x: Tensor, name: str, outs: int, bias: bool) -> Tensor:
        bound = (3 / x.shape[1]) ** 0.5
        weight = self.tensor(f"{name}.weight", (outs, x.shape[1]), -bound, bound)
        return f.linear(x, weight, self.tensor(f"{name}.bias", (outs,), -0.1, 0.1) if bias else None)


def _bottlenecks() -> Iterator[tuple[int, int, int, bool]]:
    """(inner channels, output channels, stride, added to the input) of MobileFaceNet's 15 blocks."""
    yield 128, 64, 2, False
    for _ in range(4):
        yield 128, 64, 1, True
    yield 256, 128, 2, False
    for _ in range(6):
        yield 256, 128, 1, True
    yield 512, 128, 2, False
    for _ in range(2):
        yield 256, 128, 1, True


def _block_names(single: str, several: str) -> list[str]:
    first, second, third = single.split()
    lists = several.split()
    counts = (4, 6, 2)
    names = []
    for name, many, count in zip((first, second, third), lists, counts, strict=True):
        names += [name, *(f"{many}.{i}" for i in range(count))]
    return names


def treb1en(d: Drawn, x: Tensor, head: str = "") -> Tensor:
    """MobileFaceNet of InsightFace_Pytorch; with head "output_layer." that of cavaface (GDC, no attention)."""

    def unit(x: Tensor, name: str, outs: int, *size: int, act: bool = True, **more: Any) -> Tensor:
        x = d.norm(d.conv(x, f"{name}.conv", outs, *size, **more), f"{name}.bn")
        return d.prelu(x, f"{name}.prelu") if act else x

    x = unit(x, "conv1", 64, 3, 2)
    x = unit(x, "conv2_dw", 64, 3, groups=64)
    names = _block_names("conv_23 conv_34 conv_45", "conv_3.model conv_4.model conv_5.model")
    for name, (inner, outs, stride, added) in zip(names, _bottlenecks(), strict=True):
        y = unit(unit(x, f"{name}.conv", inner), f"{name}.conv_dw", inner, 3, stride, groups=inner)
        y = unit(y, f"{name}.project", outs, act=False)
        x = x + y if added else y
    x = unit(unit(x, "conv_6_sep", 512), f"{head}conv_6_dw", 512, 7, groups=512, pad=0, act=False)
    return d.norm(d.linear(x.flatten(1), f"{head}linear", 512, False), f"{head}bn")


def cavaface(d: Drawn, x: Tensor) -> Tensor:
    return treb1en(d, x, "output_layer.")


def arcface_torch(d: Drawn, x: Tensor, scale: int = 1) -> Tensor:
    """`get_mbf` of insightface's arcface_torch."""

    def unit(x: Tensor, name: str, outs: int, *size: int, act: bool = True, **more: Any) -> Tensor:
        x = d.norm(d.conv(x, f"{name}.layers.0", outs, *size, **more), f"{name}.layers.1")
        return d.prelu(x, f"{name}.layers.2") if act else x

    x = unit(x, "layers.0", 64 * scale, 3, 2)
    x = unit(x, "layers.1", 64 * scale, 3, groups=64)
    names = _block_names("layers.2 layers.4 layers.6", "layers.3.layers layers.5.layers layers.7.layers")
    for name, (inner, outs, stride, added) in zip(names, _bottlenecks(), strict=True):
        y = unit(unit(x, f"{name}.layers.0", inner), f"{name}.layers.1", inner, 3, stride, groups=inner)
        y = unit(y, f"{name}.layers.2", outs * scale, act=False)
        x = x + y if added else y
    x = unit(unit(x, "conv_sep", 512), "features.layers.0", 512, 7, groups=512, pad=0, act=False)
    return d.norm(d.linear(x.flatten(1), "features.layers.2", 512, False), "features.layers.3")


def arcface_torch_wide(d: Drawn, x: Tensor) -> Tensor:
    return arcface_torch(d, x, scale=2)


def foamliu(d: Drawn, x: Tensor) -> Tensor:
    """foamliu's MobileFaceNet, up to its batch norm."""
    x = f.relu6(d.norm(d.conv(x, "conv1.0", 64, 3, 2), "conv1.1"))
    x = f.relu(d.norm(d.conv(x, "dw_conv.depthwise", 64, 3, groups=64), "dw_conv.bn1"))
    x = f.relu(d.norm(d.conv(x, "dw_conv.pointwise", 64), "dw_conv.bn2"))
    for i, (inner, outs, stride, added) in enumerate(_bottlenecks()):
        name = f"features.{i}.conv"
        y = f.relu6(d.norm(d.conv(x, f"{name}.0.0", inner), f"{name}.0.1"))
        y = f.relu6(d.norm(d.conv(y, f"{name}.1.0", inner, 3, stride, groups=inner), f"{name}.1.1"))
        y = d.norm(d.conv(y, f"{name}.2", outs), f"{name}.3")
        x = x + y if added else y
    x = f.relu6(d.norm(d.conv(x, "conv2.0", 512), "conv2.1"))
    x = d.norm(d.conv(x, "gdconv.depthwise", 512, 7, groups=512, pad=0), "gdconv.bn")
    return d.norm(d.conv(x, "conv3", 128, bias=True), "bn").flatten(1)


def faceplugin(d: Drawn, x: Tensor) -> Tensor:
    """fr_feature.onnx: numbered tensors, batch norms folded."""
    convs, slopes = iter(range(519, 10_000, 3)), iter(range(668, 10_000))

    def unit(x: Tensor, outs: int, *size: int, act: bool = True, **more: Any) -> Tensor:
        number = next(convs)
        groups = more.get("groups", 1)
        kernel = size[0] if size else 1
        shape = (outs, x.shape[1] // groups, kernel, kernel)
        bound = (6 / np.prod(shape[1:])) ** 0.5
        weight = d.tensor(str(number), shape, -bound, bound)
        offset = d.tensor(str(number + 1), (outs,), -0.1, 0.1)
        stride = size[1] if len(size) > 1 else 1
        x = f.conv2d(x, weight, offset, stride, more.get("pad", kernel // 2), groups=groups)
        if not act:
            return x
        slope = d.tensor(str(next(slopes)), (outs, 1, 1), 0.1, 0.4)
        return torch.where(x >= 0, x, slope * x)

    x = unit(unit(x, 64, 3, 2), 64, 3, groups=64)
    for inner, outs, stride, added in _bottlenecks():
        y = unit(unit(unit(x, inner), inner, 3, stride, groups=inner), outs, act=False)
        x = x + y if added else y
    x = unit(unit(x, 512), 512, 7, groups=512, pad=0, act=False)
    return unit(x, 512, act=False).flatten(1)


def ir_se50(d: Drawn, x: Tensor) -> Tensor:
    """IR-SE50 of InsightFace_Pytorch, before its division by the length."""
    x = d.prelu(d.norm(d.conv(x, "input_layer.0", 64, 3), "input_layer.1"), "input_layer.2")
    number = 0
    for outs, count in ((64, 3), (128, 4), (256, 14), (512, 3)):
        for i in range(count):
            name, stride = f"body.{number}", 2 if i == 0 else 1
            y = d.prelu(d.conv(d.norm(x, f"{name}.res_layer.0"), f"{name}.res_layer.1", outs, 3), f"{name}.res_layer.2")
            y = d.norm(d.conv(y, f"{name}.res_layer.3", outs, 3, stride), f"{name}.res_layer.4")
            gate = f.relu(d.conv(y.mean((2, 3), keepdim=True), f"{name}.res_layer.5.fc1", outs // 16))
            y = y * torch.sigmoid(d.conv(gate, f"{name}.res_layer.5.fc2", outs))
            if x.shape[1] == outs:
                x = x[:, :, ::stride, ::stride] + y
            else:
                short = d.conv(x, f"{name}.shortcut_layer.0", outs, 1, stride)
                x = d.norm(short, f"{name}.shortcut_layer.1") + y
            number += 1
    x = d.norm(x, "output_layer.0").flatten(1)
    return d.norm(d.linear(x, "output_layer.3", 512, True), "output_layer.4")


def senet50(d: Drawn, x: Tensor) -> Tensor:
    """senet50 of VGGFace2-pytorch, before its classifier."""
    x = f.relu(d.norm(d.conv(x, "conv1", 64, 7, 2), "bn1"))
    x = f.max_pool2d(f.pad(x, (0, 1, 0, 1), value=-torch.inf), 3, 2)  # 112 to 56 rows: what rounding up means here
    for number, (inner, count) in enumerate(((64, 3), (128, 4), (256, 6), (512, 3)), start=1):
        for i in range(count):
            name, stride = f"layer{number}.{i}", 2 if i == 0 and number > 1 else 1
            y = f.relu(d.norm(d.conv(x, f"{name}.conv1", inner, 1, stride), f"{name}.bn1"))
            y = f.relu(d.norm(d.conv(y, f"{name}.conv2", inner, 3), f"{name}.bn2"))
            y = d.norm(d.conv(y, f"{name}.conv3", 4 * inner), f"{name}.bn3")
            gate = f.relu(d.conv(y.mean((2, 3), keepdim=True), f"{name}.conv4", inner // 4, bias=True))
            y = y * torch.sigmoid(d.conv(gate, f"{name}.conv5", 4 * inner, bias=True))
            if i == 0:
                short = d.conv(x, f"{name}.downsample.0", 4 * inner, 1, stride)
                x = d.norm(short, f"{name}.downsample.1")
            x = f.relu(x + y)
    return x.mean((2, 3))


# ------------------------------------------------------------------------------------------------ inputs


def drawn_tensors(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, NDArray[Any]]:
    """Tensors for all names, drawn in the order of the names, of a size that keeps values from growing."""
    rng = np.random.default_rng(11)
    found: dict[str, NDArray[Any]] = {}
    for name in sorted(shapes):
        shape, values = shapes[name], rng.random(shapes[name], dtype=np.float32)
        if name.endswith("num_batches_tracked"):
            found[name] = np.zeros(shape, np.int64)
        elif name.endswith("running_var") or (len(shape) == 1 and name.endswith("weight")):
            found[name] = values + np.float32(0.5)
        elif len(shape) == 1:
            found[name] = (values - np.float32(0.5)) * np.float32(0.4)
        else:
            found[name] = (2 * values - 1) * np.float32((6 / np.prod(shape[1:])) ** 0.5)
    return found


def drawn_faces(count: int, side: int) -> NDArray[Any]:
    """(count, 3, side, side) float32 in -1..1: coarse blocks and noise."""
    rng = np.random.default_rng(12)
    coarse = np.kron(rng.random((count, 3, 8, 8), dtype=np.float32), np.ones((side // 8, side // 8), np.float32))
    return (1.6 * coarse - 0.8 + 0.2 * rng.random((count, 3, side, side), dtype=np.float32)).astype(np.float32)


def chips() -> list[NDArray[Any]]:
    """Three (150, 150, 3) uint8 chips: noise, coarse blocks, a face."""
    from skimage.data import astronaut

    rng = np.random.default_rng(13)
    noise = rng.integers(0, 256, (150, 150, 3), dtype=np.uint8)
    blocks = np.kron(rng.integers(0, 256, (10, 10, 3), dtype=np.uint8), np.ones((15, 15, 1), np.uint8))
    return [noise, blocks, np.ascontiguousarray(astronaut()[45:195, 150:300])]
