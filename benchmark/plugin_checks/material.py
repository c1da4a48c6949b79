"""What contract checks hand to methods: rendered hands, or drawn faces, with what is known of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...analyzers.base import Analysis, FaceAnalysis, HandAnalysis
from ...analyzers.face_alignment import TEMPLATE
from ...datasets.types import Image, Modality
from ...deidentifiers.base import Donor, Request

Shown = tuple[Image, Analysis]
Points = NDArray[np.float32]

_TARGETS = 2
_FRAME = (176, 160)
"""Height and width of a drawn face's image in px."""
_SHIFT = np.array([24.0, 28.0])
"""Of the aligned face in it."""


def requests(modality: Modality, seed: int = 7) -> list[Request]:
    """Three requests, each with a donor and targets."""
    shown = _hands() if modality == "palm" else _faces()
    made = []
    for index, (image, analysis) in enumerate(shown):
        others = [Donor(*shown[(index + step) % len(shown)]) for step in (1, 2)]
        locked = image.copy()
        locked.flags.writeable = False
        made.append(Request(locked, analysis, seed + index, others[0], tuple(others[:_TARGETS])))
    return made


def scaled(request: Request, size: tuple[int, int]) -> Request:
    """The same hand or face at another size (height, width)."""
    import cv2

    height, width = size
    factor = np.array([width / request.image.shape[1], height / request.image.shape[0]], dtype=np.float32)
    image = cv2.resize(np.asarray(request.image), (width, height), interpolation=cv2.INTER_AREA)

    def resize(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        found = cv2.resize(mask.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST)
        return np.asarray(found > 0, dtype=np.bool_)

    analysis = _moved(request.analysis, lambda points: points * factor, resize)
    return replace(request, image=np.asarray(image, dtype=np.uint8), analysis=analysis)


def poor_analyses(request: Request) -> dict[str, Analysis]:
    """The request's analysis as a bad analyzer would give it, by what is wrong."""
    thing = "hand" if isinstance(request.analysis, HandAnalysis) else "face"
    return {
        "an empty mask": _moved(request.analysis, lambda points: points, np.zeros_like),
        f"a {thing} that leaves the image": _moved(request.analysis, lambda points: points - 250, lambda mask: mask),
    }


def numbers(analysis: Analysis) -> list[NDArray[Any]]:
    """All arrays of an analysis, copied."""
    names = ("box", "keypoints_2d", "keypoints_3d", "roi", "landmarks_5", "landmarks_68", "mask")
    found = [getattr(analysis, name, None) for name in names]
    return [np.array(each) for each in found if each is not None]


def _moved(
    analysis: Analysis, points: Callable[[Points], Points], mask: Callable[[NDArray[np.bool_]], NDArray[np.bool_]]
) -> Analysis:
    box = points(analysis.box.reshape(2, 2)).astype(np.float32).ravel()
    if isinstance(analysis, HandAnalysis):
        return replace(
            analysis,
            box=box,
            keypoints_2d=points(analysis.keypoints_2d).astype(np.float32),
            roi=points(analysis.roi).astype(np.float32),
            mask=mask(analysis.mask),
        )
    dense = analysis.landmarks_68
    return replace(
        analysis,
        box=box,
        landmarks_5=points(analysis.landmarks_5).astype(np.float32),
        landmarks_68=None if dense is None else points(dense).astype(np.float32),
        mask=None if analysis.mask is None else mask(analysis.mask),
    )


@lru_cache(maxsize=1)
def _hands() -> tuple[Shown, ...]:
    """Three rendered hands with what the renderer knows of them."""
    from ...datasets.rendering.palm_render import render
    from ...datasets.rendering.palm_seeds import CONTRACT_SEEDS

    made = []
    for seed in CONTRACT_SEEDS:
        capture = render(seed, 0, "controlled")
        truth = capture.truth
        made.append((capture.image(), _hand(truth.keypoints_2d, truth.mask, truth.roi)))
    return tuple(made)


def _hand(keypoints: Any, mask: Any, roi: Any) -> HandAnalysis:
    points = np.asarray(keypoints, dtype=np.float32)
    box = np.concatenate([points.min(0), points.max(0)]).astype(np.float32)
    depth = np.concatenate([points / 2000, np.zeros((21, 1), np.float32)], axis=1).astype(np.float32)
    return HandAnalysis(box, 0.99, "left", points, depth, np.asarray(roi, dtype=np.float32), np.asarray(mask, bool))


@lru_cache(maxsize=1)
def _faces() -> tuple[Shown, ...]:
    """Three drawn faces: no likeness of anybody, but landmarks, a mask and a texture in the right places."""
    return tuple(_face(seed) for seed in range(3))


def _face(seed: int) -> Shown:
    import cv2

    rng = np.random.default_rng(seed)
    height, width = _FRAME
    five, dense = (TEMPLATE + _SHIFT).astype(np.float32), (_landmarks_68() + _SHIFT).astype(np.float32)
    image = np.full((height, width, 3), rng.integers(60, 120, 3), dtype=np.uint8)
    middle, radii = (80, 96), (44, 58)
    skin = tuple(int(each) for each in rng.integers(150, 220, 3))
    cv2.ellipse(image, middle, radii, 0, 0, 360, skin, -1, cv2.LINE_AA)
    mask = np.zeros((height, width), dtype=np.uint8)
    cv2.ellipse(mask, middle, radii, 0, 0, 360, 1, -1)
    for first, last in ((17, 22), (22, 27), (27, 31), (31, 36), (36, 42), (42, 48), (48, 60)):
        line = dense[first:last].round().astype(np.int32)[:, None]
        cv2.polylines(image, [line], first >= 36, (50, 40, 60), int(rng.integers(1, 4)), cv2.LINE_AA)
    grain = cv2.GaussianBlur(rng.normal(0, 40, image.shape), (0, 0), 2.0)
    image = np.clip(image + grain, 0, 255).astype(np.uint8)
    box = np.array([middle[0] - 40, middle[1] - 50, middle[0] + 40, middle[1] + 54], dtype=np.float32)
    return image, FaceAnalysis(box, 0.99, five, dense, mask > 0)


def _landmarks_68() -> NDArray[np.float64]:
    """(68, 2) in the iBUG 300-W order, fitting the five points of the template."""

    def arc(middle: tuple[float, float], radii: tuple[float, float], start: float, stop: float, n: int) -> Any:
        angle = np.radians(np.linspace(start, stop, n))
        return np.stack([middle[0] + radii[0] * np.cos(angle), middle[1] + radii[1] * np.sin(angle)], axis=1)

    def ring(middle: tuple[float, float], radii: tuple[float, float], n: int) -> Any:
        return arc(middle, radii, 180, 540 - 360 / n, n)

    (left, right, nose, mouth_left, mouth_right) = (tuple(point) for point in TEMPLATE)
    mouth = ((mouth_left[0] + mouth_right[0]) / 2, (mouth_left[1] + mouth_right[1]) / 2)
    half = (mouth_right[0] - mouth_left[0]) / 2
    bridge = np.stack([np.full(4, nose[0]), np.linspace(left[1], nose[1], 4)], axis=1)
    parts = [
        arc((56.0, 60.0), (42.0, 55.0), 180, 0, 17),
        arc((left[0], left[1] - 4), (11.0, 9.0), 200, 340, 5),
        arc((right[0], right[1] - 4), (11.0, 9.0), 200, 340, 5),
        bridge,
        arc((nose[0], nose[1]), (8.0, 6.0), 160, 20, 5),
        ring((left[0], left[1]), (7.0, 3.5), 6),
        ring((right[0], right[1]), (7.0, 3.5), 6),
        ring(mouth, (half, 6.0), 12),
        ring(mouth, (half - 4, 2.0), 8),
    ]
    return np.concatenate(parts)
