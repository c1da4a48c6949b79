"""The network of `eehnet_style`: spatial transformers cut palm and fingers out of a hand, small CNNs describe them.

Our own reading of an unpublished network, see `EehnetStyle`. Needs PyTorch: import it where it is used.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

PALM_SIZE = (96, 96)
FINGER_SIZE = (96, 32)
"""Height and width of the patches, px."""
FINGERS = ((2, 4), (5, 8), (9, 12), (13, 16), (17, 20))
"""First and last keypoint of each finger, thumb first."""
PARTS = 1 + len(FINGERS)
COARSE = 4
"""The localiser sees the hand smaller by this factor."""
DIMENSION = 256
PALM_WIDTH, FINGER_WIDTH, SHAPE_WIDTH = 192, 32, 32

TYPICAL = (
    (0.13, 0.40, 0.10, -0.33),
    (-0.54, 0.19, -0.22, -0.19),
    (-0.06, -0.37, 0.03, -0.43),
    (0.19, -0.41, 0.06, -0.47),
    (0.45, -0.30, 0.12, -0.44),
    (0.63, -0.12, 0.11, -0.36),
)
"""Where the localiser starts: middle and half axis towards the tip (x, y each) of palm, thumb, ..., little finger."""


def true_parts(keypoints: Tensor) -> Tensor:
    """Where the parts are by the keypoints: what the localiser learns.

    The palm is a square of side 1.05 L (L: index MCP - little MCP), its middle 0.5 L towards the wrist from the joints'
    midpoint. A finger is a strip from its first joint to its tip, longer by a fifth.

    Args:
        keypoints: (n, 21, 2), -1..1 across the crop.

    Returns:
        (n, 6, 4): x and y of the middle, x and y of the half axis that points to the fingers or to the tip.
    """
    first, last, wrist = keypoints[:, 5], keypoints[:, 17], keypoints[:, 0]
    across, middle = last - first, (first + last) / 2
    up = torch.stack([across[:, 1], -across[:, 0]], dim=1)  # index at the left: the fingers are on this side
    up = torch.where(((wrist - middle) * up).sum(1, keepdim=True) > 0, -up, up)
    parts = [torch.cat([middle - 0.5 * up, 0.525 * up], dim=1)]
    for base, tip in FINGERS:
        start, end = keypoints[:, base], keypoints[:, tip]
        parts.append(torch.cat([(start + end) / 2, 0.6 * (end - start)], dim=1))
    return torch.stack(parts, dim=1)


def cut(crops: Tensor, part: Tensor, size: tuple[int, int]) -> Tensor:
    """Sample an upright patch by a similarity, bilinear, and bring it to mean 0 and deviation 1.

    Args:
        crops: (n, 1, h, w).
        part: (n, 4), see `true_parts`; the half axis becomes half the patch's height.
        size: height and width of the patch.
    """
    middle, axis = part[:, :2], part[:, 2:]
    down, right = -axis, torch.stack([-axis[:, 1], axis[:, 0]], dim=1) * (size[1] / size[0])
    grid = functional.affine_grid(
        torch.stack([right, down, middle], dim=2), [len(crops), 1, *size], align_corners=False
    )
    patch = functional.grid_sample(crops, grid, padding_mode="border", align_corners=False)
    patch = patch - patch.mean(dim=(2, 3), keepdim=True)
    normal: Tensor = patch / (patch.square().mean(dim=(2, 3), keepdim=True).sqrt() + 0.02)
    return normal


def _layer(before: int, after: int, stride: int, size: int = 3) -> list[nn.Module]:
    convolution = nn.Conv2d(before, after, size, stride, size // 2, bias=False)
    return [convolution, nn.BatchNorm2d(after), nn.ReLU(inplace=True)]


class Localiser(nn.Module):
    """(n, 1, 352, 352) in 0..1 to the parts (n, 6, 4), starting from `TYPICAL`."""

    def __init__(self) -> None:
        super().__init__()
        layers = _layer(1, 16, 2) + _layer(16, 32, 2) + _layer(32, 64, 2) + _layer(64, 64, 2)
        self.trunk = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 6 * 6, 128), nn.ReLU(inplace=True))
        self.last = nn.Linear(128, PARTS * 4)
        nn.init.zeros_(self.last.weight)
        with torch.no_grad():
            self.last.bias.copy_(torch.tensor(TYPICAL).flatten())

    def forward(self, crops: Tensor) -> Tensor:
        small = functional.avg_pool2d(crops, COARSE)
        found: Tensor = self.last(self.trunk((small - 0.5) * 4))
        return found.reshape(-1, PARTS, 4)


class EehnetStyleNet(nn.Module):
    """Hand crops (n, 1, 352, 352) in 0..1 to (n, 256) of length 1."""

    def __init__(self) -> None:
        super().__init__()
        self.localiser = Localiser()
        palm = _layer(1, 24, 2, 5) + _layer(24, 32, 1) + _layer(32, 64, 2) + _layer(64, 64, 1)
        palm += _layer(64, 96, 2) + _layer(96, 96, 1) + _layer(96, 128, 2)
        self.palm = nn.Sequential(*palm, nn.Flatten(), nn.Linear(128 * 6 * 6, PALM_WIDTH))
        finger = _layer(1, 16, 2, 5) + _layer(16, 32, 2) + _layer(32, 48, 2) + _layer(48, 64, 2)
        self.finger = nn.Sequential(*finger, nn.Flatten())
        self.fingers = nn.ModuleList([nn.Linear(64 * 6 * 2, FINGER_WIDTH) for _ in FINGERS])
        self.shape = nn.Sequential(nn.Linear(PARTS * 4, 64), nn.ReLU(inplace=True), nn.Linear(64, SHAPE_WIDTH))
        together = PALM_WIDTH + len(FINGERS) * FINGER_WIDTH + SHAPE_WIDTH
        self.whole = nn.Sequential(
            nn.BatchNorm1d(together), nn.Linear(together, DIMENSION, bias=False), nn.BatchNorm1d(DIMENSION)
        )

    def describe(self, crops: Tensor, parts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What the palm, the rest of the hand, and both together say when the parts are at `parts`; none normalised."""
        palm = self.palm(cut(crops, parts[:, 0], PALM_SIZE))
        strips = torch.cat([cut(crops, parts[:, 1 + k], FINGER_SIZE) for k in range(len(FINGERS))])
        each = self.finger(strips).chunk(len(FINGERS))
        rest = [linear(features) for linear, features in zip(self.fingers, each, strict=True)]
        rest.append(self.shape(parts.flatten(1)))
        others = torch.cat(rest, dim=1)
        return palm, others, self.whole(torch.cat([palm, others], dim=1))

    def forward(self, crops: Tensor) -> Tensor:
        return functional.normalize(self.describe(crops, self.localiser(crops))[2])


def from_state(state: Mapping[str, Tensor]) -> EehnetStyleNet:
    """The network in evaluation mode with the weights of `state`.

    Raises:
        RuntimeError: an entry is missing, unknown or of another shape.
    """
    network = EehnetStyleNet()
    network.load_state_dict({name: value.float() for name, value in state.items()}, strict=True)
    return network.eval().requires_grad_(False)
