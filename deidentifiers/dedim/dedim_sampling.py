"""DeDiM's sampling: diffusion guided away from an identity, again and again. Needs PyTorch.

Algorithm 2 of Uchida, Abe & Yamada, "DeDiM: De-identification using a diffusion model", with three printed slips put
right: the mean divides by the root of alpha_t, the variance of a step is (1 - abar_{t-1}) / (1 - abar_t) beta_t, and
the noise of the start has the variance 1 - abar_{t0} (Ho et al., 2020).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ...analyzers.face_alignment import FACE_SIZE
from ...datasets.types import Image
from ..diffusers_models import in_batch
from ..face_canvas import to_image, to_tensor
from .dedim_denoiser import Denoiser

Guidance = Literal["sigma", "sigma2"]
Network = Callable[[Tensor], Tensor]
"""(n, 3, 112, 112) RGB in 0..1 to (n, d) of unit length."""

NEAR = 0.01
"""1 - cosine counts as at least this in the gradient, which would otherwise grow without bound near the original."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to sample; see `Dedim` for the meaning of each."""

    start: int
    steps: int
    scale: float
    guidance: Guidance
    loops: int
    threshold: float


@dataclass(frozen=True, slots=True)
class Step:
    """One step from time t to an earlier one: x' = clean * x0 + noisy * x + sigma * (noise and guidance)."""

    time: int
    """t, 1..T."""
    alpha_bar: float
    clean: float
    noisy: float
    sigma: float


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face to change."""

    pixels: Image
    """(112, 112, 3) uint8 RGB."""
    mask: NDArray[np.bool_]
    """(112, 112), what may change."""
    grey: bool
    """Make it grey after every loop."""
    seed: int


@dataclass(slots=True, eq=False)
class Progress:
    """Where a face stands."""

    index: int
    face: Face
    origin: Tensor
    """(1, d) features of the original."""
    pixels: Image
    """x_0 of Algorithm 2 after the loops so far; whole grey levels, so that what is judged is what comes out."""
    probability: float = 1.0
    """p(y0 | pixels)."""
    loops: int = 0


# ------------------------------------------------------------------------------------------------ the schedule


def matching_time(alphas_bar: NDArray[np.float64], wanted: float) -> int:
    """The time whose cumulative alpha is nearest: where another schedule is as noisy."""
    return int(np.abs(alphas_bar - wanted).argmin())


def plan_steps(alphas_bar: NDArray[np.float64], start: int, count: int) -> list[Step]:
    """Steps from time `start` down to 0.

    With fewer steps than `start` the times are spread evenly and each step gets the alphas that belong to its stride
    (Nichol & Dhariwal, 2021, section 4).

    Args:
        start: 0..T; 0 gives no steps.
        count: at least 1; more than `start` counts as `start`.
    """
    times = np.unique(np.rint(np.linspace(0, start, min(count, start) + 1)).astype(int))[::-1]
    made = []
    for time, before in pairwise(times):
        now, then = float(alphas_bar[time]), float(alphas_bar[before])
        alpha = now / then
        clean, noisy = then**0.5 * (1 - alpha) / (1 - now), alpha**0.5 * (1 - then) / (1 - now)
        variance = (1 - then) / (1 - now) * (1 - alpha)
        made.append(Step(int(time), now, clean, noisy, variance**0.5))
    return made


# ------------------------------------------------------------------------------------------------ the loop


def deidentify_faces(
    denoiser: Denoiser, network: Network, faces: Sequence[Face], settings: Settings, steps: Sequence[Step], size: int
) -> tuple[list[Image | None], int]:
    """Algorithm 2 for faces that share the networks' batches.

    A face that is done leaves, and a waiting one takes its place. The networks always see `size` faces, empty places
    being filled with copies: a face thus meets the same kernels whoever its neighbours are, and comes out the same to
    the bit.

    Returns:
        Per face (112, 112, 3) uint8, or None where a network gave numbers that are not finite; and the batch size to go
        on with, smaller than the given one after the device ran out of memory.

    Raises:
        OutOfMemory: not even one face fits.
    """
    done: list[Image | None] = [None] * len(faces)
    waiting = deque(enumerate(faces))
    active: list[Progress] = []
    while True:
        while waiting and len(active) < size:
            active += _begin(network, *waiting.popleft(), denoiser.device)
        if not active:
            return done, size

        def once(batch: list[Progress]) -> Sequence[tuple[Image, float] | None]:
            return _one_loop(denoiser, network, batch, settings, steps)

        # More than `size` are active after it was halved.
        results, size = in_batch(once, active, size, "the GPU's memory does not hold one face; set device=cpu")
        active = _gone_on(active[: len(results)], results, settings, done) + active[len(results) :]


def _begin(network: Network, index: int, face: Face, device: Any) -> list[Progress]:
    """One face ready to go, or none where the surrogate gives no finite numbers for it."""
    with torch.no_grad():
        origin = network(to_tensor(face.pixels).to(device) / 255)
    return [Progress(index, face, origin, face.pixels)] if bool(torch.isfinite(origin).all()) else []


def _gone_on(
    chunk: Sequence[Progress],
    results: Sequence[tuple[Image, float] | None],
    settings: Settings,
    done: list[Image | None],
) -> list[Progress]:
    """Take over a loop's faces that are less likely to be taken for the original than the ones before.

    Returns:
        The faces that need another loop; those that do not are written to `done`.
    """
    going = []
    for progress, result in zip(chunk, results, strict=True):
        if result is None:
            continue
        pixels, probability = result
        if probability < progress.probability:
            progress.pixels, progress.probability = pixels, probability
        progress.loops += 1
        if progress.probability < settings.threshold or progress.loops == settings.loops:
            done[progress.index] = progress.pixels
        else:
            going.append(progress)
    return going


def _one_loop(
    denoiser: Denoiser, network: Network, batch: Sequence[Progress], settings: Settings, steps: Sequence[Step]
) -> list[tuple[Image, float] | None]:
    """For every face of the batch x'_0 and p(y0 | x'_0), or None where there were numbers that are not finite."""
    current = torch.cat([to_tensor(each.pixels) for each in batch]).to(denoiser.device) / 127.5 - 1
    origin = torch.cat([each.origin for each in batch])
    noises = Noises([(each.face.seed, each.loops) for each in batch], denoiser.size, denoiser.device)
    made = guided_sample(denoiser, network, resized(current, denoiser.size), origin, noises, settings, steps)
    levels = (resized(made, FACE_SIZE) + 1) * 127.5
    finite = torch.isfinite(levels).flatten(1).all(dim=1).tolist()
    images = [
        _composed(each.face, levels[index : index + 1]) if good else each.pixels
        for index, (each, good) in enumerate(zip(batch, finite, strict=True))
    ]
    with torch.no_grad():
        features = network(torch.cat([to_tensor(each) for each in images]).to(denoiser.device) / 255)
    likely = ((features * origin).sum(dim=1) + 1) / 2
    return [
        (image, value) if good and np.isfinite(value) else None
        for image, value, good in zip(images, likely.tolist(), finite, strict=True)
    ]


def _composed(face: Face, levels: Tensor) -> Image:
    """The sampled face inside the mask, the original's bytes outside."""
    return np.where(face.mask[..., None], to_image(levels, face.grey), face.pixels)


