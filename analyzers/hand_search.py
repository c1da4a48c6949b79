"""Where a hand is not found at once: the same networks look again at the turned and the framed picture."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..datasets.types import Hand, Image
from .hand_pipeline import HandPipeline, RawHand
from .palm_roi import INDEX, LITTLE, WRIST

AS_IT_IS = "the picture as it is"
"""How a hand that needs no second look is found."""
BORDER = 0.25
"""The picture is continued by this share of its height and width where the palm's surround is cut off."""
_TURNS = (1, 3, 2)
"""Quarter turns counter-clockwise, in the order in which they are tried."""


@dataclass(frozen=True, slots=True)
class View:
    """A picture as it is shown to the networks: continued by a border, then turned."""

    turns: int
    border: float

    def __str__(self) -> str:
        said = [f"turned by {90 * self.turns} degrees"] if self.turns else []
        said += ["continued beyond its border"] if self.border else []
        return " and ".join(said) or AS_IT_IS

    def show(self, image: Image) -> Image:
        """The picture as the networks get it."""
        import cv2

        rows, columns = self._reach(image.shape)
        if self.border:
            sides = (rows, rows, columns, columns)
            image = np.asarray(cv2.copyMakeBorder(image, *sides, cv2.BORDER_REPLICATE), np.uint8)
        return np.ascontiguousarray(np.rot90(image, self.turns)) if self.turns else image

    def back(self, hand: RawHand, shape: tuple[int, ...]) -> RawHand:
        """A hand of that picture in px and axes of the original of this shape."""
        rows, columns = self._reach(shape)
        points, world = hand.keypoints_2d.copy(), hand.keypoints_3d.copy()
        height, width = shape[0] + 2 * rows, shape[1] + 2 * columns
        if self.turns % 2:
            height, width = width, height
        for _ in range(self.turns):  # one quarter turn clockwise each
            points = np.stack([height - 1 - points[:, 1], points[:, 0]], axis=1)
            world = np.stack([-world[:, 1], world[:, 0], world[:, 2]], axis=1)
            height, width = width, height
        points = (points - [columns, rows]).astype(np.float32)
        return replace(hand, keypoints_2d=points, keypoints_3d=world.astype(np.float32))

    def _reach(self, shape: tuple[int, ...]) -> tuple[int, int]:
        return round(self.border * shape[0]), round(self.border * shape[1])


def views() -> Iterator[tuple[View, ...]]:
    """What is looked at, in stages; of one stage's hands the one that is most surely a hand counts."""
    yield (View(0, 0.0),)
    yield tuple(View(turns, 0.0) for turns in _TURNS)
    yield tuple(View(turns, BORDER) for turns in (0, *_TURNS))


def find_hands(
    pipeline: HandPipeline, image: Image, min_detection: float, min_presence: float
) -> tuple[list[RawHand], View] | str:
    """All hands of the first stage that shows any, best first, and how they were seen; or why there are none."""
    reason = ""
    for stage in views():
        seen: list[tuple[list[RawHand], View]] = []
        for view in stage:
            hands = pipeline.hands(view.show(image), min_detection, min_presence)
            if isinstance(hands, str):
                reason = reason or hands
            else:
                seen.append(([view.back(hand, image.shape) for hand in hands], view))
        if seen:
            return max(seen, key=lambda found: found[0][0].presence)
    return reason


def side_of(keypoints_2d: NDArray[np.float32]) -> Hand:
    """Which hand shows its palm with the index finger on this side of the little one."""
    points = keypoints_2d.astype(np.float64)
    across, down = points[LITTLE] - points[INDEX], points[WRIST] - (points[INDEX] + points[LITTLE]) / 2
    return "left" if across[0] * down[1] - across[1] * down[0] > 0 else "right"
