"""The analyzer with its real networks, on two small renderings."""

from __future__ import annotations

import pickle
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from deid_bench.analyzers.base import Analyzer, HandAnalysis, Missing
from deid_bench.analyzers.mediapipe_hands import MediapipeHands
from deid_bench.analyzers.palm_roi import inner_square, palm_width, valley_square

GOLDEN = {
    "left": {0: (141.5, 274.8), 4: (16.1, 144.0), 5: (109.5, 148.4), 12: (156.3, 28.4), 17: (190.3, 176.5)},
    "right": {0: (81.4, 287.6), 4: (214.6, 196.8), 5: (131.8, 161.5), 12: (91.5, 30.1), 17: (40.2, 178.8)},
}
"""Keypoints in px; within 0.35 px of MediaPipe's own pipeline (docs/analyzers.md)."""


def _one(analyzer: MediapipeHands, image: NDArray[Any]) -> HandAnalysis:
    (found,) = analyzer.analyze([image])
    assert isinstance(found, HandAnalysis)
    return found


def _same(a: HandAnalysis | Missing, b: HandAnalysis | Missing) -> bool:
    if isinstance(a, Missing) or isinstance(b, Missing):
        return a == b
    arrays = ("box", "keypoints_2d", "keypoints_3d", "roi", "mask")
    same = all(np.array_equal(getattr(a, name), getattr(b, name)) for name in arrays)
    return same and (a.score, a.handedness) == (b.score, b.handedness)


@pytest.mark.parametrize("side", ["left", "right"])
def test_golden_hands(analyzer: MediapipeHands, hand_images: dict[str, NDArray[Any]], side: str) -> None:
    image = hand_images[side]
    found = _one(analyzer, image)
    for index, point in GOLDEN[side].items():
        np.testing.assert_allclose(found.keypoints_2d[index], point, atol=1.0)
    assert found.handedness == side
    assert 0.9 < found.score <= 1.0
    np.testing.assert_array_equal(found.roi, inner_square(found.keypoints_2d))
    grow = 0.25 * palm_width(found.keypoints_2d)
    np.testing.assert_allclose(found.box[:2], found.keypoints_2d.min(axis=0) - grow, rtol=1e-5)
    np.testing.assert_allclose(found.box[2:], found.keypoints_2d.max(axis=0) + grow, rtol=1e-5)
    assert found.mask.shape == image.shape[:2]
    x, y = np.round(found.keypoints_2d.T).astype(int)
    assert found.mask[y, x].all()
    assert 0.3 < found.mask.mean() < 0.5


def test_shapes_and_types(analyzer: MediapipeHands, hand_images: dict[str, NDArray[Any]]) -> None:
    found = _one(analyzer, hand_images["left"])
    shapes = {"box": (4,), "keypoints_2d": (21, 2), "keypoints_3d": (21, 3), "roi": (4, 2)}
    for name, shape in shapes.items():
        assert getattr(found, name).shape == shape
        assert getattr(found, name).dtype == np.float32
    span = np.ptp(found.keypoints_3d, axis=0)
    assert 0.12 < span[1] < 0.25, "a hand is some 20 cm long, in metres"
    assert isinstance(analyzer, Analyzer)


def test_a_mirrored_image_is_the_other_hand(analyzer: MediapipeHands, hand_images: dict[str, NDArray[Any]]) -> None:
    image = hand_images["left"]
    found, mirrored = _one(analyzer, image), _one(analyzer, np.ascontiguousarray(image[:, ::-1]))
    assert (found.handedness, mirrored.handedness) == ("left", "right")
    back = mirrored.roi * [-1, 1] + [image.shape[1] - 1, 0]
    assert np.linalg.norm(back - found.roi, axis=1).max() < 0.15 * palm_width(found.keypoints_2d)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_everything_turns_with_the_image(
    analyzer: MediapipeHands, hand_images: dict[str, NDArray[Any]], turns: int
) -> None:
    found = _one(analyzer, hand_images["right"])
    turned = _one(analyzer, np.ascontiguousarray(np.rot90(hand_images["right"], turns)))
    height, width = hand_images["right"].shape[:2]
    points, world = found.keypoints_2d.astype(float), found.keypoints_3d.astype(float)
    for _ in range(turns):
        points = np.stack([points[:, 1], width - 1 - points[:, 0]], axis=1)
        world = np.stack([world[:, 1], -world[:, 0], world[:, 2]], axis=1)
        height, width = width, height
    assert np.linalg.norm(points - turned.keypoints_2d, axis=1).mean() < 0.06 * palm_width(found.keypoints_2d)
    assert np.linalg.norm(world - turned.keypoints_3d, axis=1).mean() < 0.01
    assert turned.handedness == "right"


