"""The 29-layer residual network of dlib's face recognition (dlib's example dnn_face_recognition_ex). Needs PyTorch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ...analyzers.face_alignment import TEMPLATE
from ...weights.files import WeightsError
from ..weight_files.dlib_tensors import Layer
from .face_network import AlignedFaceNetwork, Window, load_strictly

CHIP_SIZE = 150
DIMENSION = 128
MEAN_RGB = (122.782, 117.001, 104.298)
STAGES = ((32, 3, False), (64, 4, True), (128, 3, True), (256, 3, True), (256, 1, True))
"""Channels, residual blocks, and whether the first of them halves the map."""

PADDING = 0.25
"""Of dlib's chips: share of the face's size that is left around it."""
FACE_POINTS = (
    (0.224153, 0.211947),
    (0.756101, 0.211947),
    (0.490127, 0.515625),
    (0.254149, 0.780233),
    (0.726104, 0.780233),
)
"""dlib's mean face, in shares of its size: the middles of the eyes' corners, the tip of the nose, the corners of the
mouth (points 36 and 39, 42 and 45, 30, 48, 54 of 68)."""


class Affine(nn.Module):
    """A factor and an offset for each channel: a batch norm with its statistics folded in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.bias = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight[:, None, None] + self.bias[:, None, None]


class Residual(nn.Module):
    """Two 3 x 3 convolutions added to the input, or to its 2 x 2 means where the map is halved."""

    def __init__(self, ins: int, outs: int, down: bool) -> None:
        super().__init__()
        self.down = down
        # dlib pads convolutions only where they do not stride.
        self.conv1 = nn.Conv2d(ins, outs, 3, 2 if down else 1, 0 if down else 1)
        self.affine1 = Affine(outs)
        self.conv2 = nn.Conv2d(outs, outs, 3, padding=1)
        self.affine2 = Affine(outs)

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.affine1(self.conv1(x)))
        return functional.relu(_add(self.affine2(self.conv2(out)), functional.avg_pool2d(x, 2) if self.down else x))


def _add(a: Tensor, b: Tensor) -> Tensor:
    """Sum of two maps; what one of them lacks in channels, rows or columns counts as zero, as in dlib."""
    size = [max(pair) for pair in zip(a.shape[1:], b.shape[1:], strict=True)]

    def grown(x: Tensor) -> Tensor:
        channels, rows, columns = (want - have for want, have in zip(size, x.shape[1:], strict=True))
        return functional.pad(x, (0, columns, 0, rows, 0, channels)) if channels or rows or columns else x

    return grown(a) + grown(b)


class DlibResnetNetwork(nn.Module):
    """(n, 3, 150, 150), (RGB - mean) / 256, to (n, 128); the length means something: dlib compares by Euclid."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 32, 7, 2)
        self.affine = Affine(32)
        blocks, ins = [], 32
        for channels, count, down in STAGES:
            for index in range(count):
                blocks.append(Residual(ins, channels, down and index == 0))
                ins = channels
        self.blocks = nn.Sequential(*blocks)
        self.dense = nn.Linear(ins, DIMENSION, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = functional.max_pool2d(functional.relu(self.affine(self.conv(x))), 3, 2)
        out: Tensor = self.dense(self.blocks(x).mean(dim=(2, 3)))
        return out


def _homes() -> Iterator[tuple[str, str, str]]:
    """Kind of each layer in the file's order, and the names of its two tensors in the network."""
    for stem in ("", *(f"blocks.{index}." for index in range(sum(count for _, count, _ in STAGES)))):
        for number in ("1", "2") if stem else ("",):
            yield "con", f"{stem}conv{number}.weight", f"{stem}conv{number}.bias"
            yield "affine", f"{stem}affine{number}.weight", f"{stem}affine{number}.bias"
    yield "fc", "dense.weight", ""


def build(layers: Sequence[Layer], what: str) -> AlignedFaceNetwork:
    """The network with the parameters of dlib's file.

    Raises:
        WeightsError: the file's layers are not this network's.
    """
    network, homes = DlibResnetNetwork(), list(_homes())
    sizes = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    if [layer.kind for layer in layers] != [kind for kind, _, _ in homes]:
        raise WeightsError(
            f"{what} has {len(layers)} layers, expected the {len(homes)} of dlib's face recognition network"
        )
    tensors = {}
    for layer, (kind, first, second) in zip(layers, homes, strict=True):
        count = int(np.prod(sizes[first]))
        expected = count + (int(np.prod(sizes[second])) if second else 0)
        if layer.values.size != expected:
            raise WeightsError(f"{what}: {first} has {layer.values.size} numbers, expected {expected}")
        if kind == "fc":
            tensors[first] = layer.values.reshape(sizes[first][::-1]).T
            continue
        tensors[first] = layer.values[:count].reshape(sizes[first])
        tensors[second] = layer.values[count:]
    load_strictly(network, tensors, what)
    return AlignedFaceNetwork(network, mean=MEAN_RGB, std=(256.0,) * 3, window=chip_window())


def chip_window() -> Window:
    """dlib's 150 px face chip within the aligned face.

    The aligned face's five places are brought to those of dlib's mean face by least squares (turn, scale, shift). The
    places then differ by at most 1.5 px. The chip reaches 10 px below the aligned face; there its last row is repeated.
    """
    goal = (np.array(FACE_POINTS) + PADDING) / (2 * PADDING + 1) * CHIP_SIZE
    source, target = goal - goal.mean(axis=0), TEMPLATE - TEMPLATE.mean(axis=0)
    spread = (source**2).sum()
    cosine = (source * target).sum() / spread
    sine = (source[:, 0] * target[:, 1] - source[:, 1] * target[:, 0]).sum() / spread
    turn = np.array([[cosine, -sine], [sine, cosine]])
    shift = TEMPLATE.mean(axis=0) - turn @ goal.mean(axis=0)
    return Window(np.hstack([turn, shift[:, None]]), CHIP_SIZE)
