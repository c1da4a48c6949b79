"""What the face recognisers share: the aligned 112 px face, embedding with a torch network, distances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...analyzers.base import FaceAnalysis
from ...analyzers.face_alignment import FACE_SIZE, align_face
from ...datasets.types import Failure, Image
from ..base import RecognizerInfo, Templates

if TYPE_CHECKING:
    import torch

    from .face_network import AlignedFaceNetwork

MIN_EYES = 8.0
"""Faces whose eyes are fewer px of the image apart show too little to be told from others."""


class FaceRecognizer:
    """A face recogniser around a differentiable network; a subclass says which one by `_build`.

    Args:
        weights: name of a registered weight file, or path of a file.
    """

    info: ClassVar[RecognizerInfo]
    unit_length: ClassVar[bool] = True
    """Whether templates have length 1; otherwise they are as long as the network makes them."""

    def __init__(self, weights: str) -> None:
        self.weights = weights
        self._network: AlignedFaceNetwork | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_network": None}  # networks stay in their process

    def align(self, image: Image, analysis: FaceAnalysis) -> Image | Failure:
        """Cut the face, aligned to the ArcFace template: (112, 112, 3) uint8 RGB, or the reason why not."""
        return align_to_template(image, analysis)

    def embed(self, crops: Sequence[Image]) -> Templates:
        """Embed the crops one by one, so that a row depends on its crop alone to the last bit.

        Args:
            crops: (112, 112, 3) uint8 RGB each.

        Returns:
            (n, d) float32, of unit length but for recognisers that say otherwise.

        Raises:
            ValueError: a crop has another shape or dtype.
            WeightsError: the weights cannot be had, or are another network's.
        """
        import torch

        check_crops(crops, self.info.name)
        if self._network is None:
            self._network = self.network()
        embedding = self._network if self.unit_length else self._network.raw
        with torch.inference_mode():
            rows = [embedding(_as_input(crop))[0].numpy() for crop in crops]
        return np.stack(rows) if rows else np.empty((0, 0), np.float32)

    def distances(self, a: Templates, b: Templates) -> NDArray[np.float32]:
        """1 - cosine of all pairs: 0 for the same direction, about 1 for strangers, at most 2. (n, m) float32."""
        return cosine_distances(a, b, self.info.name)

    def network(self) -> AlignedFaceNetwork:
        """The whole way from aligned faces to embeddings, for methods that look into the recogniser.

        Returns:
            A module of its own for every call, in eval mode, parameters without gradients. It takes (n, 3, 112, 112)
            float32 RGB in 0..1 and gives (n, d) of unit length; gradients reach the input.

        Raises:
            WeightsError: the weights cannot be had, or are another network's.
        """
        return self._build().eval().requires_grad_(False)

    @staticmethod
    def weight_hashes(params: Mapping[str, Any]) -> dict[str, str]:
        """SHA-256 by name of the file that `weights` chooses.

        Raises:
            WeightsError: it cannot be had.
        """
        from ..weight_files.network_weights import weight_digest

        return weight_digest(str(params["weights"]))

    def _build(self) -> AlignedFaceNetwork:
        raise NotImplementedError


def align_to_template(image: Image, analysis: FaceAnalysis) -> Image | Failure:
    """Cut the aligned face of `analysis`, or say why it cannot be."""
    points = np.asarray(analysis.landmarks_5, dtype=np.float64)
    if points.shape != (5, 2):
        return Failure(f"landmarks have shape {points.shape}, expected (5, 2)")
    if not np.isfinite(points).all():
        return Failure("landmarks are not finite")
    if np.hypot(*(points[1] - points[0])) < MIN_EYES:
        return Failure(f"the eyes are less than {MIN_EYES:.0f} px apart")
    height, width = image.shape[:2]
    if (points.max(axis=0) < 0).any() or (points.min(axis=0) > (width - 1, height - 1)).any():
        return Failure("the face lies outside the image")
    return align_face(image, analysis.landmarks_5)


def check_crops(crops: Sequence[Image], recognizer: str) -> None:
    """Refuse anything but (112, 112, 3) uint8 crops.

    Raises:
        ValueError: naming the first crop that does not fit.
    """
    expected = (FACE_SIZE, FACE_SIZE, 3)
    for index, crop in enumerate(crops):
        if crop.shape != expected or crop.dtype != np.uint8:
            raise ValueError(
                f"{recognizer}: expected crops of shape {expected} and dtype uint8, "
                f"got {crop.shape} and {crop.dtype} at index {index}; cut them with {recognizer}'s align()"
            )


def _as_input(crop: Image) -> torch.Tensor:
    """(112, 112, 3) uint8 to (1, 3, 112, 112) float32 in 0..1."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(crop.transpose(2, 0, 1))[None]).float() / 255


def cosine_distances(a: Templates, b: Templates, recognizer: str) -> NDArray[np.float32]:
    """(n, m) float32 of 1 - a . b for rows of unit length.

    Raises:
        ValueError: the arrays are not two-dimensional with as many columns.
    """
    check_templates(a, b, recognizer)
    return np.asarray(np.clip(1.0 - a.astype(np.float64) @ b.astype(np.float64).T, 0.0, 2.0), np.float32)


def check_templates(a: Templates, b: Templates, recognizer: str) -> None:
    """Refuse templates that cannot be compared.

    Raises:
        ValueError: they are not two-dimensional with as many columns.
    """
    if a.ndim != 2 or b.ndim != 2 or a.shape[1] != b.shape[1]:
        raise ValueError(
            f"{recognizer}: expected templates of shape (n, d) and (m, d), got {a.shape} and {b.shape}; "
            "compare what embed() gave with the same weights"
        )
