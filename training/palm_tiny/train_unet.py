"""Step 4: the denoiser and the exemplar encoder of palm-tiny.

    python train_unet.py WORK --steps 6500 [--minutes 75]

Writes `unet.pt` (averaged weights of both) and `unet-state.pt` (to go on from). Training never sees alpha > 0: the
original's latent at a tenth of its amplitude would be a noise-free copy that the network learns to amplify.
"""

from __future__ import annotations

import argparse
import math
import queue
import threading
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from palms import random_exemplar

from deid_bench.files import replacing
from deid_bench.weights.torchvision import hide_broken_torchvision

BATCH = 16
LOOKS_WEIGHT = 0.05
LOOKS_SCALE = 2.0
EXEMPLAR, WIDTH = 64, 160
"""Side of the exemplars in px, and length of their embedding."""
SHARES = {"f": (0.85, 1.05), "m": (0.35, 0.65), "s": (0.07, 0.25)}
PAIRS = (("m", "s"), ("m", "s"), ("f", "s"), ("f", "m"))
CLIP_MEAN = np.array([0.48145466, 0.4578275, 0.40821073], np.float32)
CLIP_STD = np.array([0.26862954, 0.26130258, 0.27577711], np.float32)
SCHEDULE = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "skip_prk_steps": True,
    "steps_offset": 1,
    "set_alpha_to_one": False,
    "prediction_type": "v_prediction",
}


def make_unet() -> Any:
    hide_broken_torchvision()
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=32,
        in_channels=9,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
        block_out_channels=(64, 128, 192),
        layers_per_block=1,
        cross_attention_dim=WIDTH,
        attention_head_dim=4,
        norm_num_groups=16,
    )


def make_encoder() -> Any:
    hide_broken_torchvision()
    from diffusers.pipelines.deprecated.paint_by_example.image_encoder import PaintByExampleImageEncoder
    from transformers import CLIPVisionConfig

    return PaintByExampleImageEncoder(
        CLIPVisionConfig(
            hidden_size=128,
            intermediate_size=256,
            num_hidden_layers=4,
            num_attention_heads=4,
            image_size=EXEMPLAR,
            patch_size=8,
            projection_dim=WIDTH,
        )
    )


def signal_shares() -> torch.Tensor:
    """(1000,) cumulated alphas of the schedule."""
    hide_broken_torchvision()
    from diffusers import PNDMScheduler

    schedule: Any = PNDMScheduler(**SCHEDULE)
    shares: torch.Tensor = schedule.alphas_cumprod
    return shares


def looks_of(exemplars: np.ndarray) -> np.ndarray:
    """(n, 5) of (n, S, S, 3) uint8: mean red, green, blue, and how strong fine and coarse structure are; unit spread.

    The first numbers of an embedding are held at these. Left to itself, a small encoder that starts from noise says the
    same of all exemplars, and the denoiser learns not to listen.
    """
    found = []
    for each in exemplars:
        grey = each.astype(np.float32).mean(axis=2)
        coarse = cv2.GaussianBlur(grey, (0, 0), 6.0)
        fine = cv2.GaussianBlur(grey, (0, 0), 2.0)
        strengths = (np.log((grey - fine).std() + 0.3), np.log((fine - coarse).std() + 0.3))
        found.append([*each.reshape(-1, 3).mean(axis=0), *strengths])
    return np.asarray((np.array(found) - LOOKS_MEAN) / LOOKS_STD, np.float32)


LOOKS_MEAN = np.array([204.0, 166.0, 148.0, 1.47, 1.81])
LOOKS_STD = np.array([20.0, 19.0, 18.0, 0.7, 0.56])
"""Of the training exemplars, rounded."""


