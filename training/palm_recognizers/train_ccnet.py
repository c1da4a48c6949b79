"""Step 2: trains `ccnet` with a small head.

    OMP_NUM_THREADS=1 python train_ccnet.py WORK --minutes 38

Goes on from `WORK/ccnet-state.pt` when that is there. Losses and augmentation are the published ones, but for

- the margin, which grows over the first 30 % of the time,
- both views going into the classification (the publication takes the first),
- the Gabor layers, which learn in every eighth step: they are three numbers each and take most of the time,
- a palm square that lands a few pixels off, turned and a little too large or small, as where a detector put it.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from losses import Clock, arc_face, pair_eer, parts_of, pick, save, sup_con, tables
from render import MARGIN
from torch import Tensor

from deid_bench.recognizers.palm.ccnet_network import SIDE, CCNet, normalise

HIDDEN, DIMENSION, DROPOUT = 256, 256, 0.2
PEOPLE = 64
OFFSET, ZOOM = (-2.0, -9.0), -0.05
"""Where a detector puts the square's middle (px) and how large (logarithm of the side), against the renderer's truth.

Over 36 rendered hands `mediapipe_hands` was off by (-1.9, -11.4) px, its keypoints lying nearer to the fingers, and by
-0.07, with standard deviations of (2.2, 3.5) px, 1.2 degrees and 0.02.
"""
SHIFT_SPREAD, TURN_SPREAD, ZOOM_SPREAD = 4.0, 3.0, 0.05


def similarity(rng: np.random.Generator, n: int) -> np.ndarray:
    """(n, 3, 3) maps of the recogniser's square (-1..1) to where a detector may have put it."""
    angle, size = np.radians(rng.normal(0, TURN_SPREAD, n)), np.exp(rng.normal(ZOOM, ZOOM_SPREAD, n))
    maps = np.tile(np.eye(3), (n, 1, 1))
    maps[:, 0, 0] = maps[:, 1, 1] = size * np.cos(angle)
    maps[:, 0, 1], maps[:, 1, 0] = -size * np.sin(angle), size * np.sin(angle)
    maps[:, :2, 2] = rng.normal(OFFSET, SHIFT_SPREAD, (n, 2)) / (SIDE / 2)
    return maps


def resized_crop(rng: np.random.Generator) -> np.ndarray:
    side = math.sqrt(rng.uniform(0.8, 1.0))
    x, y = rng.uniform(side - 1, 1 - side, 2)
    return np.array([[side, 0, x], [0, side, y], [0, 0, 1]])


