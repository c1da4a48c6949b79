"""One thread in every pool that adds numbers up, whatever the environment asks for.

A sum that is split over threads is added up in another order, and comes out otherwise in its last bits; a diffusion
model makes other pixels of that. So each pool is set to one thread where tasks run and where scores are computed:
OpenMP, MKL (which PyTorch has built in, where no library can reach it), OpenBLAS and its like, OpenCV, PyTorch within
and between operations. LiteRT's interpreters are built with one thread.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

VARIABLES = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "GOTO_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
"""Read by libraries when they are loaded, which may be in the middle of a task."""
_OVERRULING = ("MKL_DOMAIN_NUM_THREADS",)
"""Stronger than what stands in `VARIABLES`."""


@contextmanager
def single_threaded() -> Iterator[None]:
    """One thread in each pool of this process for the length of the block; then as before.

    PyTorch's pool between operations can be set once in a process only, and stays so.
    """
    import cv2
    from threadpoolctl import threadpool_limits

    names = (*VARIABLES, *_OVERRULING)
    variables = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(VARIABLES, "1"))
    for name in _OVERRULING:
        os.environ.pop(name, None)
    cv_threads, torch_threads = cv2.getNumThreads(), _pin_torch()
    cv2.setNumThreads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        cv2.setNumThreads(cv_threads)
        if torch_threads is not None:  # what was loaded with one thread keeps it
            sys.modules["torch"].set_num_threads(torch_threads)
        for name, before in variables.items():
            os.environ.pop(name, None)
            if before is not None:
                os.environ[name] = before


def _pin_torch() -> int | None:
    """Set PyTorch to one thread, MKL within it as well; returns how many it had, None where it is not loaded."""
    torch = sys.modules.get("torch")
    if torch is None or not hasattr(torch, "set_num_threads"):  # not, or not wholly, imported
        return None
    before = int(torch.get_num_threads())
    torch.set_num_threads(1)
    with suppress(RuntimeError):  # it has worked already
        torch.set_num_interop_threads(1)
    return before
