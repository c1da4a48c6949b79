"""Regions and the palm width that strengths are relative to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from narrowed import hand_of

from deid_bench.deidentifiers.base import Request
from deid_bench.deidentifiers.regions import RegionError, check_region, palm_width, refuse_back, region_mask


def test_palm_width_is_the_distance_of_the_outer_knuckles(request_for: Callable[..., Request]) -> None:
    assert palm_width(hand_of(request_for().analysis)) == pytest.approx(np.hypot(172 - 75, 130 - 120))


def test_palm_lies_inside_the_hand_and_grows_with_its_margin(request_for: Callable[..., Request]) -> None:
    request = request_for()
    hand = region_mask(hand_of(request.analysis), request.image.shape, "hand", "7", 0.0)
    sizes = []
    for margin in (0.0, 0.1, 0.3):
        palm = region_mask(hand_of(request.analysis), request.image.shape, "palm", "7", margin)
        assert not (palm & ~hand).any()
        sizes.append(int(palm.sum()))
    assert sizes == sorted(set(sizes))
    assert (hand == request.analysis.mask).all()


def test_seven_points_enclose_the_six(request_for: Callable[..., Request]) -> None:
    request = request_for()
    seven = region_mask(hand_of(request.analysis), request.image.shape, "palm", "7", 0.0)
    six = region_mask(hand_of(request.analysis), request.image.shape, "palm", "6", 0.0)
    assert not (six & ~seven).any()
    assert six.sum() < seven.sum()


@pytest.mark.parametrize(
    ("aspect", "refused"),
    [(None, False), ("palmar", False), ("dorsal", True)],
)
def test_the_back_of_a_hand_is_refused_where_labels_tell(
    request_for: Callable[..., Request], aspect: Literal["palmar", "dorsal"] | None, refused: bool
) -> None:
    request = replace(request_for(), aspect=aspect)
    if refused:
        with pytest.raises(RegionError, match="the back of a hand"):
            refuse_back(request)
    else:
        refuse_back(request)


def test_unusable_analyses_are_refused_with_a_reason(request_for: Callable[..., Request]) -> None:
    request = request_for()
    shape = request.image.shape
    broken = [
        replace(request.analysis, mask=np.zeros(shape[:2], bool)),
        replace(request.analysis, mask=np.ones((5, 5), bool)),
        replace(hand_of(request.analysis), keypoints_2d=np.full((21, 2), 9, np.float32)),
        replace(hand_of(request.analysis), keypoints_2d=np.full((21, 2), np.nan, np.float32)),
        replace(hand_of(request.analysis), keypoints_2d=hand_of(request.analysis).keypoints_2d + 5000),
    ]
    for analysis in broken:
        with pytest.raises(RegionError):
            region_mask(hand_of(analysis), shape, "palm", "7", 0.0)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("wrist", "7", 0.0), "region"),
        (("palm", "8", 0.0), "mask_points"),
        (("palm", "7", -0.1), "mask_margin"),
        (("palm", "7", float("nan")), "mask_margin"),
        (("palm", "7", "0.1"), "mask_margin"),
    ],
)
def test_bad_parameters_are_named(arguments: Any, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        check_region(*arguments)
