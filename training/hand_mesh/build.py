"""Builds `datasets/assets/hand_mesh.npz` from the MIT-licensed generic hand in `left.glb`.

The generic hand is welded, turned into millimetres with the palm towards the viewer, smoothed by one Loop subdivision
and given a forearm: the closed wrist cap is stretched along the arm (cutting it would tear the surface) and gets a bone
of its own. Run `python training/hand_mesh/build.py`; the result depends on nothing but `left.glb`.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

HERE = Path(__file__).resolve().parent
SOURCE = HERE / "left.glb"
TARGET = HERE.parents[1] / "datasets" / "assets" / "hand_mesh.npz"

COMPONENT_TYPES: dict[int, Any] = {5121: np.uint8, 5123: np.uint16, 5125: np.uint32, 5126: np.float32}
COMPONENT_COUNTS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}

WRIST_Y_MM = 57.0
"""From here on downwards the template is stretched into a forearm."""
ARM_BLEND_MM = (44.0, 74.0)
"""Range over which the skin goes over from the hand's bones to the forearm's."""


def read_glb(path: Path) -> tuple[Array, Array, Array, Array]:
    """Vertices (n, 3) m, faces (m, 3), dense skin weights (n, 25), joint positions (25, 3) m."""
    blob = path.read_bytes()
    chunks, offset = [], 12
    while offset < len(blob):
        (length,) = struct.unpack_from("<I", blob, offset)
        chunks.append(blob[offset + 8 : offset + 8 + length])
        offset += 8 + length
    document, binary = json.loads(chunks[0]), chunks[1]

    def accessor(index: int) -> Array:
        entry = document["accessors"][index]
        view = document["bufferViews"][entry["bufferView"]]
        width = COMPONENT_COUNTS[entry["type"]]
        start = view.get("byteOffset", 0) + entry.get("byteOffset", 0)
        values = np.frombuffer(binary, COMPONENT_TYPES[entry["componentType"]], entry["count"] * width, start)
        return values.reshape(entry["count"], width)

    primitive = document["meshes"][0]["primitives"][0]
    attributes = primitive["attributes"]
    vertices = accessor(attributes["POSITION"]).astype(float)
    faces = accessor(primitive["indices"]).reshape(-1, 3).astype(int)
    inverse_bind = accessor(document["skins"][0]["inverseBindMatrices"]).reshape(-1, 4, 4).transpose(0, 2, 1)
    joints = np.linalg.inv(inverse_bind.astype(float))[:, :3, 3]
    weights = np.zeros((len(vertices), len(joints)))
    bones, shares = accessor(attributes["JOINTS_0"]), accessor(attributes["WEIGHTS_0"])
    for slot in range(4):
        np.add.at(weights, (np.arange(len(vertices)), bones[:, slot]), shares[:, slot])
    return vertices, faces, weights, joints


def weld(vertices: Array, faces: Array, weights: Array) -> tuple[Array, Array, Array]:
    """Join vertices at the same place (the file splits them along texture seams)."""
    keys = np.round(vertices * 1e6).astype(np.int64)
    _, first, inverse = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    faces = inverse.reshape(-1)[faces]
    proper = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 0] != faces[:, 2])
    return vertices[first], faces[proper], weights[first]


def loop_subdivide(vertices: Array, faces: Array, weights: Array) -> tuple[Array, Array, Array]:
    """One step of Loop's scheme on a closed surface; the weights are interpolated linearly."""
    count, triangles = len(vertices), len(faces)
    half_edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    edges, inverse, uses = np.unique(half_edges, axis=0, return_inverse=True, return_counts=True)
    inverse = inverse.reshape(-1)
    if not np.all(uses == 2):
        raise ValueError("the hand mesh must be a closed surface")
    opposite = np.zeros((len(edges), 3))
    np.add.at(opposite, inverse, vertices[np.concatenate([faces[:, 2], faces[:, 0], faces[:, 1]])])
    ends = vertices[edges[:, 0]] + vertices[edges[:, 1]]
    odd = 3 / 8 * ends + opposite / 8
    neighbours, valence = np.zeros((count, 3)), np.zeros(count)
    np.add.at(neighbours, edges[:, 0], vertices[edges[:, 1]])
    np.add.at(neighbours, edges[:, 1], vertices[edges[:, 0]])
    np.add.at(valence, edges.ravel(), 1)
    beta = np.where(valence == 3, 3 / 16, 3 / (8 * np.maximum(valence, 1)))
    even = vertices * (1 - valence * beta)[:, None] + neighbours * beta[:, None]
    ab, bc, ca = (inverse[k * triangles : (k + 1) * triangles] + count for k in range(3))
    a, b, c = faces.T
    children = [np.stack(t, axis=1) for t in ((a, ab, ca), (b, bc, ab), (c, ca, bc), (ab, bc, ca))]
    between = (weights[edges[:, 0]] + weights[edges[:, 1]]) / 2
    return np.concatenate([even, odd]), np.concatenate(children), np.concatenate([weights, between])


def grow_forearm(vertices: Array, weights: Array) -> tuple[Array, Array]:
    """Stretch the wrist cap into a slightly widening forearm and hand it over to bone 25."""
    y = vertices[:, 1]
    rim = vertices[(y > WRIST_Y_MM - 5) & (y < WRIST_Y_MM + 3)].mean(axis=0)
    beyond = np.clip((y - WRIST_Y_MM) / 13, 0, None)
    stretched = np.where(y > WRIST_Y_MM, WRIST_Y_MM + 13 * (beyond + 13 * beyond**3), y)
    widening = 1 + np.clip((stretched - WRIST_Y_MM) * 0.0016, 0, 0.4)
    grown = vertices.copy()
    for axis in (0, 2):
        wider = rim[axis] + (vertices[:, axis] - rim[axis]) * widening
        grown[:, axis] = np.where(stretched > WRIST_Y_MM, wider, vertices[:, axis])
    grown[:, 1] = stretched
    share = np.clip((stretched - ARM_BLEND_MM[0]) / (ARM_BLEND_MM[1] - ARM_BLEND_MM[0]), 0, 1)[:, None]
    share = share * share * (3 - 2 * share)
    return grown, np.concatenate([weights * (1 - share), share], axis=1)


def build() -> None:
    """Write the npz: vertices and joints in mm (x right, y towards the wrist, z towards the viewer)."""
    vertices, faces, weights, joints = read_glb(SOURCE)
    vertices, faces, weights = weld(vertices, faces, weights)
    vertices, joints = vertices[:, ::-1] * 1000, joints[:, ::-1] * 1000
    faces = faces[:, ::-1]  # exchanging two axes turned the winding over
    vertices, faces, weights = loop_subdivide(vertices, faces, weights)
    vertices, weights = grow_forearm(vertices, weights)
    corner = vertices[faces]
    volume = np.einsum("ij,ij->i", corner[:, 0], np.cross(corner[:, 1], corner[:, 2])).sum()
    if volume < 0:
        faces = faces[:, ::-1]
    np.savez_compressed(
        TARGET,
        vertices=vertices.astype(np.float32),
        faces=faces.astype(np.uint16),
        weights=weights.astype(np.float32),
        joints=joints.astype(np.float32),
    )


if __name__ == "__main__":
    build()
