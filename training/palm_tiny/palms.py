"""The rendered palms as training samples: crops, colour, masks and exemplars. NumPy and OpenCV only.

Producer threads call these functions; torch operations in several Python threads would each open a pool of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from deid_bench.analyzers.palm_region import palm_polygon
from deid_bench.analyzers.palm_roi import palm_width

cv2.setNumThreads(1)
SIZE = 256
"""Side of the crops, px."""
CANONICAL = np.array([198.0, 160.0, 142.0], np.float32)
"""Mean RGB that the known hand pixels are brought to before the model sees a crop."""

Rgb = NDArray[np.uint8]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Palms:
    """A rendered set."""

    images: NDArray[np.uint8]
    masks: NDArray[np.uint8]
    keypoints: NDArray[np.float32]
    identity: NDArray[np.int64]

    @classmethod
    def load(cls, folder: Path, name: str) -> Palms:
        arrays = np.load(folder / f"{name}-palms.npz")
        images = np.load(folder / f"{name}-images.npy")  # in memory: reading at random from a disk starves training
        return cls(images, arrays["masks"], arrays["keypoints"], arrays["identity"])

    def __len__(self) -> int:
        return len(self.images)

    def mask(self, row: int) -> NDArray[np.uint8]:
        return np.unpackbits(self.masks[row], axis=-1)


def palm_box(keypoints: NDArray[np.float32]) -> tuple[Floats, float]:
    """Centre and side of the square around the palm polygon."""
    polygon = palm_polygon(keypoints).astype(np.float64)
    low, high = polygon.min(axis=0), polygon.max(axis=0)
    return (low + high) / 2, float((high - low).max())


def similarity(centre: Floats, side: float, degrees: float = 0.0, flip: bool = False, size: int = SIZE) -> Floats:
    """(2, 3) map of image points to points of a crop of `size` px."""
    scale, angle = size / side, np.radians(degrees)
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if flip:
        turn = np.diag([-1.0, 1.0]) @ turn
    middle = (size - 1) / 2
    return np.hstack([turn, (middle - turn @ centre)[:, None]])


def warp(image: NDArray[Any], transform: Floats, size: int = SIZE) -> NDArray[Any]:
    scale = float(np.sqrt(abs(np.linalg.det(transform[:, :2]))))
    if image.dtype == np.uint8 and scale < 0.8:
        image = cv2.GaussianBlur(image, (0, 0), 0.45 * (1 / scale - 0.6))
    flags = cv2.INTER_CUBIC if image.ndim == 3 else cv2.INTER_LINEAR
    border = cv2.BORDER_REFLECT_101 if image.ndim == 3 else cv2.BORDER_CONSTANT
    return cv2.warpAffine(image, transform, (size, size), flags=flags, borderMode=border)


def moved(points: NDArray[Any], transform: Floats) -> Floats:
    return points @ transform[:, :2].T + transform[:, 2]


def random_view(rng: np.random.Generator, keypoints: NDArray[np.float32]) -> Floats:
    centre, side = palm_box(keypoints)
    where = centre + rng.normal(0, 0.05 * side, 2)
    return similarity(where, side * rng.uniform(1.3, 1.75), rng.normal(0, 10), rng.random() < 0.5)


def centred_view(keypoints: NDArray[np.float32], shape: tuple[int, ...], factor: float = 1.5) -> Floats:
    """The crop of the pipeline: the square of 1.5 palms, moved inside the image."""
    centre, side = palm_box(keypoints)
    side = min(side * factor, *shape[:2])
    half = side / 2
    limits = np.array([shape[1], shape[0]], np.float64)
    return similarity(np.clip(centre, half, limits - half), side)


def gain_of(crop: Rgb, known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Factors per channel that bring the known hand pixels to the canonical colour."""
    return np.asarray(CANONICAL / np.maximum(crop[known].astype(np.float32).mean(axis=0), 8.0))


def scaled(crop: NDArray[Any], gain: NDArray[Any]) -> Rgb:
    return np.asarray(np.clip(crop.astype(np.float32) * gain + 0.5, 0, 255).astype(np.uint8))


