"""The classical methods on faces: regions, strengths, what they leave, and analyses that lack what is needed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pytest
from narrowed import present
from numpy.typing import NDArray

from deid_bench.analyzers.base import FaceAnalysis
from deid_bench.analyzers.face_alignment import TEMPLATE
from deid_bench.benchmark.metrics.quality.similarity import similarity
from deid_bench.datasets.base import Failure
from deid_bench.deidentifiers.base import Deidentifier, Request
from deid_bench.deidentifiers.classical import Blurring, Masking, Pixelation
from deid_bench.deidentifiers.face_regions import face_region_mask, face_width
from deid_bench.deidentifiers.regions import RegionError

WIDTH = 2.2 * 35.24
"""px, of a face at the template's scale."""
REGIONS = ("box", "mask", "eyes")


def drawn_face(factor: int = 1, turn: float = 0.0) -> Request:
    """A textured oval with its landmarks at the template, 40 px into a 200 x 200 px image, all enlarged by a factor."""
    rng = np.random.default_rng(5)
    y, x = np.mgrid[:200, :200].astype(np.float64)
    oval = ((x - 95) / 37) ** 2 + ((y - 112) / 52) ** 2 < 1
    waves = sum(np.sin((x * np.cos(a) + y * np.sin(a)) / (2 + a)) for a in rng.uniform(0, 3, 6))
    skin = np.array([200.0, 150.0, 130.0]) + 12 * waves[..., None]
    image = np.where(oval[..., None], skin, rng.uniform(0, 40, (200, 200, 3)))
    points = TEMPLATE + 40
    middle = points[:2].mean(axis=0)
    spin = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    points = (points - middle) @ spin + middle
    enlarge = np.ones((factor, factor))
    analysis = FaceAnalysis(
        box=np.array([58, 60, 132, 164], np.float32) * factor,
        score=1.0,
        landmarks_5=((points + 0.5) * factor - 0.5).astype(np.float32),
        landmarks_68=None,
        mask=np.kron(oval, enlarge) > 0,
    )
    pixels = np.kron(np.clip(np.rint(image), 0, 255), enlarge[..., None]).astype(np.uint8)
    pixels.setflags(write=False)
    return Request(pixels, analysis, 0)


def without_mask(request: Request) -> Request:
    return replace(request, analysis=replace(request.face, mask=None))


def apply(method: Deidentifier, request: Request) -> NDArray[Any]:
    (result,) = method.deidentify([request])
    assert isinstance(result, np.ndarray), result
    return result


def failure(method: Deidentifier, request: Request) -> str:
    (result,) = method.deidentify([request])
    assert isinstance(result, Failure), result
    return result.reason


# --- regions --------------------------------------------------------------------------------------------------------


def test_the_width_is_that_of_a_frontal_face_at_this_scale() -> None:
    for factor in (1, 3):
        assert face_width(drawn_face(factor).face) == pytest.approx(WIDTH * factor, rel=1e-3)
    assert face_width(drawn_face(turn=0.6).face) == pytest.approx(WIDTH, rel=1e-3)


def test_the_box_is_the_box_and_the_mask_the_mask() -> None:
    request = drawn_face()
    box = face_region_mask(request.face, (200, 200), "box", 0.0)
    assert box[60:165, 58:133].all()
    assert box.sum() == 105 * 75
    assert (face_region_mask(request.face, (200, 200), "mask", 0.0) == request.face.mask).all()


def test_the_bar_lies_over_the_eyes_and_turns_with_them() -> None:
    for turn in (0.0, 0.5, -1.2):
        request = drawn_face(turn=turn)
        bar = face_region_mask(request.face, (200, 200), "eyes", 0.0)
        eyes = request.face.landmarks_5[:2].astype(np.float64)
        rows, columns = np.nonzero(bar)
        assert np.allclose([columns.mean(), rows.mean()], eyes.mean(axis=0), atol=0.5)
        assert bar.sum() == pytest.approx(0.4 * WIDTH**2, rel=0.02)
        spread = np.linalg.svd(np.stack([columns, rows]) - [[columns.mean()], [rows.mean()]], full_matrices=False)[0]
        axis = (eyes[1] - eyes[0]) / np.hypot(*(eyes[1] - eyes[0]))
        assert abs(float(spread[:, 0] @ axis)) > 0.999
        assert all(bar[tuple(np.rint(eye[::-1]).astype(int))] for eye in eyes)
        assert not bar[tuple(np.rint(request.face.landmarks_5[2, ::-1]).astype(int))]


@pytest.mark.parametrize("region", REGIONS)
def test_a_margin_grows_the_region_on_all_sides(region: str) -> None:
    request = drawn_face()
    plain = face_region_mask(request.face, (200, 200), region, 0.0)  # type: ignore[arg-type]
    grown = face_region_mask(request.face, (200, 200), region, 0.1)  # type: ignore[arg-type]
    assert not (plain & ~grown).any()
    for axis in (0, 1):
        before, after = np.flatnonzero(plain.any(axis=axis)), np.flatnonzero(grown.any(axis=axis))
        for change in (before[0] - after[0], after[-1] - before[-1]):
            assert change == pytest.approx(0.1 * WIDTH, abs=1.01)


