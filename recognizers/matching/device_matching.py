"""Shift-tolerant Hamming distances of `binary_matching` on a PyTorch device: each shift is a matrix product.

With bits as +1 and -1, the product of the overlapping parts of two codes is the number of equal bits minus that of
different ones. All sums are whole numbers below 2^24, so single precision, and TF32 too, gives the same distances to
the last bit. On a processor `binary_matching` is far quicker.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .binary_matching import SIDE

if TYPE_CHECKING:
    import torch

U32Array = NDArray[np.uint32]
_TILE = 2048


def shifted_hamming_on(
    device: str, a: U32Array, b: U32Array, *, planes_per_group: int, shift: int
) -> NDArray[np.float32]:
    """`binary_matching.shifted_hamming` on a device.

    Args:
        device: of PyTorch, for example `cuda`.
        a: (n, planes, 32) uint32.
        b: (m, planes, 32) uint32.
        planes_per_group: divides the number of planes.
        shift: S, 0..31 bits in either direction.

    Returns:
        (n, m) float32 in 0..1.

    Raises:
        ValueError: the shapes do not fit each other or the groups.
    """
    if b.shape[1:] != a.shape[1:] or a.shape[1] % planes_per_group or not 0 <= shift < SIDE:
        raise ValueError(
            f"expected templates of equal shape, planes a multiple of {planes_per_group}, and 0 <= shift < {SIDE}, "
            f"got {a.shape}, {b.shape} and {shift}"
        )
    found = np.empty((len(a), len(b)), np.float32)
    for row in range(0, len(a), _TILE):
        left = _signs(a[row : row + _TILE], planes_per_group, device)
        for column in range(0, len(b), _TILE):
            right = _signs(b[column : column + _TILE], planes_per_group, device)
            found[row : row + _TILE, column : column + _TILE] = _tile(left, right, shift).cpu().numpy()
    return found


def _signs(codes: U32Array, planes_per_group: int, device: str) -> torch.Tensor:
    """(n, planes, 32) words to (groups, n, planes per group, 32, 32) of +1 and -1."""
    import torch

    octets = np.ascontiguousarray(codes).astype("<u4").view(np.uint8).reshape(*codes.shape, 4)
    bits = torch.from_numpy(np.unpackbits(octets, axis=-1, bitorder="little")).to(device)
    signs = bits.to(torch.float32) * 2 - 1
    return signs.reshape(len(codes), -1, planes_per_group, SIDE, SIDE).transpose(0, 1)


def _tile(a: torch.Tensor, b: torch.Tensor, shift: int) -> torch.Tensor:
    """Distances of a tile, (n, m) float64."""
    import torch

    groups, planes = a.shape[0], a.shape[2]
    total = torch.zeros((a.shape[1], b.shape[1]), dtype=torch.float64, device=a.device)
    for group in range(groups):
        best = torch.full_like(total, float("inf"))
        for dy in range(-shift, shift + 1):
            for dx in range(-shift, shift + 1):
                left = _crop(a[group], dy, dx)
                right = _crop(b[group], -dy, -dx)
                area = planes * (SIDE - abs(dy)) * (SIDE - abs(dx))
                different = (area - (left @ right.T).to(torch.float64)) / 2
                best = torch.minimum(best, different / area)
        total += best
    return total / groups


def _crop(signs: torch.Tensor, dy: int, dx: int) -> torch.Tensor:
    """The part that a shift leaves, one row for each template."""
    rows, columns = (slice(max(step, 0), SIDE + min(step, 0)) for step in (dy, dx))
    return signs[:, :, rows, columns].reshape(len(signs), -1)
