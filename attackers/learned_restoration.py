"""A small U-Net that learns on auxiliary people to take back what a method did to an image."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..analyzers.base import Analysis, FaceAnalysis
from ..datasets.types import Failure, Image
from .base import AttackerInfo, Pair, Published, State, Target, TooFewPeople, fits
from .geometry import region_box

if TYPE_CHECKING:
    from torch import Tensor, nn

SEED = 20251129
"""Of first weights, of who is held out, and of what each batch holds."""
SIDE, WINDOW = 128, 64
"""Px of the square that a palm or face is brought to, and of the windows that are trained on."""
REACH = 1.3
"""The square around a palm, in sides of the palm square."""
WIDTHS = (16, 32, 64)
"""Channels of the U-Net's floors."""
BATCH, STEP = 16, 2e-3
UNCHANGED = 4
"""One in so many windows shows an original, which has to stay as it is."""
HELD_OUT, LEAST_PEOPLE, PATIENCE = 0.2, 10, 8


class LearnedRestoration:
    """Fits a small U-Net to pairs of images before and after the method, and applies it to published ones.

    Palm or face is brought to a square of 128 px; the network says what has to be added there, and that is laid back
    into the picture inside the region that the method may change. A quarter of what it is trained on are originals,
    from which nothing may be taken away. A fifth of the auxiliary people is held out; the epoch that comes nearest to
    their originals is kept.

    Args:
        epochs: at most, 1..1000.

    Raises:
        ValueError: the number is out of range.
    """

    info: ClassVar[AttackerInfo] = AttackerInfo(
        name="learned_restoration",
        version="1",
        modality=("palm", "face"),
        slot="probe",
        description="A small U-Net, trained to take back what the method did to auxiliary people's images",
        knowledge="the method, to run it on images of people of his own",
        citation="After Todt, Hanisch & Strufe, Fantomas, arXiv:2210.10651; Ronneberger et al., U-Net, MICCAI 2015",
        learns=True,
    )

    def __init__(self, epochs: int = 60) -> None:
        if not 1 <= epochs <= 1000:
            raise ValueError(f"expected epochs to be 1..1000, got {epochs}")
        self.epochs = int(epochs)

    def lacks(self, target: Target) -> str:
        """The method has to say what it repaints: that is what is drawn anew."""
        return fits(self.info, target) or ("" if target.repaints else "the method does not say what it may repaint")

    def fit(self, pairs: Iterable[Pair]) -> State:
        """Train.

        Raises:
            TooFewPeople: fewer than ten people.
        """
        squares = [found for each in pairs if (found := _squares(each)) is not None]
        people = np.unique([each.person for each in squares])
        if len(people) < LEAST_PEOPLE:
            raise TooFewPeople(f"images of {len(people)} auxiliary people are too few")
        order = np.random.default_rng(SEED).permutation(people)
        held = set(order[: max(2, round(HELD_OUT * len(people)))].tolist())
        return _train(
            [each for each in squares if each.person not in held],
            [each for each in squares if each.person in held],
            self.epochs,
        )

    def redraw(self, state: State, published: Published) -> Image | Failure:
        """The image with its region drawn anew."""
        import cv2
        import torch

        if published.region is None or not published.region.any():
            return Failure("the method does not say what it may repaint")
        there = _square(published.analysis, published.region)
        if there is None:
            return Failure("there is no palm or face to align by")
        square = _cut(published.image, there)
        with torch.inference_mode():
            change = _network_of(_Frozen(state))(_tensor(square[None]))[0].numpy().transpose(1, 2, 0)
        height, width = published.region.shape
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = cv2.warpPerspective(np.ascontiguousarray(change * 255), there, (width, height), flags=flags)
        pixels = published.image.astype(np.float32) + np.asarray(moved, np.float32)
        result = published.image.copy()
        result[published.region] = np.clip(np.rint(pixels[published.region]), 0, 255).astype(np.uint8)
        return result


# ------------------------------------------------------------------------------------------------ squares


@dataclass(frozen=True, slots=True, eq=False)
class _Squares:
    """One pair in the square."""

    published: NDArray[np.float32]
    """(SIDE, SIDE, 3), 0..1."""
    original: NDArray[np.float32]
    region: NDArray[np.float32]
    """(SIDE, SIDE), 1 where the method may have changed something."""
    person: int


def _squares(pair: Pair) -> _Squares | None:
    region = pair.published.region
    there = None if region is None else _square(pair.published.analysis, region)
    if region is None or there is None:
        return None
    return _Squares(
        _cut(pair.published.image, there),
        _cut(pair.original, there),
        _cut(np.dstack([region.astype(np.uint8) * 255] * 3), there)[..., 0],
        pair.person,
    )


def _square(analysis: Analysis, region: NDArray[np.bool_]) -> NDArray[np.float64] | None:
    """(3, 3) map of the image to the square: around the palm square, or the box of a face's region."""
    import cv2

    if isinstance(analysis, FaceAnalysis):
        box = region_box(region)
        if box is None:
            return None
        (top, bottom), (left, right) = ((each.start, each.stop) for each in box)
        corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float32)
    else:
        middle = analysis.roi.mean(axis=0)
        corners = (middle + REACH * (analysis.roi - middle)).astype(np.float32)
    if not np.isfinite(corners).all() or abs(cv2.contourArea(corners)) < 4:
        return None
    goal = np.array([(0, 0), (SIDE, 0), (SIDE, SIDE), (0, SIDE)], np.float32)
    return np.asarray(cv2.getPerspectiveTransform(corners, goal - np.float32(0.5)), np.float64)


