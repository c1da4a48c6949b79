"""Sentences that several quality metrics share."""

from __future__ import annotations

from typing import Final

PAIR: Final = (
    "Mean over the pairs original | de-identified image at full size, with the population standard deviation. Images "
    "the method failed on are left out and counted."
)
REGION: Final = (
    "As on the whole image, over the pixels that the method says it may repaint; methods that do not say have none."
)
BOX: Final = (
    "As on the whole image, over the bounding box of the pixels that the method says it may repaint; methods that do "
    "not say have none."
)
SIZE: Final = (
    "A method that repaints a small region is near the best value on the whole image whatever it paints there."
)
COVERAGE: Final = "Regions differ between methods: read it beside the ROI coverage."
NETWORK: Final = "Given where torch and the weight file are at hand."
WEIGHTS: Final = "Given only in runs with --quality full, where torch and the weight file are at hand."
