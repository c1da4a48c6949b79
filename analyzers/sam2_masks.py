"""The hand's pixels: SAM 2 prompted with the keypoints (Ravi et al., arXiv:2408.00714).

The network is transformers' `Sam2Model`. Its processor needs torchvision, which deid-bench does not ask for, so the few
steps before and after the network stand here; a test compares them with the processor where that can be had.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.types import Image
from ..files import sha256_of
from ..weights.files import WeightsError
from ..weights.torchvision import hide_broken_torchvision
from .external import check_place, hub_files, place
from .palm_roi import Points

if TYPE_CHECKING:
    import torch

DEFAULT = "facebook/sam2.1-hiera-large"
"""What the palm paper's authors take; 224 million parameters, Apache-2.0."""
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
KERNEL, ITERATIONS = 5, 2
"""Closing of the mask as the palm paper's authors do it: 5 x 5 ones, dilated twice, then eroded twice."""
MODEL_TYPES = ("sam2", "sam2_video")
"""The published folders hold the video model; the image model is a part of it."""
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_FILES = ["config.json", "model*.safetensors", "model.safetensors.index.json"]
_INSTEAD = (
    "Name a folder that holds config.json and model.safetensors (sam2=FOLDER) or a smaller model "
    "(sam2=facebook/sam2.1-hiera-tiny), or take mask=grabcut."
)


class Sam2Masks:
    """Segments the hand under 21 keypoints. The network is loaded on first use.

    Args:
        source: Hugging Face id of a SAM 2 model in transformers' layout, or a folder that holds one.
        device: where it runs: `cpu`, `cuda`, `cuda:N` or `mps`.
        dtype: what it computes in: `float32`, `float16` or `bfloat16`.

    Raises:
        ValueError: the source is neither an id nor a folder with a model, or device or dtype are unknown.
    """

    def __init__(self, source: str = DEFAULT, device: str = "cpu", dtype: str = "float32") -> None:
        check_place(device, dtype)
        folder = Path(source).expanduser()
        if folder.is_dir():
            _check_folder(folder)
        elif not _HUB_ID.fullmatch(source):
            raise ValueError(f"sam2 must be a Hugging Face id (owner/name) or an existing folder, got {source!r}")
        self.source = source
        self.device = device
        self.dtype = dtype
        self._model: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_model": None}  # each process loads its own

    def __call__(self, image: Image, keypoints_2d: Points) -> NDArray[np.bool_]:
        """Segment the hand.

        The keypoints inside the image are foreground points; the network gives one mask, which is closed.

        Args:
            image: (H, W, 3) uint8 RGB.
            keypoints_2d: (21, 2) px.

        Returns:
            (H, W) bool; all False when no keypoint lies inside the image.

        Raises:
            WeightsError: the network's files are absent or are not a SAM 2 model.
        """
        import torch

        height, width = image.shape[:2]
        points = inside(keypoints_2d, height, width)
        if len(points) == 0:
            return np.zeros((height, width), dtype=bool)
        model = self._ready()
        device, dtype = place(self.device, self.dtype)
        side = _side(model.config.prompt_encoder_config.image_size)
        scaled = torch.from_numpy(points * np.array([side / width, side / height], np.float32))
        with torch.inference_mode():
            found = model(
                pixel_values=pixels(image, side).to(device, dtype),
                input_points=scaled[None, None].to(device),
                input_labels=torch.ones((1, 1, len(points)), dtype=torch.int64, device=device),
                multimask_output=False,
            )
            logits = found.pred_masks[0].float().cpu()
        return closed(enlarged(logits, height, width))

    def digests(self) -> dict[str, str]:
        """SHA-256 of every file that the network is read from, by name; fetches them when they are absent.

        Raises:
            WeightsError: they cannot be had.
        """
        folder = self._folder()
        found = sorted({path for pattern in _FILES for path in folder.glob(pattern)})
        return {f"sam2/{path.name}": sha256_of(path) for path in found}

    def _folder(self) -> Path:
        folder = Path(self.source).expanduser()
        return folder if folder.is_dir() else hub_files(self.source, _FILES, _INSTEAD)

    def _ready(self) -> Any:
        if self._model is None:
            self._model = load_model(self._folder(), *place(self.device, self.dtype))
        return self._model


