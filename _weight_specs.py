"""What a weight file has to be, and the files the built-in plug-ins read (floor 0)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ._weight_sources import Packaged, PipArtefact, Source


@dataclass(frozen=True, slots=True)
class WeightSpec:
    """What a weight file is. Registered once, by the module that reads the file or by `weights` itself."""

    name: str
    """Registry name, lower case with dashes."""
    file: str
    """File name in the cache; its suffix says the format."""
    sha256: str | None
    """Hex digest. None is for files nobody published a digest of: the first one added is pinned from then on."""
    size: int | None
    """Bytes; None only together with `sha256=None`."""
    licence: str
    training_data: str
    citation: str
    sources: tuple[Source, ...] = ()
    """Tried in order. Empty: the user has to bring the file."""
    description: str = ""
    how_to_get: str = ""
    """For files without a source: where the user asks for it."""

    def __post_init__(self) -> None:
        if (self.sha256 is None) != (self.size is None):
            raise ValueError(f"weight {self.name}: give both sha256 and size, or neither")
        if self.sha256 is None and self.sources:
            raise ValueError(f"weight {self.name}: a file that can be downloaded needs a sha256")
        if self.sha256 is not None and (len(self.sha256) != 64 or set(self.sha256) - set("0123456789abcdef")):
            raise ValueError(f"weight {self.name}: sha256 must be 64 lower-case hex digits, got {self.sha256!r}")
        if Path(self.file).name != self.file or self.file in {"", ".", ".."}:
            raise ValueError(f"weight {self.name}: file must be a plain file name, got {self.file!r}")


def _mediapipe(name: str, member: str, sha256: str, size: int, description: str) -> WeightSpec:
    source = PipArtefact(
        package="mediapipe",
        version="0.10.21",  # the last release that carries the models
        member=f"mediapipe/modules/{member}",
        sha256="05dc4a9e593655a79558d05d6227d31018c2537a4bd3362b51e230cf22aecfe3",
        platform="manylinux_2_28_x86_64",
        python="3.11",
    )
    return WeightSpec(
        name=name,
        file=member.rsplit("/", 1)[-1],
        sha256=sha256,
        size=size,
        licence="Apache-2.0",
        training_data="in-the-wild, in-house and synthetic hand images of the authors (not public)",
        citation="Zhang et al., MediaPipe Hands: On-device Real-time Hand Tracking, arXiv:2006.10214, 2020",
        sources=(source,),
        description=description,
    )


def _palm_tiny(part: str, file: str, sha256: str, size: int, description: str) -> WeightSpec:
    return WeightSpec(
        name=f"palm-tiny-{part.replace('_', '-')}",
        file=f"palm-tiny-{part.replace('_', '-')}.safetensors",
        sha256=sha256,
        size=size,
        licence="Apache-2.0",
        training_data="rendered palms of synthetic-palm, of identities that no benchmark set holds",
        citation="training/palm_tiny; classes of Yang et al., Paint by Example, CVPR 2023",
        sources=(Packaged(f"deidentifiers/assets/palm_tiny/{part}/{file}"),),
        description=description,
    )


BUILT_IN = (
    # Digests and sizes as `training/palm_tiny/export.py` prints them.
    _palm_tiny(
        "vae",
        "diffusion_pytorch_model.safetensors",
        "d3e4435eb05b849e618a5a3921f46caf15ddbcf5a9ba8ae1805f01195d833999",
        5204086,
        "autoencoder of palm-tiny, 256 x 256 px to 32 x 32 x 4",
    ),
    _palm_tiny(
        "unet",
        "diffusion_pytorch_model.safetensors",
        "83066d04779cd16ac693976b798c1d9f03756991c2577b9f57d88f5b5a18d6fa",
        21912296,
        "inpainting denoiser of palm-tiny, 32 x 32",
    ),
    _palm_tiny(
        "image_encoder",
        "model.safetensors",
        "a5c90d21c2313c01067a4ca22b73b1489c689b28ac10c8ee2e0a243739061ca7",
        1575144,
        "exemplar encoder of palm-tiny, 64 x 64 px to 160",
    ),
    _mediapipe(
        "mediapipe-palm-detection",
        "palm_detection/palm_detection_full.tflite",
        "1b14e9422c6ad006cde6581a46c8b90dd573c07ab7f3934b5589e7cea3f89a54",
        2339846,
        "palm detector, 192 x 192 input, 2016 anchors",
    ),
    _mediapipe(
        "mediapipe-hand-landmark",
        "hand_landmark/hand_landmark_full.tflite",
        "11c272b891e1a99ab034208e23937a8008388cf11ed2a9d776ed3d01d0ba00e3",
        5478917,
        "21 hand landmarks in the image and in metres, presence, handedness, 224 x 224 input",
    ),
)
