"""The 68 landmarks of iBUG 300-W: from MediaPipe's face mesh, or from dlib's predictor.

Both start from the five points of a face detector: an upright square is cut around the face, so that neither has to
cope with a turned head.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..datasets.types import Image
from ..licences import require
from ..weights.files import weight
from .external import require_package
from .face_alignment import move_points, similarity_to_template, warp_face

Points = NDArray[np.float32]
Landmarks = Literal["mesh", "dlib68", "none"]
"""`mesh`: MediaPipe's face mesh; `dlib68`: dlib's predictor; `none`: no landmarks beyond the detector's five."""

WEIGHTS: dict[Landmarks, tuple[str, ...]] = {
    "mesh": ("mediapipe-face-mesh",),
    "dlib68": ("dlib-68-landmarks",),
    "none": (),
}
"""The weight files behind each choice."""

IBUG_FROM_MESH: tuple[int, ...] = (
    *(127, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 356),  # jaw, approximate
    *(156, 63, 105, 66, 55, 285, 296, 334, 293, 383),  # eyebrows
    *(168, 197, 5, 4, 240, 97, 2, 326, 460),  # nose
    *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),  # eyes
    *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # mouth, outside
    *(78, 82, 13, 312, 308, 317, 14, 87),  # mouth, inside
)
"""The vertex of the face mesh for each of the 68 points: the anatomically named vertices; brow ends and jaw, where the
mesh has none, are the nearest vertices on average. The mesh's outline runs along the visible contour and iBUG's jaw
along the jawbone, so points 0-16 are approximate."""

MESH_VERTICES, MESH_SIZE = 468, 192
MIN_PRESENCE = 0.5
"""Below, the mesh network sees no face; as in MediaPipe."""

_MESH_CENTRE, _MESH_SIDE = (55.9, 70.2), 140.0
"""px of the aligned face: where the square that MediaPipe cuts (1.5 times the mesh's box) lies on average."""
_MESH_GROWTH = 1.5

_DLIB_CENTRE, _DLIB_SIDE = (56.4, 71.4), 86.6
"""px of the aligned face: where the boxes of dlib's own detector lie on average; the predictor is used to those."""
_DLIB_SIZE = 320
"""px of the crop; the box takes its middle half."""

_DLIB_HOW = (
    "Install it with `pip install dlib-bin` (or `pip install dlib`, which compiles), or take landmarks=mesh, which "
    "needs neither package nor licence."
)


@dataclass(frozen=True, slots=True, eq=False)
class DensePoints:
    """What a landmark model found in one face."""

    landmarks_68: Points
    """(68, 2) px of the image, iBUG order."""
    outline: Points
    """(n, 2) px; their convex hull is the face."""


class LandmarkModel(Protocol):
    """Places landmarks on a face whose five points are known."""

    def __call__(self, image: Image, landmarks_5: Points) -> DensePoints | None:
        """None: the model sees no face there."""


def check_available(landmarks: Landmarks) -> None:
    """Do nothing when the choice can be used here; reads no weights.

    Raises:
        ToolError: dlib is asked for and not installed.
        LicenceError: the terms of its predictor's training data are not accepted.
    """
    if landmarks == "dlib68":
        require_package("dlib", _DLIB_HOW)
        require("dlib68")


def landmark_model(landmarks: Landmarks) -> LandmarkModel | None:
    """Load a model; None for `none`.

    Raises:
        WeightsError: its file is absent and cannot be fetched.
    """
    if landmarks == "none":
        return None
    file = weight(*WEIGHTS[landmarks])
    return FaceMesh(file) if landmarks == "mesh" else Dlib68(file)


class FaceMesh:
    """MediaPipe's face mesh (Kartynnik et al., arXiv:1907.06724): 468 vertices, of which 68 are reported.

    Two passes, as MediaPipe does when it follows a face: the second square is laid around the first pass's mesh.
    """

    def __init__(self, file: Path) -> None:
        from .litert_network import LiteRtNetwork

        self._network = LiteRtNetwork(file)

    def __call__(self, image: Image, landmarks_5: Points) -> DensePoints | None:
        vertices, _ = self._vertices(image, _square(landmarks_5, _MESH_CENTRE, _MESH_SIDE, MESH_SIZE))
        vertices, presence = self._vertices(image, _square_around(vertices))
        if presence < MIN_PRESENCE:
            return None
        return DensePoints(vertices[list(IBUG_FROM_MESH)], vertices)

    def _vertices(self, image: Image, transform: NDArray[np.float64]) -> tuple[Points, float]:
        """(468, 2) px of the image, and the probability of a face."""
        pixels = warp_face(image, transform, MESH_SIZE).astype(np.float32) / np.float32(255.0)
        mesh, logit = self._network(pixels[None])
        found = mesh.reshape(MESH_VERTICES, 3)[:, :2]
        presence = 1.0 / (1.0 + np.exp(-np.clip(float(logit.reshape(-1)[0]), -100.0, 100.0)))
        return move_points(found, _inverse(transform)), float(presence)


class Dlib68:
    """dlib's 68-point predictor (Kazemi and Sullivan, CVPR 2014)."""

    def __init__(self, file: Path) -> None:
        import dlib  # type: ignore[import-not-found,import-untyped,unused-ignore]

        self._predictor: Any = dlib.shape_predictor(str(file))
        start, end = _DLIB_SIZE // 4, _DLIB_SIZE - _DLIB_SIZE // 4
        self._box: Any = dlib.rectangle(start, start, end - 1, end - 1)

    def __call__(self, image: Image, landmarks_5: Points) -> DensePoints | None:
        transform = _square(landmarks_5, _DLIB_CENTRE, 2 * _DLIB_SIDE, _DLIB_SIZE)
        shape = self._predictor(warp_face(image, transform, _DLIB_SIZE), self._box)
        found = np.array([[part.x, part.y] for part in shape.parts()], np.float32)
        points = move_points(found, _inverse(transform))
        return DensePoints(points, points)


def _square(landmarks_5: Points, centre: tuple[float, float], side: float, size: int) -> NDArray[np.float64]:
    """(2, 3) map of the image to a `size` px crop of a square that lies there in the aligned face."""
    scale = size / side
    aligned = similarity_to_template(landmarks_5) * scale
    aligned[:, 2] += size / 2 - scale * np.asarray(centre)
    return aligned


def _square_around(vertices: Points) -> NDArray[np.float64]:
    """As `_square`, around a mesh: upright by the outer eye corners, 1.5 times the longer side of the mesh's box."""
    axis = (vertices[263] - vertices[33]).astype(np.float64)
    length = float(np.hypot(*axis))
    cosine, sine = axis / length if length > 0 else (1.0, 0.0)
    turn = np.array([[cosine, sine], [-sine, cosine]])
    turned = vertices.astype(np.float64) @ turn.T
    low, high = turned.min(axis=0), turned.max(axis=0)
    scale = MESH_SIZE / max(_MESH_GROWTH * float((high - low).max()), 1.0)
    return np.hstack([turn * scale, (MESH_SIZE / 2 - scale * (low + high) / 2)[:, None]])


def _inverse(transform: NDArray[np.float64]) -> NDArray[np.float64]:
    turn = np.linalg.inv(transform[:, :2])
    return np.hstack([turn, -(turn @ transform[:, 2])[:, None]])
