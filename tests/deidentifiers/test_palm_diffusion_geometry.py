"""Crops, exemplars, colour, pasting and the seam: no network is run here."""

from __future__ import annotations

import dataclasses
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import cv2
import numpy as np
import pytest
from narrowed import hand_of, present
from numpy.typing import NDArray

from deid_bench.analyzers.palm_region import palm_polygon
from deid_bench.deidentifiers.base import Request
from deid_bench.deidentifiers.palm_diffusion.palm_inpainting import (
    CANONICAL,
    Geometry,
    crop_square,
    paste_back,
    prepare,
    repainted,
    scaled,
)
from deid_bench.deidentifiers.palm_diffusion.seam import add_grain, feather, match_surround
from deid_bench.deidentifiers.regions import RegionError, palm_width

PLAIN = Geometry("palm", "palm", "7", 0.0, colour=True, seam=True, grain=True, tone=0.15, texture=False)
TEXTURED = dataclasses.replace(PLAIN, texture=True)
AUTHORS = Geometry("hand", "hand", "6", 0.0, colour=False, seam=False, grain=False, tone=0.0, texture=False)
CHARTS = np.random.default_rng(8).normal(128, 32, (2, 192, 192)).clip(0, 255).astype(np.uint8)


def changed(geometry: Geometry = PLAIN, **values: Any) -> Geometry:
    return dataclasses.replace(geometry, **values)


def moved(request: Request, x: float, y: float) -> Request:
    """The hand of a request, moved within its image; what leaves the image is cut off."""
    analysis = hand_of(request.analysis)
    shift = np.array([[1, 0, x], [0, 1, y]], np.float32)
    height, width = present(analysis.mask).shape
    image = cv2.warpAffine(request.image, shift, (width, height))
    mask = cv2.warpAffine(present(analysis.mask).astype(np.uint8), shift, (width, height)) > 0
    offset = np.array([x, y], np.float32)
    there = dataclasses.replace(
        analysis, keypoints_2d=analysis.keypoints_2d + offset, box=analysis.box + np.tile(offset, 2), mask=mask
    )
    return dataclasses.replace(request, image=np.asarray(image, np.uint8), analysis=there)