def jittered_colour(rng: np.random.Generator, crop: Rgb) -> Rgb:
    """Other exposure, contrast and white balance."""
    light = np.clip(crop.astype(np.float32) / 255, 1e-4, 1) ** np.exp(rng.normal(0, 0.12))
    light *= np.exp(rng.normal(0, 0.08)) * np.exp(rng.normal(0, 0.04, 3)).astype(np.float32)
    return np.asarray((np.clip(light, 0, 1) * 255 + 0.5).astype(np.uint8))


def toned_palm(rng: np.random.Generator, crop: Rgb, palm: NDArray[np.float32]) -> Rgb:
    """Another tone and crease contrast inside the palm alone, as palms differ from their fingers.

    Nothing around the palm tells of it, so the model has to read it off the exemplar.

    Args:
        palm: (S, S) 0..1, the palm with soft borders.
    """
    image = crop.astype(np.float32)
    smooth = cv2.GaussianBlur(image, (0, 0), 6.0)
    contrast = np.exp(rng.normal(0.05, 0.32))
    tone = np.exp(rng.normal(0, 0.06) + rng.normal(0, 0.045, 3)).astype(np.float32)
    other = (smooth + contrast * (image - smooth)) * tone
    return np.asarray(np.clip(image + palm[..., None] * (other - image) + 0.5, 0, 255).astype(np.uint8))


def palm_hull(points: Floats, margin: float, size: int = SIZE) -> NDArray[np.uint8]:
    mask = np.zeros((size, size), np.uint8)
    polygon = palm_polygon(points.astype(np.float32), margin=max(margin, 0.0))
    cv2.fillConvexPoly(mask, np.round(polygon).astype(np.int32), 1)
    return mask


def random_hole(rng: np.random.Generator, points: Floats, hand: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """(S, S) 0/1: what is to be painted. Palm hulls mostly; also displaced ones, polygons, and nearly everything."""
    width = palm_width(points.astype(np.float32))
    kind = rng.random()
    if kind < 0.10:  # nothing is known: the exemplar alone tells what skin this is
        hole = np.ones((SIZE, SIZE), np.uint8)
        return hole if rng.random() < 0.3 else (hole * hand).astype(np.uint8)
    if kind < 0.85:
        shaken = points + rng.normal(0, 0.05 * width, points.shape)
        palm = shaken[[0, 1, 2, 5, 9, 13, 17]].mean(axis=0)
        spread = 0.03 if kind < 0.70 else 0.2
        shaken = palm + (shaken - palm) * rng.uniform(0.9, 1.15) + rng.normal(0, spread * width, 2)
        hole = palm_hull(shaken, rng.uniform(-0.05, 0.12))
    else:
        middle = points[[0, 5, 17]].mean(axis=0) + rng.normal(0, 25, 2)
        angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(4, 10)))
        reach = rng.uniform(30, 95) * rng.uniform(0.6, 1.3, (2, 1))
        corners = middle + (np.stack([np.cos(angles), np.sin(angles)]) * reach).T
        hole = np.zeros((SIZE, SIZE), np.uint8)
        cv2.fillPoly(hole, [corners.astype(np.int32)], 1)
    return (hole * hand).astype(np.uint8) if rng.random() < 0.92 else hole


def random_exemplar(
    rng: np.random.Generator, crop: Rgb, box: NDArray[Any], share: tuple[float, float], size: int
) -> Rgb:
    """A square of the palm at a random place and turn: of the palm's skin, not of its layout.

    Args:
        box: centre x, centre y and side of the palm's square in the crop.
        share: range of the square's side in units of the palm's.
    """
    side = box[2] * rng.uniform(*share)
    room = max(0.0, (box[2] * 0.75 - side) / 2)
    centre = box[:2] + rng.uniform(-room, room, 2)
    transform = similarity(centre, side, rng.uniform(0, 360), rng.random() < 0.5, size)
    patch = warp(crop, transform, size)
    if rng.random() < 0.3:
        patch = cv2.GaussianBlur(patch, (0, 0), rng.uniform(0.4, 1.5))
    return patch
