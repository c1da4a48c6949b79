"""What is left outside: the repainted region is greyed out, so that only what the method did not touch can tell."""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from ..datasets.types import Failure, Image
from .base import AttackerInfo, Published, Target, fits

GREY = 128


class Outside:
    """Greys out every pixel that the method may have changed."""

    info: ClassVar[AttackerInfo] = AttackerInfo(
        name="outside",
        version="1",
        modality=("palm", "face"),
        slot="probe",
        description="Greys out what the method may repaint; what is found is in the rest of the image",
        knowledge="which region the method repaints",
        light=True,
    )

    def lacks(self, target: Target) -> str:
        """The method has to say what it repaints."""
        return fits(self.info, target) or ("" if target.repaints else "the method does not say what it may repaint")

    def restore(self, published: Published) -> Image | Failure:
        """The image without the region."""
        if published.region is None:
            return Failure("the method does not say what it may repaint")
        result = published.image.copy()
        result[published.region] = np.uint8(GREY)
        return result
