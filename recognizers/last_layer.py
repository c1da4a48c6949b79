"""The last layers of built-in networks, opened for attackers who train them further.

They stand beside the recognisers and not in them, so that opening a network changes neither the recogniser's digest nor
the seeds of methods that look into it. Several linear layers without anything between them count as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.types import Image
from .base import Layered
from .face.mobilefacenet import MobileFaceNet
from .palm.ccnet import CCNet
from .palm.eehnet_style import EehnetStyle

if TYPE_CHECKING:
    from torch import Tensor

Floats = NDArray[np.float32]


@singledispatch
def layered(recognizer: Any) -> Layered | None:
    """The recogniser as one whose last layer can be trained: itself, or a built-in one opened; None for others."""
    return recognizer if isinstance(recognizer, Layered) else None


@layered.register
def _(recognizer: CCNet) -> Layered | None:
    return _CCNetLayers(recognizer)


@layered.register
def _(recognizer: EehnetStyle) -> Layered | None:
    return _EehnetLayers(recognizer)


@layered.register
def _(recognizer: MobileFaceNet) -> Layered | None:
    return _MobileFaceNetLayers(recognizer)


def has_last_layer(cls: type[Any]) -> bool:
    """Whether `layered` finds one in what is built of this class."""
    opened = layered.dispatch(cls) is not layered.dispatch(object)
    return opened or callable(getattr(cls, "before_last", None))


class _CCNetLayers:
    """The two linear layers of the head, 13152 numbers before them."""

    def __init__(self, recognizer: CCNet) -> None:
        self._network = recognizer._ready()

    def before_last(self, crops: Sequence[Image]) -> Floats:
        from .palm.ccnet_network import normalise
        from .palm.palm_vectors import as_input

        network = self._network

        def blocks(crop: Image) -> Tensor:
            import torch

            image = normalise(as_input(crop))
            return torch.cat([network.cb1(image), network.cb2(image), network.cb3(image)], dim=1)

        return _each(crops, blocks)

    def last(self) -> tuple[Floats, Floats]:
        first, second = self._network.fc, self._network.fc1
        weights = second.weight @ first.weight
        return _numbers(weights), _numbers(second.weight @ first.bias + second.bias)


class _EehnetLayers:
    """The linear layers of palm and fingers and the one that joins them; of the hand's shape what is joined."""

    def __init__(self, recognizer: EehnetStyle) -> None:
        self._network = recognizer._ready()

    def before_last(self, crops: Sequence[Image]) -> Floats:
        from .palm.eehnet_network import FINGER_SIZE, FINGERS, PALM_SIZE, cut
        from .palm.palm_vectors import as_input

        network = self._network

        def parts(crop: Image) -> Tensor:
            import torch

            image = as_input(crop)
            places = network.localiser(image)
            palm = network.palm[:-1](cut(image, places[:, 0], PALM_SIZE))
            strips = torch.cat([cut(image, places[:, 1 + k], FINGER_SIZE) for k in range(len(FINGERS))])
            return torch.cat([palm, network.finger(strips).reshape(1, -1), network.shape(places.flatten(1))], dim=1)

        return _each(crops, parts)

    def last(self) -> tuple[Floats, Floats]:
        import torch

        network: Any = self._network
        linear = [network.palm[-1], *network.fingers]
        shape = network.shape[-1].out_features
        own = torch.block_diag(*(each.weight for each in linear), torch.eye(shape))  # type: ignore[no-untyped-call]
        offsets = torch.cat([*(each.bias for each in linear), torch.zeros(shape)])
        with torch.inference_mode():
            together = network.whole(torch.cat([torch.zeros(1, len(offsets)), torch.eye(len(offsets))]))
        joined = (together[1:] - together[:1]).T
        return _numbers(joined @ own), _numbers(joined @ offsets + together[0])


class _MobileFaceNetLayers:
    """The global depthwise convolution and the linear layers after it, 25088 numbers before them."""

    def __init__(self, recognizer: MobileFaceNet) -> None:
        self._aligned = recognizer.network()

    def before_last(self, crops: Sequence[Image]) -> Floats:
        import torch

        from .face.face_crop import _as_input

        network: Any = self._aligned.network

        def maps(crop: Image) -> Tensor:
            x = (_as_input(crop) * 255 - self._aligned.mean) / self._aligned.std
            found = torch.zeros(())
            for each in (x, x.flip(3))[: 1 + self._aligned.flip]:
                stem = network.spread(network.stem(each))
                stem = stem if network.point is None else network.point(stem)
                found = found + network.widen(network.blocks(stem)).flatten(1)
            return found

        return _each(crops, maps)

    def last(self) -> tuple[Floats, Floats]:
        import torch

        network: Any = self._aligned.network
        gather = network.gather
        with torch.inference_mode():
            kernels = gather.conv.weight.flatten(1)
            if gather.norm is not None:
                kernels = kernels * (gather.norm.weight / (gather.norm.running_var + gather.norm.eps).sqrt())[:, None]
            count, side = len(kernels), gather.conv.kernel_size[0]
            gathered = gather(torch.zeros(1, count, side, side)).flatten()
            basis = torch.cat([torch.zeros(1, count), torch.eye(count)])[..., None, None]
            mixed = basis if network.mix is None else network.mix(basis)
            embedded = network.embed(mixed).flatten(1)
            linear = (embedded[1:] - embedded[:1]).T
            weights = (linear[:, :, None] * kernels[None]).flatten(1)
            times = 1 + self._aligned.flip
            return _numbers(weights), _numbers((linear @ gathered + embedded[0]) * times)


def _each(crops: Sequence[Image], look: Any) -> Floats:
    """One by one, as `embed` goes: a row depends on its crop alone to the last bit."""
    import torch

    with torch.inference_mode():
        return np.stack([look(crop)[0].numpy() for crop in crops])


def _numbers(tensor: Tensor) -> Floats:
    return np.ascontiguousarray(tensor.detach().numpy(), dtype=np.float32)
