"""Which way the hand's pixels are found: GrabCut or SAM 2."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..datasets.types import Image
from .palm_roi import Points
from .sam2_masks import DEFAULT, Sam2Masks

MaskMethod = Literal["grabcut", "sam2"]


class HandMasks:
    """A mask for a hand whose keypoints are known.

    Args:
        method: `grabcut` needs nothing but the image; `sam2` needs that network's files.
        sam2: Hugging Face id or folder of the SAM 2 model.
        device: where SAM 2 runs.
        dtype: what SAM 2 computes in.

    Raises:
        ValueError: a parameter is wrong, or a SAM 2 model is named and not used.
    """

    def __init__(self, method: MaskMethod, sam2: str = DEFAULT, device: str = "cpu", dtype: str = "float32") -> None:
        if method not in get_args(MaskMethod):
            raise ValueError(f"mask must be one of {', '.join(get_args(MaskMethod))}, got {method!r}")
        if method != "sam2" and sam2 != DEFAULT:
            raise ValueError(f"sam2={sam2} is only used with mask=sam2, got mask={method}")
        self._sam2 = Sam2Masks(sam2, device, dtype) if method == "sam2" else None

    def __call__(self, image: Image, keypoints_2d: Points) -> NDArray[np.bool_]:
        """(H, W) bool: the hand's pixels in an (H, W, 3) image; keypoints are (21, 2) px.

        Raises:
            WeightsError: SAM 2 was chosen and its files cannot be had.
        """
        if self._sam2 is not None:
            return self._sam2(image, keypoints_2d)
        from .hand_mask import hand_mask

        return hand_mask(image, keypoints_2d)

    def digests(self) -> dict[str, str]:
        """SHA-256 of the files it reads, by name; empty for GrabCut."""
        return self._sam2.digests() if self._sam2 is not None else {}
