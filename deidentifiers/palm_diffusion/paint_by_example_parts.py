"""The parts of Paint by Example, read from a folder in the layout of its release.

`vae/`, `unet/` and `image_encoder/` each hold `config.json` and a weight file (safetensors, or a PyTorch `.bin` through
the restricted loader), `scheduler/` holds `scheduler_config.json`. The pipeline's own `from_pretrained` is not used: it
refuses the spelling of `model_index.json` in the release, and wants a safety checker that nothing here needs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from ...files import hash_if_changed
from ...weights.devices import torch_device
from ...weights.files import WeightsError, digest, weight
from ...weights.torchvision import hide_broken_torchvision
from ..diffusers_models import local_folder, quiet, read_network

PALM_TINY = "palm-tiny"
PALM_TINY_FILES: Mapping[str, str] = {
    "vae": "palm-tiny-vae",
    "unet": "palm-tiny-unet",
    "image_encoder": "palm-tiny-image-encoder",
}
"""Registry names of the weight files that ship with deid-bench, by part."""

_WEIGHT_FILES: Mapping[str, tuple[str, ...]] = {
    "vae": ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin"),
    "unet": ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin"),
    "image_encoder": ("model.safetensors", "pytorch_model.bin"),
}
"""Names that a part's weight file may have, best first."""
_CONFIGS = ("vae/config.json", "unet/config.json", "image_encoder/config.json", "scheduler/scheduler_config.json")


@dataclass(frozen=True, slots=True, eq=False)
class Parts:
    """Networks in evaluation mode on their device, and what has to be known of them."""

    vae: Any
    unet: Any
    image_encoder: Any
    scheduler: Mapping[str, Any]
    """Configuration of the noise schedule."""
    size: int
    """Side of the crops that the model was made for, px."""
    exemplar_size: int
    """Side of the exemplars, px."""
    device: Any
    dtype: Any


# ------------------------------------------------------------------------------------------------ finding


def weights_folder(name: str) -> Path:
    """The folder of a weight set: `palm-tiny`, a local folder, or a Hugging Face id (fetched when it is not cached).

    Raises:
        WeightsError: it cannot be had or lacks files.
    """
    if name == PALM_TINY:
        return _packaged_folder()
    wanted = [*_CONFIGS, *(f"{part}/{file}" for part, files in _WEIGHT_FILES.items() for file in files)]
    folder = local_folder(name, "weights", PALM_TINY, wanted)
    part_files(folder)
    return folder


def _packaged_folder() -> Path:
    files = {part: weight(name) for part, name in PALM_TINY_FILES.items()}
    folder = files["unet"].parent.parent
    for part, path in files.items():
        if path.parent != folder / part:
            raise WeightsError(
                f"{PALM_TINY} is read where it was installed, but {path} stands in front of it; move that file away"
            )
    return folder


def part_files(folder: Path) -> dict[str, Path]:
    """Configurations and weight files of a folder by their names in it.

    Raises:
        WeightsError: one is missing.
    """
    found = {name: folder / name for name in _CONFIGS}
    for part, names in _WEIGHT_FILES.items():
        file = next((name for name in names if (folder / part / name).is_file()), names[0])
        found[f"{part}/{file}"] = folder / part / file
    missing = [name for name, path in found.items() if not path.is_file()]
    if missing:
        raise WeightsError(
            f"{folder} is no Paint by Example folder: it lacks {', '.join(missing)}; expected the layout of "
            "Fantasy-Studio/Paint-by-Example (vae, unet, image_encoder, scheduler)"
        )
    return found


def weight_hashes(name: str) -> dict[str, str]:
    """SHA-256 of every file that a weight set's results depend on.

    Raises:
        WeightsError: the weights cannot be had.
    """
    if name == PALM_TINY:
        return {file: digest(file) for file in PALM_TINY_FILES.values()}
    return {file: hash_if_changed(path) for file, path in part_files(weights_folder(name)).items()}


# ------------------------------------------------------------------------------------------------ loading


@lru_cache(maxsize=2)
def load_parts(folder: Path, dtype: str, device: str, attention_slicing: bool) -> Parts:
    """Read the parts; a process reads a folder once.

    Args:
        dtype: `auto`, `float32`, `float16` or `bfloat16`.
        device: `auto`, `cpu` or `cuda`.
        attention_slicing: computes attention in slices, slower and with less memory.

    Raises:
        WeightsError: a file is missing, damaged, or of another network.
    """
    hide_broken_torchvision()
    import torch

    part_files(folder)
    place = torch_device(device)
    kind = _dtype(dtype, place)
    with quiet():
        vae, unet, encoder = (_load(folder, part).to(device=place, dtype=kind).eval() for part in _WEIGHT_FILES)
        vae, unet = vae.to(memory_format=torch.channels_last), unet.to(memory_format=torch.channels_last)
        if attention_slicing:
            unet.set_attention_slice("auto")
    if unet.config.in_channels != 2 * vae.config.latent_channels + 1:
        raise WeightsError(
            f"{folder}: expected a UNet with {2 * vae.config.latent_channels + 1} input channels (latent, background, "
            f"mask), got {unet.config.in_channels}"
        )
    scheduler = json.loads((folder / "scheduler" / "scheduler_config.json").read_text(encoding="utf-8"))
    size = int(unet.config.sample_size) * 2 ** (len(vae.config.block_out_channels) - 1)
    for network in (vae, unet, encoder):
        network.requires_grad_(False)
    return Parts(vae, unet, encoder, scheduler, size, int(encoder.config.image_size), place, kind)


def _load(folder: Path, part: str) -> Any:
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from diffusers.pipelines.deprecated.paint_by_example.image_encoder import PaintByExampleImageEncoder

    classes: Mapping[str, Any] = {
        "vae": AutoencoderKL,
        "unet": UNet2DConditionModel,
        "image_encoder": PaintByExampleImageEncoder,
    }
    return read_network(classes[part], folder / part)


def _dtype(name: str, device: Any) -> Any:
    """`auto`: float32 on the CPU, which other processors repeat to rounding; on CUDA bfloat16, or else float16."""
    import torch

    if name == "auto":
        if device.type == "cpu":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return getattr(torch, name)
