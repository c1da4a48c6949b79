"""CCNet: learned Gabor filters whose orientations, rows and columns compete."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from ...analyzers.base import HandAnalysis
from ...datasets.types import Failure, Image
from ...weights.files import WeightsError
from ..base import RecognizerInfo, Templates
from .palm_crop import CROP_SIZE, align_palm
from .palm_vectors import LearnedPalm, as_input, check_square_crops, check_vectors, embed_each

if TYPE_CHECKING:
    from .ccnet_network import CCNet as Network

WEIGHTS = "ccnet"


class CCNet(LearnedPalm):
    """CCNet on the 128 px palm square; the distance is the angle between templates over pi.

    The weights that ship have the published body and a head of 256 and 256 instead of 4096 and 2048 numbers. They are
    trained on rendered palms: what they say about photographs is unknown until somebody measures it.

    Args:
        weights: a registered weight file, or a file of your own: a `state_dict` of the official code, with a head of
            any width and any number of classes.
    """

    info: ClassVar[RecognizerInfo] = RecognizerInfo(
        name="ccnet",
        version="1",
        modality="palm",
        description="CCNet: three blocks of competing learned Gabor filters; angle between templates.",
        licence="Apache-2.0",
        citation=(
            "Z. Yang, H. Huangfu, L. Leng, B. Zhang, A. B. J. Teoh, Y. Zhang. Comprehensive competition mechanism in "
            "palmprint recognition. IEEE Trans. Information Forensics and Security 18, 5160-5170, 2023."
        ),
        training_data="700 rendered palms x 6 images that no benchmark set holds",
        weights=(WEIGHTS,),
    )

    _network: Network | None

    def __init__(self, weights: str = WEIGHTS) -> None:
        super().__init__(weights)

    def align(self, image: Image, analysis: HandAnalysis) -> Image | Failure:
        """Cut the palm square: (128, 128, 3) uint8 RGB, or the reason why not."""
        return align_palm(image, analysis)

    def embed(self, crops: Sequence[Image]) -> Templates:
        """Embed the crops.

        Args:
            crops: (128, 128, 3) uint8 RGB each. Black pixels count as no palm.

        Returns:
            (n, d) float32 of unit length; d is 256 with the weights that ship, 2048 with official ones.

        Raises:
            ValueError: a crop has another shape or dtype.
            WeightsError: the weights cannot be had, or are another network's.
        """
        from .ccnet_network import normalise

        check_square_crops(crops, CROP_SIZE, self.info.name)
        network = self._ready()
        return embed_each(network, [normalise(as_input(crop)) for crop in crops], network.fc1.out_features)

    def classify(self, templates: Templates) -> NDArray[np.int64]:
        """For closed sets: which of the identities that the weights were trained on each template is most like.

        Args:
            templates: (n, d), from `embed`.

        Returns:
            (n,) numbers of the classes of the training set.

        Raises:
            WeightsError: the weight file carries no classes.
            ValueError: the arrays are not templates of these weights.
        """
        network = self._ready()
        check_vectors(templates, network.fc1.out_features, self.info.name)
        centres = network.arclayer_.weight.numpy().astype(np.float64)
        if not len(centres):
            raise WeightsError(
                f"the weights {self.weights!r} carry no classes (arclayer_.weight); rank templates instead"
            )
        centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        return np.asarray((templates.astype(np.float64) @ centres.T).argmax(axis=1), np.int64)

    def _ready(self) -> Network:
        if self._network is None:
            import torch

            from ..weight_files.network_weights import read_weights
            from .ccnet_network import from_state

            state = {name: torch.from_numpy(array) for name, array in read_weights(self.weights).items()}
            try:
                self._network = from_state(state)
            except ValueError as error:
                raise WeightsError(f"{self.weights}: {error}") from error
        return self._network