def inside(keypoints_2d: Points, height: int, width: int) -> Points:
    """(n, 2) float32: the keypoints whose pixel belongs to the image; a prompt beyond its border means nothing."""
    points = keypoints_2d.astype(np.float32)
    with np.errstate(invalid="ignore"):
        kept = (points >= -0.5).all(axis=1) & (points < np.array([width - 0.5, height - 0.5], np.float32)).all(axis=1)
    return np.ascontiguousarray(points[kept])


def pixels(image: Image, side: int) -> torch.Tensor:
    """(1, 3, side, side) float32: stretched to a square, bilinear with antialiasing, normalised."""
    import torch
    from torch.nn.functional import interpolate

    planes = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)))[None]
    square = interpolate(planes, (side, side), mode="bilinear", align_corners=False, antialias=True)
    mean, std = (torch.tensor(each).view(1, 3, 1, 1) * 255.0 for each in (MEAN, STD))
    return (square.float() - mean) / std


def enlarged(logits: torch.Tensor, height: int, width: int) -> NDArray[np.bool_]:
    """(H, W) bool where the first of the (1, masks, h, w) or (masks, h, w) logits, enlarged bilinearly, is positive."""
    from torch.nn.functional import interpolate

    first = logits.reshape(-1, *logits.shape[-2:])[:1]
    large = interpolate(first[None], (height, width), mode="bilinear", align_corners=False)[0, 0]
    return np.asarray((large > 0.0).numpy(), dtype=bool)


def closed(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(H, W) bool: gaps up to about 8 px filled."""
    import cv2

    kernel = np.ones((KERNEL, KERNEL), np.uint8)
    grown = cv2.dilate(mask.astype(np.uint8), kernel, iterations=ITERATIONS)
    return np.asarray(cv2.erode(grown, kernel, iterations=ITERATIONS) > 0, dtype=bool)


def load_model(folder: Path, device: torch.device, dtype: torch.dtype) -> Any:
    """A `Sam2Model` from a folder in transformers' layout, ready to run.

    Raises:
        WeightsError: the folder holds something else, or not all of it.
    """
    hide_broken_torchvision()
    import torch
    from transformers import Sam2Model

    found: Any  # with `output_loading_info` a pair, which its annotations do not say
    try:
        # Building the network draws numbers that the file then replaces.
        with torch.random.fork_rng(devices=[]), _quiet():
            found = Sam2Model.from_pretrained(
                folder, use_safetensors=True, local_files_only=True, dtype=dtype, output_loading_info=True
            )
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise WeightsError(f"{folder} cannot be read as a SAM 2 model: {type(error).__name__}: {said}") from error
    model, report = found
    if missing := sorted(report["missing_keys"]):
        raise WeightsError(f"{folder} lacks {len(missing)} tensors of a SAM 2 model, the first is {missing[0]}")
    return model.to(device).eval()


def _check_folder(folder: Path) -> None:
    config = folder / "config.json"
    if not config.is_file() or not list(folder.glob("model*.safetensors")):
        raise ValueError(f"sam2={folder}: expected config.json and model.safetensors (transformers' layout) in it")
    try:
        kind = json.loads(config.read_text(encoding="utf-8")).get("model_type")
    except (OSError, ValueError, AttributeError) as error:
        raise ValueError(f"sam2={folder}: config.json cannot be read ({error})") from error
    if kind not in MODEL_TYPES:
        raise ValueError(f"sam2={folder}: config.json is of a {kind!r} model, expected {' or '.join(MODEL_TYPES)}")


def _side(size: Any) -> int:
    """The network's input side in px; its configuration gives a number or a pair of equal ones."""
    return int(size if isinstance(size, int) else size[0])


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep transformers from drawing bars and from warning that the image model is a part of the video model."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call,unused-ignore]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call,unused-ignore]
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call,unused-ignore]
