"""Drawn faces and very small face recognisers, one of them for every way in which a surrogate can be of no use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from deid_bench.analyzers.base import FaceAnalysis
from deid_bench.analyzers.face_alignment import TEMPLATE
from deid_bench.deidentifiers.base import Donor, Request
from deid_bench.recognizers.base import RecognizerInfo

HERE = Path(__file__)
GOOD, NAN, BLIND, PALM = (f"{HERE}:{name}" for name in ("ToyFace", "NanFace", "BlindFace", "ToyPalm"))
"""Specifications for the registry."""


class Embedder(nn.Module):
    """Means of 8 px squares, a fixed random linear map, a bend, unit length."""

    def __init__(self, numbers: int = 16) -> None:
        super().__init__()
        draws = torch.Generator().manual_seed(5)
        self.weights: torch.Tensor
        self.register_buffer("weights", torch.randn((3 * 14 * 14, numbers), generator=draws))
        self.bend = nn.PReLU(numbers)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        means = nn.functional.avg_pool2d(faces - 0.5, 8).flatten(1)
        return nn.functional.normalize(self.bend(means @ self.weights.to(faces.dtype)), dim=1)


class _Toy:
    def align(self, image: Any, analysis: Any) -> Any:
        return image

    def embed(self, crops: Sequence[Any]) -> Any:
        faces = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255
        with torch.no_grad():
            return Embedder()(faces).numpy()

    def distances(self, a: Any, b: Any) -> Any:
        return (1 - a @ b.T).astype(np.float32)


def _info(name: str, modality: Any = "face") -> RecognizerInfo:
    return RecognizerInfo(name, "1", modality, "for tests", "Apache-2.0", "none")


class ToyFace(_Toy):
    """A recogniser that methods can look into."""

    info: ClassVar[RecognizerInfo] = _info("toy_face")

    def network(self) -> nn.Module:
        return Embedder().eval().requires_grad_(False)


class NanFace(_Toy):
    """Its network gives no numbers."""

    info: ClassVar[RecognizerInfo] = _info("nan_face")

    def network(self) -> nn.Module:
        class Nothing(nn.Module):
            def forward(self: Any, faces: torch.Tensor) -> torch.Tensor:
                return faces.flatten(1)[:, :4] * float("nan")

        return Nothing()


class BlindFace(_Toy):
    """It has no network."""

    info: ClassVar[RecognizerInfo] = _info("blind_face")


class ToyPalm(ToyFace):
    """It has a network, but for palms."""

    info: ClassVar[RecognizerInfo] = _info("toy_palm", "palm")


# ------------------------------------------------------------------------------------------------ faces


def landmarks_68() -> NDArray[Any]:
    """Where an aligned face's 68 points are, roughly."""
    turn = np.linspace(np.pi, 0, 17)
    jaw = np.stack([56 + 48 * np.cos(turn), 60 + 50 * np.sin(turn)], axis=1)
    brows = np.concatenate([np.linspace((26, 42), (48, 40), 5), np.linspace((64, 40), (86, 42), 5)])
    nose = np.concatenate([np.linspace((56, 52), (56, 71), 4), np.linspace((48, 76), (64, 76), 5)])
    around = np.linspace(0, 2 * np.pi, 6, endpoint=False)
    eye = np.stack([-6 * np.cos(around), -2.5 * np.sin(around)], axis=1)
    rim = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    outer = np.stack([56 - 15 * np.cos(rim), 93 - 6 * np.sin(rim)], axis=1)
    inner = np.stack([56 - 10 * np.cos(rim[::2]), 93 - 3 * np.sin(rim[::2])], axis=1)
    extra = np.array([(52.0, 93.0), (60.0, 93.0)])
    return np.concatenate([jaw, brows, nose, eye + TEMPLATE[0], eye + TEMPLATE[1], outer, inner, extra])


def drawn_face(seed: int, grey: bool = False) -> tuple[NDArray[Any], FaceAnalysis]:
    """An aligned face of 112 px: a smooth random picture, its own for each seed, and where the points are."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.uniform(30, 225, (1, 3, 9, 9)))
    smooth = nn.functional.interpolate(coarse, (112, 112), mode="bicubic", align_corners=True)[0]
    pixels = np.clip(np.rint(smooth.permute(1, 2, 0).numpy() + rng.normal(0, 3, (112, 112, 3))), 0, 255)
    image = pixels.astype(np.uint8)
    if grey:
        image = np.repeat(image[..., 1:2], 3, axis=2)
    box = np.array([8, 8, 104, 110], np.float32)
    analysis = FaceAnalysis(box, 0.99, TEMPLATE.astype(np.float32), landmarks_68().astype(np.float32), None)
    return image, analysis


def face_request(seed: int, targets: int = 0, grey: bool = False) -> Request:
    """A request for `drawn_face(seed)` with that many other faces as targets."""
    image, analysis = drawn_face(seed, grey)
    image.setflags(write=False)
    others = tuple(Donor(*drawn_face(1000 + 50 * seed + index, grey)) for index in range(targets))
    return Request(image=image, analysis=analysis, seed=seed, targets=others)


def photo_request(seed: int, targets: int = 0) -> Request:
    """The same face, larger, turned and off the middle of a picture of 200 x 260 px."""
    import cv2

    request = face_request(seed, targets)
    image, analysis = request.image, request.analysis
    assert isinstance(analysis, FaceAnalysis)
    assert analysis.landmarks_68 is not None
    angle, scale, shift = 0.2, 1.3, np.array([60.0, 20.0])
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    there = np.hstack([turn, shift[:, None]])
    back = np.random.default_rng(seed + 1).integers(0, 60, (200, 260, 3)).astype(np.uint8)
    photo = cv2.warpAffine(image, there, (260, 200), dst=back.copy(), borderMode=cv2.BORDER_TRANSPARENT)
    moved = [(points @ turn.T + shift).astype(np.float32) for points in (analysis.landmarks_5, analysis.landmarks_68)]
    placed = FaceAnalysis(np.array([60, 20, 200, 180], np.float32), 0.99, moved[0], moved[1], None)
    return Request(image=np.asarray(photo, np.uint8), analysis=placed, seed=seed, targets=request.targets)


def write_unet(folder: Path, size: int = 112, seed: int = 0, schedule: dict[str, Any] | None = None) -> Path:
    """A folder with a very small random denoiser, and with its schedule where there is one."""
    import json

    from diffusers import UNet2DModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        unet: Any = UNet2DModel(
            sample_size=size,
            block_out_channels=(8, 16),
            layers_per_block=1,
            norm_num_groups=4,
            down_block_types=("DownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "UpBlock2D"),
            add_attention=False,
        )
    unet.save_pretrained(str(folder))
    if schedule is not None:
        (folder / "scheduler_config.json").write_text(json.dumps(schedule), encoding="utf-8")
    return folder
