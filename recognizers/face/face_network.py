"""What surrounds a face network: cutting its input out of the aligned face, its scaling, unit length. Needs PyTorch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ...analyzers.face_alignment import FACE_SIZE
from ...weights.files import WeightsError

_COUNTERS = "num_batches_tracked"
"""Batch norms count their training batches; exports have the counters or not, and nothing here reads them."""


MTCNN_BOX = (54.6, 64.4, 79.1, 99.1)
"""MTCNN's box in an aligned face: middle (x, y), width and height in px; medians over the 400 images of ORL."""


class AlignedFaceNetwork(nn.Module):
    """A face network together with what has to be done to an aligned face before it and to its output after it.

    Args:
        network: takes (n, 3, side, side), gives (n, d).
        mean: three values on the 0..255 scale, subtracted in the order of the network's channels.
        std: then divided by this.
        window: where the network's input lies in the aligned face: see `Window`. None takes the aligned face as it is.
        bgr: the network wants blue first.
        flip: add the embedding of the mirrored face, as some networks are meant to be used.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        *,
        mean: Sequence[float],
        std: Sequence[float],
        window: Window | None = None,
        bgr: bool = False,
        flip: bool = False,
    ) -> None:
        super().__init__()
        self.network, self.window, self.bgr, self.flip = network, window, bgr, flip
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1))

    def raw(self, faces: Tensor) -> Tensor:
        """(n, 3, 112, 112) RGB in 0..1 to (n, d), of whatever length the network gives.

        Raises:
            ValueError: the faces have another shape.
        """
        if faces.ndim != 4 or tuple(faces.shape[1:]) != (3, FACE_SIZE, FACE_SIZE):
            raise ValueError(f"expected faces of shape (n, 3, 112, 112), got {tuple(faces.shape)}; align them first")
        x = faces if self.window is None else self.window(faces)
        x = ((x.flip(1) if self.bgr else x) * 255 - self.mean) / self.std
        embedded: Tensor = self.network(x)
        return embedded + self.network(x.flip(3)) if self.flip else embedded

    def forward(self, faces: Tensor) -> Tensor:
        """As `raw`, of unit length."""
        return functional.normalize(self.raw(faces), dim=1)


class Window(nn.Module):
    """Samples a square out of aligned faces, bilinearly; what lies beyond the aligned face repeats its edge.

    Args:
        transform: (2, 3), points of the square's px to points of the aligned face; whole numbers are pixel centres.
        side: px of the square.
    """

    grid: Tensor

    def __init__(self, transform: NDArray[np.float64], side: int) -> None:
        super().__init__()
        rows, columns = np.mgrid[:side, :side].astype(np.float64)
        places = np.stack([columns, rows, np.ones_like(rows)], axis=-1) @ transform.T
        grid = (2 * places + 1) / FACE_SIZE - 1  # grid_sample's own coordinates: -1 and 1 are the outer edges
        self.register_buffer("grid", torch.from_numpy(grid.astype(np.float32))[None])

    def forward(self, faces: Tensor) -> Tensor:
        """(n, 3, 112, 112) to (n, 3, side, side)."""
        grid = self.grid.expand(len(faces), -1, -1, -1)
        return functional.grid_sample(faces, grid, mode="bilinear", padding_mode="border", align_corners=False)


def around_box(width: float, height: float, side: int) -> Window:
    """The upright rectangle of this width and height (px of the aligned face) around the middle of MTCNN's box.

    Args:
        width: brought to `side` px,
        height: as well, so that the face may be stretched.
        side: px of the window.
    """
    across, down = width / side, height / side
    left, top = MTCNN_BOX[0] - width / 2, MTCNN_BOX[1] - height / 2  # outer edges; pixel centres lie half a px inside
    return Window(np.array([[across, 0, left + across / 2 - 0.5], [0, down, top + down / 2 - 0.5]]), side)


def load_strictly(network: nn.Module, tensors: Mapping[str, NDArray[Any]], what: str) -> None:
    """Copy tensors into a network; every name and every size has to fit.

    A tensor may have other axes of length 1, as a linear layer has against a 1 x 1 convolution.

    Args:
        network: filled in place.
        tensors: by the network's own names; counters of batch norms are left aside.
        what: the weights' name, for the message.

    Raises:
        WeightsError: names are missing or unknown, or sizes differ.
    """
    wanted = {name: tensor for name, tensor in network.state_dict().items() if not name.endswith(_COUNTERS)}
    given = without_counters(tensors)
    faults = [f"lacks {name}" for name in wanted if name not in given]
    faults += [f"has {name}, which the network has not" for name in given if name not in wanted]
    for name, tensor in wanted.items():
        if name in given and _long_axes(given[name].shape) != _long_axes(tuple(tensor.shape)):
            faults.append(f"has {name} of shape {given[name].shape}, expected {tuple(tensor.shape)}")
    if faults:
        raise WeightsError(f"{what} holds another network: it {'; '.join(faults[:4])} ({len(faults)} differences)")
    with torch.no_grad():
        for name, tensor in wanted.items():
            values = np.array(given[name], dtype=np.float32).reshape(tuple(tensor.shape))
            tensor.copy_(torch.from_numpy(values))


def without_counters(tensors: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The tensors that embedding needs."""
    return {name: array for name, array in tensors.items() if not name.endswith(_COUNTERS)}


def _long_axes(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(length for length in shape if length != 1)
