"""Two 50-layer residual networks with squeeze and excitation (Hu et al., CVPR 2018) that face recognition uses.

Names and shapes of the parameters are those of the published checkpoints, so that their `state_dict` loads here:
IR-SE50 of InsightFace_Pytorch (112 px) and SENet-50 of VGGFace2 (224 px). Needs PyTorch: import it where it is used.
"""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

REDUCTION = 16
IR_STAGES = ((64, 3), (128, 4), (256, 14), (512, 3))
"""Channels and blocks; the first block of each halves the map."""
SENET_STAGES = ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2))
"""Inner channels, blocks, stride of the first; outputs are four times as wide."""


class Gate(nn.Module):
    """Scales each channel by what all channels' means say."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(channels, channels // REDUCTION, 1, bias=False)
        self.fc2 = nn.Conv2d(channels // REDUCTION, channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        squeezed = functional.relu(self.fc1(x.mean(dim=(2, 3), keepdim=True)))
        scaled: Tensor = x * self.fc2(squeezed).sigmoid()
        return scaled


class IrBlock(nn.Module):
    """Batch norm, 3 x 3, PReLU, 3 x 3 with the stride, batch norm, gate; added to the input."""

    def __init__(self, ins: int, outs: int, stride: int) -> None:
        super().__init__()
        self.shortcut_layer = (
            nn.MaxPool2d(1, stride)  # takes every other pixel
            if ins == outs
            else nn.Sequential(nn.Conv2d(ins, outs, 1, stride, bias=False), nn.BatchNorm2d(outs))
        )
        self.res_layer = nn.Sequential(
            nn.BatchNorm2d(ins),
            nn.Conv2d(ins, outs, 3, 1, 1, bias=False),
            nn.PReLU(outs),
            nn.Conv2d(outs, outs, 3, stride, 1, bias=False),
            nn.BatchNorm2d(outs),
            Gate(outs),
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.res_layer(x) + self.shortcut_layer(x)
        return out


class IrSe50(nn.Module):
    """(n, 3, 112, 112), (RGB - 127.5) / 127.5, to (n, 512), not normalised."""

    def __init__(self) -> None:
        super().__init__()
        self.input_layer = nn.Sequential(nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.PReLU(64))
        blocks, ins = [], 64
        for channels, count in IR_STAGES:
            for index in range(count):
                blocks.append(IrBlock(ins, channels, 2 if index == 0 else 1))
                ins = channels
        self.body = nn.Sequential(*blocks)
        self.output_layer = nn.Sequential(
            nn.BatchNorm2d(ins), nn.Dropout(0.0), nn.Flatten(), nn.Linear(ins * 7 * 7, 512), nn.BatchNorm1d(512)
        )

    def forward(self, x: Tensor) -> Tensor:
        embedded: Tensor = self.output_layer(self.body(self.input_layer(x)))
        return embedded


class SeBottleneck(nn.Module):
    """1 x 1 with the stride, 3 x 3, 1 x 1 four times as wide, gate (`conv4`, `conv5`); added to the input."""

    def __init__(self, ins: int, inner: int, stride: int, resize: bool) -> None:
        super().__init__()
        outs = 4 * inner
        self.conv1, self.bn1 = nn.Conv2d(ins, inner, 1, stride, bias=False), nn.BatchNorm2d(inner)
        self.conv2, self.bn2 = nn.Conv2d(inner, inner, 3, 1, 1, bias=False), nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = nn.Conv2d(inner, outs, 1, bias=False), nn.BatchNorm2d(outs)
        self.conv4 = nn.Conv2d(outs, outs // REDUCTION, 1)
        self.conv5 = nn.Conv2d(outs // REDUCTION, outs, 1)
        self.downsample = (
            nn.Sequential(nn.Conv2d(ins, outs, 1, stride, bias=False), nn.BatchNorm2d(outs)) if resize else None
        )

    def forward(self, x: Tensor) -> Tensor:
        out = functional.relu(self.bn1(self.conv1(x)))
        out = functional.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        gate = self.conv5(functional.relu(self.conv4(out.mean(dim=(2, 3), keepdim=True)))).sigmoid()
        return functional.relu(out * gate + (x if self.downsample is None else self.downsample(x)))


class SeNet50(nn.Module):
    """(n, 3, 224, 224), BGR minus mean, to (n, 2048): what enters the classifier, which is left out."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        ins = 64
        for number, (inner, count, stride) in enumerate(SENET_STAGES, start=1):
            blocks = []
            for index in range(count):
                blocks.append(SeBottleneck(ins, inner, stride if index == 0 else 1, resize=index == 0))
                ins = 4 * inner
            self.add_module(f"layer{number}", nn.Sequential(*blocks))

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.bn1(self.conv1(x)))
        x = functional.max_pool2d(x, 3, 2, ceil_mode=True)
        for number in range(1, len(SENET_STAGES) + 1):
            x = self.get_submodule(f"layer{number}")(x)
        return x.mean(dim=(2, 3))
