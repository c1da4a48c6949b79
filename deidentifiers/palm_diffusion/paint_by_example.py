"""Sampling with Paint by Example: exemplar fusion, prior interpolation and pinning on the pipeline's five parts.

The loop computes what `diffusers.PaintByExamplePipeline` computes (a test compares the two), and adds what the palm
paper does around it (Yan et al., arXiv:2504.08272, section III-B3 to 5). It is written out because the pipeline has no
place for pinning, for a seed of each image's own, or for a batch that must not change its members.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...datasets.types import Image
from ..diffusers_models import in_batch, quiet
from .paint_by_example_parts import Parts

Scheduler = Literal["pndm", "dpm++", "ddim"]
Posterior = Literal["mode", "sample"]

CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How to paint; see `PalmDiffusion` for the meaning of each."""

    steps: int
    scheduler: Scheduler
    guidance_scale: float
    alpha: float
    pin_unmasked: bool
    posterior: Posterior


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """One crop with a hole to paint."""

    image: Image
    """(S, S, 3) uint8 RGB."""
    hole: NDArray[np.bool_]
    """(S, S), what is painted anew."""
    exemplars: NDArray[np.uint8]
    """(n, E, E, 3) RGB; the same n for all canvases of a call."""
    seed: int
    start_seed: int
    """Of the start latent alone; equal to `seed` unless several images shall start from one latent."""


def paint(
    parts: Parts, canvases: Sequence[Canvas], sampling: Sampling, batch_size: int
) -> tuple[list[NDArray[np.float32] | None], int]:
    """Paint the holes.

    The networks always see `batch_size` images: a short batch is filled up. An image thus meets the same kernels
    whoever its neighbours are, and comes out the same to the bit.

    Returns:
        Per canvas (S, S, 3) float32 RGB, 0..255, or None where the networks gave no finite numbers; and the batch size
        to go on with, smaller than the given one after the device ran out of memory.

    Raises:
        OutOfMemory: not even one image fits.
    """
    import torch

    def once(batch: list[Canvas]) -> list[NDArray[np.float32] | None]:
        with torch.inference_mode(), quiet():
            return _paint_batch(parts, batch, sampling)

    hint = "the GPU's memory does not hold one image; set attention_slicing=true, dtype=float16 or device=cpu"
    painted: list[NDArray[np.float32] | None] = []
    while len(painted) < len(canvases):
        some, batch_size = in_batch(once, canvases[len(painted) :], batch_size, hint)
        painted += some
    return painted, batch_size


