"""Step 2: trains the denoiser of `face-tiny-ddpm` on aligned made-up faces.

    python train.py WORK --minutes 60

Reads `faces.npy` (n, 112, 112, 3) uint8 RGB, writes `checkpoint.pt` every few minutes and goes on from it when the same
command is given again. Epsilon prediction, T = 1000, cosine schedule (Nichol & Dhariwal, 2021), exponential mean of the
weights. DeDiM starts at step 100 of 1000, so half of the training steps are drawn from 1..200 and half from all.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from deid_bench.weights.torchvision import hide_broken_torchvision

hide_broken_torchvision()

from diffusers import UNet2DModel  # noqa: E402

CONFIG = {
    "sample_size": 112,
    "in_channels": 3,
    "out_channels": 3,
    "block_out_channels": (32, 64, 96, 128, 192),
    "layers_per_block": 1,
    "norm_num_groups": 8,
    "down_block_types": ("DownBlock2D", "DownBlock2D", "DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
    "up_block_types": ("AttnUpBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D"),
}
STEPS = 1000
"""T."""
BATCH = 16
NEAR = 200
"""Half of the steps are drawn up to here."""
HELD_OUT = 256
"""Faces at the end of the file that are never trained on."""


def alphas_bar() -> torch.Tensor:
    """(T + 1,) cumulative alpha of the cosine schedule, entry 0 = 1, betas capped at 0.999."""
    at = torch.arange(STEPS + 1, dtype=torch.float64) / STEPS
    curve = torch.cos((at + 0.008) / 1.008 * math.pi / 2) ** 2
    betas = (1 - curve[1:] / curve[:-1]).clamp(max=0.999)
    return torch.cat([torch.ones(1, dtype=torch.float64), torch.cumprod(1 - betas, 0)])


def learning_rate(done: float, peak: float) -> float:
    """Warm-up over the first 2 % of the time, then half a cosine down to a twentieth; `done` is a share of it."""
    if done < 0.02:
        return peak * (done / 0.02 + 0.02)
    return peak * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * min(done, 1.0))))


def draw(faces: np.ndarray, rng: np.random.Generator, bar: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Noisy faces in -1..1, their steps 1..T and the noise."""
    picked = faces[rng.integers(0, len(faces), BATCH)]
    flip = rng.random(BATCH) < 0.5
    picked = np.where(flip[:, None, None, None], picked[:, :, ::-1], picked).astype(np.float32)
    # The evaluation sets are partly grey; a face without colour is a face too.
    grey = rng.random(BATCH) < 0.3
    luma = picked @ np.array([0.299, 0.587, 0.114], np.float32)
    picked = np.where(grey[:, None, None, None], luma[..., None], picked)
    gain, offset = rng.uniform(0.8, 1.25, (BATCH, 1, 1, 1)), rng.uniform(-15, 15, (BATCH, 1, 1, 1))
    picked = np.clip((picked - 110) * gain + 110 + offset, 0, 255).astype(np.float32)
    clean = torch.from_numpy(picked).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last) / 127.5 - 1
    near = rng.random(BATCH) < 0.5
    steps = torch.from_numpy(np.where(near, rng.integers(1, NEAR + 1, BATCH), rng.integers(1, STEPS + 1, BATCH)))
    noise = torch.from_numpy(rng.standard_normal(clean.shape, dtype=np.float32))
    level = bar[steps].float().view(-1, 1, 1, 1)
    return level.sqrt() * clean + (1 - level).sqrt() * noise, steps, noise


@torch.no_grad()
def check(model: Any, faces: np.ndarray, bar: torch.Tensor) -> dict[int, float]:
    """Mean PSNR in dB of the clean face told from one look at step t, on held-out faces."""
    clean = torch.from_numpy(faces[:24].astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1
    noise = torch.from_numpy(np.random.default_rng(0).standard_normal(clean.shape, dtype=np.float32))
    found = {}
    for t in (10, 50, 100, 200, 500):
        level = bar[t].float()
        noisy = level.sqrt() * clean + (1 - level).sqrt() * noise
        told = model(noisy.contiguous(memory_format=torch.channels_last), t - 1).sample
        guess = ((noisy - (1 - level).sqrt() * told) / level.sqrt()).clamp(-1, 1)
        error = (guess - clean).square().mean(dim=(1, 2, 3)) / 4
        found[t] = round(float((-10 * error.log10()).mean()), 2)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rate", type=float, default=4e-4)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    made: Any = UNet2DModel(**CONFIG)
    model = made.to(memory_format=torch.channels_last)
    mean = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=arguments.rate, weight_decay=1e-4)
    step, spent, path = 0, 0.0, arguments.work / "checkpoint.pt"
    if path.exists():
        saved = torch.load(path, weights_only=True)
        model.load_state_dict(saved["model"])
        mean, step, spent = saved["mean"], saved["step"], saved["spent"]
        optimizer.load_state_dict(saved["optimizer"])
    faces = np.load(arguments.work / "faces.npy")
    bar, losses, begun, last = alphas_bar(), [], time.time(), time.time()
    print(json.dumps({"parameters": sum(p.numel() for p in model.parameters()), "faces": len(faces)}), flush=True)
    while spent + (time.time() - begun) < arguments.minutes * 60:
        share = (spent + time.time() - begun) / (arguments.minutes * 60)
        optimizer.param_groups[0]["lr"] = learning_rate(share, arguments.rate)
        noisy, steps, noise = draw(faces[:-HELD_OUT], np.random.default_rng((1, step)), bar)
        with torch.autocast("cpu", torch.bfloat16):
            told = model(noisy, steps - 1).sample
        loss: Any = torch.nn.functional.mse_loss(told.float(), noise)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        step += 1
        keep = min(0.995, (step + 1) / (step + 10))
        for name, value in model.state_dict().items():
            mean[name].lerp_(value, 1 - keep)
        losses.append(float(loss.detach()))
        if time.time() - last > 150 or share > 1:
            last = time.time()
            now = spent + last - begun
            state = {"model": model.state_dict(), "mean": mean, "optimizer": optimizer.state_dict()}
            torch.save({**state, "step": step, "spent": now}, path.with_suffix(".new"))
            path.with_suffix(".new").rename(path)
            shown: Any = UNet2DModel(**CONFIG)
            shown.load_state_dict(mean)
            psnr = check(shown.eval(), faces[-HELD_OUT:], bar)
            row = {"step": step, "minutes": round(now / 60, 1), "loss": round(float(np.mean(losses)), 4), "psnr": psnr}
            print(json.dumps(row), flush=True)
            losses = []
    state = {"model": model.state_dict(), "mean": mean, "optimizer": optimizer.state_dict()}
    torch.save({**state, "step": step, "spent": spent + time.time() - begun}, path)
    print(json.dumps({"step": step, "done": True}), flush=True)


if __name__ == "__main__":
    main()
