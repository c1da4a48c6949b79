"""Step 5: the folder that deid-bench ships, from the trained state dictionaries.

    python export.py WORK FOLDER

Reads `vae-white.pt` and `unet.pt` from WORK, and writes `vae/`, `unet/`, `image_encoder/` (each `config.json` and
float16 safetensors) and `scheduler/scheduler_config.json` into FOLDER. Prints what
`weights/catalogue/spec.py` has to say of the files.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from train_unet import SCHEDULE, make_encoder, make_unet
from train_vae import make_vae

FILES = {
    "vae": "diffusion_pytorch_model.safetensors",
    "unet": "diffusion_pytorch_model.safetensors",
    "image_encoder": "model.safetensors",
}
_LEFT_OUT = ("_name_or_path", "_diffusers_version", "transformers_version", "dtype", "torch_dtype")
"""Entries of a configuration that say where and with what it was written."""


def export(networks: dict[str, Any], folder: Path) -> None:
    """Write the networks, by part, in float16."""
    for part, network in networks.items():
        (folder / part).mkdir(parents=True, exist_ok=True)
        tensors = {name: value.half().contiguous() for name, value in network.state_dict().items()}
        broken = [name for name, value in tensors.items() if not torch.isfinite(value).all()]
        if broken:
            raise SystemExit(f"{part}: not finite in float16: {', '.join(broken)}")
        save_file(tensors, folder / part / FILES[part], metadata={"format": "pt"})
        config = network.config.to_dict() if part == "image_encoder" else dict(network.config)
        _write(folder / part / "config.json", {"_class_name": type(network).__name__, **config})
    (folder / "scheduler").mkdir(exist_ok=True)
    schedule = {"_class_name": "PNDMScheduler", "timestep_spacing": "leading", **SCHEDULE}
    _write(folder / "scheduler" / "scheduler_config.json", schedule)


def _write(path: Path, config: dict[str, Any]) -> None:
    kept = {name: value for name, value in config.items() if name not in _LEFT_OUT}
    path.write_text(json.dumps(kept, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def trained(work: Path) -> dict[str, Any]:
    """The three networks with their trained weights."""
    networks = {"vae": make_vae(), "unet": make_unet(), "image_encoder": make_encoder()}
    networks["vae"].load_state_dict(torch.load(work / "vae-white.pt", weights_only=True))
    saved = torch.load(work / "unet.pt", weights_only=True)
    networks["unet"].load_state_dict(saved["unet"])
    networks["image_encoder"].load_state_dict(saved["encoder"])
    return networks


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args()
    export(trained(arguments.work), arguments.folder)
    total = 0
    for part, name in FILES.items():
        data = (arguments.folder / part / name).read_bytes()
        total += len(data)
        print(f"{part}: sha256 {hashlib.sha256(data).hexdigest()}, {len(data)} bytes")
    print(f"{total / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
