"""Step 3: trains `eehnet_style`, localisation and recognition together.

    OMP_NUM_THREADS=1 python train_eehnet.py WORK --minutes 40

Goes on from `WORK/eehnet-state.pt` when that is there. In the first 20 % of the time the patches are cut where the
keypoints say (a little off), while the localiser learns from the keypoints; from then on they are cut where the
localiser says, and what the recogniser wants reaches it through the sampling.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from losses import Clock, arc_face, pair_eer, parts_of, pick, save, sup_con, tables
from render import HAND_MARGIN
from torch import Tensor, nn

from deid_bench.recognizers.palm.eehnet_network import DIMENSION, PALM_WIDTH, EehnetStyleNet, true_parts
from deid_bench.recognizers.palm.hand_crop import HAND_SIZE

PEOPLE = 48
OFFSET, TURN = (0.006, -0.013), -1.5
"""Where a detector puts the hand's square against the renderer's truth, as measured: half sides, degrees."""
SHIFT_SPREAD, TURN_SPREAD, ZOOM_SPREAD = 0.02, 4.0, 0.04
GUIDED = 0.2
"""Share of the time in which patches are cut by the keypoints."""
WEIGHTS = {"whole": 0.8, "contrast": 0.2, "palm": 0.4, "rest": 0.4, "place": 20.0}


class Heads(nn.Module):
    """Class centres of the whole, of the palm alone and of the rest alone; they are not kept."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        norm: Any = EehnetStyleNet().whole[0]
        rest = int(norm.num_features) - PALM_WIDTH
        sizes = {"whole": DIMENSION, "palm": PALM_WIDTH, "rest": rest}
        self.centres = nn.ParameterDict({name: nn.Parameter(torch.randn(classes, n)) for name, n in sizes.items()})
        self.norms = nn.ModuleDict({name: nn.BatchNorm1d(n) for name, n in sizes.items() if name != "whole"})

    def forward(self, name: str, features: Tensor) -> Tensor:
        if name in self.norms:
            features = self.norms[name](features)
        return F.linear(F.normalize(features), F.normalize(self.centres[name]))


def views(rng: np.random.Generator, hands: Tensor, keypoints: Tensor, augment: bool = True) -> tuple[Tensor, Tensor]:
    """Crops (n, 1, 352, 352) in 0..1 as a detector cuts them, and the keypoints in them (-1..1)."""
    n = len(hands)
    angle, size = np.radians(rng.normal(TURN, TURN_SPREAD, n)), np.exp(rng.normal(0, ZOOM_SPREAD, n))
    turn = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], 1).reshape(n, 2, 2)
    maps = torch.from_numpy(turn * size[:, None, None]).float()
    shift = torch.from_numpy(rng.normal(OFFSET, SHIFT_SPREAD, (n, 2))).float()
    inside = keypoints * HAND_MARGIN  # of the crop that the renderer's truth would give
    inside = (torch.linalg.inv(maps) @ (inside - shift[:, None]).mT).mT
    grid = F.affine_grid(
        torch.cat([maps, shift[:, :, None]], 2) / HAND_MARGIN, [n, 1, HAND_SIZE, HAND_SIZE], align_corners=False
    )
    crops = F.grid_sample(hands[:, None].float() / 255, grid, padding_mode="border", align_corners=False)
    if augment:
        gamma = torch.from_numpy(np.exp(rng.normal(0, 0.15, n))).float()[:, None, None, None]
        gain = torch.from_numpy(np.exp(rng.normal(0, 0.1, n))).float()[:, None, None, None]
        crops = ((crops + 1e-3) ** gamma * gain).clamp(0, 1)
    return crops, inside


def load(folder: Path, name: str) -> tuple[Tensor, Tensor, np.ndarray, np.ndarray]:
    """Hands, keypoints, class of each row, whether the row is of the wild setting."""
    table = tables(folder, name)
    hands = torch.from_numpy(np.concatenate([np.load(path) for path in parts_of(folder, name, "hands")]))
    return hands, torch.from_numpy(table["keypoints"]), table["identity"] - table["identity"].min(), table["wild"]


