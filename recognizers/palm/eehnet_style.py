"""`eehnet_style`: the whole hand, its parts found by spatial transformers; in the place of an unpublished network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from ...analyzers.base import HandAnalysis
from ...datasets.types import Failure, Image
from ...weights.files import WeightsError
from ..base import RecognizerInfo, Templates
from .hand_crop import HAND_SIZE, align_hand
from .palm_vectors import LearnedPalm, as_input, check_square_crops, embed_each

if TYPE_CHECKING:
    from .eehnet_network import EehnetStyleNet

WEIGHTS = "eehnet-style"
_DIMENSION = 256


class EehnetStyle(LearnedPalm):
    """A full-hand recogniser in the manner of EEHNet, of which neither code nor weights nor details are public.

    Known of EEHNet: a multi-spatial-transformer network finds the palm and the fingers, the aligned parts go into CNNs,
    and all of it is trained end to end with several losses. Everything else here is our own choice:

    - The analysis gives the hand's square (upright, index finger at the left, 352 px, grey) and nothing else; palm and
      fingers are found in it by the network.
    - A small CNN on the square at 88 px gives six similarities (middle, size, turn): palm and five fingers. The palm
      is sampled to 96 x 96 px, each finger to 96 x 32 px, each brought to mean 0 and deviation 1.
    - The palm has a CNN of seven layers, the fingers share one of four; the six similarities (the shape of the hand)
      enter by a small MLP. 192 + 5 x 32 + 32 numbers become 256; the distance is the angle between them over pi.
    - Trained from nothing: ArcFace on the whole, on the palm alone and on the rest alone, a contrastive loss, and the
      distance of the similarities from those of the renderer's keypoints.

    Grey, because skin colour in rendered images says more than it does in photographs.

    Args:
        weights: a registered weight file, or a file of your own that `training/palm_recognizers` has made.
    """

    info: ClassVar[RecognizerInfo] = RecognizerInfo(
        name="eehnet_style",
        version="1",
        modality="palm",
        description="Full hand in the manner of EEHNet (own design): palm and fingers found by spatial transformers.",
        licence="Apache-2.0",
        citation=(
            "In the manner of W. M. Matkowski, X. Li, A. W. K. Kong. Improving hand recognition in uncontrolled and "
            "uncooperative environments using multiple spatial transformers and loss functions. arXiv:2311.05383, 2023."
        ),
        training_data="700 rendered hands x 6 images that no benchmark set holds",
        weights=(WEIGHTS,),
    )

    _network: EehnetStyleNet | None

    def __init__(self, weights: str = WEIGHTS) -> None:
        super().__init__(weights)

    def align(self, image: Image, analysis: HandAnalysis) -> Image | Failure:
        """Cut the hand's square: (352, 352, 3) uint8 RGB, or the reason why not."""
        return align_hand(image, analysis)

    def embed(self, crops: Sequence[Image]) -> Templates:
        """Embed the crops.

        Args:
            crops: (352, 352, 3) uint8 RGB each.

        Returns:
            (n, 256) float32 of unit length.

        Raises:
            ValueError: a crop has another shape or dtype.
            WeightsError: the weights cannot be had, or are another network's.
        """
        check_square_crops(crops, HAND_SIZE, self.info.name)
        return embed_each(self._ready(), [as_input(crop) for crop in crops], _DIMENSION)

    def _ready(self) -> EehnetStyleNet:
        if self._network is None:
            import torch

            from ..weight_files.network_weights import read_weights
            from .eehnet_network import from_state

            state = {name: torch.from_numpy(array) for name, array in read_weights(self.weights).items()}
            try:
                self._network = from_state(state)
            except RuntimeError as error:
                raise WeightsError(f"{self.weights}: not a network of eehnet_style: {error}") from error
        return self._network
