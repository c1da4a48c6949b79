"""Step 3: whitens the autoencoder's latents and encodes the training crops.

    python encode.py WORK --views 2 --holes 3

Writes `vae-white.pt` (the autoencoder whose latents have mean 0 and unit covariance, because Paint by Example knows a
scale of the latents but no shift) and `latents.npz`, `crops.npy`.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from palms import (
    SIZE,
    Palms,
    centred_view,
    gain_of,
    moved,
    palm_box,
    palm_hull,
    random_hole,
    random_view,
    scaled,
    toned_palm,
    warp,
)
from train_vae import make_vae

BATCH = 16


def tensor(crops: np.ndarray) -> torch.Tensor:
    x = torch.from_numpy(np.ascontiguousarray(crops.transpose(0, 3, 1, 2))).float().div(127.5).sub(1)
    return x.contiguous(memory_format=torch.channels_last)


def encode(vae: Any, x: torch.Tensor) -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        latents: torch.Tensor = vae.encode(x).latent_dist.mean.float()
    return latents


def whiten(vae: Any, crops: np.ndarray) -> None:
    """Fold the map to uncorrelated unit latents into quant_conv, its inverse into post_quant_conv."""
    latents = torch.cat([encode(vae, tensor(crops[i : i + BATCH])) for i in range(0, len(crops), BATCH)])
    mean = latents.mean((0, 2, 3))
    covariance = torch.cov(latents.permute(1, 0, 2, 3).reshape(4, -1))
    to_white = torch.linalg.inv(torch.linalg.cholesky(covariance.double())).float()
    back = torch.linalg.inv(to_white.double()).float()
    quant, post = vae.quant_conv, vae.post_quant_conv
    weight, bias = quant.weight[:, :, 0, 0].clone(), quant.bias.clone()
    weight[:4], bias[:4] = to_white @ weight[:4], to_white @ (bias[:4] - mean)
    bias[4:] += torch.log((to_white**2).sum(1))  # variances, without what correlates them
    quant.weight.copy_(weight[:, :, None, None])
    quant.bias.copy_(bias)
    first = post.weight[:, :, 0, 0].clone()
    post.bias.copy_(post.bias + first @ mean)
    post.weight.copy_((first @ back)[:, :, None, None])
    latents = torch.cat([encode(vae, tensor(crops[i : i + BATCH])) for i in range(0, len(crops), BATCH)])
    print(f"whitened: mean {latents.mean((0, 2, 3)).numpy().round(3)}, std {latents.std((0, 2, 3)).numpy().round(3)}")


def normalised_crop(palms: Palms, row: int, factor: float = 1.5) -> np.ndarray:
    image = palms.images[row]
    view = centred_view(palms.keypoints[row], image.shape, factor)
    crop, hand = warp(image, view), warp(palms.mask(row).astype(np.float32), view) > 0.5
    return scaled(crop, gain_of(crop, hand))


def report(vae: Any, crops: np.ndarray, folder: Path) -> None:
    """How well held-out crops come back, and a picture of some."""
    decoded = []
    for i in range(0, len(crops), BATCH):
        latents = encode(vae, tensor(crops[i : i + BATCH]))
        with torch.autocast("cpu", torch.bfloat16):
            y = vae.decode(latents.contiguous(memory_format=torch.channels_last)).sample
        decoded.append(((y.float().clamp(-1, 1) + 1) * 127.5 + 0.5).to(torch.uint8).permute(0, 2, 3, 1).numpy())
    back = np.concatenate(decoded)
    error = ((crops.astype(np.float64) - back) ** 2).mean((1, 2, 3))
    print(f"held out: PSNR {np.mean(10 * np.log10(255**2 / error)):.2f} dB", flush=True)
    shown = [*range(0, len(crops), len(crops) // 8)][:8]
    sheet = np.vstack([np.hstack(list(crops[shown])), np.hstack(list(back[shown]))])
    cv2.imwrite(str(folder / "vae.png"), sheet[..., ::-1])


def training_crop(
    rng: np.random.Generator, palms: Palms, row: int, holes: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(crop, (holes, S, S) keep masks, palm square) of one random view."""
    points = palms.keypoints[row]
    view = random_view(rng, points)
    crop, hand = warp(palms.images[row], view), warp(palms.mask(row).astype(np.float32), view) > 0.5
    inside = moved(points, view)
    palm = palm_hull(inside, 0.03) * hand
    known = hand & (palm == 0)
    crop = scaled(crop, gain_of(crop, known if known.sum() > 500 else hand))
    crop = scaled(crop, np.exp(rng.normal(0, 0.04) + rng.normal(0, 0.025, 3)))
    if rng.random() < 0.75:
        crop = toned_palm(
            rng, crop, np.asarray(cv2.GaussianBlur(palm.astype(np.float32), (0, 0), 7.0) * hand, np.float32)
        )
    keep = np.stack([1 - random_hole(rng, inside, hand) for _ in range(holes)])
    centre, side = palm_box(inside.astype(np.float32))
    return crop, keep, np.array([*centre, side], np.float32)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--views", type=int, default=2)
    parser.add_argument("--holes", type=int, default=3)
    parser.add_argument("--seed", type=int, default=5)
    arguments = parser.parse_args()
    torch.set_grad_enabled(False)
    torch.set_num_threads(2)
    folder, views, holes = arguments.work, arguments.views, arguments.holes
    vae = make_vae()
    vae.load_state_dict(torch.load(folder / "vae.pt", weights_only=True))
    vae = vae.eval().to(memory_format=torch.channels_last)
    held_out = Palms.load(folder, "held-out")
    shown = np.stack([normalised_crop(held_out, row) for row in range(len(held_out))])
    palms = Palms.load(folder, "train")
    whiten(vae, np.stack([normalised_crop(palms, row, 1.5) for row in range(0, len(palms), 23)]))
    report(vae, shown, folder)
    torch.save(vae.state_dict(), folder / "vae-white.pt")

    rng, count = np.random.default_rng(arguments.seed), len(palms) * views
    crops = np.lib.format.open_memmap(folder / "crops.npy", "w+", np.uint8, (count, SIZE, SIZE, 3))
    whole = np.zeros((count, 4, SIZE // 8, SIZE // 8), np.float16)
    masked = np.zeros((count, holes, 4, SIZE // 8, SIZE // 8), np.float16)
    keeps = np.zeros((count, holes, SIZE // 8, SIZE // 8), np.uint8)
    boxes = np.zeros((count, 3), np.float32)
    started = time.time()
    for start in range(0, count, BATCH):
        rows = range(start, min(start + BATCH, count))
        views_of = [training_crop(rng, palms, row % len(palms), holes) for row in rows]
        x = tensor(np.stack([crop for crop, _, _ in views_of]))
        whole[rows.start : rows.stop] = encode(vae, x).numpy()
        for hole in range(holes):
            keep = torch.from_numpy(np.stack([each[hole] for _, each, _ in views_of])).float()[:, None]
            masked[rows.start : rows.stop, hole] = encode(
                vae, (x * keep).contiguous(memory_format=torch.channels_last)
            ).numpy()
            small = torch.nn.functional.interpolate(keep, size=(SIZE // 8, SIZE // 8))  # nearest, as diffusers does
            keeps[rows.start : rows.stop, hole] = small[:, 0].numpy()
        for row, (crop, _, box) in zip(rows, views_of, strict=True):
            crops[row], boxes[row] = crop, box
        if start // BATCH % 50 == 49:
            print(f"{rows.stop} of {count}, {time.time() - started:.0f} s", flush=True)
    np.savez(folder / "latents.npz", whole=whole, masked=masked, keeps=keeps, boxes=boxes)
    print(f"{count} crops, {holes} holes each, {time.time() - started:.0f} s", flush=True)


if __name__ == "__main__":
    main()
