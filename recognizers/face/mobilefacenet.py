"""MobileFaceNet: the small face network that many apps and most papers on face privacy use."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ..base import RecognizerInfo
from .face_crop import FaceRecognizer

if TYPE_CHECKING:
    from .face_network import AlignedFaceNetwork

WEIGHTS = "mobilefacenet-expo"


class MobileFaceNet(FaceRecognizer):
    """MobileFaceNet; distance 1 - cosine.

    Args:
        weights: a registered weight file (`mobilefacenet-expo`, `mobilefacenet-faceplugin`), or a file of your own: a
            `state_dict` of InsightFace_Pytorch, cavaface (GDC head), arcface_torch (`get_mbf`, scale 1 or 2) or
            foamliu. The layout is told from the names in it.
    """

    info: ClassVar[RecognizerInfo] = RecognizerInfo(
        name="mobilefacenet",
        version="1",
        modality="face",
        description="MobileFaceNet on aligned 112 px faces, 192 numbers, distance 1 - cosine.",
        licence="Apache-2.0 (code), MIT (default weights)",
        citation=(
            "S. Chen, Y. Liu, X. Gao, Z. Han. MobileFaceNets: Efficient CNNs for Accurate Real-Time Face Verification "
            "on Mobile Devices. CCBR 2018."
        ),
        training_data="not stated by the package that the default weights come from",
        weights=(WEIGHTS,),
    )

    def __init__(self, weights: str = WEIGHTS) -> None:
        super().__init__(weights)

    def _build(self) -> AlignedFaceNetwork:
        from ..weight_files.network_weights import read_weights
        from .mobilefacenet_layouts import build

        return build(read_weights(self.weights), self.weights)
