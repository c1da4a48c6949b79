"""FaceNet's Inception-ResNet v1, for weights of facenet-pytorch."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ..base import RecognizerInfo
from .face_crop import FaceRecognizer

if TYPE_CHECKING:
    from .face_network import AlignedFaceNetwork

WEIGHTS = "facenet-vggface2"
SIDE = 160
MARGIN = 160 / 146
"""facenet-pytorch's own evaluation leaves a margin of 14 of 160 px around MTCNN's box."""


class Facenet(FaceRecognizer):
    """FaceNet; distance 1 - cosine.

    The weights were made for MTCNN's boxes, enlarged by a tenth and brought to 160 x 160 px, not turned. Here that box
    is where MTCNN's box lies in an aligned face on average, so faces are also turned upright.

    Args:
        weights: a registered weight file (`facenet-vggface2`, `facenet-casia`), or a file of your own: a `state_dict`
            of facenet-pytorch's InceptionResnetV1, with its classifier or without. Nobody has published digests of the
            registered ones: download one and take it in with `deid-bench weights add`.
    """

    info: ClassVar[RecognizerInfo] = RecognizerInfo(
        name="facenet",
        version="1",
        modality="face",
        description="Inception-ResNet v1 of FaceNet on 160 px crops, 512 numbers, distance 1 - cosine.",
        licence="Apache-2.0 (code), MIT (port of the weights)",
        citation="F. Schroff, D. Kalenichenko, J. Philbin. FaceNet. CVPR 2015; C. Szegedy et al. arXiv:1602.07261.",
        training_data="VGGFace2 or CASIA-WebFace, as the weights say",
        weights=(WEIGHTS,),
    )

    def __init__(self, weights: str = WEIGHTS) -> None:
        super().__init__(weights)

    def _build(self) -> AlignedFaceNetwork:
        from ..weight_files.network_weights import read_weights
        from .face_network import MTCNN_BOX, AlignedFaceNetwork, around_box, load_strictly
        from .facenet_network import InceptionResnetV1

        tensors = read_weights(self.weights)
        network = InceptionResnetV1()
        load_strictly(network, {name: a for name, a in tensors.items() if not name.startswith("logits.")}, self.weights)
        window = around_box(MARGIN * MTCNN_BOX[2], MARGIN * MTCNN_BOX[3], SIDE)
        return AlignedFaceNetwork(network, mean=(127.5,) * 3, std=(128.0,) * 3, window=window)
