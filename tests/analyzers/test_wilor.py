"""The WiLoR analyzer, on a stand-in for its package with the same output layout."""

from __future__ import annotations

import hashlib
import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from deid_bench.analyzers.base import HandAnalysis, Missing
from deid_bench.analyzers.external import ToolError
from deid_bench.analyzers.hand_mask import hand_mask
from deid_bench.analyzers.palm_roi import inner_square, valley_square
from deid_bench.analyzers.sam2_masks import Sam2Masks
from deid_bench.analyzers.wilor import FILES, Wilor
from deid_bench.licences import VARIABLE, LicenceError, accept
from deid_bench.plugins.entries import PluginError, create
from deid_bench.weights.files import WeightsError

from .contract import check_analyzer
from .hands import left_hand, right_hand
from .tiny_sam2 import save_tiny_sam2
from .wilor_package import write_files, write_package

PIPELINE = "wilor_mini.pipelines.wilor_hand_pose3d_estimation_pipeline"
HEIGHT, WIDTH = 320, 480


@pytest.fixture(autouse=True)
def _place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache of its own, no downloads, nothing accepted."""
    monkeypatch.setenv("DEID_BENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("DEID_BENCH_OFFLINE", "1")
    monkeypatch.delenv(VARIABLE, raising=False)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The installed stand-in with its terms accepted; shows one left hand."""
    write_package(tmp_path / "site")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv(VARIABLE, "wilor")
    module = importlib.import_module(PIPELINE)
    module.HANDS.append(_hand(left_hand(), 0.0))
    yield module
    for name in [each for each in sys.modules if each.partition(".")[0] == "wilor_mini"]:
        del sys.modules[name]


@pytest.fixture
def files(tmp_path: Path) -> str:
    return str(write_files(tmp_path / "files"))


def _hand(points: NDArray[Any], is_right: float) -> tuple[NDArray[Any], float, list[float]]:
    return points, is_right, [*points.min(axis=0).tolist(), *points.max(axis=0).tolist()]


def _image(height: int = HEIGHT, width: int = WIDTH) -> NDArray[Any]:
    return np.random.default_rng(5).integers(60, 256, (height, width, 3), dtype=np.uint8)


def _one(analyzer: Wilor, image: NDArray[Any]) -> HandAnalysis:
    (found,) = analyzer.analyze([image])
    assert isinstance(found, HandAnalysis)
    return found


def test_contract(package: ModuleType, files: str) -> None:
    image = _image()
    grey = np.repeat(image[..., :1], 3, axis=2)
    dark, strip, tiny = np.zeros_like(image), _image(4000, 9), _image(3, 3)
    found = check_analyzer(Wilor(mask="grabcut", folder=files), [image, dark, grey, strip, tiny])
    assert isinstance(found[2], HandAnalysis)
    assert [found[index] for index in (1, 3, 4)] == [Missing("no hand found")] * 3


def test_every_field(package: ModuleType, files: str) -> None:
    package.HANDS[:] = [_hand(right_hand(WIDTH), 1.0)]
    image, points = _image(), right_hand(WIDTH)
    found = _one(Wilor(mask="grabcut", folder=files), image)
    assert (found.handedness, found.score) == ("right", 1.0)
    np.testing.assert_array_equal(found.box, [*points.min(axis=0), *points.max(axis=0)])
    np.testing.assert_array_equal(found.keypoints_2d, points)
    np.testing.assert_array_equal(found.keypoints_3d, np.column_stack([points, points[:, 0]]) / np.float32(1000))
    np.testing.assert_array_equal(found.roi, inner_square(points))
    np.testing.assert_array_equal(found.mask, hand_mask(image, points))
    other = _one(Wilor(mask="grabcut", roi="valley", folder=files), image)
    np.testing.assert_array_equal(other.roi, valley_square(points))


def test_sam2_makes_the_mask_unless_told_otherwise(package: ModuleType, files: str, tmp_path: Path) -> None:
    sam2 = str(save_tiny_sam2(tmp_path / "sam2"))
    analyzer, image = Wilor(sam2=sam2, folder=files), _image()
    found = check_analyzer(analyzer, [image, np.zeros_like(image)])
    assert isinstance(found[0], HandAnalysis)
    np.testing.assert_array_equal(found[0].mask, Sam2Masks(sam2)(image, left_hand()))
    assert not np.array_equal(found[0].mask, hand_mask(image, left_hand()))
    names = [f"wilor-mini/{Path(name).name}" for name in FILES]
    digests = Wilor.weight_hashes({"sam2": sam2, "folder": files})
    assert sorted(digests) == sorted([*names, "sam2/config.json", "sam2/model.safetensors"])
    assert digests["wilor-mini/detector.pt"] == hashlib.sha256(b"content of pretrained_models/detector.pt").hexdigest()


def test_the_channels_are_as_asked(package: ModuleType, files: str) -> None:
    image = _image()
    Wilor(mask="grabcut", folder=files).analyze([image])
    Wilor(mask="grabcut", channels="rgb", folder=files, hand_conf=0.5, rescale_factor=2.0).analyze([image])
    (bgr, whole, default), (rgb, _, options) = package.SEEN
    assert (bgr, rgb) == (image[0, 0, ::-1].tolist(), image[0, 0].tolist())
    assert whole
    assert default == {"hand_conf": 0.3, "rescale_factor": 2.5}
    assert options == {"hand_conf": 0.5, "rescale_factor": 2.0}


