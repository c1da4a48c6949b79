"""Step 2: the autoencoder of palm-tiny.

    python train_vae.py WORK --steps 4000 [--minutes 30]

Writes `vae.pt` (averaged weights) and `vae-state.pt` (to go on from). With `--minutes`, the schedule ends after that
time if the steps are not done by then.
"""

from __future__ import annotations

import argparse
import math
import queue
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from palms import SIZE, Palms, gain_of, jittered_colour, random_view, scaled, warp

from deid_bench.weights.torchvision import hide_broken_torchvision

BATCH, PATCH = 8, 128


def make_vae() -> Any:
    hide_broken_torchvision()
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        block_out_channels=(16, 32, 64, 128),
        layers_per_block=1,
        latent_channels=4,
        norm_num_groups=4,
        sample_size=SIZE,
        scaling_factor=1.0,
        mid_block_add_attention=False,
    )


def patches(palms: Palms, seed: int, out: queue.Queue[Any]) -> None:
    rng = np.random.default_rng(seed)
    while True:
        batch = []
        for _ in range(BATCH // 2):
            row = int(rng.integers(len(palms)))
            view = random_view(rng, palms.keypoints[row])
            crop = warp(palms.images[row], view)
            if rng.random() < 0.5:
                hand = warp(palms.mask(row).astype(np.float32), view) > 0.5
                crop = scaled(crop, gain_of(crop, hand) * np.exp(rng.normal(0, 0.05, 3)))
            else:
                crop = jittered_colour(rng, crop)
            for _ in range(2):
                y, x = rng.integers(0, SIZE - PATCH + 1, 2)
                batch.append(crop[y : y + PATCH, x : x + PATCH])
        out.put(np.ascontiguousarray(np.stack(batch).transpose(0, 3, 1, 2)))


def laplacian(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """L1 on three levels of the Laplacian pyramid, coarser ones weighing more."""
    loss = a.new_zeros(())
    for level in range(3):
        small_a, small_b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
        up_a = F.interpolate(small_a, scale_factor=2, mode="bilinear")
        up_b = F.interpolate(small_b, scale_factor=2, mode="bilinear")
        loss = loss + 2**level * ((a - up_a) - (b - up_b)).abs().mean()
        a, b = small_a, small_b
    return loss


def chroma(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    def pooled(x: torch.Tensor) -> torch.Tensor:
        return F.avg_pool2d(x - x.mean(1, keepdim=True), 8)

    return (pooled(a) - pooled(b)).abs().mean()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    torch.manual_seed(arguments.seed)
    palms = Palms.load(arguments.work, "train")
    vae = make_vae().to(memory_format=torch.channels_last)
    print(f"{sum(p.numel() for p in vae.parameters()) / 1e6:.2f} M parameters, {len(palms)} images", flush=True)
    optimiser = torch.optim.AdamW(vae.parameters(), lr=arguments.rate, betas=(0.9, 0.99), weight_decay=1e-4)
    averaged = {name: value.clone() for name, value in vae.state_dict().items()}
    step, spent = 0, 0.0
    state = arguments.work / "vae-state.pt"
    if state.exists():
        saved = torch.load(state, weights_only=True)
        vae.load_state_dict(saved["vae"])
        optimiser.load_state_dict(saved["optimiser"])
        averaged, step, spent = saved["averaged"], saved["step"], saved["spent"]
    batches: queue.Queue[Any] = queue.Queue(8)
    threading.Thread(target=patches, args=(palms, arguments.seed + step, batches), daemon=True).start()
    started, losses = time.time() - spent * 60, []
    while True:
        minutes = (time.time() - started) / 60
        done = max(step / arguments.steps, minutes / arguments.minutes)
        if done >= 1:
            break
        for group in optimiser.param_groups:
            group["lr"] = arguments.rate * min(1, (step + 1) / 100) * (0.5 + 0.5 * math.cos(math.pi * done)) + 1e-5
        x = torch.from_numpy(batches.get()).float().div(127.5).sub(1).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16):
            posterior = vae.encode(x).latent_dist
            y = vae.decode(posterior.sample()).sample
        y = y.float()
        terms = ((y - x).abs().mean(), laplacian(y, x), chroma(y, x), posterior.kl().mean() / (4 * (PATCH // 8) ** 2))
        loss = terms[0] + terms[1] + 2 * terms[2] + 1e-4 * terms[3]
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(vae.parameters(), 1.0)
        optimiser.step()
        step += 1
        share = min(0.998, step / (step + 50))
        with torch.no_grad():
            for name, value in vae.state_dict().items():
                averaged[name].lerp_(value, 1 - share)
        losses.append([float(term.detach()) for term in terms])
        if step % 50 == 0:
            means = np.mean(losses, axis=0)
            names = ("l1", "laplacian", "chroma", "kl")
            text = " ".join(f"{name} {value:.4f}" for name, value in zip(names, means, strict=True))
            print(f"{step} {minutes:.1f} min {text}", flush=True)
            losses = []
        if step % 250 == 0:
            torch.save(averaged, arguments.work / "vae.pt")
            torch.save(
                {
                    "vae": vae.state_dict(),
                    "optimiser": optimiser.state_dict(),
                    "averaged": averaged,
                    "step": step,
                    "spent": minutes,
                },
                state,
            )
    torch.save(averaged, arguments.work / "vae.pt")
    print(f"done: {step} steps, {(time.time() - started) / 60:.1f} min", flush=True)


if __name__ == "__main__":
    main()
