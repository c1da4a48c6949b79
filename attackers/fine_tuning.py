"""A recogniser whose last layer is trained further on auxiliary people, before and after the method."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from .base import AttackerInfo, Auxiliary, Layer, State, Target, TooFewPeople, fits

if TYPE_CHECKING:
    from torch import Tensor

SEED = 20251129
"""Of who is held out, of batches and of dropout."""
HELD_OUT = 0.2
"""Share of the auxiliary people that training is stopped by."""
LEAST_PEOPLE = 10
BATCH, DROPOUT = 32, 0.3
STEP = 0.05
"""Of Adam, in root mean squares of the weights that it starts from."""
SHARPNESS = 8.0
"""Factor of the cosines before the softmax over people."""
PATIENCE = 6
"""Epochs without a better one, after which training ends."""


class FineTuned:
    """Trains a recogniser's last layer to name auxiliary people in originals and de-identified images alike.

    What enters the layer is taken as it is, so that training sees each image's network once. Weights start from the
    recogniser's own; a softmax over the cosines to one centre a person is brought down by Adam, with dropout before
    the layer. A fifth of the auxiliary people is held out: after each epoch their de-identified images are compared
    with their other images, and the epoch that tells them apart best is kept, the recogniser as it was among them.

    Args:
        epochs: at most, 1..1000.

    Raises:
        ValueError: the number is out of range.
    """

    info: ClassVar[AttackerInfo] = AttackerInfo(
        name="fine_tuned",
        version="1",
        modality=("palm", "face"),
        slot="recognizer",
        description="The recogniser's last layer, trained further on auxiliary people's images before and after",
        knowledge="the method, to run it on images of people of his own; the recogniser's weights",
        citation="After the semi-informed attackers of the VoicePrivacy challenge 2022-2026",
        reads="layer",
    )

    def __init__(self, epochs: int = 80) -> None:
        if not 1 <= epochs <= 1000:
            raise ValueError(f"expected epochs to be 1..1000, got {epochs}")
        self.epochs = int(epochs)

    def lacks(self, target: Target) -> str:
        """Any recogniser with a last layer will do."""
        return fits(self.info, target)

    def adapt(self, auxiliary: Auxiliary) -> State:
        """Train on the auxiliary people.

        Raises:
            TooFewPeople: fewer than ten people, or fewer than two images of each.
            ValueError: no layer to start from.
        """
        people = np.unique(auxiliary.people)
        if len(people) < LEAST_PEOPLE or len(auxiliary.people) < 2 * len(people):
            raise TooFewPeople(f"{len(auxiliary.people)} images of {len(people)} auxiliary people are too few")
        if auxiliary.layer is None:
            raise ValueError("the recogniser has no last layer to train")
        order = np.random.default_rng(SEED).permutation(people)
        held = np.isin(auxiliary.people, order[: max(4, round(HELD_OUT * len(people)))])
        weights, offsets, epoch = _Training(auxiliary, held, auxiliary.layer).best(self.epochs)
        return {"weights": weights, "offsets": offsets, "epoch": np.array([epoch], np.int64)}

    def distances(self, state: State, a: NDArray[Any], b: NDArray[Any]) -> NDArray[np.float32]:
        """Angles over pi after the trained layer."""
        left, right = (_embedded(each, (state["weights"], state["offsets"])) for each in (a, b))
        return np.asarray(np.arccos(np.clip(left @ right.T, -1.0, 1.0)) / np.pi, np.float32)


def _embedded(rows: NDArray[Any], layer: Layer) -> NDArray[np.float64]:
    """(n, d) of length 1; each row depends on itself alone but for rounding."""
    made = rows.astype(np.float64) @ layer[0].astype(np.float64).T + layer[1]
    return np.asarray(made / np.maximum(np.linalg.norm(made, axis=1, keepdims=True), 1e-12))


@dataclass(slots=True, eq=False)
class _Training:
    """The images that are trained on, and those that training is stopped by."""

    auxiliary: Auxiliary
    held: NDArray[np.bool_]
    """(n,) true for images of people who are held out."""
    start: Layer

    def best(self, epochs: int) -> tuple[NDArray[np.float32], NDArray[np.float32], int]:
        """Weights and offsets of the best epoch, and which that was; 0: the recogniser as it was."""
        import torch

        rows = self.auxiliary.templates[~self.held].astype(np.float32)
        _, labels = np.unique(self.auxiliary.people[~self.held], return_inverse=True)
        scale = float(np.sqrt(np.square(rows, dtype=np.float64).sum(axis=1).mean()))
        scale = scale if scale > 0 else 1.0
        images, wanted = torch.from_numpy(rows / scale), torch.from_numpy(labels.astype(np.int64))
        weights = torch.from_numpy(self.start[0] * np.float32(scale)).requires_grad_(True)
        offsets = torch.from_numpy(self.start[1].copy()).requires_grad_(True)
        centres = self._centres(images, labels, weights.detach(), offsets.detach()).requires_grad_(True)
        step = STEP * float(weights.detach().square().mean().sqrt())
        spread = STEP * float(centres.detach().square().mean().sqrt())
        optimiser = torch.optim.Adam([{"params": [weights, offsets], "lr": step}, {"params": [centres], "lr": spread}])
        draws = torch.Generator().manual_seed(SEED)
        best, kept, epoch = self._told_apart(self.start), self.start, 0
        for number in range(1, epochs + 1):
            order = torch.randperm(len(images), generator=draws)
            for batch in torch.split(order, BATCH):
                seen = images[batch]
                seen = seen * (torch.rand(seen.shape, generator=draws) > DROPOUT) / (1 - DROPOUT)
                loss = _loss(seen, wanted[batch], weights, offsets, centres)
                optimiser.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            layer = ((weights.detach() / scale).numpy().copy(), offsets.detach().numpy().copy())
            score = self._told_apart(layer)
            if score > best:
                best, kept, epoch = score, layer, number
            elif number - epoch >= PATIENCE:
                break
        return kept[0].astype(np.float32), kept[1].astype(np.float32), epoch

    @staticmethod
    def _centres(images: Tensor, labels: NDArray[np.intp], weights: Tensor, offsets: Tensor) -> Tensor:
        """(people, d) mean of each person's embeddings."""
        import torch
        from torch.nn import functional

        made = functional.normalize(images @ weights.T + offsets, dim=1)
        return torch.stack([made[labels == person].mean(dim=0) for person in range(int(labels.max()) + 1)])

    def _told_apart(self, layer: Layer) -> float:
        """Chance that a held-out person's de-identified image is nearer to an image of the same person than to one of
        another: area under the curve, other images of the person alone."""
        rows = self.auxiliary.templates[self.held]
        people, published = self.auxiliary.people[self.held], self.auxiliary.published[self.held]
        made = _embedded(rows, layer)
        near = made[published] @ made.T
        same = people[published][:, None] == people[None]
        own = np.flatnonzero(published)
        same[np.arange(len(own)), own] = False
        other = people[published][:, None] != people[None]
        return _area(near[same], near[other])


def _area(own: NDArray[np.float64], others: NDArray[np.float64]) -> float:
    from scipy.stats import rankdata

    if not own.size or not others.size:
        return 0.5
    ranks = rankdata(np.concatenate([own, others]))[: len(own)]
    return float((ranks.mean() - (len(own) + 1) / 2) / len(others))


def _loss(seen: Tensor, wanted: Tensor, weights: Tensor, offsets: Tensor, centres: Tensor) -> Tensor:
    from torch.nn import functional

    made = functional.normalize(seen @ weights.T + offsets, dim=1)
    return functional.cross_entropy(SHARPNESS * made @ functional.normalize(centres, dim=1).T, wanted)
