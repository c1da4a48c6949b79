"""TIP-IM: noise that makes a face look like somebody else's to a recogniser (Yang et al., arXiv:2003.06814)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from ...datasets.types import Failure, Image
from ...weights.devices import check_device, torch_device
from ..base import MethodInfo, Request
from ..face_canvas import aligned, canvas_of, on_image, to_image, to_tensor
from ..parameters import check_choice, check_number, check_whole
from ..regions import RegionError
from ..surrogate import DEFAULT, check_surrogate, repeatable, surrogate_hashes, surrogate_knowledge, surrogate_network

if TYPE_CHECKING:
    from .tip_im_objective import Search

Preset = Literal["paper", "code"]
NormName = Literal["linf", "l2"]

PRESETS: Mapping[Preset, Mapping[str, Any]] = {
    "paper": {
        "steps": 50,
        "step_size": 1.5,
        "norm": "linf",
        "gamma": 2.5,
        "mmd_batch": 50,
        "squared_gain": True,
        "mean_loss": False,
        "diversity": False,
    },
    "code": {
        "steps": 100,
        "step_size": 0.18,
        "norm": "l2",
        "gamma": 0.0,
        "mmd_batch": 1,
        "squared_gain": False,
        "mean_loss": True,
        "diversity": True,
    },
}
"""What parameters are that are None: the paper's text, or the program that its authors published."""


class TipIm:
    """Targeted identity-protection iterative method: small noise, found step by step with a surrogate's gradients.

    In every step each target proposes one candidate, and the one that gains most is kept. Needs faces of other people
    (`Request.targets`). A parameter that is None takes its value from the preset; `docs/methods.md` lists them.

    Args:
        preset: `paper` or `code`: what the other parameters are when they are not given.
        surrogate: specification of the face recogniser to look into.
        epsilon: largest change of a pixel's value, 0..255 grey levels.
        steps: 1..10000.
        step_size: grey levels; with `norm=l2` the root mean square of a step.
        norm: `linf` moves every value by the same amount, `l2` along the gradient.
        momentum: share of the former direction that is kept, 0..10.
        gamma: weight of the MMD, 0..1000000.
        mmd_batch: faces that the MMD is taken over, 1..1000000; see `tip_im_objective.mmd_gradient`.
        targets: how many of the target faces are used, at most, 1..10.
        device: `auto` takes CUDA where there is one.

    Raises:
        ValueError: a parameter is out of range.
    """

    info: ClassVar[MethodInfo] = MethodInfo(
        name="tip_im",
        version="2",
        modality=("face",),
        description="Adversarial noise towards the best of several other people, after TIP-IM",
        knowledge=f"surrogate={DEFAULT}",
        family="adversarial",
        training_data="none of its own; see the surrogate",
        citation="Yang et al., Towards Face Encryption by Generating Adversarial Identity Masks, ICCV 2021",
        needs=("targets",),
        targets=10,
        batch_size=1,
    )

    def __init__(
        self,
        preset: Preset = "paper",
        surrogate: str = DEFAULT,
        epsilon: float = 12.0,
        steps: int | None = None,
        step_size: float | None = None,
        norm: NormName | None = None,
        momentum: float = 1.0,
        gamma: float | None = None,
        mmd_batch: int | None = None,
        targets: int = 10,
        device: str = "auto",
    ) -> None:
        check_choice("preset", preset, Preset)
        check_device(device)
        given = {"steps": steps, "step_size": step_size, "norm": norm, "gamma": gamma, "mmd_batch": mmd_batch}
        chosen = {**PRESETS[preset], **{name: value for name, value in given.items() if value is not None}}
        check_choice("norm", chosen["norm"], NormName)
        check_number("epsilon", epsilon, 0.0, 255.0)
        check_number("step_size", chosen["step_size"], 0.0, 255.0)
        check_number("momentum", momentum, 0.0, 10.0)
        check_number("gamma", chosen["gamma"], 0.0, 1e6)
        check_whole("steps", chosen["steps"], 1, 10_000)
        check_whole("mmd_batch", chosen["mmd_batch"], 1, 1_000_000)
        check_whole("targets", targets, 1, self.info.targets)
        self.surrogate, self.device, self.targets = check_surrogate(surrogate), device, targets
        self.settings: Mapping[str, Any] = {**chosen, "epsilon": float(epsilon), "momentum": float(momentum)}
        """Every setting of the search, as used."""

    @staticmethod
    def weight_hashes(params: Mapping[str, Any]) -> dict[str, str]:
        """SHA-256 by name of what the surrogate is made of; for the digest and the record.

        Raises:
            PluginError, WeightsError: the surrogate cannot be had.
        """
        return surrogate_hashes(str(params["surrogate"]))

    @staticmethod
    def knowledge_of(params: Mapping[str, Any]) -> str:
        """`surrogate=NAME`."""
        return surrogate_knowledge(str(params["surrogate"]))

    def repaints(self, request: Request) -> NDArray[np.bool_]:
        """(H, W) pixels that this method may change: the aligned face.

        Raises:
            RegionError: the analysis gives no face.
        """
        canvas = canvas_of(request)
        if isinstance(canvas, Failure):
            raise RegionError(canvas.reason)
        return on_image(canvas, np.ones(canvas.face.shape[:2], dtype=np.bool_))

    def deidentify(self, batch: Sequence[Request]) -> list[Image | Failure]:
        """One image of the same shape per request, or the reason why there is none.

        Raises:
            PluginError, WeightsError: the surrogate cannot be had.
        """
        return [self._one(request) for request in batch]

    def _one(self, request: Request) -> Image | Failure:
        """One face at a time: its targets already fill a batch, and nothing can depend on its neighbours."""
        import torch

        from .tip_im_objective import protect

        canvas = canvas_of(request)
        if isinstance(canvas, Failure):
            return canvas
        faces = [face for each in request.targets if (face := aligned(each)) is not None][: self.targets]
        if not faces:
            return Failure("there is no face of another person to use as a target")
        network, device = surrogate_network(self.surrogate, self.device), torch_device(self.device)
        source, wanted = to_tensor(canvas.face), torch.cat([to_tensor(each) for each in faces])
        with repeatable():
            found = protect(network, source.to(device), wanted.to(device), self._search(), canvas.grey)
        if found is None:
            return Failure(f"the surrogate {self.surrogate} gave numbers that are not finite")
        return canvas.finished(to_image(found, canvas.grey))

    def _search(self) -> Search:
        from .tip_im_objective import Search

        return Search(**self.settings)