def resized(request: Request, factor: float) -> Request:
    analysis = hand_of(request.analysis)
    height, width = (round(each * factor) for each in present(analysis.mask).shape)
    image = cv2.resize(request.image, (width, height), interpolation=cv2.INTER_LINEAR)
    mask = cv2.resize(present(analysis.mask).astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    there = dataclasses.replace(
        analysis, keypoints_2d=analysis.keypoints_2d * np.float32(factor), box=analysis.box * factor, mask=mask
    )
    return dataclasses.replace(request, image=np.asarray(image, np.uint8), analysis=there)


def ready(request: Request, geometry: Geometry = PLAIN, size: int = 256) -> Any:
    return prepare(request, geometry, ("s", "m"), size, 64)


# ------------------------------------------------------------------------------------------------ crops


@pytest.fixture(scope="module")
def training() -> ModuleType:
    """The module that cuts the training crops of palm-tiny."""
    path = Path(__file__).parents[2] / "training" / "palm_tiny" / "palms.py"
    if not path.is_file():
        pytest.skip("the training scripts are not here")
    spec = present(importlib.util.spec_from_file_location("palm_tiny_palms", path))
    module = importlib.util.module_from_spec(spec)
    import sys

    sys.modules[spec.name] = module  # its dataclass looks itself up
    present(spec.loader).exec_module(module)
    return module


@pytest.mark.parametrize("factor", [1.0, 2.3])
def test_crop_and_colour_are_those_of_the_training(
    request_for: Callable[..., Request], training: ModuleType, factor: float
) -> None:
    request = resized(request_for(3), factor)
    found = ready(request)
    view = training.centred_view(hand_of(request.analysis).keypoints_2d, request.image.shape)
    crop = training.warp(request.image, view)
    hand = training.warp(present(request.analysis.mask).astype(np.float32), view) > 0.5
    assert np.abs(found.crop.astype(int) - crop).max() <= 1
    assert (found.hand != hand).mean() < 1e-3
    gain = training.gain_of(crop, hand & ~found.hole)
    np.testing.assert_allclose(found.gain, gain, rtol=1e-3)
    np.testing.assert_array_equal(training.CANONICAL, CANONICAL)
    points = training.moved(hand_of(request.analysis).keypoints_2d.astype(np.float64), view)
    hull = training.palm_hull(points, 0.0) * hand
    assert (found.hole != (hull > 0)).mean() < 0.02


def test_the_palm_crop_is_one_and_a_half_palms(request_for: Callable[..., Request]) -> None:
    request = request_for(0)
    polygon = palm_polygon(hand_of(request.analysis).keypoints_2d)
    side = float((polygon.max(0) - polygon.min(0)).max())
    square = crop_square(hand_of(request.analysis), request.image.shape, "palm")
    assert square.side == pytest.approx(1.5 * side)
    assert (square.x, square.y) == pytest.approx(tuple((polygon.max(0) + polygon.min(0)) / 2), abs=12)


def test_the_hand_crop_is_the_square_of_the_box_and_fits_the_image(request_for: Callable[..., Request]) -> None:
    request = request_for(0)
    square = crop_square(hand_of(request.analysis), request.image.shape, "hand")
    assert square.side == 240  # the hand is taller than the image is wide
    assert square.x == 120
    rows, columns = square.box(request.image.shape)
    assert (columns.start, columns.stop) == (0, 240)
    assert rows.stop - rows.start in (240, 241)


@pytest.mark.parametrize("crop", ["palm", "hand"])
@pytest.mark.parametrize("shift", [(-90, 0), (90, 0), (0, 120), (0, -150), (-100, 130)])
def test_a_hand_at_the_border_is_cropped_inside_the_image(
    request_for: Callable[..., Request], crop: Literal["hand", "palm"], shift: tuple[int, int]
) -> None:
    request = moved(request_for(0), *shift)
    square = crop_square(hand_of(request.analysis), request.image.shape, crop)
    half = square.side / 2
    assert square.x - half >= -1e-6
    assert square.y - half >= -1e-6
    assert square.x + half <= 240 + 1e-6
    assert square.y + half <= 300 + 1e-6
    geometry = changed(crop=crop)
    found = ready(request, geometry)
    result = paste_back(found, np.full((256, 256, 3), 90, np.float32), geometry)
    region = repainted(request, geometry)
    assert np.array_equal(result[~region], request.image[~region])


def test_a_palm_outside_the_image_and_an_empty_mask_are_refused(request_for: Callable[..., Request]) -> None:
    request = request_for(0)
    with pytest.raises(RegionError):
        ready(moved(request, 500, 0))
    empty = dataclasses.replace(request.analysis, mask=np.zeros_like(request.analysis.mask))
    with pytest.raises(RegionError):
        ready(dataclasses.replace(request, analysis=empty))
    points = np.full((21, 2), np.nan, np.float32)
    with pytest.raises(RegionError):
        ready(
            dataclasses.replace(request, analysis=dataclasses.replace(hand_of(request.analysis), keypoints_2d=points))
        )


# ------------------------------------------------------------------------------------------------ exemplars and colour


def test_exemplars_are_squares_around_the_palms_centre(request_for: Callable[..., Request]) -> None:
    request = request_for(0)
    y, x = np.mgrid[:300, :240]
    ramp = np.dstack([x, np.minimum(y, 255), np.zeros_like(x)]).astype(np.uint8)
    request = dataclasses.replace(request, image=ramp)
    polygon = palm_polygon(hand_of(request.analysis).keypoints_2d)
    centre, side = (polygon.max(0) + polygon.min(0)) / 2, float((polygon.max(0) - polygon.min(0)).max())
    for crop in ("palm", "hand"):
        found = prepare(request, changed(crop=crop, colour=False), ("s", "m", "f"), 256, 64)
        assert found.exemplars.shape == (3, 64, 64, 3)
        for patch, share in zip(found.exemplars.astype(float), (0.1, 0.5, 1.0), strict=True):
            assert patch[..., 0].mean() == pytest.approx(centre[0], abs=1.5)
            assert patch[..., 1].mean() == pytest.approx(centre[1], abs=1.5)
            width = patch[32, 60, 0] - patch[32, 3, 0]
            assert width == pytest.approx(side * share * 57 / 64, abs=2.5)


def test_colour_normalisation_looks_at_the_known_hand_pixels_alone(request_for: Callable[..., Request]) -> None:
    request = request_for(0)
    found = ready(request)
    known = found.hand & ~found.hole
    normal = scaled(found.crop, found.gain)
    np.testing.assert_allclose(normal[known].mean(axis=0), CANONICAL, atol=1.0)
    other = request.image.copy()
    inner = cv2.erode(repainted(request, PLAIN).astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    other[inner] = 20
    np.testing.assert_allclose(ready(dataclasses.replace(request, image=other)).gain, found.gain, rtol=0.02)
    assert np.array_equal(ready(request, changed(colour=False)).gain, np.ones(3))


def test_the_colour_comes_back(request_for: Callable[..., Request]) -> None:
    """Painting what is there already gives the image again, whatever the hand's colour."""
    request = request_for(0)
    for tint in ((1.0, 1.0, 1.0), (0.5, 0.45, 0.4), (0.9, 1.2, 1.3)):
        tinted = np.clip(request.image * np.array(tint), 0, 255).astype(np.uint8)
        found = ready(dataclasses.replace(request, image=tinted))
        for grain in (True, False):
            same = paste_back(found, scaled(found.crop, found.gain).astype(np.float32), changed(grain=grain))
            assert np.abs(same.astype(int) - tinted).mean() < 1.5


def test_a_grey_image_stays_grey(request_for: Callable[..., Request]) -> None:
    request = request_for(0)
    grey = np.repeat(request.image.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    found = ready(dataclasses.replace(request, image=grey))
    painted = np.random.default_rng(0).uniform(0, 255, (256, 256, 3)).astype(np.float32)
    for geometry in (PLAIN, TEXTURED, changed(tone=0.0)):
        result = paste_back(found, painted, geometry, CHARTS)
        assert (result == result[..., :1]).all()
        assert not np.array_equal(result, grey)


# ------------------------------------------------------------------------------------------------ pasting


@pytest.mark.parametrize(
    "geometry",
    [
        *(PLAIN, TEXTURED, changed(TEXTURED, grain=False), changed(seam=False, grain=False, tone=0.0)),
        *(changed(TEXTURED, paste="hand"), AUTHORS, changed(AUTHORS, seam=True, grain=True)),
    ],
    ids=["tone", "default", "no-grain", "hard", "hand", "authors", "authors-soft"],
)
@pytest.mark.parametrize("factor", [1.0, 0.27, 3.1])
def test_nothing_outside_the_region_changes(request_for: Callable[..., Request], geometry: Any, factor: float) -> None:
    request = resized(request_for(1), factor)
    found = ready(request, geometry)
    painted = np.random.default_rng(1).uniform(0, 255, (256, 256, 3)).astype(np.float32)
    result = paste_back(found, painted, geometry, CHARTS)
    region = repainted(request, geometry)
    assert result.shape == request.image.shape
    assert result.dtype == np.uint8
    assert np.array_equal(result[~region], request.image[~region])
    assert (result != request.image).any(axis=2)[region].mean() > 0.8
    if geometry.paste == "palm":
        assert not region[~present(request.analysis.mask)].any()


def test_a_square_of_the_crop_lands_where_it_was_cut(request_for: Callable[..., Request]) -> None:
    request = resized(request_for(2), 2.0)
    geometry = changed(colour=False, seam=False, grain=False, tone=0.0)
    found = ready(request, geometry)
    result = paste_back(found, found.crop.astype(np.float32), geometry)
    region = repainted(request, geometry)
    smooth, was = (cv2.GaussianBlur(each, (0, 0), 2).astype(int) for each in (result, request.image))
    assert np.abs(smooth - was)[region].mean() < 1.0
    shifted = np.roll(was, 3, axis=1)
    assert np.abs(smooth - shifted)[region].mean() > 2 * np.abs(smooth - was)[region].mean()


def test_a_64_px_image_and_its_exemplars_work(request_for: Callable[..., Request]) -> None:
    request = resized(request_for(0), 64 / 300)
    assert request.image.shape[0] == 64
    found = ready(request)
    result = paste_back(found, np.full((256, 256, 3), 100, np.float32), PLAIN)
    assert (result != request.image).any()


def test_a_larger_margin_stays_inside_the_crop(request_for: Callable[..., Request]) -> None:
    request = request_for(0)
    geometry = changed(mask_margin=1.5)
    region = repainted(request, geometry)
    rows, columns = crop_square(hand_of(request.analysis), request.image.shape, "palm").box(request.image.shape)
    outside = region.copy()
    outside[rows, columns] = False
    assert not outside.any()
    assert region.sum() > repainted(request, PLAIN).sum()


def test_the_hand_mask_is_closed_for_pasting(request_for: Callable[..., Request]) -> None:
    request = request_for(0)
    mask = present(request.analysis.mask).copy()
    mask[180:184, 100:140] = False
    torn = dataclasses.replace(request, analysis=dataclasses.replace(request.analysis, mask=mask))
    assert repainted(torn, AUTHORS)[180:184, 100:140].all()
    assert not repainted(torn, PLAIN)[180:184, 100:140].any()


# ------------------------------------------------------------------------------------------------ the seam


def field() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """A smooth skin with fine noise, a hand without borders, and a hole in its middle."""
    y, x = np.mgrid[:256, :256]
    rng = np.random.default_rng(0)
    skin = np.dstack([150 + 0.2 * x, 120 + 0.1 * y, 100 + 0.05 * (x + y)]) + rng.normal(0, 3, (256, 256, 1))
    hole = np.zeros((256, 256), bool)
    hole[80:180, 70:190] = True
    return np.clip(skin, 0, 255).astype(np.uint8), hole, np.ones((256, 256), bool)


def test_the_surrounds_shading_goes_on_into_the_hole() -> None:
    skin, hole, hand = field()
    y, x = np.mgrid[:256, :256]
    painted = np.asarray(cv2.GaussianBlur(skin.astype(np.float32), (0, 0), 4), np.float32)
    wrong = painted - (20 + 0.1 * x[..., None] + 0.05 * y[..., None]).astype(np.float32)
    before = np.abs(wrong - painted)[hole].mean()
    after = np.abs(match_surround(wrong, skin, hole, hand, 120.0) - painted)[hole].mean()
    assert before > 30
    assert after < 4


def test_neither_colour_nor_grain_look_into_the_hole() -> None:
    skin, hole, hand = field()
    other = skin.copy()
    other[hole] = np.random.default_rng(5).integers(0, 256, (int(hole.sum()), 3))
    painted = np.asarray(cv2.GaussianBlur(skin.astype(np.float32), (0, 0), 4), np.float32)
    first, second = (match_surround(painted, each, hole, hand, 120.0) for each in (skin, other))
    assert np.array_equal(first, second)
    first, second = (add_grain(painted, each.astype(np.float32), hole, hand, 1.5, 7) for each in (skin, other))
    assert np.array_equal(first, second)


def test_grain_is_as_strong_as_around_and_follows_the_seed() -> None:
    skin, hole, hand = field()
    painted = np.asarray(cv2.GaussianBlur(skin.astype(np.float32), (0, 0), 4), np.float32)

    def fine(pixels: NDArray[Any]) -> float:
        luminance = pixels.astype(np.float32).mean(axis=2)
        return float((luminance - cv2.GaussianBlur(luminance, (0, 0), 2.0))[hole].std())

    grained = add_grain(painted, skin.astype(np.float32), hole, hand, 1.0, 7)
    assert fine(grained) == pytest.approx(fine(skin), rel=0.2)
    assert fine(painted) < 0.2 * fine(skin)
    assert np.array_equal(grained, add_grain(painted, skin.astype(np.float32), hole, hand, 1.0, 7))
    assert not np.array_equal(grained, add_grain(painted, skin.astype(np.float32), hole, hand, 1.0, 8))


def test_grain_passes_strong_lines_over() -> None:
    skin, hole, hand = field()
    lined = skin.copy()
    for x in range(5, 256, 60):
        lined[:, x : x + 2] = 40
    painted = np.asarray(cv2.GaussianBlur(skin.astype(np.float32), (0, 0), 4), np.float32)
    plain, crossed = (add_grain(painted, each.astype(np.float32), hole, hand, 1.0, 7) for each in (skin, lined))
    assert (crossed - painted)[hole].std() < 1.6 * (plain - painted)[hole].std()


def test_without_known_skin_there_is_no_grain_and_no_shift() -> None:
    skin, _, hand = field()
    hole = np.ones_like(hand)
    painted = np.full((256, 256, 3), 100, np.float32)
    assert np.array_equal(add_grain(painted, skin.astype(np.float32), hole, hand, 1.0, 1), painted)
    np.testing.assert_allclose(match_surround(painted, skin, hole, hand, 120.0), painted, atol=1e-3)


def test_the_feather_lies_inside_and_not_along_the_images_border() -> None:
    region = np.zeros((60, 60), bool)
    region[20:, 10:40] = True
    share = feather(region, 4.0)
    assert (share[~region] == 0).all()
    assert (share[region] > 0).all()
    assert share[35, 25] == 1
    assert share[59, 25] == 1
    assert share[20, 25] < 0.3


def test_the_palm_width_is_what_lengths_hang_on(request_for: Callable[..., Request]) -> None:
    assert palm_width(hand_of(request_for(0).analysis)) == pytest.approx(97.5, abs=1)
