"""50-layer networks with squeeze and excitation: IR-SE50 and VGGFace2's SENet-50."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ..base import RecognizerInfo
from .face_crop import FaceRecognizer

if TYPE_CHECKING:
    from .face_network import AlignedFaceNetwork

WEIGHTS = "ir-se50"
VGGFACE2_MEAN_BGR = (91.4953, 103.8827, 131.0912)
SIDE = 224
ENLARGED = 1.3 * SIDE / 256
"""VGGFace2 enlarges MTCNN's box by 1.3, brings its shorter side to 256 px and takes the middle 224."""


class SeResnet50(FaceRecognizer):
    """A residual network of 50 layers with squeeze and excitation; distance 1 - cosine.

    The names in the weight file say which of two: IR-SE50 sees the aligned face as it is (512 numbers), VGGFace2's
    SENet-50 a crop of 224 px (2048 numbers) around where MTCNN's box lies in an aligned face on average.

    Args:
        weights: a registered weight file (`ir-se50`, `senet50-vggface2`), or a file of your own: a `state_dict` of
            InsightFace_Pytorch's IR-SE50 or of VGGFace2-pytorch's senet50, with its classifier or without. Nobody has
            published digests of the registered ones: download one and take it in with `deid-bench weights add`.
    """

    info: ClassVar[RecognizerInfo] = RecognizerInfo(
        name="se_resnet50",
        version="1",
        modality="face",
        description="IR-SE50 or SENet-50, as the weights say, distance 1 - cosine.",
        licence="Apache-2.0 (code), MIT (ports of the weights)",
        citation=(
            "J. Hu, L. Shen, G. Sun. Squeeze-and-Excitation Networks. CVPR 2018; J. Deng et al. ArcFace. CVPR 2019; "
            "Q. Cao et al. VGGFace2. FG 2018."
        ),
        training_data="MS-Celeb-1M, or MS-Celeb-1M and VGGFace2, as the weights say",
        weights=(WEIGHTS,),
    )

    def __init__(self, weights: str = WEIGHTS) -> None:
        super().__init__(weights)

    def _build(self) -> AlignedFaceNetwork:
        from ..weight_files.network_weights import read_weights
        from .face_network import MTCNN_BOX, AlignedFaceNetwork, around_box, load_strictly
        from .se_resnet50_network import IrSe50, SeNet50

        tensors = read_weights(self.weights)
        if "input_layer.0.weight" in tensors:
            aligned = IrSe50()
            load_strictly(aligned, tensors, f"{self.weights} (layout IR-SE50)")
            return AlignedFaceNetwork(aligned, mean=(127.5,) * 3, std=(127.5,) * 3)
        upright = SeNet50()
        own = {name: array for name, array in tensors.items() if not name.startswith("fc.")}
        load_strictly(upright, own, f"{self.weights} (layout SENet-50)")
        side = ENLARGED * min(MTCNN_BOX[2:])
        window = around_box(side, side, SIDE)
        return AlignedFaceNetwork(upright, mean=VGGFACE2_MEAN_BGR, std=(1.0,) * 3, window=window, bgr=True)
