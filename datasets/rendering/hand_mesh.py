"""The generic hand: loading, posing by linear blend skinning, and rasterising.

Hand space: millimetres, x to the right, y from the fingers to the wrist, z towards the viewer; a left hand seen from
its palm. Right hands are drawn as left ones and mirrored at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Float32 = NDArray[np.float32]

KEYPOINT_JOINTS = (24, 23, 22, 21, 20, 18, 17, 16, 15, 13, 12, 11, 10, 8, 7, 6, 5, 3, 2, 1, 0)
"""WebXR joint of each of the 21 MediaPipe keypoints."""
FINGER_JOINTS: dict[str, tuple[int, ...]] = {
    "thumb": (23, 22, 21, 20),
    "index": (19, 18, 17, 16, 15),
    "middle": (14, 13, 12, 11, 10),
    "ring": (9, 8, 7, 6, 5),
    "little": (4, 3, 2, 1, 0),
}
"""Joints from the metacarpal to the tip; the thumb's first one is its carpometacarpal joint."""
FINGERS = tuple(FINGER_JOINTS)
WRIST_JOINT = 24
FOREARM_BONE = 25


@dataclass(frozen=True, slots=True, eq=False)
class HandMesh:
    """A closed, skinned surface in its rest pose."""

    vertices: Float32
    """(n, 3) mm; their x, y are also the chart coordinates that skin and creases are drawn in."""
    faces: NDArray[np.int64]
    """(m, 3), counter-clockwise seen from outside in a right-handed frame."""
    weights: Float32
    """(n, 26) share of each bone."""
    joints: Float32
    """(25, 3) mm, WebXR order."""


@dataclass(frozen=True, slots=True)
class HandShape:
    """Proportions of one person's hands, as factors on the generic hand. Identity carries little of them by design."""

    palm_width: float
    palm_length: float
    finger_width: float
    finger_lengths: tuple[float, float, float, float, float]
    """Thumb to little finger."""


@dataclass(frozen=True, slots=True)
class HandPose:
    """Joint angles in degrees for one capture."""

    abduction: tuple[float, float, float, float, float]
    """Sideways angle of each finger at its base, thumb to little finger."""
    flexion: tuple[tuple[float, float, float], ...]
    """Bending at the three joints of each finger, thumb to little finger."""
    wrist_deviation: float
    wrist_flexion: float


@dataclass(frozen=True, slots=True, eq=False)
class Raster:
    """Which triangle each covered pixel shows."""

    pixels: NDArray[np.int64]
    """(k,) flat indices of the covered pixels."""
    corners: NDArray[np.int64]
    """(k, 3) vertices of the triangle on top."""
    shares: Float32
    """(k, 3) barycentric coordinates."""


@lru_cache(maxsize=1)
def load_hand_mesh() -> HandMesh:
    """The vendored generic hand (MIT licence, see `assets/LICENSE.generic-hand.md`)."""
    asset = resources.files(__package__.rpartition(".")[0]) / "assets" / "hand_mesh.npz"
    with asset.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
        return HandMesh(
            vertices=arrays["vertices"],
            faces=arrays["faces"].astype(np.int64),
            weights=arrays["weights"],
            joints=arrays["joints"],
        )


def rotation(axis: Floats, degrees: float) -> Floats:
    """(3, 3) rotation about an axis (Rodrigues' formula)."""
    unit = axis / np.linalg.norm(axis)
    cross = np.array([[0.0, -unit[2], unit[1]], [unit[2], 0.0, -unit[0]], [-unit[1], unit[0], 0.0]])
    angle = np.radians(degrees)
    return np.asarray(np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross)


VIEW_AXIS = np.array([0.0, 0.0, 1.0])


def pose_hand(mesh: HandMesh, shape: HandShape, pose: HandPose) -> tuple[Floats, Floats]:
    """Posed vertices (n, 3) and joints (25, 3) in mm."""
    proportions = np.array([shape.palm_width, shape.palm_length, (shape.palm_width + shape.palm_length) / 2])
    joints = mesh.joints * proportions
    bones = np.zeros((26, 3, 4))
    bones[:, :, :3] = np.eye(3)
    posed = joints.copy()
    wrist = joints[WRIST_JOINT]
    turn = rotation(VIEW_AXIS, pose.wrist_deviation) @ rotation(np.array([1.0, 0.0, 0.0]), pose.wrist_flexion)
    _set_bone(bones, FOREARM_BONE, turn, wrist, wrist)
    for number, finger in enumerate(FINGERS):
        _pose_finger(bones, posed, joints, shape, pose, number, finger)
    blended = np.einsum("vj,jab->vab", mesh.weights, bones)
    rest = mesh.vertices * proportions
    return np.einsum("vab,vb->va", blended[:, :, :3], rest) + blended[:, :, 3], posed


