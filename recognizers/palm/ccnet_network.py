"""The network of CCNet (Yang et al., "Comprehensive Competition Mechanism in Palmprint Recognition", TIFS 2023).

Written from the published description. Names and shapes of the parameters are those of the official checkpoints, so
that their `state_dict` loads here. Needs PyTorch: import it where it is used.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

SIDE = 128
"""Side of the palm square, px."""
GABOR_STRIDE = 2
BLOCKS = ((35, 9, 1.0), (17, 36, 0.5), (7, 9, 0.25))
"""Kernel size (px), number of competing orientations and scale of each block."""
CHANNEL_WEIGHT = 0.8
"""Share of the competition between orientations; the rest goes to rows and columns in equal parts."""
FIRST_ORDER, SECOND_ORDER = 16 * 15 * 15, 16 * 7 * 7
FEATURES = len(BLOCKS) * (FIRST_ORDER + SECOND_ORDER)
"""13152 numbers enter the head."""
HEAD = "arclayer_.weight"
"""The one entry of a checkpoint that embedding does not need: (classes, dimension)."""


class GaborLayer(nn.Module):
    """Gabor filters of `count` orientations with one learned width, aspect and frequency, stride 2.

    Orientations and phase are parameters because the checkpoints hold them, but they are not learned.
    """

    def __init__(self, size: int, count: int, scale: float) -> None:
        super().__init__()
        self.size = size
        self.gamma = nn.Parameter(torch.tensor([2.0]))
        self.sigma = nn.Parameter(torch.tensor([9.2 * scale]))
        self.theta = nn.Parameter(torch.arange(count, dtype=torch.float32) * (math.pi / count), requires_grad=False)
        self.f = nn.Parameter(torch.tensor([0.057 / scale]))
        self.psi = nn.Parameter(torch.zeros(1), requires_grad=False)

    def kernels(self) -> Tensor:
        """(count, 1, size, size); every kernel has mean 0. x runs along rows, y along columns."""
        half = self.size // 2
        axis = torch.arange(-half, half + 1, dtype=self.theta.dtype, device=self.theta.device)
        x, y = axis[None, :, None], axis[None, None, :]
        cos, sin = torch.cos(self.theta)[:, None, None], torch.sin(self.theta)[:, None, None]
        along, across = x * cos + y * sin, y * cos - x * sin
        envelope = torch.exp(-0.5 * ((self.gamma * along) ** 2 + across**2) / (8 * self.sigma**2))
        kernels = -envelope * torch.cos(2 * math.pi * self.f * along + self.psi)
        return (kernels - kernels.mean(dim=(1, 2), keepdim=True))[:, None]

    def forward(self, image: Tensor) -> Tensor:
        """(n, c, h, w) to (n, count, h / 2, w / 2).

        The method repeats each kernel over all input channels. Filtering their sum is the same, c times cheaper.
        """
        total = image.sum(dim=1, keepdim=True)
        return functional.conv2d(total, self.kernels(), stride=GABOR_STRIDE, padding=self.size // 2)


class ChannelGate(nn.Module):
    """Squeeze and excitation without reduction."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.fc = nn.Sequential(
            nn.Linear(count, count, bias=False), nn.ReLU(), nn.Linear(count, count, bias=False), nn.Sigmoid()
        )

    def forward(self, maps: Tensor) -> Tensor:
        gate: Tensor = self.fc(maps.mean(dim=(2, 3)))
        return maps * gate[:, :, None, None]


def competition(maps: Tensor) -> Tensor:
    """Softmax over orientations, blended with softmax over rows and over columns."""
    position = functional.softmax(maps, dim=2) + functional.softmax(maps, dim=3)
    return CHANNEL_WEIGHT * functional.softmax(maps, dim=1) + (1 - CHANNEL_WEIGHT) / 2 * position


