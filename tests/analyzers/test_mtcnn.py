"""MTCNN: the published port's numbers, the contract, and every kind of image that could go wrong."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deid_bench.analyzers.base import Analyzer, FaceAnalysis, Missing
from deid_bench.analyzers.face_alignment import TEMPLATE, align_face, move_points, similarity_to_template
from deid_bench.analyzers.mtcnn import Mtcnn, main_face
from deid_bench.deidentifiers.base import Request
from deid_bench.deidentifiers.classical import Masking
from deid_bench.weights import files as weights

from .faces import VARIANTS, variant

GOLDEN = json.loads((Path(__file__).parent / "golden" / "faces.json").read_text())
"""Of facenet-pytorch 2.6.0 and dlib 20.0.1; see golden/make_faces_golden.py."""


@pytest.fixture(scope="module")
def mtcnn() -> Mtcnn:
    """The analyzer with its defaults; its weight files are fetched when they are absent."""
    if weights.offline() and any(weights.find(name) is None for name in Mtcnn.info.weights):
        pytest.skip("the face networks' weight files are absent and DEID_BENCH_OFFLINE forbids fetching them")
    return Mtcnn()


@pytest.fixture(scope="module")
def found(mtcnn: Mtcnn) -> FaceAnalysis:
    """The face of the whole photograph."""
    return face(mtcnn, variant("whole"))


def face(analyzer: Mtcnn, image: NDArray[Any]) -> FaceAnalysis:
    (result,) = analyzer.analyze([np.ascontiguousarray(image)])
    assert isinstance(result, FaceAnalysis), result
    return result


def reason(analyzer: Mtcnn, image: NDArray[Any]) -> str:
    (result,) = analyzer.analyze([np.ascontiguousarray(image)])
    assert isinstance(result, Missing), result
    return result.reason


def eyes(points: NDArray[Any]) -> float:
    """Distance of the eyes in px."""
    return float(np.hypot(*(points[1] - points[0])))


def same(a: FaceAnalysis | Missing, b: FaceAnalysis | Missing) -> bool:
    if isinstance(a, Missing) or isinstance(b, Missing):
        return a == b
    return a.score == b.score and all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in ("box", "landmarks_5", "landmarks_68", "mask")
    )


# --- outside references ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", VARIANTS)
def test_the_cascade_finds_what_the_published_port_finds(mtcnn: Mtcnn, name: str) -> None:
    from deid_bench.analyzers.mtcnn_cascade import Search

    cascade, _ = mtcnn._ready()
    faces, golden = cascade.find(variant(name), Search()), GOLDEN[name]
    assert len(faces.boxes) == len(golden["boxes"])
    np.testing.assert_allclose(faces.boxes, np.reshape(golden["boxes"], (-1, 4)), atol=2e-2)
    np.testing.assert_allclose(faces.scores, np.reshape(golden["scores"], -1), atol=1e-4)
    np.testing.assert_allclose(faces.points, np.reshape(golden["points"], (-1, 5, 2)), atol=2e-2)


@pytest.mark.parametrize("name", ["whole", "mirrored", "grey", "dark", "head only"])
def test_five_points_lie_where_another_predictor_sees_them(mtcnn: Mtcnn, name: str) -> None:
    dense = np.array(GOLDEN[name]["dlib68"], float)
    expected = [dense[36:42].mean(axis=0), dense[42:48].mean(axis=0), dense[30], dense[48], dense[54]]
    points = face(mtcnn, variant(name)).landmarks_5
    assert np.hypot(*(points - expected).T).mean() < 0.1 * eyes(points)


# --- the contract ---------------------------------------------------------------------------------------------------


def test_keeps_the_contract(mtcnn: Mtcnn) -> None:
    images = [variant("whole"), variant("no face"), variant("head only"), np.zeros((0, 5, 3), np.uint8)]
    shown = [image.copy() for image in images]
    for image in shown:
        image.flags.writeable = False
    results = mtcnn.analyze(shown)
    assert isinstance(mtcnn, Analyzer)
    assert [type(result) for result in results] == [FaceAnalysis, Missing, FaceAnalysis, Missing]
    assert all(np.array_equal(a, b) for a, b in zip(shown, images, strict=True))
    copy = pickle.loads(pickle.dumps(mtcnn))  # noqa: S301
    backwards = copy.analyze(images[::-1])[::-1]
    assert all(same(a, b) for a, b in zip(results, backwards, strict=True))
    assert results[3] == Missing("the image has no pixels")
    assert mtcnn.analyze([]) == []


@pytest.mark.parametrize("name", ["whole", "head only"])
def test_shapes_types_and_ranges(mtcnn: Mtcnn, name: str) -> None:
    image = variant(name)
    result = face(mtcnn, image)
    shapes = {"box": (4,), "landmarks_5": (5, 2), "landmarks_68": (68, 2)}
    for field, shape in shapes.items():
        array = getattr(result, field)
        assert (array.shape, array.dtype) == (shape, np.dtype(np.float32)), field
        assert np.isfinite(array).all()
    assert result.mask is not None
    assert (result.mask.shape, result.mask.dtype) == (image.shape[:2], np.dtype(np.bool_))
    assert 0.0 <= result.score <= 1.0


@pytest.mark.parametrize("image", [np.zeros((9, 9), np.uint8), np.zeros((9, 9, 4), np.uint8), np.zeros((9, 9, 3))])
def test_what_is_no_image_is_refused(mtcnn: Mtcnn, image: NDArray[Any]) -> None:
    with pytest.raises(TypeError, match="uint8 RGB"):
        mtcnn.analyze([image])


@pytest.mark.parametrize(
    "params",
    [
        {"landmarks": "dlib"},
        {"threshold_o": 1.1},
        {"threshold_p": float("nan")},
        {"factor": 1.0},
        {"min_face": 11},
        {"border": -0.1},
        {"search_side": 1025},
    ],
)
def test_bad_parameters_are_refused(params: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(params))} must be"):
        Mtcnn(**params)  # type: ignore[arg-type]


def test_the_landmark_model_decides_which_files_are_read(mtcnn: Mtcnn) -> None:
    hashes = Mtcnn.weight_hashes({})
    assert set(hashes) == set(Mtcnn.info.weights)
    assert set(Mtcnn.weight_hashes({"landmarks": "none"})) == set(hashes) - {"mediapipe-face-mesh"}


# --- where things lie -----------------------------------------------------------------------------------------------


def test_a_moved_photograph_moves_the_face(mtcnn: Mtcnn, found: FaceAnalysis) -> None:
    moved = np.pad(variant("whole"), ((40, 0), (64, 0), (0, 0)), mode="edge")
    there = face(mtcnn, moved)
    assert np.abs(there.landmarks_5 - found.landmarks_5 - [64, 40]).max() < 0.1 * eyes(found.landmarks_5)


def test_a_tight_crop_is_found_at_the_template(mtcnn: Mtcnn, found: FaceAnalysis) -> None:
    transform = similarity_to_template(found.landmarks_5)
    crop = align_face(variant("whole"), found.landmarks_5)
    again = face(mtcnn, crop)
    expected = move_points(found.landmarks_5, transform)
    assert np.hypot(*(again.landmarks_5 - expected).T).mean() < 0.06 * eyes(TEMPLATE)


@pytest.mark.parametrize("factor", [2, 3])
def test_large_photographs_give_the_same_places(mtcnn: Mtcnn, found: FaceAnalysis, factor: int) -> None:
    large = np.kron(variant("whole"), np.ones((factor, factor, 1), np.uint8))
    there = face(mtcnn, large)
    expected = (found.landmarks_5 + 0.5) * factor - 0.5
    assert np.hypot(*(there.landmarks_5 - expected).T).mean() < 0.06 * eyes(expected)


def test_small_photographs_are_searched_enlarged(mtcnn: Mtcnn) -> None:
    small = variant("head only")[::2, ::2]  # 100 x 95 px, as small as ORL's
    fine, coarse = face(mtcnn, small), face(Mtcnn(search_side=0, landmarks="none"), small)
    assert coarse.landmarks_68 is None
    assert coarse.mask is None
    reference = (face(mtcnn, variant("head only")).landmarks_5 - 0.5) / 2
    assert np.hypot(*(fine.landmarks_5 - reference).T).mean() < 0.08 * eyes(reference)


# --- bad input ------------------------------------------------------------------------------------------------------


def noise(height: int, width: int) -> NDArray[Any]:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


@pytest.mark.parametrize(
    "image",
    [
        variant("no face"),
        np.zeros((112, 112, 3), np.uint8),
        np.full((300, 200, 3), 255, np.uint8),
        noise(112, 112),
        np.repeat(np.tile(np.arange(256, dtype=np.uint8), (200, 1))[..., None], 3, axis=2),
        noise(24, 3000),
        noise(3000, 24),
    ],
    ids=["the suit", "black", "white", "noise", "ramp", "strip", "pole"],
)
def test_no_face(mtcnn: Mtcnn, image: NDArray[Any]) -> None:
    assert reason(mtcnn, image) == "no face found"


@pytest.mark.parametrize("side", [1, 8, 19])
def test_tiny_images(mtcnn: Mtcnn, side: int) -> None:
    small = np.ascontiguousarray(variant("head only")[:: 200 // side, :: 200 // side][:side, :side])
    assert reason(mtcnn, small) == "the image is smaller than the smallest face looked for"


def test_of_several_faces_the_large_one_near_the_middle_counts(mtcnn: Mtcnn, found: FaceAnalysis) -> None:
    both = face(mtcnn, variant("two faces"))
    assert np.abs(both.landmarks_5 - found.landmarks_5).max() < 0.1 * eyes(found.landmarks_5)
    boxes = np.array([[0, 0, 10, 10], [45, 45, 55, 55], [80, 0, 100, 20]], np.float32)
    assert main_face(boxes, np.array([50.0, 50.0])) == 1
    assert main_face(boxes * np.array([[1], [1], [0]], np.float32), np.array([0.0, 0.0])) == 0


@pytest.mark.parametrize(
    "window", [(95, 260, 120, 330), (20, 150, 120, 330), (20, 260, 205, 330), (20, 260, 120, 245)], ids="tblr"
)
def test_a_face_cut_by_the_border_never_raises(mtcnn: Mtcnn, window: tuple[int, int, int, int]) -> None:
    top, bottom, left, right = window
    (result,) = mtcnn.analyze([np.ascontiguousarray(variant("whole")[top:bottom, left:right])])
    if isinstance(result, Missing):
        assert result.reason in {"no face found", "the face lies mostly outside the image"}
    else:
        assert np.isfinite(result.landmarks_5).all()


def test_a_face_at_the_border_is_found(mtcnn: Mtcnn, found: FaceAnalysis) -> None:
    """Its box ends with the image on three sides."""
    x0, y0, x1, y1 = np.rint(found.box).astype(int)
    there = face(mtcnn, variant("whole")[y0 : y1 + 60, x0:x1])
    assert np.abs(there.landmarks_5 + np.array([x0, y0]) - found.landmarks_5).max() < 0.15 * eyes(found.landmarks_5)


def test_grey_photographs(mtcnn: Mtcnn, found: FaceAnalysis) -> None:
    grey = face(mtcnn, variant("grey"))
    assert np.abs(grey.landmarks_5 - found.landmarks_5).max() < 0.1 * eyes(found.landmarks_5)


@pytest.mark.parametrize("color", ["black", "grey", "skin"])
def test_a_masked_face_is_no_longer_found(mtcnn: Mtcnn, found: FaceAnalysis, color: str) -> None:
    hidden = Masking(color=color, region="box").deidentify([Request(variant("whole"), found, 0)])[0]  # type: ignore[arg-type]
    assert reason(mtcnn, hidden) == "no face found"  # type: ignore[arg-type]
