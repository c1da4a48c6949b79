"""Decoding of the palm detector's output: anchors, score threshold, weighted non-maximum suppression.

The numbers are those of the MediaPipe palm detection graph (Zhang et al. 2020, arXiv:2006.10214; Apache-2.0).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

INPUT_SIZE = 192
"""Side of the detector's square input in px."""
GRIDS = ((24, 2), (12, 6))
"""(cells a side, anchors a cell): stride 8 twice, stride 16 six times."""
KEYPOINTS = 7
SUPPRESSION_IOU = 0.3


@dataclass(frozen=True, slots=True, eq=False)
class PalmCandidate:
    """One palm in coordinates of the square input, 0..1."""

    score: float
    box: NDArray[np.float64]
    """(4,) x0 y0 x1 y1."""
    keypoints: NDArray[np.float64]
    """(7, 2): 0 wrist, 1 index, 2 middle, 3 ring, 4 little MCP, 5 and 6 thumb."""


@cache
def anchors() -> NDArray[np.float64]:
    """(2016, 2) anchor centres x, y in 0..1, in the order of the network's output. Read only."""
    rows = []
    for cells, per_cell in GRIDS:
        centres = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(centres, centres, indexing="ij")
        rows.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), per_cell, axis=0))
    out = np.concatenate(rows)
    out.setflags(write=False)
    return out


def decode(regressors: NDArray[np.float32], logits: NDArray[np.float32], min_score: float) -> list[PalmCandidate]:
    """Network output to palms, best first.

    Args:
        regressors: (2016, 18) offsets to the anchors in px of the input: centre, size, seven keypoints.
        logits: (2016,) or (2016, 1).
        min_score: candidates below are dropped, 0..1.

    Returns:
        Palms after weighted suppression: a palm is the score-weighted mean of all candidates that overlap the best of
        them by more than `SUPPRESSION_IOU`, and has the best one's score.
    """
    scores = 1.0 / (1.0 + np.exp(-np.clip(logits.reshape(-1).astype(np.float64), -100.0, 100.0)))
    kept = np.flatnonzero(scores >= min_score)
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    values = regressors[kept].astype(np.float64) / INPUT_SIZE
    centre = values[:, :2] + anchors()[kept]
    half = values[:, 2:4] / 2
    keypoints = values[:, 4:].reshape(-1, KEYPOINTS, 2) + anchors()[kept][:, None]
    boxes = np.concatenate([centre - half, centre + half], axis=1)
    return _weighted_suppression(scores[kept], boxes, keypoints)


def _weighted_suppression(
    scores: NDArray[np.float64], boxes: NDArray[np.float64], keypoints: NDArray[np.float64]
) -> list[PalmCandidate]:
    found: list[PalmCandidate] = []
    left = np.arange(len(scores))
    while len(left):
        best = left[0]
        overlaps = iou(boxes[best], boxes[left]) > SUPPRESSION_IOU
        overlaps[0] = True  # a degenerate box does not even overlap itself
        group = left[overlaps]
        weights = scores[group] / scores[group].sum()
        found.append(
            PalmCandidate(float(scores[best]), weights @ boxes[group], np.tensordot(weights, keypoints[group], axes=1))
        )
        left = left[~overlaps]
    return found


def iou(box: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.float64]:
    """Intersection over union of one box with (n, 4) others, all x0 y0 x1 y1; 0 where a box has no area."""
    sides = np.clip(np.minimum(box[2:], others[:, 2:]) - np.maximum(box[:2], others[:, :2]), 0.0, None)
    shared = sides.prod(axis=1)
    areas = np.clip(others[:, 2:] - others[:, :2], 0.0, None).prod(axis=1)
    union = areas + np.clip(box[2:] - box[:2], 0.0, None).prod() - shared
    return np.asarray(np.divide(shared, union, out=np.zeros_like(shared), where=union > 0), np.float64)
