"""Step 3: writes the mean weights as a folder that diffusers reads, in half precision.

    python export.py WORK ../../deidentifiers/assets/face_tiny_ddpm

Prints digest and size of the weights, as `weights/catalogue/spec.py` has to say them, and writes `samples.png` into
WORK: held-out faces, the same with the noise of step 100, and what the model makes of that in 100 steps.
"""

from __future__ import annotations

import argparse
import hashlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from train import CONFIG, HELD_OUT, alphas_bar

from deid_bench.weights.torchvision import hide_broken_torchvision

hide_broken_torchvision()

from diffusers import UNet2DModel  # noqa: E402

WEIGHTS = "diffusion_pytorch_model.safetensors"
START, SHOWN = 100, 10


@torch.no_grad()
def denoised(model: Any, noisy: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
    """Ancestral sampling from step START, as Ho et al. (2020) with their smaller variance."""
    bar = alphas_bar()
    for t in range(START, 0, -1):
        beta = 1 - bar[t] / bar[t - 1]
        told = model(noisy, t - 1).sample
        mean = (noisy - (beta / (1 - bar[t]).sqrt()).float() * told) / (1 - beta).sqrt().float()
        spread = ((1 - bar[t - 1]) / (1 - bar[t]) * beta).sqrt().float()
        noisy = mean + spread * torch.randn(noisy.shape, generator=rng)
    return noisy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    saved = torch.load(arguments.work / "checkpoint.pt", weights_only=True)
    model: Any = UNet2DModel(**CONFIG)
    model.load_state_dict(saved["mean"])
    model.half().save_pretrained(arguments.target, safe_serialization=True)
    data = (arguments.target / WEIGHTS).read_bytes()
    print(f"steps {saved['step']}, {saved['spent'] / 60:.1f} min", hashlib.sha256(data).hexdigest(), len(data))
    rng = torch.Generator().manual_seed(0)
    faces = np.load(arguments.work / "faces.npy", mmap_mode="r")[-HELD_OUT:][:SHOWN]
    clean = torch.from_numpy(faces.astype(np.float32)).permute(0, 3, 1, 2) / 127.5 - 1
    level = alphas_bar()[START].float()
    noisy = level.sqrt() * clean + (1 - level).sqrt() * torch.randn(clean.shape, generator=rng)
    rows = [clean, noisy, denoised(model.float().eval(), noisy, rng)]
    sheet = torch.cat([torch.cat(list(row), dim=2) for row in rows], dim=1).clamp(-1, 1)
    picture = ((sheet + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()
    cv2.imwrite(str(arguments.work / "samples.png"), picture[..., ::-1])


if __name__ == "__main__":
    main()
