"""Every quality metric of one pair original | de-identified image, by its name in records."""

from __future__ import annotations

from collections.abc import Sequence

from ....datasets.types import Image
from ..values import Undefined
from .changes import Region
from .multiscale import ms_ssim
from .perceptual import Net, Perceptual, lpips
from .similarity import similarity

NETS: tuple[Net, ...] = ("alex", "vgg")


def image_quality(
    original: Image,
    changed: Image,
    region: Region | None = None,
    *,
    nets: Sequence[Net] = NETS,
    device: str = "cpu",
) -> dict[str, float | Undefined]:
    """PSNR, SSIM, MS-SSIM and LPIPS of a pair, and those of a region of it.

    Args:
        original: (H, W, 3) uint8.
        changed: same shape.
        region: (H, W) bool, the protected part; None leaves the metrics of the region without values.
        nets: LPIPS' networks; none of them leaves LPIPS out, which takes nearly all the time.
        device: torch's name of where they run.

    Returns:
        `psnr` (infinite when nothing differs), `ssim`, `ms_ssim`, `psnr_region`, `ssim_region` and, for every net,
        `lpips_<net>` and `lpips_<net>_region`.

    Raises:
        ValueError: the shapes or types differ from these.
    """
    pixels = similarity(original, changed, region)
    found: dict[str, float | Undefined] = {
        "psnr": pixels.psnr,
        "ssim": pixels.ssim,
        "ms_ssim": ms_ssim(original, changed),
        "psnr_region": pixels.psnr_region,
        "ssim_region": pixels.ssim_region,
    }
    for net in nets:
        seen = lpips([original], [changed], net, [region], device=device)[0]
        whole, part = (seen.value, seen.region) if isinstance(seen, Perceptual) else (seen, seen)
        found[f"lpips_{net}"], found[f"lpips_{net}_region"] = whole, part
    return found
