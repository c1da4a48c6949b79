"""Second looks at turned and framed pictures, several hands, and which hand it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from deid_bench.analyzers.base import HandAnalysis, Missing
from deid_bench.analyzers.hand_pipeline import HandPipeline, RawHand
from deid_bench.analyzers.hand_search import BORDER, View, find_hands, side_of, views
from deid_bench.analyzers.mediapipe_hands import MediapipeHands

from .hands import left_hand, right_hand

SHAPE = (90, 130, 3)


def raw(points: NDArray[Any], presence: float = 0.9, left_score: float = 0.1) -> RawHand:
    world = np.column_stack([points - points.mean(axis=0), np.zeros(len(points))]).astype(np.float32)
    return RawHand(0.9, presence, left_score, points.astype(np.float32), world)


class Marked:
    """Finds one hand at the brightest pixel, in pictures of the shape and orientation that it likes."""

    def __init__(self, likes: Any) -> None:
        self.likes = likes
        self.seen: list[tuple[int, ...]] = []

    def hands(self, image: NDArray[Any], *_: float) -> list[RawHand] | str:
        self.seen.append(image.shape)
        if not self.likes(image):
            return "no hand found"
        row, column = np.unravel_index(image[..., 0].argmax(), image.shape[:2])
        return [raw(np.tile(np.array([column, row], np.float32), (21, 1)))]


def look(likes: Any, image: NDArray[Any]) -> tuple[list[RawHand], View] | str:
    return find_hands(cast(HandPipeline, Marked(likes)), image, 0.5, 0.5)


@given(
    st.sampled_from([view for stage in views() for view in stage]),
    st.integers(1, SHAPE[0] - 2),
    st.integers(1, SHAPE[1] - 2),
)
def test_what_a_view_shows_comes_back_to_its_place(view: View, row: int, column: int) -> None:
    image = np.zeros(SHAPE, np.uint8)
    image[row, column] = 255
    shown = view.show(image)
    there = np.argwhere(shown[..., 0] == 255)
    assert len(there) == 1
    found = view.back(raw(np.tile(there[0][::-1], (21, 1))), SHAPE)
    np.testing.assert_allclose(found.keypoints_2d, np.tile([column, row], (21, 1)))


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_metres_turn_with_the_picture(turns: int) -> None:
    points = left_hand(0.3, 20, 20)
    for view in (View(turns, 0.0), View(turns, BORDER)):
        shown = raw(points)
        back = view.back(shown, SHAPE)
        plane, world = back.keypoints_2d - back.keypoints_2d.mean(axis=0), back.keypoints_3d[:, :2]
        np.testing.assert_allclose(plane, world, atol=1e-3)


def test_a_hand_found_at_once_is_not_looked_for_again() -> None:
    pipeline = Marked(lambda image: True)
    image = np.zeros(SHAPE, np.uint8)
    image[40, 60] = 255
    found = find_hands(cast(HandPipeline, pipeline), image, 0.5, 0.5)
    assert not isinstance(found, str)
    assert pipeline.seen == [SHAPE]
    assert found[1] == View(0, 0.0)
    np.testing.assert_array_equal(found[0][0].keypoints_2d[0], [60, 40])


def test_turns_come_before_borders_and_the_surest_hand_counts() -> None:
    image = np.zeros(SHAPE, np.uint8)
    image[10, 100] = 255
    upright = look(lambda shown: shown.shape[0] > shown.shape[1], image)
    assert not isinstance(upright, str)
    assert upright[1].turns in (1, 3)
    assert upright[1].border == 0
    np.testing.assert_array_equal(upright[0][0].keypoints_2d[0], [100, 10])
    framed = look(lambda shown: min(shown.shape[:2]) > 100, image)
    assert not isinstance(framed, str)
    assert framed[1].border == BORDER
    np.testing.assert_array_equal(framed[0][0].keypoints_2d[0], [100, 10])
    assert look(lambda shown: False, image) == "no hand found"


def test_the_order_of_the_keypoints_tells_the_hand_however_it_is_turned() -> None:
    for degrees in range(0, 360, 45):
        assert side_of(left_hand(degrees=degrees)) == "left"
        assert side_of(right_hand(300, degrees=degrees)) == "right"


def test_where_network_and_keypoints_disagree_the_keypoints_count(monkeypatch: pytest.MonkeyPatch) -> None:
    points = left_hand(0.8, 10, 10)
    for left_score, reason in ((0.1, ""), (0.9, "the order of the keypoints, against the network")):
        # The network answers for a mirrored selfie: a low score means the left hand.
        hand = replace(raw(points), left_score=left_score)
        fake = type("Fake", (), {"hands": lambda self, *_, hand=hand: [hand]})()
        analyzer = MediapipeHands()
        monkeypatch.setattr(analyzer, "_ready", lambda fake=fake: fake)
        said = "right" if left_score >= 0.5 else "left"
        found = analyzer.analyze([np.full((140, 120, 3), 150, np.uint8)])[0]
        assert isinstance(found, HandAnalysis)
        assert found.handedness == "left"
        assert found.handedness_by == ("" if said == "left" else reason)
        assert found.found_by == ""


def test_a_turned_close_hand_says_how_it_was_found(
    analyzer: MediapipeHands, hand_images: dict[str, NDArray[Any]]
) -> None:
    """A hand that fills its picture and lies on its side; which look finds it is the networks' affair."""
    image = np.ascontiguousarray(np.rot90(hand_images["left"][100:300, 20:220], 3))
    (found,) = analyzer.analyze([image])
    if isinstance(found, Missing):
        pytest.skip("the networks miss it however it is turned")
    (all_hands,) = analyzer.analyze_all(image)
    assert isinstance(all_hands, HandAnalysis)
    np.testing.assert_array_equal(all_hands.keypoints_2d, found.keypoints_2d)


def test_two_hands_in_one_picture(analyzer: MediapipeHands, hand_images: dict[str, NDArray[Any]]) -> None:
    image = np.hstack([hand_images["left"], hand_images["right"]])
    found = [each for each in analyzer.analyze_all(image) if isinstance(each, HandAnalysis)]
    assert sorted(each.handedness for each in found) == ["left", "right"]
    middles = sorted(float(each.keypoints_2d[:, 0].mean()) for each in found)
    assert middles[0] < 240 < middles[1]
    (best,) = analyzer.analyze([image])
    assert isinstance(best, HandAnalysis)
    np.testing.assert_array_equal(best.keypoints_2d, found[0].keypoints_2d)
    blank = np.full((100, 100, 3), 120, np.uint8)
    assert analyzer.analyze_all(blank) == [Missing("no hand found")]