def batches_of(folder: Path, seed: int, out: queue.Queue[Any]) -> None:
    data = np.load(folder / "latents.npz")
    whole, masked, keeps, boxes = (data[name] for name in ("whole", "masked", "keeps", "boxes"))
    crops = np.load(folder / "crops.npy")
    rng = np.random.default_rng(seed)
    while True:
        rows, holes = rng.integers(0, len(whole), BATCH), rng.integers(0, masked.shape[1], BATCH)
        pairs = [PAIRS[k] for k in rng.integers(0, len(PAIRS), BATCH)]
        exemplars = np.stack(
            [
                random_exemplar(rng, crops[row], boxes[row], SHARES[pair[which]], EXEMPLAR)
                for which in (0, 1)
                for row, pair in zip(rows, pairs, strict=True)
            ]
        )
        pixels = ((exemplars.astype(np.float32) / 255 - CLIP_MEAN) / CLIP_STD).transpose(0, 3, 1, 2)
        out.put(
            (
                whole[rows].astype(np.float32),
                masked[rows, holes].astype(np.float32),
                keeps[rows, holes].astype(np.float32)[:, None],
                np.ascontiguousarray(pixels),
                looks_of(exemplars),
            )
        )


def loss_of(
    unet: Any, encoder: Any, arrays: tuple[np.ndarray, ...], shares: torch.Tensor, generator: torch.Generator
) -> torch.Tensor:
    """Min-SNR-weighted error of v; the hole counts three times."""
    latents, masked, keep, exemplars, looks = (torch.from_numpy(each) for each in arrays)
    noise = torch.randn(latents.shape, generator=generator)
    times = ((torch.arange(BATCH) + torch.rand(BATCH, generator=generator)) / BATCH * 1000).long().clamp(0, 999)
    share = shares[times].view(-1, 1, 1, 1)
    noisy = share.sqrt() * latents + (1 - share).sqrt() * noise
    target = share.sqrt() * noise - (1 - share).sqrt() * latents
    weight = torch.tensor([0.0, 0.5, 0.5, 1.0])[torch.randint(0, 4, (BATCH,), generator=generator)].view(-1, 1, 1)
    dropped = (torch.rand(BATCH, generator=generator) < 0.1).view(-1, 1, 1)
    with torch.autocast("cpu", torch.bfloat16):
        embedded = encoder(exemplars).float()
        fused = embedded[:BATCH] * weight + embedded[BATCH:] * (1 - weight)
        context = torch.where(dropped, encoder.uncond_vector, fused)
        guess = unet(torch.cat([noisy, masked, keep], 1), times, encoder_hidden_states=context).sample
    ratio = share / (1 - share)
    scale = torch.minimum(ratio, torch.tensor(5.0)) / (ratio + 1)
    loss: torch.Tensor = (scale * (1 + 2 * (1 - keep)) * (guess.float() - target) ** 2).mean() / scale.mean()
    return loss + LOOKS_WEIGHT * looks_error(embedded, looks)


def looks_error(embedded: torch.Tensor, looks: torch.Tensor) -> torch.Tensor:
    held = embedded[:, 0, : looks.shape[1]]
    error: torch.Tensor = ((held - LOOKS_SCALE * looks) ** 2).mean()
    return error


