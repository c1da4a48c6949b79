"""`ccnet` and `eehnet_style` with the weights that ship: the recognizer contract, and telling rendered palms apart."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from narrowed import present
from numpy.typing import NDArray

from deid_bench.analyzers.base import HandAnalysis
from deid_bench.analyzers.palm_roi import inner_square
from deid_bench.benchmark.metrics.recognition.error_rates import EerPoint, eer
from deid_bench.datasets.images import read_image
from deid_bench.datasets.palm_mini import PalmMini
from deid_bench.plugins.entries import Kind, registry
from deid_bench.recognizers.base import Recognizer
from deid_bench.recognizers.palm.ccnet import CCNet
from deid_bench.recognizers.palm.eehnet_style import EehnetStyle

Crop = NDArray[np.uint8]
Capture = tuple[str, Crop, HandAnalysis]
both = pytest.mark.parametrize(("recognizer", "side"), [(CCNet(), 128), (EehnetStyle(), 352)], ids=["ccnet", "eehnet"])


def _found(keypoints: NDArray[np.float32], mask: NDArray[np.bool_]) -> HandAnalysis:
    """As a detector finds a hand: its palm square lies a little nearer to the fingers than the renderer's."""
    square = inner_square(keypoints)
    return HandAnalysis(
        box=np.concatenate([keypoints.min(axis=0), keypoints.max(axis=0)]),
        score=1.0,
        handedness="left",
        keypoints_2d=keypoints,
        keypoints_3d=np.zeros((21, 3), np.float32),
        roi=square + (square[0] - square[3]) * np.float32(0.08),
        mask=mask,
    )


@pytest.fixture(scope="module")
def captures() -> list[Capture]:
    """Two images, one of each setting, of each of 12 palms that no training has seen."""
    taken = []
    for setting in ("controlled", "wild"):
        palms = PalmMini(setting)
        for sample in palms.samples()[:48:4]:
            truth = palms.truth(sample.sample_id)
            taken.append((sample.identity, read_image(sample.path), _found(truth.keypoints_2d, truth.mask)))
    return taken


def _crops(recognizer: Recognizer, captures: list[Capture]) -> list[Crop]:
    return [present(recognizer.align(image, analysis)) for _, image, analysis in captures]


@both
def test_contract(recognizer: Recognizer, side: int, captures: list[Capture]) -> None:
    assert isinstance(recognizer, Recognizer)
    crops = [*_crops(recognizer, captures[:3]), np.zeros((side, side, 3), np.uint8)]
    assert [crop.shape for crop in crops] == [(side, side, 3)] * 4
    templates = recognizer.embed(crops)
    assert templates.shape == (4, 256)
    assert templates.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(templates, axis=1), 1, atol=1e-5)
    distances = recognizer.distances(templates, templates)
    assert distances.dtype == np.float32
    np.testing.assert_allclose(distances, distances.T, rtol=0, atol=1e-6)
    assert (np.diag(distances) == 0).all()
    assert recognizer.embed([]).shape == (0, 256)


@both
def test_a_row_depends_on_its_crop_alone(recognizer: Recognizer, side: int, captures: list[Capture]) -> None:
    crops = _crops(recognizer, captures[:3])
    templates = recognizer.embed(crops)
    np.testing.assert_array_equal(recognizer.embed(crops[1:2]), templates[1:2])
    copied = pickle.loads(pickle.dumps(recognizer))  # noqa: S301 - our own bytes
    np.testing.assert_array_equal(copied.embed(crops[::-1]), templates[::-1])


@both
def test_refuses_other_crops(recognizer: Recognizer, side: int) -> None:
    crop = np.zeros((side, side, 3), np.uint8)
    with pytest.raises(ValueError, match="index 1"):
        recognizer.embed([crop, crop[: side // 2]])
    with pytest.raises(ValueError, match="uint8"):
        recognizer.embed([crop.astype(np.float32)])


@both
def test_tells_palms_apart(recognizer: Recognizer, side: int, captures: list[Capture]) -> None:
    templates = recognizer.embed(_crops(recognizer, captures))
    distances = recognizer.distances(templates, templates)
    names = np.array([identity for identity, _, _ in captures])
    same, upper = names[:, None] == names[None], np.triu_indices(len(names), 1)
    point = eer(distances[upper][same[upper]], distances[upper][~same[upper]])
    assert isinstance(point, EerPoint)
    assert point.eer < 0.1
    assert distances[~same].mean() > 0.4  # strangers are about as far apart as random directions


@pytest.mark.parametrize(
    ("recognizer", "golden"),
    [(CCNet(), (0.1966, 0.4694, 0.5029)), (EehnetStyle(), (0.2452, 0.5202, 0.5272))],
    ids=["ccnet", "eehnet"],
)
def test_golden_distances(recognizer: Recognizer, golden: tuple[float, ...], captures: list[Capture]) -> None:
    """One palm in both settings, and another one: other weights or another alignment would be another version."""
    templates = recognizer.embed(_crops(recognizer, [captures[k] for k in (0, 12, 1)]))
    found = recognizer.distances(templates, templates)[np.triu_indices(3, 1)]
    np.testing.assert_allclose(found, golden, rtol=0, atol=1e-3)


@both
def test_both_hands_look_alike(recognizer: Recognizer, side: int, captures: list[Capture]) -> None:
    """A photograph and its mirror image give the same crop but for resampling."""
    _, image, analysis = captures[0]
    width = image.shape[1]
    mirrored = analysis.keypoints_2d * np.array([-1, 1], np.float32) + np.array([width - 1, 0], np.float32)
    square = analysis.roi * np.array([-1, 1], np.float32) + np.array([width - 1, 0], np.float32)
    other = replace(analysis, keypoints_2d=mirrored, roi=square, handedness="right")
    crops = [recognizer.align(image, analysis), recognizer.align(np.ascontiguousarray(image[:, ::-1]), other)]
    assert np.abs(present(crops[0]).astype(int) - present(crops[1]).astype(int)).mean() < 1


@pytest.mark.parametrize("name", ["ccnet", "eehnet_style"])
def test_is_registered_and_hashed(name: str) -> None:
    resolved = registry().resolve(Kind.RECOGNIZER, name)
    assert resolved.cls.weight_hashes(resolved.params).keys() == set(resolved.info.weights)


@pytest.mark.parametrize("module", ["ccnet", "eehnet_style"])
def test_is_light_to_import(module: str) -> None:
    code = f"import deid_bench.recognizers.palm.{module}, sys; print([m for m in ('torch', 'cv2') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
