"""What the palm renderer promises: determinism, truth that fits the picture, identities as paired hands."""

from __future__ import annotations

import numpy as np
import pytest

from deid_bench.datasets.rendering.palm_identity import palm_identity
from deid_bench.datasets.rendering.palm_render import Capture, palm_square, render


@pytest.fixture(scope="module")
def captures() -> dict[int, Capture]:
    """A left and a right hand of one subject."""
    return {seed: render(seed, 0, "controlled") for seed in (40, 41)}


def test_same_seeds_give_the_same_bytes(captures: dict[int, Capture]) -> None:
    assert render(40, 0, "controlled").jpeg == captures[40].jpeg


@pytest.mark.parametrize(
    ("identity", "sample", "setting"), [(40, 1, "controlled"), (42, 0, "controlled"), (40, 0, "wild")]
)
def test_other_seeds_give_other_pictures(
    captures: dict[int, Capture], identity: int, sample: int, setting: str
) -> None:
    other = render(identity, sample, setting)  # type: ignore[arg-type]
    assert np.abs(other.truth.keypoints_2d - captures[40].truth.keypoints_2d).max() > 2


def test_truth_fits_the_picture(captures: dict[int, Capture]) -> None:
    for capture in captures.values():
        image, truth = capture.image(), capture.truth
        assert image.shape == (640, 480, 3)
        assert truth.mask.shape == image.shape[:2]
        assert truth.keypoints_2d.shape == (21, 2)
        assert truth.keypoints_2d.dtype == np.float32
        columns, rows = np.rint(truth.keypoints_2d).astype(int).T
        assert truth.mask[rows, columns].mean() > 0.9
        brightness = image.mean(axis=2)
        assert brightness[truth.mask].mean() > 4 * brightness[~truth.mask].mean()


def test_hands_are_told_apart_by_the_thumb(captures: dict[int, Capture]) -> None:
    for seed, sign in ((40, -1), (41, 1)):
        points = captures[seed].truth.keypoints_2d
        assert np.sign(points[4, 0] - points[17, 0]) == sign


def test_square_starts_at_the_index_finger_for_both_hands(captures: dict[int, Capture]) -> None:
    for capture in captures.values():
        points, square = capture.truth.keypoints_2d, capture.truth.roi
        length = np.linalg.norm(points[5] - points[17])
        assert np.linalg.norm(square[0] - points[5]) < np.linalg.norm(square[0] - points[17])
        assert np.linalg.norm(square[3] - points[0]) < np.linalg.norm(square[0] - points[0])
        np.testing.assert_allclose(
            np.linalg.norm(np.roll(square, -1, axis=0) - square, axis=1), 1.05 * length, rtol=1e-4
        )
        np.testing.assert_allclose(square, palm_square(points.astype(float)), atol=0.01)


def test_both_hands_share_skin_and_shape_but_no_crease() -> None:
    left, right = palm_identity(40), palm_identity(41)
    assert (left.hand, right.hand) == ("left", "right")
    assert left.skin == right.skin
    assert left.shape == right.shape
    assert np.abs(left.principal.control - right.principal.control).max() > 1
    assert palm_identity(42).skin != left.skin


def test_hand_shapes_hardly_differ() -> None:
    shapes = [palm_identity(2 * subject).shape for subject in range(150)]
    for values in (
        [shape.palm_width for shape in shapes],
        [shape.palm_length for shape in shapes],
        [shape.finger_width for shape in shapes],
        [shape.finger_lengths[2] for shape in shapes],
    ):
        assert 0.01 < np.std(np.log(values)) < 0.04


def test_creases_are_what_stroke_free_renders_lack() -> None:
    with_creases, without = render(44, 0, "controlled"), render(44, 0, "controlled", strokes="none")
    assert with_creases.image()[with_creases.truth.mask].mean() < without.image()[without.truth.mask].mean() + 10
    x0, y0 = np.floor(with_creases.truth.roi.min(axis=0)).astype(int)
    x1, y1 = np.ceil(with_creases.truth.roi.max(axis=0)).astype(int)
    steps = [
        np.abs(np.diff(capture.image()[y0:y1, x0:x1].mean(axis=2), axis=0)).mean()
        for capture in (with_creases, without)
    ]
    assert steps[0] > 1.15 * steps[1]
