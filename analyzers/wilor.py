"""WiLoR as a hand analyzer, by way of the package WiLoR-mini; neither comes with deid-bench.

Potamias et al., WiLoR: End-to-end 3D Hand Localization and Reconstruction in-the-wild, CVPR 2025. The palm paper's
authors find hands with it and segment them with SAM 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

import numpy as np

from ..datasets.types import Image
from ..files import sha256_of
from ..licences import require
from ..weights.files import WeightsError
from .base import AnalyzerInfo, Missing
from .external import Dtype, ToolError, check_place, hub_files, place, require_package
from .hand_checks import MIN_PALM_WIDTH
from .keypoint_hands import FoundHand, KeypointHands
from .masks import HandMasks, MaskMethod
from .palm_roi import RoiName
from .sam2_masks import DEFAULT as SAM2

REPOSITORY = "warmshao/WiLoR-mini"
FILES = tuple(
    f"pretrained_models/{name}"
    for name in ("mano_mean_params.npz", "MANO_RIGHT.pkl", "wilor_final.ckpt", "detector.pt")
)
DETECTOR_SIDE = 640
"""px; the detector sees the image shrunk or enlarged to this longer side."""
Channels = Literal["bgr", "rgb"]
Choice = Literal["largest", "first"]

_INSTALL = (
    f"To install: pip install git+https://github.com/{REPOSITORY} (beside torch and torchvision that fit each other, "
    "best in an environment of its own, it pins old packages). The default analyzer mediapipe_hands needs nothing more."
)
_FILES_HOW = (
    f"Take the folder pretrained_models of {REPOSITORY} on Hugging Face (or name one you have: folder=PATH, with "
    "pretrained_models in it). The default analyzer mediapipe_hands needs none of this."
)
_PICKLES = (
    " torch 2.6 and later refuse pickled checkpoints like these; if you trust the files, set "
    "TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1."
)


def read_hand(entry: Mapping[str, Any]) -> FoundHand:
    """Take one entry of the list that WiLoR-mini's `predict` returns apart.

    Raises:
        ToolError: it has another layout than WiLoR-mini 1.x gives.
    """
    try:
        found = entry["wilor_preds"]
        box = np.asarray(entry["hand_bbox"], dtype=np.float32)
        points = np.asarray(found["pred_keypoints_2d"], dtype=np.float32)
        joints = np.asarray(found["pred_keypoints_3d"], dtype=np.float32)
        right = float(entry["is_right"]) >= 0.5
    except (KeyError, TypeError, ValueError) as error:
        raise ToolError(f"wilor_mini returned a hand that cannot be read ({type(error).__name__}: {error})") from error
    shapes = (box.shape, points.shape, joints.shape)
    if shapes != ((4,), (1, 21, 2), (1, 21, 3)):
        raise ToolError(f"wilor_mini returned arrays of shapes {shapes}, expected ((4,), (1, 21, 2), (1, 21, 3))")
    return FoundHand(box, 1.0, "right" if right else "left", points[0], joints[0])


class Wilor(KeypointHands):
    """WiLoR: YOLO finds the hands, a transformer fits the MANO hand model to each.

    Not part of deid-bench: install `wilor_mini` and accept its terms (non-commercial) with
    `deid-bench licence accept wilor`; both are checked when the analyzer is built. Its four files are fetched on
    first use. The list that it returns holds no confidence, so `score` is 1.0 for whatever was found.

    Args:
        hand_conf: detections below this confidence are dropped by the tool, 0..1.
        rescale_factor: the hand's crop is this many times its box, > 0.
        channels: order of the colour channels handed to the tool: `bgr` is what its networks expect, `rgb` is how its
            examples and the palm paper's authors call it.
        hand: of several hands the one with the `largest` box, or the `first` as the authors take.
        roi: which palm square to report, see `palm_roi`.
        mask: how the hand's pixels are found: `sam2` as in the palm paper, or `grabcut`, which needs no more files.
        sam2: Hugging Face id or folder of the SAM 2 model.
        folder: a folder with `pretrained_models` in it; empty: this project's cache.
        device: where the networks run: `cpu`, `cuda`, `cuda:N` or `mps`.
        dtype: what they compute in; `float16` only on a GPU.

    Raises:
        ValueError: a parameter is out of its range.
        ToolError: wilor_mini is not installed.
        LicenceError: its terms are not accepted.
    """

    info: ClassVar[AnalyzerInfo] = AnalyzerInfo(
        name="wilor",
        version="1",
        modality="palm",
        description="WiLoR (package wilor_mini, not included): hand detector, keypoints in the image and in metres",
        licence="non-commercial: WiLoR CC BY-NC-ND 4.0, MANO its own, Ultralytics AGPL-3.0; SAM 2 Apache-2.0",
        citation="Potamias et al., WiLoR: End-to-end 3D Hand Localization and Reconstruction in-the-wild, CVPR 2025",
    )

    def __init__(
        self,
        hand_conf: float = 0.3,
        rescale_factor: float = 2.5,
        channels: Channels = "bgr",
        hand: Choice = "largest",
        roi: RoiName = "inner",
        mask: MaskMethod = "sam2",
        sam2: str = SAM2,
        folder: str = "",
        device: str = "cpu",
        dtype: Dtype = "float32",
    ) -> None:
        if not 0.0 <= hand_conf <= 1.0:
            raise ValueError(f"hand_conf must be in 0..1, got {hand_conf}")
        if not rescale_factor > 0.0:
            raise ValueError(f"rescale_factor must be above 0, got {rescale_factor}")
        for name, value, known in (
            ("channels", channels, get_args(Channels)),
            ("hand", hand, get_args(Choice)),
        ):
            if value not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")
        check_place(device, dtype)
        if device == "cpu" and dtype == "float16":
            raise ValueError("dtype=float16 needs a GPU; take float32 or bfloat16 with device=cpu")
        if folder and (lacking := _lacking(Path(folder).expanduser())):
            raise ValueError(f"folder={folder} lacks {', '.join(lacking)}")
        super().__init__(roi, HandMasks(mask, sam2, device, dtype))
        require_package("wilor_mini", _INSTALL)
        require("wilor")
        self.hand_conf = hand_conf
        self.rescale_factor = rescale_factor
        self.channels = channels
        self.hand = hand
        self.folder = folder
        self.device = device
        self.dtype = dtype

    @staticmethod
    def weight_hashes(params: Mapping[str, Any]) -> dict[str, str]:
        """SHA-256 of every file that its results depend on, by name; fetches them when they are absent.

        Raises:
            WeightsError: they cannot be had.
        """
        self = Wilor(**params)
        folder = self._files()
        own = {f"wilor-mini/{Path(name).name}": sha256_of(folder / name) for name in FILES}
        return {**own, **self._masks.digests()}

    def find(self, image: Image) -> FoundHand | Missing:
        """The largest hand, or the first one of the tool's list."""
        short, long = sorted(image.shape[:2])
        if short < MIN_PALM_WIDTH or short * DETECTOR_SIDE < MIN_PALM_WIDTH * long:
            return Missing("no hand found")  # the detector fails on what it shrinks to nothing
        hands = self._predict(image)
        if not hands:
            return Missing("no hand found")
        return max(hands, key=_area) if self.hand == "largest" else hands[0]

    def _predict(self, image: Image) -> list[FoundHand]:
        shown = np.array(image[..., ::-1] if self.channels == "bgr" else image, order="C")  # a copy that may be written
        found = self._ready().predict(shown, hand_conf=self.hand_conf, rescale_factor=self.rescale_factor)
        return [read_hand(entry) for entry in found]

    def _files(self) -> Path:
        folder = Path(self.folder).expanduser() if self.folder else hub_files(REPOSITORY, [*FILES], _FILES_HOW, "wilor")
        if lacking := _lacking(folder):
            raise WeightsError(f"{folder} lacks {', '.join(lacking)}. {_FILES_HOW}")
        return folder

    def _ready(self) -> Any:
        if self._pipeline is None:
            self._pipeline = _load(self._files(), self.device, self.dtype)
        return self._pipeline


def _area(hand: FoundHand) -> float:
    """Of the box, in square px."""
    return float(np.prod(np.maximum(hand.box[2:] - hand.box[:2], 0.0)))


def _lacking(folder: Path) -> list[str]:
    return [name for name in FILES if not (folder / name).is_file()]


def _load(folder: Path, device: str, dtype: str) -> Any:
    where, what = place(device, dtype)
    try:
        from wilor_mini.pipelines.wilor_hand_pose3d_estimation_pipeline import (  # type: ignore[import-not-found,unused-ignore]
            WiLorHandPose3dEstimationPipeline,
        )

        return WiLorHandPose3dEstimationPipeline(
            device=where, dtype=what, verbose=False, wilor_pretrained_dir=str(folder)
        )
    except Exception as error:  # whatever its many dependencies raise
        said = " ".join(str(error).split())[:300]
        hint = _PICKLES if "weights_only" in said or "Weights only" in said else f" {_INSTALL}"
        raise ToolError(f"wilor_mini cannot be loaded.{hint} (It said: {type(error).__name__}: {said})") from error
