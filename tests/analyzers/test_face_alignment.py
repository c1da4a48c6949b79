"""Aligned faces: the map against scikit-image's, cutting, and putting back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deid_bench.analyzers.face_alignment import (
    FACE_SIZE,
    TEMPLATE,
    align_face,
    move_points,
    moves_nothing,
    put_back,
    similarity_to_template,
    warp_face,
)

from .faces import astronaut

POINTS = np.array([[204.8, 100.7], [247.7, 103.5], [225.2, 128.5], [202.6, 140.1], [245.4, 142.0]], np.float32)
"""The astronaut's."""


@pytest.mark.parametrize("size", [112, 160, 224])
def test_the_map_is_scikit_images(size: int) -> None:
    from skimage.transform import SimilarityTransform

    rng = np.random.default_rng(2)
    for _ in range(10):
        points = (POINTS + rng.normal(0, 4, (5, 2))) @ np.array([[0.8, 0.3], [-0.3, 0.8]])
        theirs = SimilarityTransform.from_estimate(points, (TEMPLATE + 0.5) * size / FACE_SIZE - 0.5)
        np.testing.assert_allclose(
            similarity_to_template(points.astype(np.float32), size), theirs.params[:2], rtol=1e-4, atol=1e-3
        )


def test_points_go_to_the_template_and_back() -> None:
    transform = similarity_to_template(POINTS)
    moved = move_points(POINTS, transform)
    assert np.hypot(*(moved - TEMPLATE).T).max() < 8
    np.testing.assert_allclose(np.linalg.solve(transform[:, :2], (moved - transform[:, 2]).T).T, POINTS, atol=1e-3)


def test_a_mirrored_face_is_not_mirrored_back() -> None:
    transform = similarity_to_template((POINTS * [-1, 1]).astype(np.float32))
    assert np.linalg.det(transform[:, :2]) > 0


def test_an_aligned_face_comes_back_as_it_is() -> None:
    face = align_face(astronaut(), POINTS)
    assert (face.shape, face.dtype) == ((112, 112, 3), np.dtype(np.uint8))
    again = align_face(face, TEMPLATE.astype(np.float32))
    assert (again == face).all()
    assert again is not face
    assert moves_nothing(similarity_to_template(TEMPLATE.astype(np.float32)), face.shape)
    assert not moves_nothing(similarity_to_template(POINTS), face.shape)


def test_outside_the_image_is_black() -> None:
    face = align_face(np.full((60, 60, 3), 200, np.uint8), TEMPLATE.astype(np.float32))
    assert (face[:59, :59] == 200).all()
    assert (face[62:] == 0).all()


def test_shrinking_does_not_alias() -> None:
    """Stripes of one pixel become grey, whatever their phase."""
    stripes = np.repeat((np.arange(1120) % 2 * 255).astype(np.uint8)[None], 1120, axis=0)[..., None].repeat(3, axis=2)
    face = align_face(stripes, (TEMPLATE * 10 + 4.5).astype(np.float32))
    assert np.abs(face[5:-5, 5:-5].astype(float) - 127.5).max() < 4


def test_putting_back_what_did_not_change_keeps_every_byte() -> None:
    photo, transform = astronaut(), similarity_to_template(POINTS)
    face = warp_face(photo, transform)
    assert (put_back(photo, face, face, transform) == photo).all()


def test_putting_back_changes_the_face_alone_and_by_what_changed() -> None:
    photo, transform = astronaut(), similarity_to_template(POINTS)
    face = warp_face(photo, transform)
    changed = face.copy()
    changed[30:80, 30:80] = np.clip(changed[30:80, 30:80].astype(int) + 20, 0, 255).astype(np.uint8)
    result = put_back(photo, face, changed, transform)
    touched = (result != photo).any(axis=2)
    corners = np.array([[28.0, 28.0], [82.0, 28.0], [82.0, 82.0], [28.0, 82.0]])
    there = np.linalg.solve(transform[:, :2], (corners - transform[:, 2]).T).T
    rows, columns = np.nonzero(touched)
    assert there[:, 0].min() - 1 <= columns.min() <= columns.max() <= there[:, 0].max() + 1
    assert there[:, 1].min() - 1 <= rows.min() <= rows.max() <= there[:, 1].max() + 1
    middle = np.rint(there.mean(axis=0)).astype(int)
    before = photo[middle[1], middle[0]].astype(int)
    assert (np.abs(result[middle[1], middle[0]] - np.minimum(before + 20, 255)) <= 1).all()


def test_putting_back_into_an_aligned_image_is_the_change_itself() -> None:
    face = align_face(astronaut(), POINTS)
    transform = similarity_to_template(TEMPLATE.astype(np.float32))
    assert (put_back(face, face, 255 - face, transform) == 255 - face).all()


@pytest.mark.parametrize(
    "points", [np.zeros((5, 2)), np.full((5, 2), np.nan), np.zeros((4, 2)), np.full((5, 2), 1e3)], ids=str
)
def test_unusable_landmarks_are_refused(points: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match="detect the face again"):
        similarity_to_template(points.astype(np.float32))
