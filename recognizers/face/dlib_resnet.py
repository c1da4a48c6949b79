"""dlib's face recognition network, read from dlib's own file."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..base import RecognizerInfo, Templates
from .face_crop import FaceRecognizer, check_templates

if TYPE_CHECKING:
    from .face_network import AlignedFaceNetwork

WEIGHTS = "dlib-face-resnet"


class DlibResnet(FaceRecognizer):
    """dlib's ResNet-29: the same descriptors as dlib itself on the same chips; Euclidean distance.

    dlib cuts its 150 px chips out of the image by 5 or 68 points of its own. Here the chip is sampled out of the
    aligned 112 px face, by the similarity that brings the ArcFace template to dlib's mean face.

    Args:
        weights: a registered weight file, or a file of your own that dlib has saved with this network.
    """

    info: ClassVar[RecognizerInfo] = RecognizerInfo(
        name="dlib_resnet",
        version="1",
        modality="face",
        description="dlib's 29-layer ResNet on 150 px chips, 128 numbers, Euclidean distance.",
        licence="Apache-2.0 (code), CC0-1.0 (weights)",
        citation="D. E. King. Dlib-ml: A Machine Learning Toolkit. JMLR 10, 1755-1758, 2009.",
        training_data="about 3 million faces of 7485 people: FaceScrub, VGG-Face and images gathered by the author",
        weights=(WEIGHTS,),
    )
    unit_length = False  # dlib's threshold means descriptors as they are; network() gives them at unit length

    def __init__(self, weights: str = WEIGHTS) -> None:
        super().__init__(weights)

    def distances(self, a: Templates, b: Templates) -> NDArray[np.float32]:
        """Euclidean distances, (n, m) float32; dlib takes faces nearer than 0.6 for the same person."""
        check_templates(a, b, self.info.name)
        left, right = a.astype(np.float64), b.astype(np.float64)
        squares = (left**2).sum(axis=1)[:, None] + (right**2).sum(axis=1)[None] - 2 * left @ right.T
        return np.asarray(np.sqrt(np.maximum(squares, 0)), np.float32)

    def _build(self) -> AlignedFaceNetwork:
        from ..weight_files.dlib_tensors import read_layers
        from ..weight_files.network_weights import weight_file
        from .dlib_resnet_network import build

        return build(read_layers(weight_file(self.weights)), self.weights)