def perspective(rng: np.random.Generator) -> np.ndarray:
    """Corners move inwards by up to 0.15 of half the side."""
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]], float)
    moved = corners * (1 - 0.15 * rng.random((4, 2)))
    rows = []
    for (x, y), (u, v) in zip(moved, corners, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    return np.append(np.linalg.solve(np.array(rows), corners.ravel()), 1).reshape(3, 3)


def rotation(rng: np.random.Generator) -> np.ndarray:
    """Up to 10 degrees about the middle of the upper or of the left edge."""
    angle = math.radians(rng.uniform(-10, 10))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    pivot = np.array([0.0, -1.0]) if rng.random() < 0.5 else np.array([-1.0, 0.0])
    whole = np.eye(3)
    whole[:2, :2], whole[:2, 2] = turn, pivot - turn @ pivot
    return whole


def views(rng: np.random.Generator, palms: Tensor, augment: bool = True) -> Tensor:
    """(n, 1, 128, 128) normalised palm squares out of (n, 176, 176) uint8 with a margin."""
    n = len(palms)
    maps, contrast = similarity(rng, n), np.ones(n)
    for k in range(n if augment else 0):
        kind = rng.integers(4)
        if kind == 0:
            contrast[k] = rng.uniform(0.95, 1.05)
        else:
            maps[k] = maps[k] @ (resized_crop, perspective, rotation)[kind - 1](rng)
    axis = (torch.arange(SIDE, dtype=torch.float32) + 0.5) / (SIDE / 2) - 1
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    grid = torch.stack([x, y, torch.ones_like(x)], -1).reshape(1, -1, 3) @ torch.from_numpy(maps).float().mT
    grid = (grid[..., :2] / grid[..., 2:] / MARGIN).reshape(n, SIDE, SIDE, 2)
    grey = F.grid_sample(palms[:, None].float() / 255, grid, align_corners=False)
    seen = (grey > 0).float()
    mean = grey.sum((1, 2, 3), keepdim=True) / seen.sum((1, 2, 3), keepdim=True).clamp(min=1)
    gain = torch.from_numpy(contrast).float()[:, None, None, None]
    return normalise(((grey - mean) * gain + mean).clamp(0, 1) * seen)


def load(folder: Path, name: str) -> tuple[Tensor, np.ndarray, np.ndarray]:
    """Palm squares, class of each row, whether the row is of the wild setting."""
    table = tables(folder, name)
    palms = torch.from_numpy(np.concatenate([np.load(path) for path in parts_of(folder, name, "palms")]))
    return palms, table["identity"] - table["identity"].min(), table["wild"]


def check(network: CCNet, folder: Path) -> str:
    """EER over the pairs of people whom training never sees, squares landing as they do in training."""
    palms, classes, wild = load(folder, "held-out")
    rng = np.random.default_rng(7)
    network.eval()
    with torch.no_grad():
        found = torch.cat([network(views(rng, part, augment=False)) for part in torch.split(palms, 60)]).numpy()
    network.train()
    rates = [pair_eer(found[rows], classes[rows]) for rows in (~wild, wild, wild >= 0)]
    return "held-out EER {:.2f} % controlled, {:.2f} % wild, {:.2f} % both".format(*rates)


def step(network: CCNet, images: Tensor, classes: Tensor, margin: float) -> tuple[Tensor, Tensor]:
    hidden, features = network.features(images)
    both = F.normalize(torch.cat([hidden, features], dim=1))
    cosines = network.arclayer_(F.dropout(features, DROPOUT, training=True))
    return arc_face(cosines, classes, margin), sup_con(both, classes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, default=38)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    palms, labels, _ = load(arguments.work, "train")
    rows_of = [np.flatnonzero(labels == k) for k in range(labels.max() + 1)]
    network = CCNet(len(rows_of), HIDDEN, DIMENSION)
    gabors = [p for name, p in network.named_parameters() if "gabor" in name and p.requires_grad]
    optimiser = torch.optim.Adam([p for p in network.parameters() if p.requires_grad], lr=1e-3)
    clock, done, path = Clock(arguments.minutes), 0, arguments.work / "ccnet-state.pt"
    if path.exists():
        state = torch.load(path, weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        clock.spent, done = state["seconds"], state["step"]
    rng, sums, last_saved, last_checked = np.random.default_rng(done), np.zeros(3), clock.seconds, clock.seconds
    while clock.share < 1:
        rows = pick(rng, rows_of, PEOPLE, 2)
        classes = torch.from_numpy(labels[rows])
        for parameter in gabors:
            parameter.requires_grad_(done % 8 == 0)
        for group in optimiser.param_groups:
            group["lr"] = clock.rate(1e-3)
        identity, contrast = step(network, views(rng, palms[rows]), classes, clock.margin())
        optimiser.zero_grad()
        total: Any = 0.8 * identity + 0.2 * contrast
        total.backward()
        optimiser.step()
        done += 1
        sums += (identity.item(), contrast.item(), 1)
        if done % 20 == 0:
            print(
                f"{done} {clock.seconds:.0f} s: ArcFace {sums[0] / sums[2]:.3f}, SupCon {sums[1] / sums[2]:.3f}",
                flush=True,
            )
            sums[:] = 0
        if clock.seconds - last_checked > 240 or clock.share >= 1:
            last_checked = clock.seconds
            print(f"{done} {clock.seconds:.0f} s: {check(network, arguments.work)}", flush=True)
        if clock.seconds - last_saved > 120 or clock.share >= 1:
            last_saved = clock.seconds
            parts = {"network": network.state_dict(), "optimiser": optimiser.state_dict()}
            save(path, {**parts, "seconds": clock.seconds, "step": done})


if __name__ == "__main__":
    main()
