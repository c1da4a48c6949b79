"""Restoring what a method spoiled: nearer to the original where the spoiling is known, untouched elsewhere."""

from __future__ import annotations

from typing import Any, Literal

import cv2
import numpy as np
import pytest
from narrowed import present
from numpy.typing import NDArray

from deid_bench.analyzers.base import HandAnalysis
from deid_bench.attackers.base import Published, Target
from deid_bench.attackers.outside import Outside
from deid_bench.attackers.pooling import pooled
from deid_bench.attackers.purification import Purify
from deid_bench.attackers.restoration import BlockUpsampling, Deconvolution
from deid_bench.benchmark.stages.attacks import _degradation
from deid_bench.datasets.types import Failure, Image
from deid_bench.deidentifiers.base import Request
from deid_bench.deidentifiers.classical import Blurring, Pixelation


def scene() -> tuple[Image, HandAnalysis]:
    """A smooth random texture on a square hand."""
    rng = np.random.default_rng(11)
    noise = cv2.GaussianBlur(rng.normal(size=(160, 160, 1)).astype(np.float32), (0, 0), 10)[..., None]
    texture = 128 + 60 * noise / np.abs(noise).max()
    image = np.repeat(np.clip(texture, 0, 255), 3, axis=2).astype(np.uint8)
    points = np.array([(80, 140)] * 21, np.float32)
    points[[0, 1, 2, 5, 9, 13, 17]] = [(80, 140), (40, 120), (30, 90), (30, 40), (60, 30), (90, 30), (130, 40)]
    mask = np.zeros((160, 160), bool)
    mask[10:150, 10:150] = True
    roi = np.array([(40, 45), (120, 45), (120, 125), (40, 125)], np.float32)
    depth = np.concatenate([points, np.zeros((21, 1), np.float32)], axis=1)
    box = np.array([10, 10, 150, 150], np.float32)
    return image, HandAnalysis(box, 0.9, "left", points, depth, roi, mask)


def spoiled(method: Any) -> tuple[Image, Published]:
    image, analysis = scene()
    request = Request(image, analysis, 0)
    (output,) = method.deidentify([request])
    assert not isinstance(output, Failure)
    return image, Published(output, analysis, method.repaints(request), method.degradation(request))


def error(a: Image, b: Image, inside: NDArray[Any]) -> float:
    return float(np.abs(a[inside].astype(float) - b[inside].astype(float)).mean())


@pytest.mark.parametrize(
    ("method", "attack"),
    [(Blurring(0.08), Deconvolution(0.001)), (Pixelation(0.15), BlockUpsampling())],
    ids=["blur", "mosaic"],
)
def test_a_known_spoiling_is_undone_in_part_and_inside_the_region_alone(method: Any, attack: Any) -> None:
    original, published = spoiled(method)
    restored = attack.restore(published)
    assert not isinstance(restored, Failure)
    # Well inside, where the region's own border has no part in it.
    core = cv2.erode(present(published.region).astype(np.uint8), np.ones((25, 25))) > 0
    assert error(restored, original, core) < 0.8 * error(published.image, original, core)
    assert np.array_equal(restored[~present(published.region)], published.image[~present(published.region)])
    again = attack.restore(published)
    assert np.array_equal(restored, again)


def test_a_mosaic_of_flat_colour_stays_flat() -> None:
    image, analysis = scene()
    image[:] = 77
    method = Pixelation(0.2)
    request = Request(image, analysis, 0)
    (output,) = method.deidentify([request])
    published = Published(present(output), analysis, method.repaints(request), method.degradation(request))
    assert np.array_equal(present(BlockUpsampling().restore(published)), image)


def test_what_does_not_apply_says_so() -> None:
    blur = Target("blurring", {}, "palm", "blur", True)
    other = Target("mine", {}, "palm", "", False)
    assert Deconvolution().lacks(blur) == ""
    assert "does not blur" in Deconvolution().lacks(other)
    assert "mosaic" in BlockUpsampling().lacks(blur)
    assert "what it may repaint" in Outside().lacks(other)
    image, analysis = scene()
    unknown = Published(image, analysis, None, None)
    for attack in (Deconvolution(), BlockUpsampling(), Outside()):
        assert isinstance(attack.restore(unknown), Failure)
    with pytest.raises(ValueError, match="strength"):
        Deconvolution(0)


@pytest.mark.parametrize("step", ["jpeg", "median", "half", "bits", "tv"])
def test_purification_keeps_shape_and_most_of_the_picture(
    step: Literal["jpeg", "median", "half", "bits", "tv"],
) -> None:
    image, analysis = scene()
    treated = present(Purify(step).restore(Published(image, analysis, None, None)))
    assert treated.shape == image.shape
    assert treated.dtype == np.uint8
    assert not np.array_equal(treated, image)
    assert error(treated, image, np.ones(image.shape[:2], bool)) < 12
    region = np.zeros(image.shape[:2], bool)
    region[50:90, 40:100] = True
    within = present(Purify(step).restore(Published(image, analysis, region, None)))
    assert np.array_equal(within[~region], image[~region]), "what the method left alone is looked at as it is"
    assert not np.array_equal(within[region], image[region])
    assert error(within, image, region) < 12


def test_outside_shows_nothing_of_the_region() -> None:
    image, published = spoiled(Blurring())
    seen = present(Outside().restore(published))
    assert np.unique(seen[published.region]).tolist() == [128]
    assert np.array_equal(seen[~present(published.region)], image[~present(published.region)])


def test_pooling_takes_what_the_versions_of_one_image_have() -> None:
    distances = np.array([[1, 4], [3, 2], [np.nan, np.nan], [5, 5]], np.float32)
    images = [0, 0, 1, 1]
    assert pooled(distances, images, "one") is distances
    assert pooled(distances, images, "mean").tolist() == [[2, 3], [2, 3], [5, 5], [5, 5]]
    assert pooled(distances, images, "nearest").tolist() == [[1, 2], [1, 2], [5, 5], [5, 5]]
    assert np.isnan(pooled(distances[2:3], [0], "mean")).all()


class _Silent:
    """A method that says of no image how it spoiled it."""

    def degradation(self, request: Request) -> None:
        return None


@pytest.mark.parametrize("method", [_Silent(), object()])
def test_a_method_may_say_nothing_of_an_image(method: object) -> None:
    assert _degradation(method, *scene()) is None
