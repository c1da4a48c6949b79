"""Facts about the machine and the libraries: they stand apart from the results."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
from pathlib import Path

PACKAGES = (
    "ai-edge-litert",
    "diffusers",
    "lpips",
    "numba",
    "numpy",
    "onnx",
    "opencv-python-headless",
    "pillow",
    "piq",
    "pytorch-fid",
    "scikit-learn",
    "scipy",
    "torch",
    "torchvision",
    "transformers",
    "ultralytics",
    "wilor_mini",
)


def machine() -> dict[str, str]:
    """Processor and what libraries make of it, operating system and Python of this machine.

    Libraries choose their kernels by the processor, and kernels round differently: the same method, seed and versions
    give the same bytes on one kind of processor, and nearly the same on another.
    """
    return {
        "processor": _processor(),
        "kernels": _kernels(),
        "cores": str(os.cpu_count() or 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
    }


def packages() -> dict[str, str]:
    """Versions of the installed libraries that compute."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def peak_memory_mb() -> float:
    """Largest resident size so far of this process, in MiB; 0 where unknown."""
    try:
        import resource
    except ImportError:
        return 0.0
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)


_KERNEL_VARIABLES = (
    "ATEN_CPU_CAPABILITY",
    "DNNL_MAX_CPU_ISA",
    "MKL_CBWR",
    "MKL_ENABLE_INSTRUCTIONS",
    "NPY_DISABLE_CPU_FEATURES",
    "ONEDNN_MAX_CPU_ISA",
    "OPENBLAS_CORETYPE",
)
"""With these a user makes libraries choose other kernels."""


def _processor() -> str:
    """Name, and the numbers that tell kinds of the same name apart."""
    found: dict[str, str] = {}
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if not line.strip():
                break
            found[name.strip()] = value.strip()
    if "model name" not in found:
        return platform.processor() or platform.machine()
    numbers = [f"{name} {found[name]}" for name in ("cpu family", "model", "stepping") if name in found]
    return ", ".join([found["model name"], *numbers])


def _kernels() -> str:
    """What numpy and its BLAS have chosen, and what the environment asked for."""
    import numpy as np
    from threadpoolctl import threadpool_info

    blas = {
        f"{each['internal_api']} {each.get('version')} {each.get('architecture') or ''}".strip()
        for each in threadpool_info()
        if each["user_api"] == "blas"
    }
    config = np.show_config(mode="dicts")
    simd = config.get("SIMD Extensions", {}) if config else {}
    asked = [f"{name}={os.environ[name]}" for name in _KERNEL_VARIABLES if name in os.environ]
    return "; ".join([*sorted(blas), f"numpy {' '.join([*simd.get('baseline', []), *simd.get('found', [])])}", *asked])
