"""Masking, blurring, pixelation: what they change, what they leave, and how strength shows in the scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from narrowed import hand_of, present
from numpy.typing import NDArray

from deid_bench.benchmark.metrics.quality.similarity import similarity
from deid_bench.benchmark.metrics.usability.coverage import roi_changed, roi_coverage
from deid_bench.datasets.base import Failure
from deid_bench.datasets.types import Image
from deid_bench.deidentifiers.base import Deidentifier, Request
from deid_bench.deidentifiers.classical import Blurring, Masking, Pixelation
from deid_bench.deidentifiers.regions import region_mask


def psnr(original: Image, changed: Image) -> float:
    return present(similarity(original, changed).psnr)


def ssim(original: Image, changed: Image) -> float:
    return present(similarity(original, changed).ssim)


METHODS = [
    Masking(),
    Masking(color="skin", region="hand"),
    Blurring(),
    Blurring(sigma=0.4, mask_margin=0.3),
    Pixelation(),
    Pixelation(block=0.033, mask_points="6", mask_margin=0.0),
]


def mask_of(method: Any, request: Request) -> NDArray[Any]:
    region: Literal["hand", "palm"] = "hand" if method.region == "hand" else "palm"
    return region_mask(hand_of(request.analysis), request.image.shape, region, method.mask_points, method.mask_margin)


def apply(method: Any, request: Request) -> NDArray[Any]:
    (result,) = method.deidentify([request])
    assert isinstance(result, np.ndarray), result
    return result


@pytest.mark.parametrize("method", METHODS, ids=lambda m: f"{m.info.name}-{m.region}")
class TestEveryMethod:
    def test_keeps_the_contract(self, method: Any, request_for: Callable[..., Request]) -> None:
        request = request_for()
        before = request.image.copy()
        result = apply(method, request)
        assert isinstance(method, Deidentifier)
        assert (result.shape, result.dtype) == (before.shape, np.dtype(np.uint8))
        assert (request.image == before).all()
        assert not np.shares_memory(result, request.image)

    def test_changes_nothing_outside_its_region(self, method: Any, request_for: Callable[..., Request]) -> None:
        request = request_for()
        outside = ~mask_of(method, request)
        assert (apply(method, request)[outside] == request.image[outside]).all()

    def test_changes_the_inside(self, method: Any, request_for: Callable[..., Request]) -> None:
        request = request_for()
        inside = mask_of(method, request)
        changed = (apply(method, request) != request.image).any(axis=2)
        assert changed[inside].mean() > 0.9

    def test_does_not_depend_on_the_batch(self, method: Any, request_for: Callable[..., Request]) -> None:
        requests = [request_for(seed) for seed in range(3)]
        together = method.deidentify(requests)
        alone = [apply(method, request) for request in reversed(requests)]
        assert all((a == b).all() for a, b in zip(together, reversed(alone), strict=True))

    def test_takes_no_colour_from_outside_the_hand(self, method: Any, request_for: Callable[..., Request]) -> None:
        request = request_for()
        elsewhere = request.image.copy()
        elsewhere[~present(request.analysis.mask)] = (0, 255, 0)
        inside = mask_of(method, request)
        other = apply(method, replace(request, image=elsewhere))
        assert (other[inside] == apply(method, request)[inside]).all()

    def test_an_unusable_analysis_fails_for_its_image_alone(
        self, method: Any, request_for: Callable[..., Request]
    ) -> None:
        good = request_for()
        bad = replace(good, analysis=replace(good.analysis, mask=np.zeros(good.image.shape[:2], bool)))
        first, second, third = method.deidentify([good, bad, good])
        assert isinstance(second, Failure)
        assert second.reason
        assert (first == third).all()


def test_masking_colours(request_for: Callable[..., Request]) -> None:
    request = request_for()
    inside = mask_of(Masking(), request)
    assert (apply(Masking(color="black"), request)[inside] == 0).all()
    assert (apply(Masking(color="grey"), request)[inside] == 128).all()
    around = request.analysis.mask & ~inside
    skin = apply(Masking(color="skin"), request)[inside]
    assert (skin == np.rint(np.median(request.image[around], axis=0))).all()


def test_skin_shows_nothing_of_the_palm(request_for: Callable[..., Request]) -> None:
    request = request_for()
    inside = mask_of(Masking(), request)
    repainted = request.image.copy()
    repainted[inside] = 7
    result = apply(Masking(color="skin"), replace(request, image=repainted))
    assert (result == apply(Masking(color="skin"), request)).all()


def test_blurring_equals_a_plain_gaussian_deep_inside_the_hand(request_for: Callable[..., Request]) -> None:
    import cv2

    request = request_for()
    whole = replace(request, analysis=replace(request.analysis, mask=np.ones(request.image.shape[:2], bool)))
    result = apply(Blurring(sigma=0.05), whole)
    plain = cv2.GaussianBlur(request.image.astype(np.float64), (0, 0), 0.05 * np.hypot(97, 10))
    inside = mask_of(Blurring(), whole)
    assert np.abs(result[inside] - plain[inside]).max() <= 1


def test_no_blur_at_strength_zero(request_for: Callable[..., Request]) -> None:
    request = request_for()
    assert (apply(Blurring(sigma=0), request) == request.image).all()


def test_pixelation_blocks_hold_their_own_mean(request_for: Callable[..., Request]) -> None:
    request = request_for()
    side = 0.2 * np.hypot(97, 10)
    method = Pixelation(block=0.2)
    result, inside = apply(method, request), mask_of(method, request)
    rows, columns = np.nonzero(inside)
    block = ((rows - rows.min()) // side, (columns - columns.min()) // side)
    for key in {(0.0, 1.0), (2.0, 2.0), (3.0, 1.0)}:
        here = (block[0] == key[0]) & (block[1] == key[1])
        assert here.any()
        mean = request.image[rows[here], columns[here]].mean(axis=0)
        assert np.abs(result[rows[here], columns[here]] - mean).max() <= 0.5 + 1e-9


def test_pixelation_with_blocks_beyond_the_palm_is_one_colour(request_for: Callable[..., Request]) -> None:
    request = request_for()
    inside = mask_of(Pixelation(), request)
    assert len(np.unique(apply(Pixelation(block=4.0), request)[inside], axis=0)) == 1


@pytest.mark.parametrize(
    "methods",
    [
        [Blurring(sigma=s) for s in (0.005, 0.01, 0.02, 0.05, 0.2)],
        [Pixelation(block=b) for b in (0.02, 0.05, 0.1, 0.3)],
        [Blurring(), Masking(color="grey"), Masking()],
    ],
    ids=["blurring", "pixelation", "baselines"],
)
def test_stronger_methods_cost_more_image(methods: Any, request_for: Callable[..., Request]) -> None:
    request = request_for()
    results = [apply(method, request) for method in methods]
    for metric in (psnr, ssim):
        values = [metric(request.image, result) for result in results]
        assert values == sorted(set(values), reverse=True)


def test_strength_follows_the_size_of_the_hand(request_for: Callable[..., Request]) -> None:
    import cv2

    request = request_for()
    twice = Request(
        image=np.asarray(cv2.resize(request.image, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST), np.uint8),
        analysis=replace(
            hand_of(request.analysis),
            keypoints_2d=hand_of(request.analysis).keypoints_2d * 2,
            mask=np.kron(present(request.analysis.mask), np.ones((2, 2), bool)),
        ),
        seed=0,
    )
    for method in (Blurring(sigma=0.1), Pixelation(block=0.2)):
        small, large = apply(method, request), apply(method, twice)
        assert psnr(twice.image, large) == pytest.approx(psnr(request.image, small), abs=0.3)


def test_the_region_covers_what_it_changes(request_for: Callable[..., Request]) -> None:
    request = request_for()
    method = Masking()
    covered = present(roi_coverage(hand_of(request.analysis).roi, mask_of(method, request)))
    assert roi_changed(hand_of(request.analysis).roi, request.image, apply(method, request)) == pytest.approx(covered)
    assert covered > 90


@pytest.mark.parametrize(
    "make",
    [
        lambda: Masking(color="pink"),  # type: ignore[arg-type]
        lambda: Masking(region="wrist"),  # type: ignore[arg-type]
        lambda: Masking(mask_points="5"),  # type: ignore[arg-type]
        lambda: Masking(mask_margin=-1),
        lambda: Blurring(sigma=-0.1),
        lambda: Blurring(sigma=float("nan")),
        lambda: Blurring(sigma=float("inf")),
        lambda: Pixelation(block=0),
        lambda: Pixelation(block=-0.1),
        lambda: Pixelation(block=float("nan")),
    ],
)
def test_bad_parameters_are_refused_with_what_was_expected(make: Callable[..., Any]) -> None:
    with pytest.raises(ValueError, match=r"expected .* got .*; "):
        make()