def test_of_two_hands_the_largest_or_the_first(package: ModuleType, files: str) -> None:
    small, large = left_hand(scale=1.0, x=10), right_hand(WIDTH, scale=2.2)
    package.HANDS[:] = [_hand(small, 0.0), _hand(large, 1.0)]
    largest = _one(Wilor(mask="grabcut", folder=files), _image())
    first = _one(Wilor(mask="grabcut", hand="first", folder=files), _image())
    assert (largest.handedness, first.handedness) == ("right", "left")
    np.testing.assert_array_equal(first.keypoints_2d, small)


@pytest.mark.parametrize(
    ("points", "reason"),
    [
        (left_hand(x=-230.0), "the palm lies mostly outside the image"),
        (left_hand(scale=0.15), "the hand is too small"),
        (np.full((21, 2), np.nan, np.float32), "the hand is too small"),
    ],
)
def test_hands_that_are_no_use(package: ModuleType, files: str, points: NDArray[Any], reason: str) -> None:
    package.HANDS[:] = [_hand(points, 0.0)]
    assert Wilor(mask="grabcut", folder=files).analyze([_image()]) == [Missing(reason)]


def test_a_hand_cut_by_the_border_is_kept_while_its_palm_is_inside(package: ModuleType, files: str) -> None:
    package.HANDS[:] = [_hand(left_hand(y=-60.0), 0.0)]
    found = _one(Wilor(mask="grabcut", folder=files), _image())
    assert found.keypoints_2d.min() < 0
    assert found.mask.any()


def test_the_networks_are_loaded_once_with_what_was_asked(package: ModuleType, files: str) -> None:
    import torch

    analyzer = Wilor(mask="grabcut", folder=files, dtype="bfloat16")
    assert package.BUILT == []
    analyzer.analyze([_image(), _image()])
    expected = {"device": torch.device("cpu"), "dtype": torch.bfloat16, "verbose": False, "wilor_pretrained_dir": files}
    (built,) = package.BUILT
    assert built == expected


# ------------------------------------------------------------------------------------------------ what can be wrong


def test_without_the_package_the_error_says_what_to_install() -> None:
    with pytest.raises(ToolError, match=r"pip install git\+https://github\.com/warmshao/WiLoR-mini .*mediapipe_hands"):
        create("analyzer", "wilor")


def test_terms_are_accepted_once(package: ModuleType, files: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(LicenceError, match=r"non-commercial.*deid-bench licence accept wilor"):
        create("analyzer", "wilor:mask=grabcut")
    assert package.BUILT == []
    accept("wilor")
    assert isinstance(create("analyzer", f"wilor:mask=grabcut,folder={files}"), Wilor)


def test_absent_files_are_named(package: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"cannot be had.*folder=PATH"):
        Wilor(mask="grabcut").analyze([_image()])
    (tmp_path / "cache" / "wilor" / "pretrained_models").mkdir(parents=True)
    (tmp_path / "cache" / "wilor" / "pretrained_models" / "detector.pt").write_bytes(b"x")
    with pytest.raises(WeightsError, match=r"MANO_RIGHT\.pkl"):
        Wilor(mask="grabcut").analyze([_image()])
    with pytest.raises(PluginError, match=r"lacks pretrained_models/mano_mean_params\.npz"):
        create("analyzer", f"wilor:mask=grabcut,folder={tmp_path}")


def test_a_checkpoint_that_torch_refuses_is_explained(package: ModuleType, files: str) -> None:
    (Path(files) / "pretrained_models" / "wilor_final.ckpt").write_bytes(b"pickled")
    with pytest.raises(ToolError, match="TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1"):
        Wilor(mask="grabcut", folder=files).analyze([_image()])


def test_a_package_that_cannot_be_imported_is_explained(
    package: ModuleType, files: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, PIPELINE, None)
    with pytest.raises(ToolError, match=r"wilor_mini cannot be loaded\..*ModuleNotFoundError"):
        Wilor(mask="grabcut", folder=files).analyze([_image()])


def test_another_layout_is_refused(package: ModuleType, files: str) -> None:
    package.HANDS[:] = [_hand(left_hand()[:20], 0.0)]
    with pytest.raises(ToolError, match=r"expected \(\(4,\), \(1, 21, 2\), \(1, 21, 3\)\)"):
        Wilor(mask="grabcut", folder=files).analyze([_image()])
    package.HANDS[:] = [(left_hand(), "left", [0, 0, 1, 1])]
    with pytest.raises(ToolError, match="cannot be read"):
        Wilor(mask="grabcut", folder=files).analyze([_image()])


@pytest.mark.parametrize(
    "wrong",
    [
        {"hand_conf": 1.1},
        {"rescale_factor": 0.0},
        {"channels": "gbr"},
        {"hand": "left"},
        {"roi": "palm"},
        {"mask": "none"},
        {"device": "tpu"},
        {"dtype": "float16"},
        {"sam2": "nowhere"},
        {"folder": "/nowhere"},
    ],
)
def test_wrong_parameters_are_named_before_anything_else(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Wilor(**wrong)


def test_listing_and_describing_it_needs_nothing_installed() -> None:
    script = (
        "import sys\n"
        "from deid_bench.cli import main\n"
        "assert main(['list', 'analyzers']) == 0 and main(['info', 'wilor']) == 0\n"
        "heavy = {'torch', 'cv2', 'transformers', 'huggingface_hub', 'wilor_mini'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-P", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "BROKEN" not in done.stdout
    assert "CC BY-NC-ND 4.0" in done.stdout
    assert "deid-bench licence accept wilor" in done.stdout
