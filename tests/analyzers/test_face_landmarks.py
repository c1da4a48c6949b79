"""68 landmarks: the mesh against dlib's predictor, the geometry of either, masks, and dlib's licence."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from narrowed import present
from numpy.typing import NDArray

from deid_bench import licences as _licences
from deid_bench.analyzers.base import FaceAnalysis
from deid_bench.analyzers.external import ToolError
from deid_bench.analyzers.face_alignment import align_face
from deid_bench.analyzers.face_landmarks import IBUG_FROM_MESH, Dlib68, FaceMesh, check_available
from deid_bench.analyzers.face_mask import hull_mask
from deid_bench.analyzers.mtcnn import Mtcnn
from deid_bench.weights import files as weights

from .faces import variant

GOLDEN = json.loads((Path(__file__).parent / "golden" / "faces.json").read_text())
PHOTOS = ("whole", "mirrored", "grey", "dark", "head only")
MIRROR = np.array(
    [
        *(*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, 35, 34, 33, 32, 31),
        *(45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40),
        *(54, 53, 52, 51, 50, 49, 48, 59, 58, 57, 56, 55, 64, 63, 62, 61, 60, 67, 66, 65),
    ]
)
"""The point that each of the 68 becomes in a mirror."""


@pytest.fixture(scope="module")
def faces() -> dict[str, FaceAnalysis]:
    """The analysis of each photograph, with the mesh."""
    if weights.offline() and any(weights.find(name) is None for name in Mtcnn.info.weights):
        pytest.skip("the face networks' weight files are absent and DEID_BENCH_OFFLINE forbids fetching them")
    found = dict(zip(PHOTOS, Mtcnn().analyze([variant(name) for name in PHOTOS]), strict=True))
    assert all(isinstance(one, FaceAnalysis) for one in found.values())
    return found  # type: ignore[return-value]


def eyes(points_68: NDArray[Any]) -> float:
    return float(np.hypot(*(points_68[36:42].mean(axis=0) - points_68[42:48].mean(axis=0))))


# --- the mesh -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PHOTOS)
@pytest.mark.parametrize(
    ("part", "limit"),
    [((0, 17), 0.15), ((17, 27), 0.12), ((27, 36), 0.06), ((36, 48), 0.06), ((48, 68), 0.06)],
    ids=["jaw", "eyebrows", "nose", "eyes", "mouth"],
)
def test_the_mesh_agrees_with_dlib(
    faces: dict[str, FaceAnalysis], name: str, part: tuple[int, int], limit: float
) -> None:
    expected = np.array(GOLDEN[name]["dlib68"], float)
    apart = np.hypot(*(faces[name].landmarks_68 - expected).T)[slice(*part)]
    assert apart.mean() < limit * eyes(expected)


def test_every_point_is_nearer_to_its_own_than_a_swapped_map_would_be(faces: dict[str, FaceAnalysis]) -> None:
    """Left and right, upper and lower are where iBUG has them: no other order of neighbours fits better."""
    expected = np.array(GOLDEN["whole"]["dlib68"], float)
    found = present(faces["whole"].landmarks_68)
    assert np.hypot(*(found - expected).T).mean() < 0.5 * np.hypot(*(found[MIRROR] - expected).T).mean()
    nearest = np.hypot(*(found[:, None] - expected[None]).T).T.argmin(axis=1)
    assert (nearest == np.arange(68)).mean() > 0.75


def test_the_map_is_as_symmetric_as_a_face(faces: dict[str, FaceAnalysis]) -> None:
    whole, mirrored = faces["whole"].landmarks_68, faces["mirrored"].landmarks_68
    assert whole is not None
    assert mirrored is not None
    back = (mirrored * [-1, 1] + [511, 0])[MIRROR]
    assert np.hypot(*(back - whole).T).mean() < 0.06 * eyes(whole)
    assert len(set(IBUG_FROM_MESH)) == 68


def test_a_turned_head_is_no_trouble(faces: dict[str, FaceAnalysis]) -> None:
    import cv2

    whole = faces["whole"]
    turn = cv2.getRotationMatrix2D((225.0, 118.0), 25.0, 1.0)
    turned = np.asarray(cv2.warpAffine(variant("whole"), turn, (512, 512)), np.uint8)
    (there,) = Mtcnn().analyze([turned])
    assert isinstance(there, FaceAnalysis)
    expected = present(whole.landmarks_68) @ turn[:, :2].T + turn[:, 2]
    assert np.hypot(*(present(there.landmarks_68) - expected).T).mean() < 0.06 * eyes(expected)


def test_where_there_is_no_face_the_mesh_says_so(faces: dict[str, FaceAnalysis]) -> None:
    model = FaceMesh(weights.weight("mediapipe-face-mesh"))
    empty = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    assert model(empty, faces["whole"].landmarks_5) is None


# --- masks ----------------------------------------------------------------------------------------------------------


def test_the_mask_holds_the_points_and_ends_near_them(faces: dict[str, FaceAnalysis]) -> None:
    whole = faces["whole"]
    assert whole.landmarks_68 is not None
    assert whole.mask is not None
    inner = np.rint(whole.landmarks_68[17:]).astype(int)
    assert whole.mask[inner[:, 1], inner[:, 0]].all()
    rows, columns = np.nonzero(whole.mask)
    x0, y0, x1, y1 = whole.box
    assert x0 - 20 < columns.min() < columns.max() < x1 + 20
    assert y0 - 20 < rows.min() < rows.max() < y1 + 20
    assert 0.6 < whole.mask.sum() / ((x1 - x0) * (y1 - y0)) < 1.1


def test_hulls_are_those_of_another_library() -> None:
    from skimage.draw import polygon2mask

    rng = np.random.default_rng(4)
    for _ in range(5):
        angles = np.sort(rng.uniform(0, 2 * np.pi, 40))
        points = (np.stack([np.cos(angles), np.sin(angles)], axis=1) * [30, 20] + [50, 45]).astype(np.float32)
        ours = hull_mask(np.vstack([points, points * 0.5 + [25, 22]]).astype(np.float32), (90, 100, 3))
        theirs = polygon2mask((90, 100), points[:, ::-1])
        assert (ours != theirs).sum() <= 2 * len(points) + 0.07 * theirs.sum()
        assert (theirs & ~ours).sum() <= 5


@pytest.mark.parametrize("shift", [-500, 500, 1e9])
def test_a_hull_outside_the_image_is_empty(shift: float) -> None:
    assert not hull_mask(np.array([[0, 0], [5, 0], [0, 5]], np.float32) + np.float32(shift), (50, 50)).any()


# --- dlib -----------------------------------------------------------------------------------------------------------


class _Predictor:
    """Stands in for dlib's: remembers what it was shown and answers with the box's corners and middle."""

    def __init__(self, file: str) -> None:
        self.file = file

    def __call__(self, image: NDArray[Any], box: tuple[int, int, int, int]) -> object:
        assert (image.dtype, image.shape) == (np.dtype(np.uint8), (320, 320, 3))
        x0, y0, x1, y1 = box
        spots = [(x0, y0), (x1, y0), ((x0 + x1) / 2, (y0 + y1) / 2), (x0, y1)] * 17
        return types.SimpleNamespace(parts=lambda: [types.SimpleNamespace(x=x, y=y) for x, y in spots])


@pytest.fixture
def dlib_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    module = types.ModuleType("dlib")
    module.shape_predictor = _Predictor  # type: ignore[attr-defined]
    module.rectangle = lambda *corners: corners  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "dlib", module)


@pytest.mark.usefixtures("dlib_stand_in")
def test_dlib_is_shown_an_upright_face_and_its_points_come_back(faces: dict[str, FaceAnalysis]) -> None:
    """The box lies where dlib's own detector puts it: between the eyebrows and below the mouth, a face wide."""
    from deid_bench.analyzers.face_alignment import TEMPLATE

    found = Dlib68(Path("none.dat"))(np.zeros((112, 112, 3), np.uint8), TEMPLATE.astype(np.float32))
    assert found is not None
    corner, right, middle, _ = found.landmarks_68[:4]
    np.testing.assert_allclose(middle, [56.4, 71.4], atol=0.6)
    np.testing.assert_allclose(right - corner, [86.6, 0], atol=0.6)
    assert found.outline.shape == (68, 2)


@pytest.mark.usefixtures("dlib_stand_in")
def test_the_terms_of_dlibs_predictor_are_shown_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEID_BENCH_CACHE", str(tmp_path))
    monkeypatch.delenv(_licences.VARIABLE, raising=False)
    with pytest.raises(_licences.LicenceError, match=r"commercial.*deid-bench licence accept dlib68"):
        Mtcnn(landmarks="dlib68")
    _licences.accept("dlib68")
    assert Mtcnn(landmarks="dlib68").landmarks == "dlib68"


def test_without_dlib_the_choice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ToolError, match=r"dlib.*landmarks=mesh"):
        check_available("dlib68")
    check_available("mesh")
    check_available("none")


def test_landmarks_survive_a_tight_crop(faces: dict[str, FaceAnalysis]) -> None:
    crop = align_face(variant("whole"), faces["whole"].landmarks_5)
    (result,) = Mtcnn().analyze([crop])
    assert isinstance(result, FaceAnalysis)
    assert result.landmarks_68 is not None
    assert result.mask is not None
    assert 0.35 < result.mask.mean() < 0.8
