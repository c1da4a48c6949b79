"""The Inception network that FID is defined by, pytorch-fid's. Needs torch: import on first use only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.utils.fusion import fuse_conv_bn_eval

from .....datasets.types import Image
from .....weights.files import tensors
from .....weights.torchvision import fit_torchvision
from .feature_networks import exact_arithmetic

FEATURES = 2048


@contextmanager
def _instead_of_download(package: Any, state: Mapping[str, torch.Tensor]) -> Iterator[None]:
    """pytorch-fid's constructor downloads its weights; here it is given ours, whose digest is known."""
    download = package.load_state_dict_from_url
    package.load_state_dict_from_url = lambda *_, **__: dict(state)
    try:
        yield
    finally:
        package.load_state_dict_from_url = download


def network_of(state: Mapping[str, torch.Tensor], device: str = "cpu") -> torch.nn.Module:
    """pytorch-fid's network up to its last pooling, each batch normalisation multiplied into its convolution.

    Args:
        state: state dictionary of its Inception.
        device: torch's name of it.
    """
    fit_torchvision()
    from pytorch_fid import inception as package

    with _instead_of_download(package, state):
        model: torch.nn.Module = package.InceptionV3([package.InceptionV3.BLOCK_INDEX_BY_DIM[FEATURES]])
    model.eval()
    module: Any
    for module in model.modules():
        if isinstance(getattr(module, "bn", None), torch.nn.BatchNorm2d):
            module.conv = fuse_conv_bn_eval(module.conv, module.bn)
            module.bn = torch.nn.Identity()
    placed: torch.nn.Module = model.to(torch.device(device)).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed  # quicker in this layout


@lru_cache(maxsize=2)
def inception(device: str = "cpu") -> torch.nn.Module:
    """The network with its published weights, from the registry of weight files.

    Raises:
        WeightsError: the weight file is not there, or not the expected one.
    """
    return network_of({name: torch.from_numpy(each) for name, each in tensors("fid-inception").items()}, device)


def features(network: torch.nn.Module, image: Image, device: str = "cpu") -> NDArray[np.float64]:
    """(2048,) of an image, which the network enlarges or reduces bilinearly, without smoothing, to 299 x 299.

    Args:
        network: of `network_of`.
        image: (H, W, 3) uint8.
        device: where the network is.
    """
    x = torch.from_numpy(np.array(image)).to(device).permute(2, 0, 1)[None].float() / 255
    found: NDArray[np.float64] = network(x)[0][0, :, 0, 0].double().cpu().numpy()
    return found


def inception_features(images: Sequence[Image], device: str = "cpu") -> NDArray[np.float64]:
    """Features of images, (n, 2048).

    Args:
        images: (H, W, 3) uint8, each of its own size.
        device: torch's name of it.

    Raises:
        WeightsError: the weight file is not there, or not the expected one.
    """
    network = inception(device)
    with torch.inference_mode(), exact_arithmetic():
        rows = [features(network, image, device) for image in images]
    return np.stack(rows) if rows else np.empty((0, FEATURES))
