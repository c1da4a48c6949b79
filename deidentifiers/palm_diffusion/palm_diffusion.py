"""The palm paper's method: a new palm painted by Paint by Example (Yan et al., arXiv:2504.08272).

Training-free and black box. Needs a weight set: `palm-tiny`, which ships with deid-bench, or the original.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ...datasets.types import Failure, Image
from ...weights.devices import check_device
from ...weights.files import digest, weight
from ..base import MethodInfo, Request
from ..parameters import check_choice, check_number, check_whole
from ..regions import DEFAULT_MARGIN, MaskPoints, RegionError, check_region
from .skin_texture import SKIN, read_charts

if TYPE_CHECKING:
    from .paint_by_example import Sampling
    from .paint_by_example_parts import Parts
    from .palm_inpainting import Geometry, Prepared

Preset = Literal["paper", "authors"]
SchedulerName = Literal["pndm", "dpm++", "ddim"]
Where = Literal["hand", "palm"]
PosteriorName = Literal["mode", "sample"]
Start = Literal["image", "fixed"]
DtypeName = Literal["auto", "float32", "float16", "bfloat16"]

PRESETS: Mapping[Preset, Mapping[str, Any]] = {
    "paper": {
        "mask_points": "7",
        "pin_unmasked": True,
        "paste": "palm",
        "colour": True,
        "seam": True,
        "grain": True,
        "tone": 0.15,
        "texture": True,
        "posterior": "mode",
        "start": "image",
    },
    "authors": {
        "scheduler": "pndm",
        "steps": 50,
        "guidance_scale": 3.0,
        "mask_points": "6",
        "pin_unmasked": False,
        "paste": "hand",
        "colour": False,
        "seam": False,
        "grain": False,
        "tone": 0.0,
        "texture": False,
        "posterior": "sample",
        "start": "fixed",
    },
}
"""Defaults of the parameters that are None: the paper's text and what a small model needs, or the authors' program."""

_TINY: Mapping[str, Any] = {"crop": "palm", "scheduler": "dpm++", "steps": 10, "guidance_scale": 1.5}
_LARGE: Mapping[str, Any] = {"crop": "hand", "scheduler": "pndm", "steps": 50, "guidance_scale": 3.0}
"""Defaults that belong to the weights; a preset's come first."""

_CPU_BATCH, _GPU_BATCH = 1, 8


