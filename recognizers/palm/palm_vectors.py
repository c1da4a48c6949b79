"""What the learned palm recognizers share: their weights, checking and embedding crops, comparing templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...datasets.types import Image
from ..base import RecognizerInfo, Templates
from ..matching.vector_matching import vector_distances
from .palm_crop import to_grey

if TYPE_CHECKING:
    import torch


class LearnedPalm:
    """A recognizer by a network with one weight file, and the angle between its templates.

    Args:
        weights: a registered weight file, or a file of your own.
    """

    info: ClassVar[RecognizerInfo]

    def __init__(self, weights: str) -> None:
        self.weights = weights
        self._network: Any = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_network": None}  # networks stay in their process

    @staticmethod
    def weight_hashes(params: Mapping[str, Any]) -> dict[str, str]:
        """SHA-256 by name of the file that `weights` chooses.

        Raises:
            WeightsError: it cannot be had.
        """
        from ..weight_files.network_weights import weight_digest

        return weight_digest(str(params["weights"]))

    def distances(self, a: Templates, b: Templates) -> NDArray[np.float32]:
        """Angles over pi of all pairs: 0 for equal templates, about 0.5 for strangers, at most 1; (n, m) float32.

        Raises:
            ValueError: the arrays are not templates of one and the same weights.
        """
        for templates in (a, b):
            check_vectors(templates, a.shape[-1], self.info.name)
        return vector_distances(a, b, "angular")


def check_square_crops(crops: Sequence[Image], side: int, recognizer: str) -> None:
    """Refuse anything but (side, side, 3) uint8 crops.

    Raises:
        ValueError: naming the first crop that does not fit.
    """
    for index, crop in enumerate(crops):
        if crop.shape != (side, side, 3) or crop.dtype != np.uint8:
            raise ValueError(
                f"{recognizer}: expected crops of shape {(side, side, 3)} and dtype uint8, "
                f"got {crop.shape} and {crop.dtype} at index {index}; cut them with {recognizer}'s align()"
            )


def as_input(crop: Image) -> torch.Tensor:
    """(side, side, 3) uint8 RGB to (1, 1, side, side) float32 grey in 0..1."""
    import torch

    return torch.from_numpy(to_grey(crop))[None, None].float() / 255


def embed_each(network: torch.nn.Module, inputs: Sequence[torch.Tensor], dimension: int) -> Templates:
    """Rows of the network for inputs of one image each, (n, dimension) float32.

    One by one: matrix products round differently for another number of rows, and a template is to depend on its crop
    alone to the last bit.
    """
    import torch

    rows = np.empty((len(inputs), dimension), np.float32)
    with torch.inference_mode():
        for row, image in zip(rows, inputs, strict=True):
            row[:] = network(image)[0].numpy()
    return rows


def check_vectors(templates: Templates, dimension: int, recognizer: str) -> None:
    """Refuse arrays that are not templates of this recognizer.

    Raises:
        ValueError: another shape.
    """
    if templates.ndim != 2 or templates.shape[1] != dimension:
        raise ValueError(
            f"{recognizer}: expected templates of shape (n, {dimension}), got {templates.shape}; "
            "compare what embed() gave with the same weights"
        )
