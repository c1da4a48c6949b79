"""Methods whose privacy is known: a permutation that can be undone, and groups that cannot be told apart within."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from narrowed import present
from numpy.typing import NDArray

from deid_bench.analyzers.base import HandAnalysis
from deid_bench.deidentifiers.base import Request
from deid_bench.deidentifiers.controls import GRID, KSame, PixelPermutation


def request_of(seed: int) -> Request:
    rng = np.random.default_rng(seed)
    noise = cv2.resize(rng.uniform(40, 220, (12, 12, 3)).astype(np.float32), (160, 160), interpolation=cv2.INTER_CUBIC)
    points = np.array([(80, 140)] * 21, np.float32)
    points[[0, 1, 2, 5, 9, 13, 17]] = [(80, 150), (20, 140), (15, 90), (20, 15), (60, 10), (100, 10), (145, 15)]
    mask = np.ones((160, 160), bool)
    roi = np.array([(32, 32), (128, 32), (128, 128), (32, 128)], np.float32)
    depth = np.concatenate([points, np.zeros((21, 1), np.float32)], axis=1)
    image = np.clip(noise, 0, 255).astype(np.uint8)
    return Request(
        image, HandAnalysis(np.array([0, 0, 160, 160], np.float32), 0.9, "left", points, depth, roi, mask), 7
    )


def cells(image: NDArray[Any]) -> NDArray[Any]:
    """Mean grey of each cell of the palm square."""
    square = image[32:128, 32:128].mean(axis=2)
    side = 96 // GRID
    return np.asarray(square.reshape(GRID, side, GRID, side).mean(axis=(1, 3)).ravel())


def test_the_permutation_hides_the_picture_and_keeps_the_cells() -> None:
    request = request_of(1)
    (output,) = PixelPermutation(key=3).deidentify([request])
    before, after = cells(request.image), cells(present(output))
    assert abs(np.corrcoef(before, after)[0, 1]) < 0.2
    order = np.random.default_rng(3).permutation(GRID * GRID)
    undone = np.empty_like(after)
    undone[order] = after
    assert np.corrcoef(before, undone)[0, 1] > 0.7
    assert np.array_equal(
        present(output)[~PixelPermutation().repaints(request)], request.image[~PixelPermutation().repaints(request)]
    )


def test_the_same_order_serves_all_images() -> None:
    outputs = [PixelPermutation(key=3).deidentify([request_of(seed)])[0] for seed in (1, 2)]
    orders = []
    for seed, output in zip((1, 2), outputs, strict=True):
        before, after = cells(request_of(seed).image), cells(present(output))
        orders.append(np.argsort(np.argsort(after))[:5].tolist() == np.argsort(np.argsort(before))[:5].tolist())
    assert orders == [False, False]
    other = present(PixelPermutation(key=4).deidentify([request_of(1)])[0])
    assert not np.array_equal(present(outputs[0]), other)


def test_all_pictures_of_a_group_are_equal() -> None:
    outputs = [KSame(groups=4).deidentify([request_of(seed)])[0] for seed in range(12)]
    colours = {tuple(np.unique(present(each).reshape(-1, 3), axis=0).ravel().tolist()) for each in outputs}
    assert all(len(each) == 3 for each in colours)
    assert len(colours) <= 4
    assert KSame().repaints(request_of(0)).all()


@pytest.mark.parametrize("groups", [1, 65])
def test_wrong_numbers_of_groups_are_refused(groups: int) -> None:
    with pytest.raises(ValueError, match="groups"):
        KSame(groups)