class Training:
    """Both networks, their optimiser and their running averages."""

    def __init__(self, folder: Path, rate: float, seed: int) -> None:
        torch.manual_seed(seed)
        self.unet, self.encoder = make_unet(), make_encoder()
        torch.nn.init.normal_(self.encoder.uncond_vector, std=0.5)
        self.parameters = [*self.unet.parameters(), *self.encoder.parameters()]
        self.rate = rate
        self.optimiser = torch.optim.AdamW(
            [
                {"params": list(self.unet.parameters()), "factor": 1.0},
                {"params": list(self.encoder.parameters()), "factor": 2.0},
            ],
            lr=rate,
            betas=(0.9, 0.99),
            weight_decay=0.01,
        )
        self.averages = [each.detach().clone() for each in self.parameters]
        self.step, self.minutes = 0, 0.0
        self.folder = folder
        if (folder / "unet-state.pt").exists():
            saved = torch.load(folder / "unet-state.pt", weights_only=True)
            self.unet.load_state_dict(saved["unet"])
            self.encoder.load_state_dict(saved["encoder"])
            self.optimiser.load_state_dict(saved["optimiser"])
            self.averages, self.step, self.minutes = saved["averages"], saved["step"], saved["minutes"]

    def teach_looks(self, batches: queue.Queue[Any], steps: int) -> None:
        """Teach the encoder to see, before the denoiser listens to it."""
        mine = list(self.encoder.parameters())
        optimiser = torch.optim.AdamW(mine, lr=1e-3, betas=(0.9, 0.99))
        errors = []
        for step in range(steps):
            exemplars, looks = (torch.from_numpy(each) for each in batches.get()[3:])
            optimiser.param_groups[0]["lr"] = 1e-3 * min(1.0, (step + 1) / 50)
            with torch.autocast("cpu", torch.bfloat16):
                embedded = self.encoder(exemplars).float()
            error: Any = looks_error(embedded, looks)
            optimiser.zero_grad()
            error.backward()
            torch.nn.utils.clip_grad_norm_(mine, 1.0)
            optimiser.step()
            errors.append(error.item())
            if step % 100 == 99:
                print(f"encoder {step + 1}: error of the looks {np.mean(errors[-100:]):.3f}", flush=True)
        for each, average in zip(mine, self.averages[-len(mine) :], strict=True):
            average.copy_(each.detach())
            self.optimiser.state.pop(each, None)

    def update(self, loss: Any, done: float) -> None:
        cooled = 1.0 if done < 0.5 else 0.5 + 0.5 * math.cos(math.pi * (done - 0.5) / 0.5)
        for group in self.optimiser.param_groups:
            group["lr"] = self.rate * group["factor"] * min(1, (self.step + 1) / 150) * max(0.02, cooled)
        self.optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimiser.step()
        self.step += 1
        torch._foreach_lerp_(
            self.averages,
            [each.detach() for each in self.parameters],
            1 - min(0.999, self.step / (self.step + 20)),
        )

    def save(self) -> None:
        unet, encoder = self.unet.state_dict(), self.encoder.state_dict()
        names = [f"unet.{name}" for name, _ in self.unet.named_parameters()]
        names += [f"encoder.{name}" for name, _ in self.encoder.named_parameters()]
        averaged = dict(zip(names, self.averages, strict=True))
        best = {
            "unet": {name: averaged.get(f"unet.{name}", value) for name, value in unet.items()},
            "encoder": {name: averaged.get(f"encoder.{name}", value) for name, value in encoder.items()},
        }
        with replacing(self.folder / "unet.pt") as scratch:
            torch.save(best, scratch)
        state = {
            "unet": unet,
            "encoder": encoder,
            "optimiser": self.optimiser.state_dict(),
            "averages": self.averages,
            "step": self.step,
            "minutes": self.minutes,
        }
        with replacing(self.folder / "unet-state.pt") as scratch:
            torch.save(state, scratch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--steps", type=int, default=6500)
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--encoder-steps", type=int, default=600, help="before the first step")
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    training = Training(arguments.work, arguments.rate, arguments.seed)
    count = sum(each.numel() for each in training.parameters)
    print(f"{count / 1e6:.2f} M parameters, from step {training.step}", flush=True)
    shares = signal_shares()
    generator = torch.Generator().manual_seed(arguments.seed + training.step)
    batches: queue.Queue[Any] = queue.Queue(6)
    arrays = (arguments.work, arguments.seed + training.step, batches)
    threading.Thread(target=batches_of, args=arrays, daemon=True).start()
    if arguments.encoder_steps:
        training.teach_looks(batches, arguments.encoder_steps)
    started, losses = time.time() - training.minutes * 60, []
    while True:
        training.minutes = (time.time() - started) / 60
        done = max(training.step / arguments.steps, training.minutes / arguments.minutes)
        if done >= 1:
            break
        loss = loss_of(training.unet, training.encoder, batches.get(), shares, generator)
        training.update(loss, done)
        losses.append(float(loss.detach()))
        if training.step % 50 == 0:
            print(f"{training.step} {training.minutes:.1f} min loss {np.mean(losses):.4f}", flush=True)
            losses = []
        if training.step % 250 == 0:
            training.save()
    training.save()
    print(f"done: {training.step} steps, {training.minutes:.1f} min", flush=True)


if __name__ == "__main__":
    main()
