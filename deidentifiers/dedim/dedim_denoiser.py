"""The diffusion model that DeDiM samples with: a diffusers `UNet2DModel`, its noise schedule, and where they come from.

A folder holds `config.json` and `diffusion_pytorch_model.safetensors` (or `.bin`, through PyTorch's restricted loader),
at its top or in `unet/`, and, where the schedule is not the DeDiM paper's, `scheduler_config.json`, at its top or in
`scheduler/`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...files import hash_if_changed
from ...weights.devices import torch_device
from ...weights.files import WeightsError, digest, weight
from ...weights.torchvision import hide_broken_torchvision
from ..diffusers_models import local_folder, quiet, read_network

FACE_TINY = "face-tiny-ddpm"
"""Registry name of the weights that ship with deid-bench."""

COSINE: Mapping[str, Any] = {"num_train_timesteps": 1000, "beta_schedule": "squaredcos_cap_v2"}
"""The paper's schedule, in the words of diffusers; for folders that bring none."""

_CONFIG = "config.json"
_WEIGHT_FILES = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
_SCHEDULERS = ("scheduler_config.json", "scheduler/scheduler_config.json")


@dataclass(frozen=True, slots=True, eq=False)
class Denoiser:
    """The network in evaluation mode on its device, and what has to be known of it."""

    unet: Any
    """(n, 3, size, size) in -1..1 and a step from 0 to the noise in it."""
    alphas_bar: NDArray[np.float64]
    """(T + 1,): share of the clean image's variance after t steps; entry 0 is 1. diffusers counts from 0: t - 1."""
    size: int
    """Side of its images, px."""
    device: Any


def model_folder(name: str) -> Path:
    """The folder of a model: `face-tiny-ddpm`, a local folder, or a Hugging Face id (fetched when it is not cached).

    Raises:
        WeightsError: it cannot be had or lacks files.
    """
    if name == FACE_TINY:
        return weight(FACE_TINY).parent
    files = (_CONFIG, *_WEIGHT_FILES)
    return local_folder(name, "model", FACE_TINY, [*files, *(f"unet/{file}" for file in files), *_SCHEDULERS])


def model_files(folder: Path) -> dict[str, Path]:
    """What is read of a folder, by names in it: configuration, weights and, if there is one, the schedule.

    Raises:
        WeightsError: configuration or weights are missing.
    """
    part = "unet/" if (folder / "unet" / _CONFIG).is_file() else ""
    weights = next((name for name in _WEIGHT_FILES if (folder / f"{part}{name}").is_file()), _WEIGHT_FILES[0])
    found = {f"{part}{name}": folder / f"{part}{name}" for name in (_CONFIG, weights)}
    missing = [name for name, path in found.items() if not path.is_file()]
    if missing:
        raise WeightsError(
            f"{folder} holds no diffusion model: it lacks {', '.join(missing)}; expected a UNet2DModel "
            "as diffusers saves it"
        )
    schedule = next((name for name in _SCHEDULERS if (folder / name).is_file()), None)
    return found if schedule is None else {**found, schedule: folder / schedule}


def model_hashes(name: str) -> dict[str, str]:
    """SHA-256 of every file that a model's results depend on.

    Raises:
        WeightsError: the model cannot be had.
    """
    hashes = {FACE_TINY: digest(FACE_TINY)} if name == FACE_TINY else {}
    for file, path in model_files(model_folder(name)).items():
        if name == FACE_TINY and path.suffix == ".safetensors":
            continue  # pinned above
        hashes[f"{name}/{file}" if name == FACE_TINY else file] = hash_if_changed(path)
    return hashes


@lru_cache(maxsize=2)
def load_denoiser(folder: Path, device: str) -> Denoiser:
    """Read a model; a process reads a folder once.

    Args:
        device: see `torch_device`.

    Raises:
        WeightsError: a file is missing, damaged, of another network, or the model predicts something else than noise.
    """
    hide_broken_torchvision()
    import diffusers
    import torch

    files = model_files(folder)
    schedule = next((path for name, path in files.items() if name in _SCHEDULERS), None)
    config = dict(COSINE) if schedule is None else json.loads(schedule.read_text(encoding="utf-8"))
    classes: Any = diffusers  # its models carry no types
    unet = read_network(classes.UNet2DModel, next(iter(files.values())).parent)
    channels, size = (unet.config.in_channels, unet.config.out_channels), unet.config.sample_size
    if channels != (3, 3) or not isinstance(size, int):
        raise WeightsError(
            f"{folder}: expected a network from 3 channels to 3 of one square size, "
            f"got channels {channels} and size {size}"
        )
    place = torch_device(device)
    with quiet():
        unet = unet.to(device=place, memory_format=torch.channels_last).eval().requires_grad_(False)
    return Denoiser(unet, alphas_bar(config), size, place)


def alphas_bar(config: Mapping[str, Any]) -> NDArray[np.float64]:
    """(T + 1,) cumulative alphas of a schedule in the words of diffusers; entry 0 is 1.

    Raises:
        WeightsError: the model predicts something else than noise.
    """
    hide_broken_torchvision()
    import diffusers

    kind = config.get("prediction_type", "epsilon")
    if kind != "epsilon":
        raise WeightsError(f"expected a model that predicts the noise (prediction_type epsilon), got {kind!r}")
    names = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "trained_betas")
    classes: Any = diffusers  # its schedulers carry no types
    betas = classes.DDPMScheduler(**{name: config[name] for name in names if name in config}).betas.double().numpy()
    return np.concatenate([[1.0], np.cumprod(1.0 - betas)])
