"""Random weights of VGG16 under the names that the registry's file and the lpips package have for them."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

CHANNELS = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
TAPPED = (64, 128, 256, 512, 512)


@lru_cache(maxsize=1)
def arrays_of_vgg() -> dict[str, NDArray[Any]]:
    """Convolutions, as the weight file has them."""
    rng = np.random.default_rng(3)
    arrays = {}
    for index, (a, b) in enumerate(pairwise(CHANNELS)):
        kernel = rng.normal(0, (2 / (9 * a)) ** 0.5, (3, 3, a, b))
        arrays[f"VGG16_0.Conv_{index}.kernel"] = kernel.astype(np.float32)
        arrays[f"VGG16_0.Conv_{index}.bias"] = rng.normal(0, 0.1, b).astype(np.float32)
    return arrays


def heads_of_vgg() -> dict[str, torch.Tensor]:
    """Linear layers of LPIPS, all alike."""
    return {f"lin{index}.model.1.weight": torch.full((1, width, 1, 1), 0.05) for index, width in enumerate(TAPPED)}
