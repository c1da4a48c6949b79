"""DeDiM: a face sampled anew by a diffusion model that is steered away from the identity (Uchida et al., 2022)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ...datasets.types import Failure, Image
from ...weights.devices import check_device
from ..base import MethodInfo, Request
from ..face_canvas import FaceCanvas, canvas_of, feature_mask, keep_tone, on_image
from ..parameters import check_choice, check_number, check_whole
from ..regions import RegionError
from ..surrogate import DEFAULT, check_surrogate, repeatable, surrogate_hashes, surrogate_knowledge, surrogate_network

if TYPE_CHECKING:
    from .dedim_sampling import Face

Preset = Literal["quick", "paper"]
GuidanceName = Literal["sigma", "sigma2"]

PRESETS: Mapping[Preset, Mapping[str, Any]] = {
    "quick": {"steps": 10, "loops": 4, "scale": 60.0, "tone": 6.0},
    "paper": {"steps": 100, "loops": 100, "scale": 250.0, "tone": 0.0},
}
"""What parameters are that are None."""

TIMES = 1000
"""T of the paper's schedule."""
_CPU_BATCH, _GPU_BATCH = 1, 8


class Dedim:
    """Face parts sampled anew by a diffusion model, away from what a surrogate recognises.

    The face is noised a little and denoised, guided by the surrogate's gradients; brows, eyes, nose and mouth are taken
    over if the surrogate then finds it less alike. That is done again and again. A parameter that is None takes its
    value from the preset; `docs/methods.md` lists them.

    Args:
        preset: `quick` for CPUs, `paper` for the paper's 10 000 steps a face, which want a GPU and a longer time limit.
        surrogate: specification of the face recogniser to look into.
        model: `face-tiny-ddpm`, a local folder of a diffusers DDPM, or a Hugging Face id such as
            `google/ddpm-celebahq-256`.
        start: t0, the time up to which noise is added, 0..1000 of the paper's schedule. Models with another schedule
            start where that is as noisy.
        steps: steps from there back to 0, evenly spaced, 1..1000; at most one for each time.
        scale: s, strength of the guidance, 0..1000000; 0 is without guidance.
        guidance: the guidance's factor besides `scale`: `sigma` as in the paper's Algorithm 2, `sigma2` as in
            classifier guidance.
        loops: L, 1..10000.
        threshold: h, the loops end early below this probability, 0..1.
        radius: of the mask around each of the 51 landmarks, px of the aligned face, 0..112.
        tone: colour coarser than this, and lightness coarser than twice this, come from the original, px of the aligned
            face, 0..112; 0 switches it off, as in the paper.
        device: `auto` takes CUDA where there is one.
        batch_size: faces in one call of the networks; None is 1 on the CPU and 8 on CUDA. Halved when the GPU's memory
            runs out.

    Raises:
        ValueError: a parameter is out of range.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        name="dedim",
        version="2",
        modality=("face",),
        description="Face parts sampled anew by a diffusion model, guided away from the identity",
        stochastic=True,
        knowledge=f"surrogate={DEFAULT}",
        family="diffusion",
        training_data="face-tiny-ddpm: see its card; other models: see theirs; and that of the surrogate",
        licence="Apache-2.0 (code); models: see their cards",
        citation="Uchida, Abe, Yamada, DeDiM: De-identification using a diffusion model, BIOSIG 2022",
        weights=("face-tiny-ddpm",),
        batch_size=4,
    )

    def __init__(
        self,
        preset: Preset = "quick",
        surrogate: str = DEFAULT,
        model: str = "face-tiny-ddpm",
        start: int = 100,
        steps: int | None = None,
        scale: float | None = None,
        guidance: GuidanceName = "sigma",
        loops: int | None = None,
        threshold: float = 0.2,
        radius: float = 10.0,
        tone: float | None = None,
        device: str = "auto",
        batch_size: int | None = None,
    ) -> None:
        check_choice("preset", preset, Preset)
        check_choice("guidance", guidance, GuidanceName)
        check_device(device)
        given = {"steps": steps, "loops": loops, "scale": scale}
        chosen = {**PRESETS[preset], **{name: value for name, value in given.items() if value is not None}}
        check_whole("start", start, 0, TIMES)
        check_whole("steps", chosen["steps"], 1, TIMES)
        check_whole("loops", chosen["loops"], 1, 10_000)
        check_number("scale", chosen["scale"], 0.0, 1e6)
        tone = chosen.pop("tone") if tone is None else tone
        chosen.pop("tone", None)
        check_number("tone", tone, 0.0, 112.0)
        check_number("threshold", threshold, 0.0, 1.0)
        check_number("radius", radius, 0.0, 112.0)
        if batch_size is not None:
            check_whole("batch_size", batch_size, 1, 1024)
        self.surrogate, self.model = check_surrogate(surrogate), model
        self.radius, self.tone, self.device = float(radius), float(tone), device
        self.settings: Mapping[str, Any] = {
            **chosen,
            "start": start,
            "scale": float(chosen["scale"]),
            "guidance": guidance,
            "threshold": float(threshold),
        }
        """Every setting of the sampling, as used."""
        self._batch_size = batch_size

    @staticmethod
    def weight_hashes(params: Mapping[str, Any]) -> dict[str, str]:
        """SHA-256 by name of what these parameters choose, the surrogate's weights among it; for digest and record.

        Raises:
            PluginError, WeightsError: the surrogate or the model cannot be had.
        """
        from .dedim_denoiser import model_hashes

        return {**surrogate_hashes(str(params["surrogate"])), **model_hashes(str(params["model"]))}

    @staticmethod
    def knowledge_of(params: Mapping[str, Any]) -> str:
        """`surrogate=NAME`."""
        return surrogate_knowledge(str(params["surrogate"]))

    def repaints(self, request: Request) -> NDArray[np.bool_]:
        """(H, W) pixels that this method may change.

        Raises:
            RegionError: the analysis gives no mask.
        """
        found = self._masked(request)
        if isinstance(found, Failure):
            raise RegionError(found.reason)
        return on_image(*found)

    def deidentify(self, batch: Sequence[Request]) -> list[Image | Failure]:
        """One image of the same shape per request, or the reason why there is none.

        Raises:
            PluginError, WeightsError: the surrogate or the model cannot be had.
            OutOfMemory: the GPU does not hold a single face.
        """
        from .dedim_sampling import Face

        found = [self._masked(request) for request in batch]
        ready = [each for each in found if not isinstance(each, Failure)]
        faces = [Face(canvas.face, mask, canvas.grey, canvas.request.seed) for canvas, mask in ready]
        changed = iter(zip(ready, self._sampled(faces), strict=True))
        made: list[Image | Failure] = []
        for each in found:
            if isinstance(each, Failure):
                made.append(each)
                continue
            (canvas, mask), face = next(changed)
            if face is None:
                made.append(Failure(f"the model or the surrogate {self.surrogate} gave numbers that are not finite"))
            else:
                made.append(canvas.finished(keep_tone(canvas.face, face, mask, self.tone)))
        return made

    def _masked(self, request: Request) -> tuple[FaceCanvas, NDArray[np.bool_]] | Failure:
        canvas = canvas_of(request)
        if isinstance(canvas, Failure):
            return canvas
        mask = feature_mask(canvas, self.radius)
        return mask if isinstance(mask, Failure) else (canvas, mask)

    def _sampled(self, faces: Sequence[Face]) -> list[Image | None]:
        if not faces:
            return []
        from .dedim_denoiser import COSINE, alphas_bar, load_denoiser, model_folder
        from .dedim_sampling import Settings, deidentify_faces, matching_time, plan_steps

        denoiser = load_denoiser(model_folder(self.model), self.device)
        settings = Settings(**self.settings)
        start = matching_time(denoiser.alphas_bar, float(alphas_bar(COSINE)[settings.start]))
        steps = plan_steps(denoiser.alphas_bar, start, settings.steps)
        size = self._batch_size or (_CPU_BATCH if denoiser.device.type == "cpu" else _GPU_BATCH)
        network = surrogate_network(self.surrogate, self.device)
        with repeatable():
            changed, used = deidentify_faces(denoiser, network, faces, settings, steps, size)
        if used < size:  # the next call need not fail first
            self._batch_size = used
        return changed
