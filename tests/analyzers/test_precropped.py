"""The analyzer for palm squares that were cut out before: the contract, exactness, and a whole run on a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from deid_bench.analyzers.base import HandAnalysis, Missing
from deid_bench.analyzers.palm_region import palm_mask
from deid_bench.analyzers.palm_roi import inner_square
from deid_bench.analyzers.precropped import Precropped
from deid_bench.benchmark.stages.measure import DRIFTS
from deid_bench.cli import main
from deid_bench.recognizers.palm.palm_crop import align_palm

from .contract import check_analyzer


def _noise(height: int, width: int, seed: int = 0) -> NDArray[Any]:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _analysis(image: NDArray[Any]) -> HandAnalysis:
    (found,) = Precropped().analyze([image])
    assert isinstance(found, HandAnalysis)
    return found


def test_the_contract() -> None:
    check_analyzer(Precropped(), [_noise(128, 128), _noise(40, 90), _noise(150, 140), _noise(3, 3), _noise(64, 64)])


def test_a_palm_square_reaches_the_recognisers_unchanged() -> None:
    image = _noise(128, 128)
    np.testing.assert_array_equal(align_palm(image, _analysis(image)), image)


def test_a_square_of_twice_the_size_is_averaged_over_its_pixels() -> None:
    image = _noise(256, 256)
    crop = align_palm(image, _analysis(image))
    assert isinstance(crop, np.ndarray)
    means = image.reshape(128, 2, 128, 2, 3).mean(axis=(1, 3))
    np.testing.assert_allclose(crop, means, atol=0.51)


@pytest.mark.parametrize("side", [64, 128, 150, 227])
def test_keypoints_and_square_are_of_one_hand(side: int) -> None:
    found = _analysis(_noise(side, side))
    np.testing.assert_allclose(inner_square(found.keypoints_2d), found.roi, atol=1e-4)
    assert found.roi.tolist() == [[-0.5, -0.5], [side - 0.5, -0.5], [side - 0.5, side - 0.5], [-0.5, side - 0.5]]
    assert found.score == 1.0
    assert found.mask.all()


@pytest.mark.parametrize("shape", [(64, 64), (128, 128), (227, 227), (150, 140)])
def test_methods_that_repaint_the_palm_repaint_everything(shape: tuple[int, int]) -> None:
    assert palm_mask(shape, _analysis(_noise(*shape))).all()


@pytest.mark.parametrize(
    ("shape", "reason"),
    [((480, 640), "not square"), ((0, 9), "no pixels"), ((5, 5), "too small"), ((100, 111), "not square")],
)
def test_what_is_no_palm_square_is_missing(shape: tuple[int, int], reason: str) -> None:
    (found,) = Precropped().analyze([_noise(*shape)])
    assert isinstance(found, Missing)
    assert reason in found.reason


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    """Three palms, three noisy views each, and an image that is no square."""
    folder = tmp_path / "rois"
    for palm in range(3):
        lines = cv2.resize(_noise(16, 16, palm), (128, 128), interpolation=cv2.INTER_CUBIC).astype(np.int16)
        (folder / f"p{palm}").mkdir(parents=True)
        for view in range(3):
            grain = np.random.default_rng([palm, view]).integers(-30, 31, lines.shape)
            cv2.imwrite(str(folder / f"p{palm}" / f"{view}.png"), np.clip(lines + grain, 0, 255).astype(np.uint8))
    cv2.imwrite(str(folder / "p0" / "hand.png"), _noise(60, 120))
    return folder


def test_a_run_on_shipped_palm_squares(squares: Path, tmp_path: Path) -> None:
    arguments = ["run", "--method", "blurring", "--method", "identity", "--dataset", f"folder:path={squares}"]
    arguments += [
        "--protocol",
        "palm-paper/1.0",
        "--analyzer",
        "precropped",
        "--recognizer",
        "mtcc",
        "--recognizer",
        "hand_geometry",
    ]
    arguments += ["--backend", "serial", "--out", str(tmp_path / "out"), "--quiet"]
    assert main(arguments) in (0, 1)  # 1: an image was left out
    records = [json.loads(path.read_text()) for path in (tmp_path / "out").rglob("run.json")]
    assert len(records) == 2
    for record in records:
        assert record["counts"]["done"] == 9
        assert record["counts"]["skipped"] == 1
        found = {(each["metric"], each["recognizer"]): each for each in record["values"]}
        assert found["eer", "mtcc"]["value"] == 0
        assert found["eer", "hand_geometry"]["value"] == 50
        assert all(found[metric, None]["value"] == 0 for metric in DRIFTS.values())
        assert found["survival", None]["value"] == 100
        if record["method"]["name"] == "blurring":
            assert found["roi_coverage", None]["value"] == 100