class CompetitionBlock(nn.Module):
    """First- and second-order competition at one scale: (n, 1, 128, 128) to (n, 4384)."""

    def __init__(self, size: int, count: int, scale: float) -> None:
        super().__init__()
        self.gabor_conv2d = GaborLayer(size, count, scale)
        self.gabor_conv2d2 = GaborLayer(size, count, scale)
        self.conv1_1 = nn.Conv2d(count, 16, 5, stride=2)
        self.conv2_1 = nn.Conv2d(count, 16, 5, stride=2)
        self.se1 = ChannelGate(count)
        self.se2 = ChannelGate(count)

    def forward(self, image: Tensor) -> Tensor:
        first = self.gabor_conv2d(image)
        second = self.gabor_conv2d2(first)  # of the raw responses, not of their competition
        one = functional.max_pool2d(self.conv1_1(self.se1(competition(first))), 2)
        two = functional.max_pool2d(self.conv2_1(self.se2(competition(second))), 2)
        return torch.cat([one.flatten(1), two.flatten(1)], dim=1)


class ClassCentres(nn.Module):
    """One direction per identity of the training set."""

    def __init__(self, dimension: int, classes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(classes, dimension))
        nn.init.xavier_uniform_(self.weight)

    def forward(self, features: Tensor) -> Tensor:
        """Cosines, (n, classes)."""
        return functional.linear(functional.normalize(features), functional.normalize(self.weight))


class CCNet(nn.Module):
    """(n, 1, 128, 128) normalised grey to (n, `dimension`); the official head is 4096 and 2048 wide."""

    def __init__(self, classes: int, hidden: int = 4096, dimension: int = 2048) -> None:
        super().__init__()
        self.cb1, self.cb2, self.cb3 = (CompetitionBlock(*block) for block in BLOCKS)
        self.fc = nn.Linear(FEATURES, hidden)
        self.fc1 = nn.Linear(hidden, dimension)
        self.arclayer_ = ClassCentres(dimension, classes)

    def features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs of both linear layers, neither of them normalised. There is no activation between them."""
        hidden: Tensor = self.fc(torch.cat([self.cb1(images), self.cb2(images), self.cb3(images)], dim=1))
        return hidden, self.fc1(hidden)

    def forward(self, images: Tensor) -> Tensor:
        """What is compared: the second linear layer, of length 1."""
        return functional.normalize(self.features(images)[1])


def normalise(grey: Tensor) -> Tensor:
    """Mean 0 and standard deviation 1 over the pixels above 0; pixels of value 0 (no palm) stay 0.

    Args:
        grey: (n, 1, h, w) in 0..1.
    """
    seen = (grey > 0).to(grey.dtype)
    count = seen.sum(dim=(1, 2, 3), keepdim=True)
    mean = grey.sum(dim=(1, 2, 3), keepdim=True) / count.clamp(min=1)
    centred = (grey - mean) * seen
    spread = (centred.square().sum(dim=(1, 2, 3), keepdim=True) / (count - 1).clamp(min=1)).sqrt()
    return centred / (spread + 1e-6)


def from_state(state: Mapping[str, Tensor]) -> CCNet:
    """A network in evaluation mode with the weights of `state`; the sizes of the head are read from it.

    Raises:
        ValueError: an entry is missing, unknown or of another shape; the message names them.
    """
    state = {name.removeprefix("module."): value.float() for name, value in state.items()}
    for name in ("fc.weight", "fc1.weight"):
        if name not in state or state[name].ndim != 2:
            raise ValueError(f"not a CCNet checkpoint: expected a matrix named {name}, got {sorted(state)[:5]}...")
    hidden, dimension = state["fc.weight"].shape[0], state["fc1.weight"].shape[0]
    state.setdefault(HEAD, torch.zeros(0, dimension))
    network = CCNet(state[HEAD].shape[0], hidden, dimension)
    try:
        network.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise ValueError(f"not a CCNet checkpoint: {error}") from error
    return network.eval().requires_grad_(False)
