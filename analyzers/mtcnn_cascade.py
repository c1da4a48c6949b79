"""The cascade of MTCNN: image pyramid, three networks, box regression and suppression between them.

Windows, rounding and suppression follow the published PyTorch port (facenet-pytorch 2.6.0, MIT), whose weights are
read, so that the networks get what they get there; `docs/analyzers.md` says how closely.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from ..datasets.types import Image
from ..weights.files import weight
from .mtcnn_networks import OutputNet, ProposalNet, RefineNet, load

Boxes = NDArray[np.float32]
"""(n, 4) x0 y0 x1 y1 in px."""

WINDOW, STRIDE = 12, 2
"""P-Net's window and step in px of a pyramid level."""
REFINE_SIZE, OUTPUT_SIZE = 24, 48
LEVEL_OVERLAP, OVERLAP = 0.5, 0.7
"""Boxes that overlap a better one by more are dropped: within a pyramid level, and after each network."""


@dataclass(frozen=True, slots=True)
class Search:
    """What counts as a face."""

    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.7)
    """Lowest probability after P-Net, R-Net and O-Net."""
    factor: float = 0.709
    """Each pyramid level is this much smaller than the one before."""
    min_face: float = 20.0
    """Side in px of the smallest face that is looked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """What was found, best first; coordinates in px of the image."""

    boxes: Boxes
    scores: NDArray[np.float32]
    """(n,) probability of a face."""
    points: NDArray[np.float32]
    """(n, 5, 2): left eye, right eye, nose, left and right mouth corner as seen in the image."""


class Cascade:
    """The three networks with the published weights."""

    def __init__(self) -> None:
        self._propose = load(ProposalNet(), weight("mtcnn-pnet"))
        self._refine = load(RefineNet(), weight("mtcnn-rnet"))
        self._output = load(OutputNet(), weight("mtcnn-onet"))

    @torch.inference_mode()
    def find(self, image: Image, search: Search) -> Faces:
        """All faces of an (H, W, 3) uint8 RGB image."""
        pixels = torch.from_numpy(image.copy()).permute(2, 0, 1)[None].float()
        boxes = self._proposed(pixels, search)
        boxes = self._refined(pixels, boxes, search.thresholds[1])
        return self._final(pixels, boxes, search.thresholds[2])

    def _proposed(self, pixels: Tensor, search: Search) -> Boxes:
        found: list[tuple[Boxes, NDArray[np.float32], Boxes]] = []
        height, width = pixels.shape[2:]
        for scale in _scales(min(height, width), search):
            level = _resized(pixels, (int(height * scale + 1), int(width * scale + 1)))
            scores, offsets = (part[0].numpy() for part in self._propose(level))
            row, column = np.nonzero(scores >= search.thresholds[0])
            corner = np.stack([column, row], axis=1).astype(np.float32) * STRIDE
            windows = np.hstack([np.floor((corner + 1) / scale), np.floor((corner + WINDOW) / scale)])
            windows = windows.astype(np.float32)
            kept = suppress(windows, scores[row, column], LEVEL_OVERLAP)
            found.append((windows[kept], scores[row, column][kept], offsets[:, row, column].T[kept]))
        if not found:
            return np.zeros((0, 4), np.float32)
        windows, best, moves = (np.concatenate(parts) for parts in zip(*found, strict=True))
        kept = suppress(windows, best, OVERLAP)
        sides = (windows[:, 2:] - windows[:, :2])[kept]
        return _squared(windows[kept] + moves[kept] * np.tile(sides, 2))

    def _refined(self, pixels: Tensor, boxes: Boxes, threshold: float) -> Boxes:
        boxes, crops = _crops(pixels, boxes, REFINE_SIZE)
        if not len(boxes):
            return boxes
        scores, moves = (part.numpy() for part in self._refine(crops))
        sure = scores > threshold
        boxes, scores, moves = boxes[sure], scores[sure], moves[sure]
        kept = suppress(boxes, scores, OVERLAP)
        return _squared(_moved(boxes[kept], moves[kept]))

    def _final(self, pixels: Tensor, boxes: Boxes, threshold: float) -> Faces:
        boxes, crops = _crops(pixels, boxes, OUTPUT_SIZE)
        if not len(boxes):
            return Faces(boxes, np.zeros(0, np.float32), np.zeros((0, 5, 2), np.float32))
        scores, moves, points = (part.numpy() for part in self._output(crops))
        sure = scores > threshold
        boxes, scores, moves, points = boxes[sure], scores[sure], moves[sure], points[sure]
        sides = boxes[:, 2:] - boxes[:, :2] + 1
        spots = points.transpose(0, 2, 1) * sides[:, None] + boxes[:, None, :2] - 1
        boxes = _moved(boxes, moves)
        kept = suppress(boxes, scores, OVERLAP, of_smaller=True)
        return Faces(boxes[kept], scores[kept], spots[kept].astype(np.float32))


def _scales(shorter: int, search: Search) -> Iterator[float]:
    """Pyramid scales, largest first; the smallest level still holds one window."""
    scale = WINDOW / search.min_face
    left = shorter * scale
    while left >= WINDOW:
        yield scale
        scale *= search.factor
        left *= search.factor


def _resized(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """Area mean of (1, 3, H, W) at 0..255, brought to the networks' range."""
    return (interpolate(pixels, size=size, mode="area") - 127.5) * 0.0078125


