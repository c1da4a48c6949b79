"""What the palmprint coders share: a palm square becomes bit planes, which are compared under small shifts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ...analyzers.base import HandAnalysis
from ...datasets.types import Failure, Image
from ..base import RecognizerInfo, Templates
from ..matching.binary_matching import SIDE, check_templates, pack_planes, shifted_hamming
from .palm_crop import align_palm, check_crops


class CodedPalm(ABC):
    """A recognizer whose templates are 32 x 32 bit planes; a class below says which bits, and how far they may shift.

    The distance is that of `binary_matching`: Hamming distance over the overlap at the best shift of each group of
    planes, averaged over the groups.
    """

    info: ClassVar[RecognizerInfo]
    planes: ClassVar[int]
    """Bit planes of a template."""
    planes_per_group: int
    """Planes that move together; it divides `planes`."""
    shift: int
    """Largest shift in either direction, in points of the 32 x 32 grid (4 px each)."""

    @abstractmethod
    def bits(self, crop: Image) -> NDArray[np.bool_]:
        """The code of one (128, 128, 3) uint8 RGB palm square: (planes, 32, 32) booleans."""

    def align(self, image: Image, analysis: HandAnalysis) -> Image | Failure:
        """Cut the palm square: (128, 128, 3) uint8 RGB, or the reason why not."""
        return align_palm(image, analysis)

    def embed(self, crops: Sequence[Image]) -> Templates:
        """Code the crops.

        Args:
            crops: (128, 128, 3) uint8 RGB each.

        Returns:
            (n, planes, 32) uint32; one word a row of the 32 x 32 grid, column c in bit c.

        Raises:
            ValueError: a crop has another shape or dtype.
        """
        check_crops(crops, self.info.name)
        templates = np.empty((len(crops), self.planes, SIDE), np.uint32)
        for template, crop in zip(templates, crops, strict=True):
            template[:] = pack_planes(self.bits(crop))
        return templates

    def distances(self, a: Templates, b: Templates, *, threads: int = 1) -> NDArray[np.float32]:
        """Distances of all pairs; 0 for equal templates, below 0.5 for different palms, at most 1.

        Args:
            a: (n, planes, 32) uint32.
            b: (m, planes, 32) uint32.
            threads: how many threads share the work; the result is the same for any number.

        Returns:
            (n, m) float32.

        Raises:
            ValueError: the arrays are not templates of this recognizer.
        """
        for templates in (a, b):
            check_templates(templates, self.planes, self.info.name)
        return shifted_hamming(a, b, planes_per_group=self.planes_per_group, shift=self.shift, threads=threads)
