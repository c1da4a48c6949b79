"""SAM 2 as the source of hand masks: the real class, tiny and untrained, from folders in the published layout."""

from __future__ import annotations

import hashlib
import json
import pickle
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from narrowed import hand_of
from numpy.typing import NDArray

from deid_bench.analyzers import mediapipe_hands
from deid_bench.analyzers.hand_pipeline import RawHand
from deid_bench.analyzers.masks import HandMasks
from deid_bench.analyzers.mediapipe_hands import MediapipeHands
from deid_bench.analyzers.sam2_masks import Sam2Masks, closed, enlarged, inside, load_model, pixels
from deid_bench.weights.files import WeightsError

from .contract import check_analyzer
from .hands import left_hand
from .tiny_sam2 import SIDE, save_tiny_sam2, save_tiny_sam2_video


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_sam2(tmp_path_factory.mktemp("sam2") / "tiny")


def _image(height: int = 320, width: int = 240) -> NDArray[Any]:
    return np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)


def _dense(image: NDArray[Any], points: NDArray[Any], folder: Path) -> NDArray[Any]:
    """The mask by transformers' own processor, before it is closed."""
    import torch
    from transformers import Sam2ImageProcessor, Sam2Model, Sam2Processor

    processor = Sam2Processor(Sam2ImageProcessor(size={"height": SIDE, "width": SIDE}))
    inputs = processor(
        images=image,
        input_points=[[points.tolist()]],
        input_labels=[[[1] * len(points)]],
        return_tensors="pt",
    )
    with torch.inference_mode():
        found = Sam2Model.from_pretrained(folder)(**inputs, multimask_output=False)
    masks = processor.post_process_masks(found.pred_masks, inputs["original_sizes"], mask_threshold=0.0)
    return np.asarray(masks[0][0, 0].numpy())


@pytest.mark.parametrize("size", [(320, 240), (97, 61), (640, 900), (SIDE, SIDE)])
def test_the_steps_around_the_network_are_the_processors(folder: Path, size: tuple[int, int]) -> None:
    pytest.importorskip("torchvision")
    image, points = _image(*size), left_hand(scale=min(size) / 160, x=5, y=5)
    expected = _dense(image, points, folder)
    assert 0.02 < expected.mean() < 0.98, "a mask that is all or nothing shows no difference"
    np.testing.assert_array_equal(Sam2Masks(str(folder))(image, points), closed(expected))


def test_pixels_are_the_processors() -> None:
    pytest.importorskip("torchvision")
    from transformers import Sam2ImageProcessor

    image = _image(333, 500)
    theirs = Sam2ImageProcessor()(image, return_tensors="pt")["pixel_values"]
    assert theirs.shape == (1, 3, 1024, 1024)
    np.testing.assert_allclose(pixels(image, 1024).numpy(), theirs.numpy(), atol=1e-6)


def test_the_video_models_folder_is_read_too(tmp_path: Path) -> None:
    video = save_tiny_sam2_video(tmp_path / "video")
    assert json.loads((video / "config.json").read_text())["model_type"] == "sam2_video"
    image, points = _image(), left_hand()
    mask = Sam2Masks(str(video))(image, points)
    assert mask.shape == (320, 240)
    pytest.importorskip("torchvision")
    np.testing.assert_array_equal(mask, closed(_dense(image, points, video)))


def test_points_outside_the_image_are_no_prompts(folder: Path) -> None:
    points = np.array([[-0.5, 0], [-0.6, 0], [9.4, 4.4], [9.5, 4], [3, np.nan], [np.inf, 2]], np.float32)
    np.testing.assert_array_equal(inside(points, 5, 10), points[[0, 2]])
    masks = Sam2Masks(str(folder))
    hand, image = left_hand(y=200), _image()
    assert 0 < len(inside(hand, 320, 240)) < 21
    np.testing.assert_array_equal(masks(image, hand), masks(image, inside(hand, 320, 240)))
    assert not masks(image, hand + 5000).any()


def test_only_the_first_mask_is_taken_and_enlarged_bilinearly() -> None:
    import torch

    logits = torch.tensor([[[-1.0, 3.0]], [[9.0, 9.0]]])
    np.testing.assert_array_equal(enlarged(logits, 1, 8), [[False, False, False, True, True, True, True, True]])


def test_closing_fills_gaps_up_to_eight_pixels() -> None:
    mask = np.zeros((60, 60), bool)
    mask[10:50, 10:50] = True
    outline = mask.copy()
    mask[20:28, 20:28] = False
    np.testing.assert_array_equal(closed(mask), outline)
    mask[20:29, 20:29] = False
    assert not closed(mask)[24, 24]