def test_the_batch_and_its_order_do_not_matter(analyzer: MediapipeHands, hand_images: dict[str, NDArray[Any]]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (120, 160, 3), dtype=np.uint8)
    batch = [hand_images["left"], noise, hand_images["right"], hand_images["left"]]
    together = analyzer.analyze(batch)
    reverse = list(reversed(analyzer.analyze(batch[::-1])))
    alone = [MediapipeHands().analyze([image])[0] for image in batch]
    for results in (reverse, alone):
        assert all(_same(a, b) for a, b in zip(together, results, strict=True))
    assert isinstance(together[1], Missing)
    assert _same(together[0], together[3])


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (200, 1), (2, 2), (64, 20000), (33000, 8), (480, 640)])
def test_images_without_a_hand_are_missing(analyzer: MediapipeHands, shape: tuple[int, int]) -> None:
    blank = np.full((*shape, 3), 120, np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    for found in analyzer.analyze([blank, noise]):
        assert found == Missing("no hand found")


def test_a_large_image_is_analysed_like_a_small_one(
    analyzer: MediapipeHands, hand_images: dict[str, NDArray[Any]]
) -> None:
    small = _one(analyzer, hand_images["left"])
    large = _one(analyzer, cv2.resize(hand_images["left"], None, fx=6, fy=6, interpolation=cv2.INTER_LINEAR))
    assert np.linalg.norm(large.keypoints_2d / 6 - small.keypoints_2d, axis=1).mean() < 2
    shrunk = cv2.resize(large.mask.astype(np.uint8), (240, 320), interpolation=cv2.INTER_AREA) > 0
    assert (shrunk & small.mask).sum() / (shrunk | small.mask).sum() > 0.95


def test_tiny_and_cut_off_hands_say_so(analyzer: MediapipeHands, hand_images: dict[str, NDArray[Any]]) -> None:
    image = hand_images["left"]
    tiny = np.asarray(cv2.resize(image, (18, 24), interpolation=cv2.INTER_AREA), np.uint8)
    (found,) = analyzer.analyze([tiny])
    assert isinstance(found, Missing)
    (cut,) = analyzer.analyze([np.ascontiguousarray(image[:150])])
    assert isinstance(cut, Missing)
    assert analyzer.analyze([np.zeros((0, 5, 3), np.uint8)]) == [Missing("the image has no pixels")]
    assert analyzer.analyze([]) == []


def test_the_better_of_two_hands_is_taken(analyzer: MediapipeHands, hand_images: dict[str, NDArray[Any]]) -> None:
    both = np.concatenate([hand_images["left"], hand_images["right"]], axis=1)
    found = _one(analyzer, both)
    alone = _one(analyzer, hand_images[found.handedness])
    offset = 240 if found.handedness == "right" else 0
    assert np.linalg.norm(found.keypoints_2d - [offset, 0] - alone.keypoints_2d, axis=1).mean() < 5


def test_parameters(analyzer: MediapipeHands, hand_images: dict[str, NDArray[Any]]) -> None:
    found = MediapipeHands(roi="valley").analyze([hand_images["left"]])[0]
    assert isinstance(found, HandAnalysis)
    np.testing.assert_array_equal(found.roi, valley_square(found.keypoints_2d))
    strict = MediapipeHands(min_detection_confidence=1.0).analyze([hand_images["left"]])
    assert strict == [Missing("no hand found")]
    absent = MediapipeHands(min_presence=1.0).analyze([hand_images["left"]])
    assert absent == [Missing("a palm was found, but no hand landmarks on it")]


@pytest.mark.parametrize(
    "wrong", [{"min_presence": 1.1}, {"min_detection_confidence": -0.1}, {"roi": "palm"}, {"mask": "none"}]
)
def test_wrong_parameters_are_named(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MediapipeHands(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3), np.float32)]
)
def test_what_is_no_image_is_refused(wrong: NDArray[Any]) -> None:
    with pytest.raises(TypeError, match="uint8 RGB"):
        MediapipeHands().analyze([wrong])


def test_a_used_analyzer_can_be_sent_to_another_process(
    analyzer: MediapipeHands, hand_images: dict[str, NDArray[Any]]
) -> None:
    before = _one(analyzer, hand_images["right"])
    copy = pickle.loads(pickle.dumps(analyzer))  # noqa: S301
    assert _same(before, copy.analyze([hand_images["right"]])[0])
