"""What both trainings share: the rendered parts, the losses, the held-out check and the clock."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from deid_bench.benchmark.metrics.recognition.error_rates import eer
from deid_bench.benchmark.metrics.values import Undefined
from deid_bench.files import replacing

SCALE, MARGIN = 30.0, 0.5
TEMPERATURE = 0.07


def parts_of(folder: Path, name: str, kind: str) -> list[Path]:
    """Files of one kind (`palms`, `hands`) of all parts of `train`, or of `held-out`, in the order of `tables`."""
    return [path.with_name(f"{path.stem}-{kind}.npy") for path in sorted(folder.glob(f"{name}*.npz"))]


def tables(folder: Path, name: str) -> dict[str, np.ndarray]:
    """The rows of all parts, one after another."""
    parts = [np.load(path) for path in sorted(folder.glob(f"{name}*.npz"))]
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0].files}


def arc_face(cosines: Tensor, classes: Tensor, margin: float = MARGIN) -> Tensor:
    """Cross entropy after the angle to the own class has been made `margin` rad larger (Deng et al., 2019)."""
    cosines = cosines.clamp(-1 + 1e-6, 1 - 1e-6)
    own = cosines.gather(1, classes[:, None])
    wider = own * math.cos(margin) - (1 - own.square()).sqrt() * math.sin(margin)
    wider = torch.where(own > math.cos(math.pi - margin), wider, own - math.sin(math.pi - margin) * margin)
    return F.cross_entropy(SCALE * cosines.scatter(1, classes[:, None], wider), classes)


def sup_con(features: Tensor, classes: Tensor) -> Tensor:
    """Supervised contrastive loss (Khosla et al., 2020) of features of length 1; every row needs a partner."""
    itself = torch.eye(len(features), dtype=torch.bool)
    logs = F.log_softmax((features @ features.T / TEMPERATURE).masked_fill(itself, -1e9), dim=1)
    partner = (classes[:, None] == classes[None]) & ~itself
    return -((logs * partner).sum(1) / partner.sum(1)).mean()


def pair_eer(features: np.ndarray, identities: np.ndarray) -> float:
    """Equal error rate (%) over all pairs of rows, by angle."""
    angles = np.arccos(np.clip(features @ features.T, -1, 1)) / np.pi
    upper = np.triu_indices(len(features), 1)
    same = (identities[:, None] == identities[None])[upper]
    point = eer(angles[upper][same], angles[upper][~same])
    if isinstance(point, Undefined):
        raise ValueError(point.reason)
    return 100 * point.eer


@dataclass
class Clock:
    """Time spent over all runs of a training, and the schedule that depends on it."""

    minutes: float
    spent: float = 0.0
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        return self.spent + time.monotonic() - self.started

    @property
    def share(self) -> float:
        return min(1.0, self.seconds / (60 * self.minutes))

    def rate(self, peak: float) -> float:
        """Learning rate: 2 % warm-up, then half a cosine."""
        return peak * min(1.0, self.share / 0.02 + 0.02) * 0.5 * (1 + math.cos(math.pi * self.share))

    def margin(self) -> float:
        """Margin of ArcFace: from 0 to the published value over the first 30 %, else training from nothing stalls."""
        return MARGIN * min(1.0, self.share / 0.3)


def pick(rng: np.random.Generator, rows_of: list[np.ndarray], identities: int, captures: int) -> np.ndarray:
    """Rows of `captures` captures of each of `identities` people, all first captures first."""
    chosen = rng.choice(len(rows_of), identities, replace=False)
    return np.stack([rng.choice(rows_of[k], captures, replace=False) for k in chosen], axis=1).ravel()


def save(path: Path, state: dict[str, object]) -> None:
    with replacing(path) as part:
        torch.save(state, part)
