"""MobileFaceNet (Chen et al., "MobileFaceNets", CCBR 2018, arXiv:1804.07573), written from the paper's table.

One module for the widely used variants: they differ in width, activations, the head, and in whether batch norms are
kept or folded into the convolutions. Needs PyTorch: import it where it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn
from torch.nn import functional

Activation = Literal["prelu", "relu", "relu6", "none"]

STAGES = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))
"""Bottlenecks of the paper's table: expansion, channels, how many, stride of the first."""
WIDE = 512
"""Channels before and after the global depthwise convolution."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a variant is made of."""

    dimension: int
    """Of the embedding."""
    scale: int = 1
    """Widens what runs between the blocks; the blocks' inner width stays, as does the number of groups."""
    activation: Activation = "prelu"
    norm: bool = True
    """Batch norms kept; otherwise folded, and every convolution has a bias."""
    point: Activation | None = None
    """Activation of a 1 x 1 convolution after the first depthwise one; None where there is no such convolution."""
    spread: Activation = "prelu"
    """Activation of the first depthwise convolution."""
    mix: bool = False
    """A linear 512 to 512 layer before the embedding."""
    embed_bias: bool = False
    """The embedding layer has a bias besides its batch norm."""
    pad_after: bool = False
    """Strided convolutions pad below and at the right only, as TensorFlow's "same" does for even sizes."""


class Unit(nn.Module):
    """Convolution, batch norm where there is one, activation."""

    def __init__(
        self,
        ins: int,
        outs: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        groups: int = 1,
        norm: bool = True,
        bias: bool = False,
        activation: Activation = "none",
        pad_after: bool = False,
    ) -> None:
        super().__init__()
        self.pad_after = pad_after and stride == 2
        padding = 0 if self.pad_after or kernel == 7 else kernel // 2
        self.conv = nn.Conv2d(ins, outs, kernel, stride, padding, groups=groups, bias=bias or not norm)
        self.norm = nn.BatchNorm2d(outs) if norm else None
        self.prelu = nn.PReLU(outs) if activation == "prelu" else None
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        if self.pad_after:
            x = functional.pad(x, (0, 1, 0, 1))
        x = self.conv(x)
        if self.norm is not None:
            x = self.norm(x)
        if self.prelu is not None:
            x = self.prelu(x)
        elif self.activation == "relu":
            x = functional.relu(x)
        elif self.activation == "relu6":
            x = functional.relu6(x)
        return x


class Bottleneck(nn.Module):
    """Widen by 1 x 1, filter by depthwise 3 x 3, narrow by a linear 1 x 1; added to the input where sizes agree."""

    def __init__(self, ins: int, inner: int, outs: int, stride: int, plan: Plan) -> None:
        super().__init__()
        self.residual = stride == 1 and ins == outs
        act = plan.activation
        self.expand = Unit(ins, inner, norm=plan.norm, activation=act)
        self.depthwise = Unit(
            inner, inner, 3, stride, groups=inner, norm=plan.norm, activation=act, pad_after=plan.pad_after
        )
        self.project = Unit(inner, outs, norm=plan.norm)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + out if self.residual else out


class MobileFaceNetwork(nn.Module):
    """(n, 3, 112, 112), scaled as the weights want it, to (n, dimension), not normalised.

    Args:
        plan: the variant.
    """

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        norm, first = plan.norm, 64 * plan.scale
        self.stem = Unit(3, first, 3, 2, norm=norm, activation=plan.activation, pad_after=plan.pad_after)
        self.spread = Unit(first, first, 3, groups=64, norm=norm, activation=plan.spread)
        self.point = None if plan.point is None else Unit(first, first, norm=norm, activation=plan.point)
        blocks, ins = [], 64
        for expansion, outs, count, stride in STAGES:
            for index in range(count):
                inner = ins * expansion
                step = stride if index == 0 else 1
                blocks.append(Bottleneck(ins * plan.scale, inner, outs * plan.scale, step, plan))
                ins = outs
        self.blocks = nn.Sequential(*blocks)
        self.widen = Unit(ins * plan.scale, WIDE, norm=norm, activation=plan.activation)
        self.gather = Unit(WIDE, WIDE, 7, groups=WIDE, norm=norm)
        self.mix = Unit(WIDE, WIDE, norm=norm) if plan.mix else None
        self.embed = Unit(WIDE, plan.dimension, norm=norm, bias=plan.embed_bias)

    def forward(self, x: Tensor) -> Tensor:
        x = self.spread(self.stem(x))
        if self.point is not None:
            x = self.point(x)
        x = self.gather(self.widen(self.blocks(x)))
        if self.mix is not None:
            x = self.mix(x)
        embedded: Tensor = self.embed(x)
        return embedded.flatten(1)