class PalmDiffusion:
    """Paints a new palm into the hand with Paint by Example, guided by small pieces of the palm itself.

    A parameter that is None takes its value from the preset, or from the weights; `docs/methods.md` lists them.

    Args:
        preset: `paper` or `authors`: what the other parameters are when they are not given.
        weights: `palm-tiny`, a local folder in the layout of the release, or a Hugging Face id such as
            `Fantasy-Studio/Paint-by-Example`.
        exemplars: which squares of the palm guide the painting: any of `s` (10 % of the palm's square), `m` (50 %) and
            `f` (all of it), joined by `+`. Their embeddings are averaged.
        alpha: share of the original in the latents of the background, 0..1. With 1 and pinning, the image is not
            painted at all but goes through the autoencoder.
        guidance_scale: strength of the exemplars, 1..50; 1 is without classifier-free guidance.
        steps: denoising steps, 1..1000.
        scheduler: `pndm`, `dpm++` or `ddim`.
        pin_unmasked: hold the latents outside the hole at the original's in every step.
        paste: put back the palm region alone, or all of the hand that was cropped.
        crop: what the model sees: the square around the `hand`'s box, or 1.5 times the square around the `palm`.
        mask_points: corners of the palm polygon, see `regions.MaskPoints`.
        mask_margin: growth of the palm polygon as a share of the palm width, 0..2.
        colour: give the model a hand of normal colour and take that back afterwards.
        seam: carry on the colours of the surround into the palm, and paste with a soft border.
        grain: give the painted palm the picture's noise.
        tone: what is coarser than this share of the palm width comes from the original, 0..1; 0 switches it off.
        texture: narrow the painted lines, and fill in detail of skin until it is as strong as the original's.
        posterior: the autoencoder's latents: its `mode`, or a `sample`.
        start: start latents drawn for each `image` from its seed, or `fixed`: one for all, from `start_seed`.
        start_seed: of `start=fixed`.
        dtype: `auto` is float32 on the CPU, and bfloat16 on CUDA where it can.
        device: `auto` takes CUDA where there is one.
        batch_size: images in one call of the networks; None is 1 on the CPU and 8 on CUDA. Halved when the GPU's memory
            runs out.
        attention_slicing: less memory, slower.

    Raises:
        ValueError: a parameter is out of range.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        name="palm_diffusion",
        version="3",
        modality=("palm",),
        description="Paints a new palm with Paint by Example, guided by pieces of the old one",
        stochastic=True,
        family="diffusion",
        training_data="palm-tiny: rendered palms of synthetic-palm, disjoint from every benchmark set; palm-skin: "
        "patches without lines of two photographed palms; "
        "other weights: see their model card",
        licence="Apache-2.0 (palm-tiny); Fantasy-Studio/Paint-by-Example: CreativeML OpenRAIL-M",
        citation="Yan et al., Palmprint De-Identification Using Diffusion Model, arXiv:2504.08272, 2025; "
        "Yang et al., Paint by Example: Exemplar-based Image Editing with Diffusion Models, CVPR 2023",
        weights=("palm-tiny-vae", "palm-tiny-unet", "palm-tiny-image-encoder", "palm-skin"),
        batch_size=8,
    )

    def __init__(
        self,
        preset: Preset = "paper",
        weights: str = "palm-tiny",
        exemplars: str = "s+m",
        alpha: float = 0.1,
        guidance_scale: float | None = None,
        steps: int | None = None,
        scheduler: SchedulerName | None = None,
        pin_unmasked: bool | None = None,
        paste: Where | None = None,
        crop: Where | None = None,
        mask_points: MaskPoints | None = None,
        mask_margin: float = DEFAULT_MARGIN,
        colour: bool | None = None,
        seam: bool | None = None,
        grain: bool | None = None,
        tone: float | None = None,
        texture: bool | None = None,
        posterior: PosteriorName | None = None,
        start: Start | None = None,
        start_seed: int = 123,
        dtype: DtypeName = "auto",
        device: str = "auto",
        batch_size: int | None = None,
        attention_slicing: bool = False,
    ) -> None:
        check_choice("preset", preset, Preset)
        chosen: dict[str, Any] = {**(_TINY if weights == "palm-tiny" else _LARGE), **PRESETS[preset]}
        given = {
            "steps": steps, "scheduler": scheduler, "pin_unmasked": pin_unmasked, "paste": paste, "crop": crop,
            "mask_points": mask_points, "colour": colour, "seam": seam, "grain": grain, "tone": tone,
            "texture": texture, "posterior": posterior, "start": start, "guidance_scale": guidance_scale,
        }  # fmt: skip
        chosen.update({name: value for name, value in given.items() if value is not None})
        for name, choices in (("scheduler", SchedulerName), ("paste", Where), ("crop", Where), ("start", Start)):
            check_choice(name, chosen[name], choices)
        check_choice("posterior", chosen["posterior"], PosteriorName)
        check_choice("dtype", dtype, DtypeName)
        check_device(device)
        check_region("palm", chosen["mask_points"], mask_margin)
        check_number("alpha", alpha, 0.0, 1.0)
        check_number("guidance_scale", chosen["guidance_scale"], 1.0, 50.0)
        check_number("tone", chosen["tone"], 0.0, 1.0)
        check_whole("steps", chosen["steps"], 1, 1000)
        check_whole("start_seed", start_seed, 0, 2**63 - 1)
        if batch_size is not None:
            check_whole("batch_size", batch_size, 1, 1024)
        self.exemplars = _exemplars(exemplars)
        self.alpha = float(alpha)
        self.mask_margin, self.start_seed = float(mask_margin), start_seed
        self.weights, self.dtype, self.device = weights, dtype, device
        self.attention_slicing = attention_slicing
        self.settings: Mapping[str, Any] = chosen
        """The parameters that a preset can set, as used."""
        self._batch_size = batch_size

    @staticmethod
    def weight_hashes(params: Mapping[str, Any]) -> dict[str, str]:
        """SHA-256 by name of the files that these parameters choose; for the digest and the record.

        Raises:
            WeightsError: the weights cannot be had.
        """
        from .paint_by_example_parts import weight_hashes

        skin = {SKIN: digest(SKIN)} if PalmDiffusion(**params).settings["texture"] else {}
        return {**weight_hashes(str(params["weights"])), **skin}

    def repaints(self, request: Request) -> NDArray[np.bool_]:
        """(H, W) pixels that this method may change.

        Raises:
            RegionError: the analysis gives no region.
        """
        from .palm_inpainting import repainted

        return repainted(request, self._geometry())

    def deidentify(self, batch: Sequence[Request]) -> list[Image | Failure]:
        """One image of the same shape per request, or the reason why there is none.

        Raises:
            WeightsError: the weights cannot be had.
            OutOfMemory: the GPU does not hold a single image.
        """
        from .paint_by_example import paint
        from .palm_inpainting import paste_back

        if not batch:
            return []
        parts, geometry = self._parts(), self._geometry()
        charts = read_charts(weight(SKIN)) if geometry.texture else None
        prepared = [self._prepare(request, parts) for request in batch]
        fixed = self.start_seed if self.settings["start"] == "fixed" else None
        canvases = [each.canvas(fixed) for each in prepared if not isinstance(each, Failure)]
        size = self._batch_size or (_CPU_BATCH if parts.device.type == "cpu" else _GPU_BATCH)
        painted, used = paint(parts, canvases, self._sampling(), size)
        if used < size:  # the next call need not fail first
            self._batch_size = used
        results = iter(painted)
        made: list[Image | Failure] = []
        for each in prepared:
            if isinstance(each, Failure):
                made.append(each)
            elif (pixels := next(results)) is None:
                made.append(
                    Failure("the diffusion model gave no finite numbers; with half precision try dtype=float32")
                )
            else:
                made.append(paste_back(each, pixels, geometry, charts))
        return made

    def _prepare(self, request: Request, parts: Parts) -> Prepared | Failure:
        from .palm_inpainting import prepare

        try:
            return prepare(request, self._geometry(), self.exemplars, parts.size, parts.exemplar_size)
        except RegionError as error:
            return Failure(str(error))

    def _parts(self) -> Parts:
        from .paint_by_example_parts import load_parts, weights_folder

        return load_parts(weights_folder(self.weights), self.dtype, self.device, self.attention_slicing)

    def _geometry(self) -> Geometry:
        from .palm_inpainting import Geometry

        names = ("crop", "paste", "mask_points", "colour", "seam", "grain", "tone", "texture")
        return Geometry(mask_margin=self.mask_margin, **{name: self.settings[name] for name in names})

    def _sampling(self) -> Sampling:
        from .paint_by_example import Sampling

        names = ("steps", "scheduler", "guidance_scale", "pin_unmasked", "posterior")
        return Sampling(alpha=self.alpha, **{name: self.settings[name] for name in names})


def _exemplars(text: str) -> tuple[str, ...]:
    """The squares named by `s+m` and the like, smallest first, whatever their order in the text."""
    named = text.split("+")
    if not set(named) <= {"s", "m", "f"} or len(set(named)) != len(named):
        raise ValueError(f"expected exemplars to be some of s, m and f joined by +, got {text!r}; for example s+m")
    return tuple(each for each in "smf" if each in named)