def _set_bone(bones: Floats, bone: int, linear: Floats, pivot: Floats, target: Floats) -> None:
    bones[bone, :, :3] = linear
    bones[bone, :, 3] = target - linear @ pivot


def _pose_finger(
    bones: Floats, posed: Floats, joints: Floats, shape: HandShape, pose: HandPose, number: int, finger: str
) -> None:
    """Walk from the base of a finger to its tip; every joint passes its rotation on."""
    is_thumb = finger == "thumb"
    chain = FINGER_JOINTS[finger] if is_thumb else FINGER_JOINTS[finger][1:]
    turned = np.eye(3)
    position = joints[chain[0]].copy()
    for step, joint in enumerate(chain):
        is_tip = step == 3
        along = joints[joint] - joints[chain[2]] if is_tip else joints[chain[step + 1]] - joints[joint]
        length = float(np.linalg.norm(along))
        along = along / length
        if not is_tip:
            if step == 0:
                turned = turned @ rotation(VIEW_AXIS, pose.abduction[number])
            turned = turned @ rotation(np.cross(along, VIEW_AXIS), pose.flexion[number][step])
        in_palm = is_thumb and step == 0
        stretch = 1.0 if is_tip or in_palm else shape.finger_lengths[number]
        width = 1.0 + (shape.finger_width - 1.0) * _widening(is_thumb, step)
        projector = np.outer(along, along)
        _set_bone(
            bones, joint, turned @ (projector * stretch + (np.eye(3) - projector) * width), joints[joint], position
        )
        posed[joint] = position
        if not is_tip:
            position = position + turned @ (along * length * stretch)


def _widening(is_thumb: bool, step: int) -> float:
    """How much of the finger widening a bone takes; less near the palm, so that the webs stay whole."""
    if is_thumb:
        return 0.0 if step == 0 else 0.75
    return 0.8 if step == 0 else 1.0


def vertex_normals(vertices: Floats, faces: NDArray[np.int64]) -> Floats:
    """(n, 3) area-weighted unit normals."""
    corners = vertices[faces]
    facets = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(vertices)
    for corner in range(3):
        for axis in range(3):
            normals[:, axis] += np.bincount(faces[:, corner], facets[:, axis], len(vertices))
    return np.asarray(normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9))


def rasterise(points: Floats, nearness: Floats, faces: NDArray[np.int64], height: int, width: int) -> Raster:
    """Cover the image with the triangles that face the viewer; the nearest one wins.

    Args:
        points: (n, 2) image coordinates, the centre of the first pixel at (.5, .5).
        nearness: (n,) larger is nearer.
        faces: (m, 3).
        height: px.
        width: px.
    """
    a, b, c = (points[faces[:, k]] for k in range(3))
    doubled_area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    limits = np.array([width, height])
    low = np.clip(np.floor(np.minimum(np.minimum(a, b), c)).astype(np.int64), 0, limits)
    high = np.clip(np.ceil(np.maximum(np.maximum(a, b), c)).astype(np.int64), 0, limits)
    boxes = np.prod(np.maximum(high - low, 0), axis=1)
    shown = (doubled_area > 1e-9) & (boxes > 0)
    faces, a, b, c, low, high = faces[shown], a[shown], b[shown], c[shown], low[shown], high[shown]
    boxes, doubled_area = boxes[shown], doubled_area[shown]
    # Every pixel of every triangle's box becomes one row.
    triangle = np.repeat(np.arange(len(faces)), boxes)
    place = np.arange(len(triangle)) - np.repeat(np.cumsum(boxes) - boxes, boxes)
    across = (high[:, 0] - low[:, 0])[triangle]
    x, y = low[triangle, 0] + place % across, low[triangle, 1] + place // across
    dx, dy = x + 0.5 - c[triangle, 0], y + 0.5 - c[triangle, 1]
    bc, ca = b - c, c - a
    share_a = (bc[triangle, 1] * dx - bc[triangle, 0] * dy) / doubled_area[triangle]
    share_b = (ca[triangle, 1] * dx - ca[triangle, 0] * dy) / doubled_area[triangle]
    shares = np.stack([share_a, share_b, 1 - share_a - share_b], axis=1)
    inside = (shares >= -1e-6).all(axis=1)
    triangle, shares, pixels = triangle[inside], shares[inside], (y * width + x)[inside]
    corners = faces[triangle]
    order = np.argsort((shares * nearness[corners]).sum(axis=1), kind="stable")
    top = np.full(height * width, -1)
    top[pixels[order]] = order  # the last write, the nearest one, stays
    covered = np.nonzero(top >= 0)[0]
    return Raster(covered, corners[top[covered]], shares[top[covered]].astype(np.float32))