# --- methods --------------------------------------------------------------------------------------------------------

CLASSICAL: tuple[Any, ...] = (Masking, Blurring, Pixelation)
METHODS = [method(region=region) for method in CLASSICAL for region in ("auto", *REGIONS)]


@pytest.mark.parametrize("method", METHODS, ids=lambda m: f"{m.info.name}-{m.region}")
class TestEveryMethod:
    def test_changes_its_region_alone(self, method: Any) -> None:
        request = drawn_face()
        inside, result = method.repaints(request), apply(method, request)
        assert "face" in method.info.modality
        assert (result.shape, result.dtype) == (request.image.shape, np.dtype(np.uint8))
        assert (result[~inside] == request.image[~inside]).all()
        assert (result[inside] != request.image[inside]).any(axis=1).mean() > 0.9

    def test_strength_follows_the_size_of_the_face(self, method: Any) -> None:
        small, large = drawn_face(), drawn_face(3)
        values = [similarity(each.image, apply(method, each)).psnr for each in (small, large)]
        assert values[0] == pytest.approx(values[1], abs=0.6)

    def test_an_unusable_analysis_fails_for_its_image_alone(self, method: Any) -> None:
        good = drawn_face()
        bad = replace(good, analysis=replace(good.face, landmarks_5=np.full((5, 2), np.nan, np.float32)))
        first, second, third = method.deidentify([good, bad, good])
        assert isinstance(second, Failure)
        assert (first == third).all()


def test_auto_is_the_mask() -> None:
    assert (Masking().repaints(drawn_face()) == Masking(region="mask").repaints(drawn_face())).all()


def test_skin_is_the_faces_colour_outside_the_region() -> None:
    request = drawn_face()
    method = Masking(color="skin", region="eyes")
    inside = method.repaints(request)
    expected = np.rint(np.median(request.image[present(request.face.mask) & ~inside], axis=0))
    assert (apply(method, request)[inside] == expected).all()
    assert (expected > 100).all()


def test_no_background_bleeds_into_a_blurred_face() -> None:
    request = drawn_face()
    elsewhere = request.image.copy()
    elsewhere[~present(request.face.mask)] = (0, 255, 0)
    inside = request.face.mask
    other = apply(Blurring(sigma=0.2), replace(request, image=elsewhere))
    assert (other[inside] == apply(Blurring(sigma=0.2), request)[inside]).all()


@pytest.mark.parametrize("region", ["box", "eyes"])
@pytest.mark.parametrize("method", [Masking, Blurring, Pixelation])
def test_box_and_eyes_need_no_mask(method: Any, region: str) -> None:
    request = without_mask(drawn_face())
    result = apply(method(region=region), request)
    assert (result != request.image).any()


# --- analyses that lack something -----------------------------------------------------------------------------------


@pytest.mark.parametrize("method", [Masking(), Blurring(region="mask"), Pixelation()])
def test_the_mask_region_says_that_there_is_no_mask(method: Any) -> None:
    assert "no face mask" in failure(method, without_mask(drawn_face()))


@pytest.mark.parametrize("region", ["palm", "hand"])
def test_a_palm_region_on_a_face_is_named(region: Literal["auto", "palm", "hand", "box", "mask", "eyes"]) -> None:
    assert failure(Masking(region=region), drawn_face()) == f"region={region} is for palms; take box, mask or eyes"


@pytest.mark.parametrize("region", REGIONS)
def test_a_face_region_on_a_palm_is_named(
    region: Literal["auto", "palm", "hand", "box", "mask", "eyes"], request_for: Callable[..., Request]
) -> None:
    assert failure(Masking(region=region), request_for()) == f"region={region} is for faces; take palm or hand"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"landmarks_5": np.zeros((5, 2), np.float32)}, "landmarks"),
        ({"landmarks_5": (TEMPLATE / 40).astype(np.float32)}, "less than 8 px"),
        ({"landmarks_5": (TEMPLATE + 5000).astype(np.float32), "box": np.full(4, 5000, np.float32)}, "outside"),
        ({"box": np.full(4, np.nan, np.float32), "landmarks_5": None}, "box"),
        ({"mask": np.zeros((7, 7), np.bool_)}, "another size"),
        ({"mask": np.zeros((200, 200), np.bool_)}, "outside"),
    ],
)
def test_unusable_analyses_are_refused_with_a_reason(changes: dict[str, Any], words: str) -> None:
    request = drawn_face()
    if changes.get("landmarks_5", ...) is None:
        changes = {name: value for name, value in changes.items() if value is not None}
    analysis = replace(request.face, **changes)
    region = "mask" if "mask" in changes else "box"
    with pytest.raises(RegionError, match=words):
        face_region_mask(analysis, (200, 200), region, 0.0)  # type: ignore[arg-type]
    assert words in failure(Masking(region=region), replace(request, analysis=analysis))  # type: ignore[arg-type]


def test_unknown_regions_are_refused() -> None:
    with pytest.raises(ValueError, match=r"expected region .* got 'nose'; "):
        Masking(region="nose")  # type: ignore[arg-type]