def _paint_batch(parts: Parts, canvases: Sequence[Canvas], sampling: Sampling) -> list[NDArray[np.float32] | None]:
    import torch

    image = _tensor(np.stack([each.image for each in canvases]), parts).div(127.5).sub(1.0)
    hole = torch.from_numpy(np.stack([each.hole for each in canvases])[:, None]).to(parts.device)
    keep = (~hole).float()
    start, noise = _draws(parts, canvases)
    original = _encode(parts, image, noise[:, 0], sampling.posterior)
    background = _encode(parts, image * keep, noise[:, 1], sampling.posterior)
    prior = sampling.alpha * original + (1 - sampling.alpha) * background  # eq. 2, everywhere
    condition = _embed(parts, canvases, sampling.guidance_scale > 1)
    height, width = original.shape[-2:]
    keep_small = torch.nn.functional.interpolate(keep, size=(height, width))
    free = torch.nn.functional.max_pool2d(hole.float(), image.shape[-1] // width) > 0
    if sampling.alpha == 1:  # the prior is the original, so that nothing is left to paint
        free = torch.zeros_like(free)
    pinned = ~free if sampling.pin_unmasked else None
    latents = _denoise(parts, sampling, start, torch.cat([prior, keep_small], dim=1), condition, original, pinned)
    decoded = _decode(parts, latents)
    finite = (torch.isfinite(latents).flatten(1).all(1) & torch.isfinite(decoded).flatten(1).all(1)).cpu().numpy()
    pixels = (decoded.div(2).add(0.5).clamp(0, 1) * 255).permute(0, 2, 3, 1).cpu().numpy()
    return [np.ascontiguousarray(each) if good else None for each, good in zip(pixels, finite, strict=True)]


def _denoise(
    parts: Parts, sampling: Sampling, start: Any, context: Any, condition: Any, original: Any, pinned: Any | None
) -> Any:
    """Latents (B, 4, h, w) after all steps.

    Args:
        start: noise to start from; also the noise of pinned latents, so that these follow one path.
        context: (B, 5, h, w) background latents and mask, as the UNet takes them.
        condition: (2 B, 1, D) embeddings, the unconditional ones first; (B, 1, D) without guidance.
        original: latents of the original.
        pinned: (B, 1, h, w) bool, where the latents are held at the original's; None for nowhere.
    """
    import torch

    scheduler = make_scheduler(sampling.scheduler, parts)
    scheduler.set_timesteps(sampling.steps, device=parts.device)
    timesteps = scheduler.timesteps
    guided = sampling.guidance_scale > 1
    latents = start * scheduler.init_noise_sigma
    for index, time in enumerate(timesteps):
        seen = torch.cat([scheduler.scale_model_input(latents, time), context], dim=1)
        seen = torch.cat([seen, seen]) if guided else seen
        predicted = parts.unet(seen.to(parts.dtype), time, encoder_hidden_states=condition).sample.float()
        if guided:
            unconditional, conditional = predicted.chunk(2)
            predicted = unconditional + sampling.guidance_scale * (conditional - unconditional)
        latents = scheduler.step(predicted, time, latents).prev_sample
        if pinned is not None:
            last = index + 1 == len(timesteps)
            there = original if last else _noised(scheduler, original, start, int(timesteps[index + 1]))
            latents = torch.where(pinned, there, latents)
    return latents


def _noised(scheduler: Any, latents: Any, noise: Any, time: int) -> Any:
    left = float(scheduler.alphas_cumprod[time])
    return left**0.5 * latents + (1 - left) ** 0.5 * noise


def make_scheduler(name: Scheduler, parts: Parts) -> Any:
    """A scheduler on the weights' own noise schedule; `pndm` with the weights' own choice of time steps.

    The other two take few steps, which must begin at the noisiest one.
    """
    import diffusers

    classes: Any = diffusers  # its schedulers carry no types
    if name == "pndm":
        return classes.PNDMScheduler.from_config(dict(parts.scheduler))
    if name == "dpm++":
        return classes.DPMSolverMultistepScheduler.from_config({**parts.scheduler, "timestep_spacing": "linspace"})
    return classes.DDIMScheduler.from_config({**parts.scheduler, "timestep_spacing": "trailing", "clip_sample": False})


def _draws(parts: Parts, canvases: Sequence[Canvas]) -> tuple[Any, Any]:
    """Start latents (B, 4, h, w) and noise of two VAE posteriors (B, 2, 4, h, w), drawn on the CPU for any device."""
    import torch

    channels = int(parts.vae.config.latent_channels)
    side = canvases[0].image.shape[0] // 2 ** (len(parts.vae.config.block_out_channels) - 1)
    starts, noises = [], []
    for each in canvases:
        own = torch.Generator("cpu").manual_seed(each.seed)
        start = torch.randn((channels, side, side), generator=own)
        noises.append(torch.randn((2, channels, side, side), generator=own))
        if each.start_seed != each.seed:
            shared = torch.Generator("cpu").manual_seed(each.start_seed)
            start = torch.randn((channels, side, side), generator=shared)
        starts.append(start)
    return torch.stack(starts).to(parts.device), torch.stack(noises).to(parts.device)


def _encode(parts: Parts, image: Any, noise: Any, posterior: Posterior) -> Any:
    found = parts.vae.encode(_last(image.to(parts.dtype))).latent_dist
    latents = found.mean.float()
    if posterior == "sample":
        latents = latents + found.std.float() * noise
    return latents * parts.vae.config.scaling_factor


def _decode(parts: Parts, latents: Any) -> Any:
    scaled = (latents / parts.vae.config.scaling_factor).to(parts.dtype)
    return parts.vae.decode(_last(scaled)).sample.float()


def _embed(parts: Parts, canvases: Sequence[Canvas], guided: bool) -> Any:
    """Mean embedding of each canvas's exemplars (eq. 1), with guidance behind the unconditional ones."""
    import torch

    pixels = np.concatenate([each.exemplars for each in canvases])
    mean, std = (torch.tensor(each, device=parts.device).view(1, 3, 1, 1) for each in (CLIP_MEAN, CLIP_STD))
    ready = (_tensor(pixels, parts) / 255 - mean) / std
    found = parts.image_encoder(ready.to(parts.dtype))
    fused = found.view(len(canvases), -1, *found.shape[1:]).mean(dim=1)
    return torch.cat([parts.image_encoder.uncond_vector.expand_as(fused), fused]) if guided else fused


def _tensor(pixels: NDArray[np.uint8], parts: Parts) -> Any:
    """(B, 3, S, S) float32 of (B, S, S, 3) uint8."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))).to(parts.device).float()


def _last(tensor: Any) -> Any:
    import torch

    return tensor.contiguous(memory_format=torch.channels_last)
