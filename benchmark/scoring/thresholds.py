"""The thresholds of equal error, and which of them a protocol reports at."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..metrics.recognition.error_rates import EerPoint
from ..metrics.values import Undefined
from ..protocols import ThresholdSet


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Every threshold between two has the EER of the originals; where these separate wholly, that is the whole gap."""

    lowest: float
    """An observed distance; NaN where there is no threshold."""
    laxest: float
    """Just below where they end: accepts most, which is worst for privacy wherever a rejection counts as protection."""
    whole: bool
    """Whether the protocol reports over all of them; else at the lowest."""

    @staticmethod
    def of(point: EerPoint | Undefined, rule: ThresholdSet) -> Thresholds:
        """Of the originals that set the threshold."""
        if isinstance(point, Undefined):
            return Thresholds(math.nan, math.nan, rule == "eer-range")
        return Thresholds(point.threshold, point.laxest, rule == "eer-range")

    @property
    def headline(self) -> float:
        """Where the number itself is taken."""
        return self.laxest if self.whole else self.lowest
