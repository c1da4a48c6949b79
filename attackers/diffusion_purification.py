"""Purification by a diffusion model of faces: what a method adds drowns in noise, and the model takes the noise out."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np

from ..analyzers.base import FaceAnalysis
from ..analyzers.face_alignment import put_back, similarity_to_template, warp_face
from ..datasets.types import Failure, Image
from ..weights.files import weight
from ..weights.torchvision import hide_broken_torchvision
from .base import AttackerInfo, Published, Target, fits

FACE_TINY = "face-tiny-ddpm"
TIMES = 1000
"""Of the model's cosine schedule."""
STRIDE = 5
"""Every fifth time is visited on the way back."""
SEED = 20251129
"""Of the noise, the same for all images."""


class DiffusionPurification:
    """Noises the aligned face up to a time t* and denoises it again, step by step (DiffPure).

    The way back is that of DDIM without noise of its own. What the model makes is laid back into the picture, where
    the aligned face covers it.

    Args:
        start: t*, 1..1000 of the cosine schedule; TIP-IM's masks need little, later times cost the face itself.

    Raises:
        ValueError: the time is out of range.
    """

    info: ClassVar[AttackerInfo] = AttackerInfo(
        name="diffusion_purification",
        version="1",
        modality=("face",),
        slot="probe",
        description="Adds noise to the face and takes it out with a diffusion model (face-tiny-ddpm)",
        knowledge="nothing but the image, and a diffusion model of faces",
        citation="Nie et al., Diffusion models for adversarial purification (DiffPure), ICML 2022",
        training_data="face-tiny-ddpm: see its card",
        weights=(FACE_TINY,),
    )

    def __init__(self, start: int = 100) -> None:
        if not 1 <= start <= TIMES:
            raise ValueError(f"expected start to be 1..{TIMES}, got {start}")
        self.start = int(start)

    def lacks(self, target: Target) -> str:
        """Faces alone."""
        return fits(self.info, target)

    def restore(self, published: Published) -> Image | Failure:
        """The purified image.

        Raises:
            WeightsError: the model cannot be had.
        """
        if not isinstance(published.analysis, FaceAnalysis):
            return Failure("there is no face to align by")
        try:
            there = similarity_to_template(published.analysis.landmarks_5)
        except ValueError as error:
            return Failure(str(error))
        face = warp_face(published.image, there)
        return put_back(published.image, face, self._purified(face), there)

    def _purified(self, face: Image) -> Image:
        """(112, 112, 3) after noise and back."""
        import torch

        network, alphas = _model()
        draws = torch.Generator("cpu").manual_seed(SEED)
        clean = torch.from_numpy(np.ascontiguousarray(face.transpose(2, 0, 1)))[None].float() / 127.5 - 1
        noise = torch.randn(clean.shape, generator=draws)
        times = [*range(self.start, 0, -STRIDE), 0]
        found = alphas[self.start] ** 0.5 * clean + (1 - alphas[self.start]) ** 0.5 * noise
        with torch.inference_mode():
            for now, then in pairwise(times):
                said = network(found, now - 1).sample
                guess = ((found - (1 - alphas[now]) ** 0.5 * said) / alphas[now] ** 0.5).clamp(-1, 1)
                found = alphas[then] ** 0.5 * guess + (1 - alphas[then]) ** 0.5 * said
        pixels = ((found[0] + 1) * 127.5).round().clamp(0, 255).numpy().transpose(1, 2, 0)
        return np.ascontiguousarray(pixels).astype(np.uint8)


@lru_cache(maxsize=1)
def _model() -> tuple[Any, list[float]]:
    """The network, and the share of the clean face's variance after each time; a process reads it once."""
    hide_broken_torchvision()
    import diffusers
    import torch

    folder = weight(FACE_TINY).parent
    classes: Any = diffusers  # its models carry no types
    with torch.random.fork_rng(devices=[]):
        network = classes.UNet2DModel.from_pretrained(str(folder), local_files_only=True, low_cpu_mem_usage=False)
    betas = classes.DDPMScheduler(num_train_timesteps=TIMES, beta_schedule="squaredcos_cap_v2").betas.double().numpy()
    return network.eval().requires_grad_(False), np.concatenate([[1.0], np.cumprod(1.0 - betas)]).tolist()