def check(network: EehnetStyleNet, folder: Path) -> str:
    """EER over the pairs of people whom training never sees, and how far off the parts are."""
    hands, keypoints, classes, wild = load(folder, "held-out")
    rng, found, errors = np.random.default_rng(7), [], []
    network.eval()
    with torch.no_grad():
        for part, points in zip(torch.split(hands, 40), torch.split(keypoints, 40), strict=True):
            crops, inside = views(rng, part, points, augment=False)
            found.append(network(crops))
            errors.append((network.localiser(crops) - true_parts(inside)).abs().mean((0, 2)))
    network.train()
    features = torch.cat(found).numpy()
    rates = [pair_eer(features[rows], classes[rows]) for rows in (~wild, wild, wild >= 0)]
    off = (torch.stack(errors).mean(0) * HAND_SIZE / 2).tolist()
    text = "held-out EER {:.2f} % controlled, {:.2f} % wild, {:.2f} % both".format(*rates)
    return f"{text}; parts off by " + ", ".join(f"{px:.1f}" for px in off) + " px"


def losses(
    network: EehnetStyleNet, heads: Heads, crops: Tensor, truth: Tensor, classes: Tensor, clock: Clock
) -> dict[str, Tensor]:
    found = network.localiser(crops)
    parts = truth + 0.015 * torch.randn_like(truth) if clock.share < GUIDED else found
    palm, rest, whole = network.describe(crops, parts)
    margin = clock.margin()
    return {
        "whole": arc_face(heads("whole", F.dropout(whole, 0.1)), classes, margin),
        "contrast": sup_con(F.normalize(whole), classes),
        "palm": arc_face(heads("palm", palm), classes, margin),
        "rest": arc_face(heads("rest", rest), classes, margin / 2),
        "place": F.smooth_l1_loss(found, truth, beta=0.05),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("--minutes", type=float, default=40)
    parser.add_argument("--identities", type=int, default=700, help="as many as are or will be rendered")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(2)
    hands, keypoints, labels, _ = load(arguments.work, "train")
    rows_of = [np.flatnonzero(labels == k) for k in np.unique(labels)]
    network, heads = EehnetStyleNet(), Heads(arguments.identities)
    optimiser = torch.optim.AdamW([*network.parameters(), *heads.parameters()], lr=2e-3, weight_decay=1e-3)
    clock, done, path = Clock(arguments.minutes), 0, arguments.work / "eehnet-state.pt"
    if path.exists():
        state = torch.load(path, weights_only=True)
        network.load_state_dict(state["network"])
        heads.load_state_dict(state["heads"])
        optimiser.load_state_dict(state["optimiser"])
        clock.spent, done = state["seconds"], state["step"]
    rng, sums, last_saved, last_checked = np.random.default_rng(done), dict.fromkeys(WEIGHTS, 0.0), 0.0, clock.seconds
    while clock.share < 1:
        rows = pick(rng, rows_of, PEOPLE, 2)
        crops, inside = views(rng, hands[rows], keypoints[rows])
        for group in optimiser.param_groups:
            group["lr"] = clock.rate(2e-3)
        terms = losses(network, heads, crops, true_parts(inside), torch.from_numpy(labels[rows]), clock)
        optimiser.zero_grad()
        total: Any = sum(WEIGHTS[name] * term for name, term in terms.items())
        total.backward()
        nn.utils.clip_grad_norm_(network.localiser.parameters(), 1.0)
        optimiser.step()
        done += 1
        for name, term in terms.items():
            sums[name] += term.item() / 20
        if done % 20 == 0:
            print(f"{done} {clock.seconds:.0f} s: " + ", ".join(f"{k} {v:.4g}" for k, v in sums.items()), flush=True)
            sums = dict.fromkeys(WEIGHTS, 0.0)
        if clock.seconds - last_checked > 240 or clock.share >= 1:
            last_checked = clock.seconds
            print(f"{done} {clock.seconds:.0f} s: {check(network, arguments.work)}", flush=True)
        if clock.seconds - last_saved > 120 or clock.share >= 1:
            last_saved = clock.seconds
            parts = {"network": network.state_dict(), "heads": heads.state_dict(), "optimiser": optimiser.state_dict()}
            save(path, {**parts, "seconds": clock.seconds, "step": done})


if __name__ == "__main__":
    main()