def guided_sample(
    denoiser: Denoiser,
    network: Network,
    clean: Tensor,
    origin: Tensor,
    noises: Noises,
    settings: Settings,
    steps: Sequence[Step],
) -> Tensor:
    """Noise a batch to the first step's time and denoise it, guided away from `origin`.

    The clean image that the denoiser tells is clamped to -1..1 in every step, as Ho et al. do.

    Args:
        clean: (n, 3, S, S) in -1..1.
        origin: (n, d) of unit length.

    Returns:
        (n, 3, S, S), not clamped.
    """
    if not steps:
        return clean
    first = steps[0].alpha_bar
    x: Tensor = first**0.5 * clean + (1 - first) ** 0.5 * noises.draw()
    for step in steps:
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            told: Tensor = denoiser.unet(x, step.time - 1).sample
        guess = ((x - (1 - step.alpha_bar) ** 0.5 * told) / step.alpha_bar**0.5).clamp(-1, 1)
        after = step.clean * guess + step.noisy * x
        if step.sigma > 0:  # nothing is added in the last step
            strength = settings.scale * (step.sigma if settings.guidance == "sigma" else step.sigma**2)
            if strength:
                after = after + strength * away_gradient(network, x, origin)
            after = after + step.sigma * noises.draw()
        x = after
    return x


def away_gradient(network: Network, x: Tensor, origin: Tensor) -> Tensor:
    """Gradient with respect to x of log(1 - p), p = (cos + 1) / 2: that of -cos, divided by 1 - cos.

    Args:
        x: (n, 3, S, S) in -1..1 and beyond.
        origin: (n, d) of unit length.
    """
    with torch.enable_grad():
        seen = x.detach().requires_grad_(True)
        cosine = (network((resized(seen, FACE_SIZE) + 1) / 2) * origin).sum(dim=1)
        (gradient,) = torch.autograd.grad(cosine.sum(), seen)
    return -gradient / (1 - cosine.detach()).clamp(min=NEAR).view(-1, 1, 1, 1)


def resized(x: Tensor, size: int) -> Tensor:
    """(n, 3, size, size), smoothed when shrinking; itself where it has that size."""
    if x.shape[-1] == size:
        return x
    return torch.nn.functional.interpolate(x, (size, size), mode="bilinear", antialias=True, align_corners=False)


class Noises:
    """Standard normal images, drawn on the CPU for any device; each face's stream is its own.

    Args:
        streams: a face's seed and which loop it is in.
        size: side of the images, px.
    """

    def __init__(self, streams: Sequence[tuple[int, int]], size: int, device: Any) -> None:
        self._shape, self._device = (3, size, size), device
        self._generators = [torch.Generator("cpu").manual_seed(_mixed(*stream)) for stream in streams]

    def draw(self) -> Tensor:
        """(n, 3, size, size)."""
        drawn = [torch.randn(self._shape, generator=each) for each in self._generators]
        return torch.stack(drawn).to(self._device)


def _mixed(seed: int, loop: int) -> int:
    return int(np.random.SeedSequence([seed, loop]).generate_state(1, np.uint64)[0])
