"""The parts of Paint by Example, read from a folder in the layout of its release.

`vae/`, `unet/` and `image_encoder/` each hold `config.json` and a weight file (safetensors, or a PyTorch `.bin` through
the restricted loader), `scheduler/` holds `scheduler_config.json`. The pipeline's own `from_pretrained` is not used: it
refuses the spelling of `model_index.json` in the release, and wants a safety checker that nothing here needs.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from .._torchvision import hide_broken_torchvision
from .._weight_sources import sha256_of
from ..weights import WeightsError, digest, offline, weight

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
_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


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
    folder = Path(name).expanduser()
    if not folder.is_dir():
        if not _HUB_ID.fullmatch(name):
            raise WeightsError(f"expected weights to be {PALM_TINY}, a folder or a Hugging Face id, got {name!r}")
        folder = _from_hub(name)
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


def _from_hub(name: str) -> Path:
    from huggingface_hub import snapshot_download

    wanted = [*_CONFIGS, *(f"{part}/{file}" for part, files in _WEIGHT_FILES.items() for file in files)]
    try:
        return Path(snapshot_download(name, allow_patterns=wanted, local_files_only=offline()))
    except Exception as error:  # its error classes differ between versions
        reason = next(iter(str(error).splitlines()), type(error).__name__)[:300]
        raise WeightsError(
            f"the weights {name!r} are no folder here and could not be had from Hugging Face: {reason}. "
            "Fetch them on another machine and give the folder: weights=FOLDER"
        ) from error


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
    hashes = {}
    for file, path in part_files(weights_folder(name)).items():
        stat = path.stat()
        hashes[file] = _hash(path, stat.st_size, stat.st_mtime_ns)
    return hashes


@lru_cache(maxsize=64)
def _hash(path: Path, size: int, mtime_ns: int) -> str:
    return sha256_of(path)


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
    place = _device(device)
    kind = _dtype(dtype, place)
    with quiet(), torch.random.fork_rng(devices=[]):
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
    try:
        network, report = classes[part].from_pretrained(
            str(folder / part), local_files_only=True, output_loading_info=True
        )
    except Exception as error:  # damaged files raise nearly anything
        raise WeightsError(f"{folder / part} cannot be read: {type(error).__name__}: {error}") from error
    # Anything that the file does not set would be left random.
    missing = sorted(name for name in report["missing_keys"] if not name.endswith("position_ids"))
    if missing or report.get("mismatched_keys"):
        wrong = missing or sorted(map(str, report["mismatched_keys"]))
        raise WeightsError(f"{folder / part}: {len(wrong)} tensors are missing or of another shape, first {wrong[0]}")
    return network


def _device(name: str) -> Any:
    import torch

    if name == "cuda" and not torch.cuda.is_available():
        raise WeightsError("expected a CUDA device for device=cuda, found none; take device=cpu or device=auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def _dtype(name: str, device: Any) -> Any:
    """`auto`: float32 on the CPU, which other processors repeat to rounding; on CUDA bfloat16, or else float16."""
    import torch

    if name == "auto":
        if device.type == "cpu":
            return torch.float32
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    return getattr(torch, name)


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the notes, warnings and bars of diffusers and transformers for a while; errors still come through."""
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    logs: tuple[Any, ...] = (diffusers_logging, transformers_logging)
    levels = [each.get_verbosity() for each in logs]
    bars = [each.is_progress_bar_enabled() for each in logs]
    for each in logs:
        each.set_verbosity(50)
        each.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for each, level, bar in zip(logs, levels, bars, strict=True):
            each.set_verbosity(level)
            if bar:
                each.enable_progress_bar()
