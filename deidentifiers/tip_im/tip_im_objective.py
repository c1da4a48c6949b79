"""TIP-IM's search for a mask of noise: identity loss, naturalness, candidates and greedy choice. Needs PyTorch.

Yang et al., "Towards Face Encryption by Generating Adversarial Identity Masks", ICCV 2021 (arXiv:2003.06814).
Faces are (n, 3, H, W) float32 tensors on the 0..255 scale, features (n, d) of unit length.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Norm = Literal["linf", "l2"]
Network = Callable[[Tensor], Tensor]
"""(n, 3, H, W) RGB in 0..1 to (n, d) of unit length."""

BANDWIDTHS = (
    1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0, 35.0, 100.0, 1e3, 1e4, 1e5, 1e6,
)  # fmt: skip
"""Variances of the kernel's 19 Gaussians, for flattened faces on the 0..255 scale."""


@dataclass(frozen=True, slots=True)
class Search:
    """How to search; see `TipIm` for the meaning of each."""

    epsilon: float
    steps: int
    step_size: float
    norm: Norm
    momentum: float
    gamma: float
    mmd_batch: int
    squared_gain: bool
    """Distances in the gain are squared, as in the paper."""
    mean_loss: bool
    """The identity loss is a mean over the features' numbers, as in the released code, not a sum."""
    diversity: bool


def protect(network: Network, face: Tensor, targets: Tensor, search: Search, grey: bool) -> Tensor | None:
    """Algorithm 1 for one face.

    Args:
        network: the surrogate.
        face: (1, 3, H, W), the source.
        targets: (T, 3, H, W) faces to move towards.
        grey: move all three channels alike.

    Returns:
        (1, 3, H, W) within `epsilon` of the source in every value and within 0..255; None where the network gave
        numbers that are not finite.
    """
    with torch.no_grad():
        source = network(face / 255)
        wanted = torch.cat([network(each[None] / 255) for each in targets])
    low, high = (face - search.epsilon).clamp(min=0), (face + search.epsilon).clamp(max=255)
    current, velocity = face, torch.zeros_like(face)
    draws = torch.Generator("cpu").manual_seed(0)
    for _ in range(search.steps):
        warp = random_warp(draws, face) if search.diversity else None
        gradients = objective_gradients(network, current, face, source, wanted, search, warp)
        if grey:
            gradients = gradients.mean(dim=1, keepdim=True).expand_as(gradients)
        velocities = search.momentum * velocity + per_mean(gradients)
        candidates = (current - step(velocities, search)).clamp(min=low, max=high)
        with torch.no_grad():
            features = torch.cat([network(each[None] / 255) for each in candidates])
        if not (torch.isfinite(features).all() and torch.isfinite(candidates).all()):
            return None
        best = int(gains(features, source, wanted, search.squared_gain).argmax())
        current, velocity = candidates[best : best + 1], velocities[best : best + 1]
    return current


def objective_gradients(
    network: Network, current: Tensor, face: Tensor, source: Tensor, wanted: Tensor, search: Search, warp: Tensor | None
) -> Tensor:
    """Gradient of eq. 4 at the current image, for every target: (T, 3, H, W).

    The identity loss |f - t|^2 - |f - s|^2 has the gradient 2 (s - t) for the features f, whatever f is: one forward
    pass serves all targets, each then takes a backward pass.

    Args:
        source: (1, d) features of the source.
        wanted: (T, d) features of the targets.
        warp: (1, H, W, 2) grid to look at the image through, as `grid_sample` takes it.
    """
    seen = current.detach().requires_grad_(True)
    features = network((seen if warp is None else through(seen, warp)) / 255)
    weights = 2 * (source - wanted) / (wanted.shape[1] if search.mean_loss else 1)
    found = [
        torch.autograd.grad(features, seen, weight[None], retain_graph=index + 1 < len(weights))[0]
        for index, weight in enumerate(weights)
    ]
    gradients = torch.cat(found)
    return gradients + search.gamma * mmd_gradient(current, face, search.mmd_batch) if search.gamma else gradients


def mmd_gradient(current: Tensor, face: Tensor, batch: int) -> Tensor:
    """`batch` times the gradient of the squared MMD between `batch` protected faces and their sources, for one of them.

    The squared MMD is the mean of k over all pairs of protected faces, plus that over all pairs of sources, minus twice
    that over all mixed pairs. On the 0..255 scale k is 0 to the last bit between different people, so what of it
    depends on one face is - 2 k(face, its source) / batch^2, and no other face needs to be there. The factor is the one
    that the batch's mean takes from the identity loss.
    """
    difference = (current - face).double()
    squared = difference.square().sum()
    terms = [torch.exp(-squared / (2 * width)) / width for width in BANDWIDTHS]
    slope = torch.stack(terms).sum()
    return (2 / batch * slope * difference).to(current.dtype)


def per_mean(gradients: Tensor) -> Tensor:
    """Each gradient divided by the mean of its absolute values; one without any slope stays 0."""
    return gradients / gradients.abs().mean(dim=(1, 2, 3), keepdim=True).clamp(min=1e-30)


def step(velocities: Tensor, search: Search) -> Tensor:
    """What to subtract: `step_size` in every value (linf), or on the average of squares (l2)."""
    if search.norm == "linf":
        return search.step_size * velocities.sign()
    length: Tensor = velocities.flatten(1).norm(dim=1).clamp(min=1e-30).view(-1, 1, 1, 1)
    return velocities * (search.step_size * math.sqrt(velocities[0].numel())) / length


def gains(features: Tensor, source: Tensor, wanted: Tensor, squared: bool) -> Tensor:
    """Eq. 7 for every candidate without its outer log(1 + exp(.)), which orders candidates no differently.

    Args:
        features: (n, d) of the candidates.
        source: (1, d).
        wanted: (T, d).
        squared: distances are squared.

    Returns:
        (n,): the largest, over targets, of how much further away the source is than the target.
    """
    away = (features - source).square().sum(dim=1)
    towards = (features[:, None] - wanted[None]).square().sum(dim=2)
    if not squared:
        away, towards = away.sqrt(), towards.sqrt()
    return (away[:, None] - towards).amax(dim=1)


# ------------------------------------------------------------------------------------------------ input diversity


def random_warp(draws: torch.Generator, face: Tensor) -> Tensor:
    """(2, 1, H, W, 2) grids of the released code's input diversity: a random affine map, then a random turn.

    Both are as strong as a number drawn from 0.01 to 0.1 says: the standard deviation of the six coefficients around
    the identity, and that of the angle in radians.
    """
    strengths = 0.01 + 0.09 * torch.rand(2, generator=draws)
    affine = torch.eye(2, 3) + strengths[0] * torch.randn((2, 3), generator=draws)
    angle = strengths[1] * torch.randn((), generator=draws)
    turn = torch.zeros(2, 3)
    turn[0, 0] = turn[1, 1] = angle.cos()
    turn[0, 1], turn[1, 0] = angle.sin(), -angle.sin()
    size = [1, 3, *face.shape[2:]]
    grids = [torch.nn.functional.affine_grid(each[None], size, align_corners=False) for each in (affine, turn)]
    return torch.stack(grids).to(face.device)


def through(image: Tensor, warp: Tensor) -> Tensor:
    """The image through both grids; what a grid takes from beyond the border is black, with a sharp edge."""
    for grid in warp:
        inside = torch.nn.functional.grid_sample(torch.ones_like(image), grid, align_corners=False) >= 0.9999
        image = torch.nn.functional.grid_sample(image, grid, align_corners=False) * inside
    return image
