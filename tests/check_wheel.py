"""What the wheel holds: run by `tox -e wheel` with the folder of the built wheel."""

from __future__ import annotations

import configparser
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
NEEDED = (
    "deid_bench/py.typed",
    *(f"deid_bench/docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md"))),
    "deid_bench/benchmark/planning/times.toml",
    "deid_bench/benchmark/protocols/palm-1.0.toml",
    "deid_bench/benchmark/protocols/palm-paper-1.0.toml",
    "deid_bench/benchmark/records/schema/run-1.json",
    "deid_bench/datasets/assets/LICENSE.generic-hand.md",
    "deid_bench/datasets/assets/README.md",
    "deid_bench/datasets/assets/LICENSE.face-london.md",
    "deid_bench/datasets/assets/LICENSE.palm-photos.txt",
    "deid_bench/datasets/assets/face_london/manifest.csv",
    "deid_bench/datasets/assets/hand_mesh.npz",
    "deid_bench/datasets/assets/palm_photos/manifest.csv",
    "deid_bench/datasets/assets/lfw-names.txt",
    "deid_bench/datasets/assets/lfw-queries-gallery-1.csv",
    "deid_bench/datasets/assets/palm_mini/controlled/manifest.csv",
    "deid_bench/datasets/assets/palm_mini/wild/manifest.csv",
    "deid_bench/reports/board/templates/board.html",
    "deid_bench/reports/board/templates/board.css",
    "deid_bench/reports/board/templates/board_start.js",
    "deid_bench/reports/codabench/templates/details.html",
    "deid_bench/reports/paper/printed/palm_deid.toml",
    "deid_bench/deidentifiers/assets/palm_tiny/unet/diffusion_pytorch_model.safetensors",
    "deid_bench/deidentifiers/assets/palm_skin/palm_skin.safetensors",
    "deid_bench/deidentifiers/assets/face_tiny_ddpm/diffusion_pytorch_model.safetensors",
    "deid_bench/recognizers/assets/ccnet/ccnet.safetensors",
    "deid_bench/recognizers/assets/eehnet_style/eehnet_style.safetensors",
)
FORBIDDEN = ("deid_bench/tests/", "deid_bench/training/", "deid_bench/speed/", "deid_bench/docs/images/")
LIMIT_MB = 95


def problems(wheel: Path) -> list[str]:
    """Everything that is wrong with the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    found = [f"lacks {name}" for name in NEEDED if name not in names]
    tops = {name.split("/")[0] for name in names}
    found += [
        f"installs {top!r} at top level" for top in tops if top != "deid_bench" and not top.endswith(".dist-info")
    ]
    found += [f"holds {name}" for name in names if name.startswith(FORBIDDEN) or "__pycache__" in name]
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    packages = {name.strip() for name in config["options"]["packages"].split()}
    for folder in sorted({path.parent for path in ROOT.glob("*/**/__init__.py")}):
        parts = folder.relative_to(ROOT).parts
        if parts[0] in {"tests", "training", "speed", "build", "docs"} or parts[0].startswith("."):
            continue
        package = ".".join(("deid_bench", *parts))
        if package not in packages:
            found.append(f"setup.cfg does not list {package}")
    size = wheel.stat().st_size / 1e6
    if size > LIMIT_MB:
        found.append(f"weighs {size:.1f} MB; at most {LIMIT_MB}")
    return found


def main() -> int:
    (wheel,) = Path(sys.argv[1]).glob("*.whl")
    found = problems(wheel)
    for text in found:
        sys.stderr.write(f"{wheel.name} {text}\n")
    if not found:
        sys.stdout.write(f"{wheel.name} is as it should be, {wheel.stat().st_size / 1e6:.1f} MB\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
