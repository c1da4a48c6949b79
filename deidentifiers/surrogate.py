"""The recogniser that a method looks into: found by its specification, made ready for gradients, named and hashed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from ..plugins.abilities import ChoosesWeights
from ..plugins.entries import Kind, PluginError, Resolved, registry
from ..weights.devices import torch_device
from ..weights.files import digest

DEFAULT = "mobilefacenet"
"""What the DeDiM paper guides with, and one of the surrogates of the TIP-IM paper."""


def check_surrogate(text: object) -> str:
    """The specification as it is, if it can be one.

    Raises:
        ValueError: it is no text, or an empty one.
    """
    if not isinstance(text, str) or not text.strip():
        raise ValueError(f"expected surrogate to name a face recogniser, got {text!r}; for example {DEFAULT}")
    return text


def surrogate_knowledge(text: str) -> str:
    """`surrogate=NAME`: what a record says of a method that looks into this recogniser.

    Raises:
        PluginError: there is no such recogniser.
    """
    return f"surrogate={registry().resolve(Kind.RECOGNIZER, text).name}"


def surrogate_hashes(text: str) -> dict[str, str]:
    """SHA-256 by name of everything that a surrogate's answers depend on: its weights, and its code.

    Raises:
        PluginError: there is no such recogniser, or methods cannot look into it.
        WeightsError: its weights cannot be had.
    """
    found = _differentiable(text)
    chosen = found.cls.weight_hashes if isinstance(found.cls, ChoosesWeights) else None
    hashes: Mapping[str, str] = (
        chosen(found.params)
        if chosen is not None
        else {name: digest(name) for name in getattr(found.info, "weights", ())}
    )
    return {f"surrogate {found.name}": found.source, **hashes}


def surrogate_network(text: str, device: str = "auto") -> Any:
    """The network, on its device: (n, 3, 112, 112) RGB in 0..1 to (n, d) of unit length; a process builds it once.

    Args:
        text: specification of a face recogniser.
        device: see `torch_device`.

    Raises:
        PluginError: there is no such recogniser, or methods cannot look into it.
        WeightsError: its weights, or the device, cannot be had.
    """
    return _build(text, torch_device(device), len(registry().files))


@lru_cache(maxsize=4)
def _build(text: str, device: Any, _files: int) -> Any:
    """`_files`: plug-in files known, since a later one may define the recogniser anew."""
    network = _differentiable(text).create().network()
    return _without_weight_gradients(network.eval().requires_grad_(False)).to(device)


def _differentiable(text: str) -> Resolved:
    found = registry().resolve(Kind.RECOGNIZER, text)
    if found.info.modality != "face" or not callable(getattr(found.cls, "network", None)):
        raise PluginError(
            f"expected surrogate to be a face recogniser that methods can look into (one with `network()`), "
            f"got {text!r}, a recogniser for {found.info.modality}; take for example {DEFAULT}"
        )
    return found


def _without_weight_gradients(network: Any) -> Any:
    """Replace PReLU layers, whose backward step always computes the slopes' gradient too: half of the time on CPUs.

    Outputs and gradients of the input stay the same to the bit.
    """
    from torch import Tensor, nn

    class Slopes(nn.Module):
        """PReLU as a product with a factor that counts as constant."""

        def __init__(self, given: nn.PReLU) -> None:
            super().__init__()
            self.weight = given.weight

        def forward(self, x: Tensor) -> Tensor:
            import torch

            if not torch.is_grad_enabled():
                return torch.prelu(x, self.weight)
            weight = self.weight.view(1, -1, *(1,) * (x.ndim - 2)) if x.ndim > 1 else self.weight
            return x * torch.where(x.detach() > 0, weight.new_ones(()), weight)

    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.PReLU:
                setattr(parent, name, Slopes(child))
    return network


def repeatable() -> Any:
    """A context in which cuDNN takes only algorithms that give the same bits every time; nothing on a CPU."""
    from torch.backends import cudnn

    flags: Any = cudnn.flags
    return flags(enabled=True, benchmark=False, deterministic=True)