def _crops(pixels: Tensor, boxes: Boxes, size: int) -> tuple[Boxes, Tensor]:
    """The boxes that lie in the image with at least a pixel, and their crops (n, 3, size, size)."""
    height, width = pixels.shape[2:]
    corners = boxes.astype(np.int64)  # coordinates count from 1 here, as in the original program
    first = np.maximum(corners[:, :2], 1) - 1
    last = np.minimum(corners[:, 2:], [width, height])
    inside = (last > first).all(axis=1)
    boxes, first, last = boxes[inside], first[inside], last[inside]
    crops = [_resized(pixels[:, :, y0:y1, x0:x1], (size, size)) for (x0, y0), (x1, y1) in zip(first, last, strict=True)]
    return boxes, torch.cat(crops) if crops else torch.zeros((0, 3, size, size))


def _moved(boxes: Boxes, moves: NDArray[np.float32]) -> Boxes:
    """Box regression: each coordinate moves by a share of its side."""
    return boxes + moves * np.tile(boxes[:, 2:] - boxes[:, :2] + 1, 2)


def _squared(boxes: Boxes) -> Boxes:
    """The squares of the longer side around the boxes' centres."""
    sides = boxes[:, 2:] - boxes[:, :2]
    longer = sides.max(axis=1, keepdims=True)
    corner = boxes[:, :2] + sides * np.float32(0.5) - longer * np.float32(0.5)
    return np.hstack([corner, corner + longer])


def suppress(boxes: Boxes, scores: NDArray[np.float32], threshold: float, of_smaller: bool = False) -> NDArray[np.intp]:
    """Greedy non-maximum suppression.

    Args:
        boxes: (n, 4) px.
        scores: (n,).
        threshold: a box is dropped when its overlap with a better one is larger.
        of_smaller: overlap as a share of the smaller box with sides counted in whole pixels (O-Net's step), in place
            of intersection over union.

    Returns:
        Indices of the boxes that stay, best first; of equal scores the earlier box is the better one.
    """
    extra = np.float32(of_smaller)
    areas = (boxes[:, 2:] - boxes[:, :2] + extra).prod(axis=1)
    left = np.argsort(-scores, kind="stable")
    kept: list[np.intp] = []
    while len(left):
        best, others = left[0], left[1:]
        kept.append(best)
        sides = np.minimum(boxes[best, 2:], boxes[others, 2:]) - np.maximum(boxes[best, :2], boxes[others, :2]) + extra
        shared = np.maximum(sides, 0).prod(axis=1)
        base = np.minimum(areas[best], areas[others]) if of_smaller else areas[best] + areas[others] - shared
        left = others[shared <= threshold * base]
    return np.array(kept, dtype=np.intp)
