"""Image quality exactly as the evaluation scripts of the palm paper compute it (Yan et al., arXiv:2504.08272).

They differ from this project's own metrics in the images they look at: large ones are reduced, small ones enlarged to
a square for PSNR, SSIM and MS-SSIM, but not for LPIPS; and in LPIPS' network, which is VGG16.
"""

from __future__ import annotations

import numpy as np

from ....datasets.types import Image
from ..citations import PALM_PAPER
from ..metric import Direction, Metric
from ..values import Undefined
from .multiscale import SMALLEST_SIDE, ms_ssim
from .perceptual import lpips
from .similarity import similarity
from .wording import WEIGHTS

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

    >>> white = np.full((100, 120, 3), 255, np.uint8)
    >>> paper_similarity(white, white)  # enlarged to 200 x 200
    {'psnr': inf, 'ssim': 1.0, 'ms_ssim': 1.0}
    """
    before, after = (enlarged(reduced(image)) for image in (original, changed))
    if before.shape != after.shape:
        return dict.fromkeys(("psnr", "ssim", "ms_ssim"), _shapes(before, after))
    found = similarity(before, after)
    return {"psnr": found.psnr, "ssim": found.ssim, "ms_ssim": ms_ssim(before, after)}


def paper_lpips(original: Image, changed: Image, *, device: str = "cpu") -> float | Undefined:
    """LPIPS of a pair with VGG16, of the reduced images.

    >>> tiny = np.zeros((8, 8, 3), np.uint8)
    >>> paper_lpips(tiny, tiny).reason
    'LPIPS (vgg) needs at least 16 px a side, got 8'
    """
    before, after = reduced(original), reduced(changed)
    if before.shape != after.shape:
        return _shapes(before, after)
    found = lpips([before], [after], "vgg", device=device)[0]
    return found if isinstance(found, Undefined) else found.value


def _shapes(before: Image, after: Image) -> Undefined:
    return Undefined(f"the images have different shapes, {before.shape} and {after.shape}")


_RULES = (
    "As the paper's evaluation scripts: images of more than 2000 px a side are reduced to that (Lanczos), and, except "
    "for LPIPS, images with a side below 161 px become squares of 200 px."
)
_IN_BETWEEN = "Between 161 and 2000 px a side it is the same number as ours."


def _paper(of: str, shown: str, order: int, unit: str = "", better: Direction = "higher") -> Metric:
    network = of.startswith("lpips")
    return Metric(
        name=f"{of.partition('_vgg')[0]}_paper",
        title=f"{shown.partition(' ')[0]} (paper)",
        group="quality",
        unit=unit,
        better=better,
        low=None if of == "ssim" else 0.0,
        high=None,
        definition=f"{shown} by the palm paper's own evaluation, to be put beside its Table III.",
        formula=f"as {of}, after resizing",
        citation=f"{PALM_PAPER}, Table III",
        function=paper_lpips if network else paper_similarity,
        source="rows",
        decimals=1 if unit else 3,
        order=order,
        resampling="images",
        protocol=("images",),
        how=_RULES,
        caveat=f"{_IN_BETWEEN} {WEIGHTS if network else 'Given only in runs with --quality full.'}",
    )


METRICS = (
    _paper("psnr", "PSNR", 150, unit="dB"),
    _paper("ssim", "SSIM", 160),
    _paper("ms_ssim", "MS-SSIM", 170),
    _paper("lpips_vgg", "LPIPS with VGG16", 180, better="lower"),
)
