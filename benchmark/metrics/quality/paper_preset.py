"""Image quality exactly as the evaluation scripts of the palm paper compute it (Yan et al., arXiv:2504.08272).

They differ from this project's own metrics in the images they look at: large ones are reduced, small ones enlarged to
a square for PSNR, SSIM and MS-SSIM, but not for LPIPS; and in LPIPS' network, which is VGG16.
"""

from __future__ import annotations

import numpy as np

from ....datasets.types import Image
from ..values import Undefined
from .multiscale import SMALLEST_SIDE, ms_ssim
from .perceptual import lpips
from .similarity import similarity

LARGEST_SIDE = 2000
ENLARGED_SIDE = 200


def reduced(image: Image) -> Image:
    """The image with its longer side at most 2000 px, Lanczos; the image itself when it is not larger."""
    if max(image.shape[:2]) <= LARGEST_SIDE:
        return image
    from PIL import Image as Pillow

    picture = Pillow.fromarray(image)
    picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE), resample=Pillow.Resampling.LANCZOS)
    return np.array(picture)


def enlarged(image: Image) -> Image:
    """An image with a side below 161 px as a square of 200 px, whatever its shape was, Lanczos; others as they are."""
    if min(image.shape[:2]) >= SMALLEST_SIDE:
        return image
    from PIL import Image as Pillow

    size = (ENLARGED_SIDE, ENLARGED_SIDE)
    return np.array(Pillow.fromarray(image).resize(size, resample=Pillow.Resampling.LANCZOS))


def paper_similarity(original: Image, changed: Image) -> dict[str, float | Undefined]:
    """`psnr` (dB, infinite when nothing differs), `ssim` and `ms_ssim` of a pair.

    Args:
        original, changed: (H, W, 3) uint8. A pair that has two shapes after the resizing has no values.
    """
    before, after = (enlarged(reduced(image)) for image in (original, changed))
    if before.shape != after.shape:
        return dict.fromkeys(("psnr", "ssim", "ms_ssim"), _shapes(before, after))
    found = similarity(before, after)
    return {"psnr": found.psnr, "ssim": found.ssim, "ms_ssim": ms_ssim(before, after)}


def paper_lpips(original: Image, changed: Image, *, device: str = "cpu") -> float | Undefined:
    """LPIPS of a pair with VGG16, of the reduced images."""
    before, after = reduced(original), reduced(changed)
    if before.shape != after.shape:
        return _shapes(before, after)
    found = lpips([before], [after], "vgg", device=device)[0]
    return found if isinstance(found, Undefined) else found.value


def _shapes(before: Image, after: Image) -> Undefined:
    return Undefined(f"the images have different shapes, {before.shape} and {after.shape}")
