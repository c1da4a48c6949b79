"""Last step: writes the weights that ship and prints what `weights/catalogue/spec.py` has to say.

    python export.py WORK/ccnet-state.pt ../../recognizers/assets/ccnet/ccnet.safetensors
    python export.py WORK/eehnet-state.pt ../../recognizers/assets/eehnet_style/eehnet_style.safetensors

Matrices and kernels become 16-bit floats; vectors (Gabor parameters, normalisations, biases) stay as they are.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file

from deid_bench.files import sha256_of


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("state", type=Path)
    parser.add_argument("target", type=Path)
    arguments = parser.parse_args()
    network = torch.load(arguments.state, weights_only=True)["network"]
    for name, value in network.items():
        if not torch.isfinite(value).all():
            raise SystemExit(f"{name} is not finite")
    smaller = {name: (value.half() if value.ndim > 1 else value).contiguous() for name, value in network.items()}
    arguments.target.parent.mkdir(parents=True, exist_ok=True)
    save_file(smaller, arguments.target)
    print(f"{arguments.target.name}: sha256 {sha256_of(arguments.target)}, {arguments.target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
