"""What `palm_diffusion` sees of a palm, opened for attackers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...datasets.types import Failure
from ..base import Request
from ..regions import RegionError
from .palm_diffusion import PalmDiffusion


class Exemplars:
    """`palm_diffusion`'s two encoders: the embedding of the exemplars that guide the painting, and the autoencoder's
    latents inside the painted region, each of length 1."""

    def __init__(self, method: PalmDiffusion) -> None:
        self._method = method

    def encode(self, request: Request) -> NDArray[np.float32] | Failure:
        """(d,) embedding and latents; or why the palm cannot be prepared."""
        import torch

        from .paint_by_example import _embed, _encode, _tensor
        from .palm_inpainting import prepare

        parts = self._method._parts()
        try:
            prepared = prepare(
                request, self._method._geometry(), self._method.exemplars, parts.size, parts.exemplar_size
            )
        except RegionError as error:
            return Failure(str(error))
        canvas = prepared.canvas(None)
        with torch.inference_mode():
            embedding = _embed(parts, [canvas], guided=False).float().flatten().cpu()
            image = _tensor(canvas.image[None], parts).div(127.5).sub(1.0)
            latents = _encode(parts, image, None, "mode")[0].float().cpu()
        side = latents.shape[-1]
        hole = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(canvas.hole[None].astype(np.float32)), side)
        inside = (latents * hole).flatten()
        return np.concatenate([_unit(each.numpy()) for each in (embedding, inside)]).astype(np.float32)


def _unit(vector: NDArray[np.float32]) -> NDArray[np.float32]:
    centred = vector - vector.mean()
    return np.asarray(centred / max(float(np.linalg.norm(centred)), 1e-9), np.float32)