def test_results_do_not_depend_on_the_past(folder: Path) -> None:
    import torch

    image, points = _image(), left_hand()
    state = torch.random.get_rng_state()
    masks = Sam2Masks(str(folder))
    first = masks(image, points)
    assert torch.equal(state, torch.random.get_rng_state())
    masks(_image(64, 64), left_hand(scale=0.5, x=0, y=0))
    np.testing.assert_array_equal(masks(image, points), first)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(masks))(image, points), first)  # noqa: S301


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (3000, 20)])
def test_any_size_of_image(folder: Path, size: tuple[int, int]) -> None:
    mask = Sam2Masks(str(folder))(_image(*size), np.zeros((21, 2), np.float32))
    assert mask.shape == size


def test_half_precision_gives_nearly_the_same_mask(folder: Path) -> None:
    image, points = _image(), left_hand()
    full = Sam2Masks(str(folder))(image, points)
    half = Sam2Masks(str(folder), dtype="bfloat16")(image, points)
    assert (full == half).mean() > 0.9


def test_digests_are_of_the_files_that_are_read(folder: Path) -> None:
    found = Sam2Masks(str(folder)).digests()
    expected = {f"sam2/{name}": folder / name for name in ("config.json", "model.safetensors")}
    assert found == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in expected.items()}


# ------------------------------------------------------------------------------------------------ what can be wrong


def test_a_folder_with_parts_missing_is_no_model(folder: Path, tmp_path: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, tmp_path / "part")
    tensors = load_file(tmp_path / "part" / "model.safetensors")
    del tensors["no_memory_embedding"]
    save_file(tensors, tmp_path / "part" / "model.safetensors", {"format": "pt"})
    with pytest.raises(WeightsError, match="lacks 1 tensors of a SAM 2 model, the first is no_memory_embedding"):
        load_model(tmp_path / "part", torch.device("cpu"), torch.float32)
    (tmp_path / "part" / "model.safetensors").write_bytes(b"<html>please log in</html>")
    with pytest.raises(WeightsError, match="cannot be read as a SAM 2 model"):
        load_model(tmp_path / "part", torch.device("cpu"), torch.float32)


def test_other_folders_are_refused_before_any_work(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected config\.json and model\.safetensors"):
        Sam2Masks(str(tmp_path))
    shutil.copytree(folder, tmp_path / "other")
    (tmp_path / "other" / "config.json").write_text('{"model_type": "clip"}')
    with pytest.raises(ValueError, match="'clip' model, expected sam2"):
        Sam2Masks(str(tmp_path / "other"))
    with pytest.raises(ValueError, match="owner/name"):
        Sam2Masks("nowhere")


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"device": "gpu"}, "expected device to be auto or cpu"),
        ({"dtype": "int8"}, "dtype must be one of"),
        ({"method": "none"}, "mask must be one of grabcut, sam2"),
        ({"method": "grabcut", "sam2": "facebook/sam2.1-hiera-tiny"}, "only used with mask=sam2"),
    ],
)
def test_wrong_parameters_are_named(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        HandMasks(**{"method": "sam2", **wrong})


def test_an_absent_device_is_named(folder: Path) -> None:
    with pytest.raises(WeightsError, match="no cuda:99"):
        Sam2Masks(str(folder), device="cuda:99")(_image(), left_hand())


def test_without_network_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DEID_BENCH_OFFLINE", "1")
    with pytest.raises(WeightsError, match=r"facebook/no-such-sam cannot be had\. .*sam2=FOLDER.*mask=grabcut"):
        Sam2Masks("facebook/no-such-sam")(_image(), left_hand())


# ------------------------------------------------------------------------------------------------ in the analyzer


class _Pipeline:
    """Finds the same hand in every image that is not dark."""

    def hands(self, image: NDArray[Any], *_: float) -> list[RawHand] | str:
        if image.mean() < 64:
            return "no hand found"
        points = left_hand()
        return [
            RawHand(
                0.9, 0.9, 0.1, points, np.column_stack([points, points[:, 0]]).astype(np.float32) / np.float32(1000)
            )
        ]


def test_mediapipe_hands_with_sam2(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mediapipe_hands.MediapipeHands, "_ready", lambda self: _Pipeline())
    image = _image()
    grey = np.repeat(image[..., :1], 3, axis=2)
    analyzer = MediapipeHands(mask="sam2", sam2=str(folder))
    found = check_analyzer(analyzer, [image, np.zeros_like(image), grey])
    np.testing.assert_array_equal(hand_of(found[0]).mask, Sam2Masks(str(folder))(image, left_hand()))
    always = {"mediapipe-hand-landmark", "mediapipe-palm-detection"}
    hashes = MediapipeHands.weight_hashes({"mask": "sam2", "sam2": str(folder)})
    assert set(hashes) == always | {"sam2/config.json", "sam2/model.safetensors"}
    plain = MediapipeHands().analyze([image])[0]
    assert not np.array_equal(hand_of(plain).mask, hand_of(found[0]).mask)
    assert set(MediapipeHands.weight_hashes({})) == always
