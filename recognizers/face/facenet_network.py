"""Inception-ResNet v1 (Szegedy et al., arXiv:1602.07261) as FaceNet ports have it.

Names and shapes of the parameters are those of facenet-pytorch's published weights, so that their `state_dict` loads
here. Needs PyTorch: import it where it is used.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

DIMENSION = 512
_EPS = 1e-3
Size = int | tuple[int, int]
Step = tuple[int, Size]
"""Output channels and kernel of a convolution."""


class Conv(nn.Module):
    """Convolution, batch norm, ReLU. Without a stride the map keeps its size where `same` says so."""

    def __init__(self, ins: int, outs: int, kernel: Size, stride: int = 1, same: bool = True) -> None:
        super().__init__()
        height, width = (kernel, kernel) if isinstance(kernel, int) else kernel
        padding = (height // 2, width // 2) if same and stride == 1 else (0, 0)
        self.conv = nn.Conv2d(ins, outs, (height, width), stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outs, eps=_EPS)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.bn(self.conv(x)))


def _branch(ins: int, steps: Sequence[Step], last_stride: int = 1) -> nn.Module:
    """Convolutions one after the other; a single one is not wrapped, as in the published names."""
    layers = []
    for index, (outs, kernel) in enumerate(steps):
        layers.append(Conv(ins, outs, kernel, last_stride if index == len(steps) - 1 else 1))
        ins = outs
    return layers[0] if len(layers) == 1 else nn.Sequential(*layers)


class Branches(nn.Module):
    """Branches side by side, `branch0`, `branch1`, ..., their maps stacked."""

    def __init__(self, ins: int, branches: Sequence[Sequence[Step]], last_stride: int = 1) -> None:
        super().__init__()
        self.count = len(branches)
        for index, steps in enumerate(branches):
            self.add_module(f"branch{index}", _branch(ins, steps, last_stride))

    def outputs(self, x: Tensor) -> list[Tensor]:
        return [self.get_submodule(f"branch{index}")(x) for index in range(self.count)]


class Residual(Branches):
    """Branches, a 1 x 1 convolution back to the input's channels, scaled and added to the input."""

    def __init__(self, channels: int, branches: Sequence[Sequence[Step]], scale: float, last: bool = False) -> None:
        super().__init__(channels, branches)
        self.conv2d = nn.Conv2d(sum(steps[-1][0] for steps in branches), channels, 1)
        self.scale, self.last = scale, last

    def forward(self, x: Tensor) -> Tensor:
        out = x + self.scale * self.conv2d(torch.cat(self.outputs(x), 1))
        return out if self.last else functional.relu(out)


class Reduction(Branches):
    """Branches that end with stride 2, beside a max pooling."""

    def __init__(self, ins: int, branches: Sequence[Sequence[Step]]) -> None:
        super().__init__(ins, branches, last_stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([*self.outputs(x), functional.max_pool2d(x, 3, 2)], 1)


_BLOCK35: tuple[tuple[Step, ...], ...] = (((32, 1),), ((32, 1), (32, 3)), ((32, 1), (32, 3), (32, 3)))
_BLOCK17: tuple[tuple[Step, ...], ...] = (((128, 1),), ((128, 1), (128, (1, 7)), (128, (7, 1))))
_BLOCK8: tuple[tuple[Step, ...], ...] = (((192, 1),), ((192, 1), (192, (1, 3)), (192, (3, 1))))
_MIXED_6A: tuple[tuple[Step, ...], ...] = (((384, 3),), ((192, 1), (192, 3), (256, 3)))
_MIXED_7A: tuple[tuple[Step, ...], ...] = (((256, 1), (384, 3)), ((256, 1), (256, 3)), ((256, 1), (256, 3), (256, 3)))


class InceptionResnetV1(nn.Module):
    """(n, 3, 160, 160), (RGB - 127.5) / 128, to (n, 512), not normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.conv2d_1a = Conv(3, 32, 3, stride=2)
        self.conv2d_2a = Conv(32, 32, 3, same=False)
        self.conv2d_2b = Conv(32, 64, 3)
        self.conv2d_3b = Conv(64, 80, 1)
        self.conv2d_4a = Conv(80, 192, 3, same=False)
        self.conv2d_4b = Conv(192, 256, 3, stride=2)
        self.repeat_1 = nn.Sequential(*(Residual(256, _BLOCK35, 0.17) for _ in range(5)))
        self.mixed_6a = Reduction(256, _MIXED_6A)
        self.repeat_2 = nn.Sequential(*(Residual(896, _BLOCK17, 0.10) for _ in range(10)))
        self.mixed_7a = Reduction(896, _MIXED_7A)
        self.repeat_3 = nn.Sequential(*(Residual(1792, _BLOCK8, 0.20) for _ in range(5)))
        self.block8 = Residual(1792, _BLOCK8, 1.0, last=True)
        self.last_linear = nn.Linear(1792, DIMENSION, bias=False)
        self.last_bn = nn.BatchNorm1d(DIMENSION, eps=_EPS)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv2d_2b(self.conv2d_2a(self.conv2d_1a(x)))
        x = self.conv2d_4b(self.conv2d_4a(self.conv2d_3b(functional.max_pool2d(x, 3, 2))))
        x = self.repeat_2(self.mixed_6a(self.repeat_1(x)))
        x = self.block8(self.repeat_3(self.mixed_7a(x)))
        embedded: Tensor = self.last_bn(self.last_linear(x.mean(dim=(2, 3))))
        return embedded
