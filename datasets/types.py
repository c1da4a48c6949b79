"""The words that every room uses: an image, a hand's side, what images show, and that something could not be done.

Nothing here imports anything of the package, so that any room may.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
"""(H, W, 3) RGB, 0..255. Nothing else crosses a room's border."""

Hand = Literal["left", "right"]
Aspect = Literal["palmar", "dorsal"]
"""Which side of a hand an image shows: the palm, or the back."""
Modality = Literal["palm", "face"]

ProgressCallback = Callable[[int, int], None]
"""Called with (done, total) while something long is prepared."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Something could not be done for one image; `reason` is a short sentence without file names, so that
    reasons can be counted."""

    reason: str