def _cut(image: Image, there: NDArray[np.float64]) -> NDArray[np.float32]:
    import cv2

    scale = float(np.sqrt(abs(np.linalg.det(there[:2, :2]))))
    if scale < 0.8:
        image = cv2.GaussianBlur(image, (0, 0), 0.45 * (1 / scale - 0.6)).astype(np.uint8)
    found = cv2.warpPerspective(image, there, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, np.float32) / np.float32(255)


def _tensor(squares: NDArray[np.float32]) -> Tensor:
    import torch

    return torch.from_numpy(np.ascontiguousarray(squares.transpose(0, 3, 1, 2)))


# ------------------------------------------------------------------------------------------------ the network


def _build() -> nn.Module:
    """(n, 3, h, w) in 0..1 to what has to be added; nothing at first."""
    import torch
    from torch import nn
    from torch.nn import functional

    def pair(before: int, after: int) -> nn.Module:
        first, second = nn.Conv2d(before, after, 3, padding=1), nn.Conv2d(after, after, 3, padding=1)
        return nn.Sequential(first, nn.LeakyReLU(0.1), second, nn.LeakyReLU(0.1))

    class UNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.down = nn.ModuleList(pair(a, b) for a, b in zip((3, *WIDTHS[:-1]), WIDTHS, strict=True))
            self.up = nn.ModuleList(pair(a + b, a) for a, b in pairwise(WIDTHS))
            self.last = nn.Conv2d(WIDTHS[0], 3, 3, padding=1)
            nn.init.zeros_(self.last.weight)
            nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

        def forward(self, x: Tensor) -> Tensor:
            kept = []
            for index, layers in enumerate(self.down):
                x = layers(x if index == 0 else functional.avg_pool2d(x, 2))
                kept.append(x)
            for layers, beside in zip(reversed(self.up), reversed(kept[:-1]), strict=True):
                wide = functional.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
                x = layers(torch.cat([wide, beside], dim=1))
            change: Tensor = self.last(x)
            return change

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return UNet()


class _Frozen:
    """A state as the key of the network that it makes, which a process keeps for many images."""

    def __init__(self, state: State) -> None:
        self.state = state
        self._key = tuple((name, state[name].tobytes()) for name in sorted(state))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Frozen) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)


@lru_cache(maxsize=2)
def _network_of(frozen: _Frozen) -> Any:
    import torch

    network = _build()
    network.load_state_dict({name: torch.from_numpy(np.array(each)) for name, each in frozen.state.items()})
    return network.eval().requires_grad_(False)


# ------------------------------------------------------------------------------------------------ training


def _train(learned: Sequence[_Squares], held: Sequence[_Squares], epochs: int) -> State:
    import torch

    rng = np.random.default_rng(SEED)
    network = _build()
    optimiser = torch.optim.Adam(network.parameters(), lr=STEP)
    best, kept, since = _missed(network, held), _state(network), 0
    for _ in range(epochs):
        for indexes in np.array_split(rng.permutation(len(learned)), max(1, len(learned) // BATCH)):
            seen, wanted, region = _batch([learned[index] for index in indexes], rng)
            loss = _difference(seen + network(seen), wanted, region)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        missed = _missed(network, held)
        if missed < best:
            best, kept, since = missed, _state(network), 0
        elif (since := since + 1) >= PATIENCE:
            break
    return kept


def _batch(squares: Sequence[_Squares], rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """A window of each pair, (n, 3, WINDOW, WINDOW): what is seen, what is wanted, where it counts."""
    seen, wanted, regions = [], [], []
    for each in squares:
        y, x = rng.integers(0, SIDE - WINDOW + 1, 2)
        window = slice(y, y + WINDOW), slice(x, x + WINDOW)
        unchanged = rng.integers(UNCHANGED) == 0
        seen.append((each.original if unchanged else each.published)[window])
        wanted.append(each.original[window])
        regions.append(np.dstack([each.region[window]] * 3))
    return _tensor(np.stack(seen)), _tensor(np.stack(wanted)), _tensor(np.stack(regions))


def _difference(made: Tensor, wanted: Tensor, region: Tensor) -> Tensor:
    """Mean absolute difference of colours and of their slopes inside the region: lines count more than tone."""
    apart = (made - wanted) * region
    slopes = (apart[..., 1:] - apart[..., :-1]).abs().mean() + (apart[..., 1:, :] - apart[..., :-1, :]).abs().mean()
    return apart.abs().mean() + slopes


def _missed(network: nn.Module, squares: Sequence[_Squares]) -> float:
    import torch

    missed = []
    with torch.inference_mode():
        for each in squares:
            seen, wanted = _tensor(each.published[None]), _tensor(each.original[None])
            region = _tensor(np.dstack([each.region] * 3)[None])
            missed.append(float(_difference(seen + network(seen), wanted, region)))
    return float(np.mean(missed))


def _state(network: nn.Module) -> dict[str, NDArray[Any]]:
    return {name: each.detach().numpy().copy() for name, each in network.state_dict().items()}
