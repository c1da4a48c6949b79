"""Classical purification: what a method adds for recognisers alone may not survive a photo's ordinary fate."""

from __future__ import annotations

from typing import ClassVar, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from ..datasets.types import Failure, Image
from .base import AttackerInfo, Published, Target, fits
from .geometry import lay_in, region_box

Step = Literal["jpeg", "median", "half", "bits", "tv"]

JPEG_QUALITY = 30
MEDIAN_SIDE = 5
BITS = 3
TV_WEIGHT = 0.1
REACH = 16
"""px around the region that are treated with it, so that it meets its surroundings as they are."""


class Purify:
    """Treats what the method may have changed in one way; the whole image where it does not say.

    Args:
        step: `jpeg` (quality 30), `median` (5 x 5), `half` (to half the size and back), `bits` (3 bits a channel) or
            `tv` (total variation, Chambolle, weight 0.1).

    Raises:
        ValueError: another step is asked for.
    """

    info: ClassVar[AttackerInfo] = AttackerInfo(
        name="purify",
        version="2",
        modality=("palm", "face"),
        slot="probe",
        description="JPEG, median, half size, few bits or total variation on what the method may have changed",
        knowledge="nothing but the image",
        light=True,
        citation="Guo et al., Countering adversarial images using input transformations, ICLR 2018",
    )

    def __init__(self, step: Step = "jpeg") -> None:
        if step not in get_args(Step):
            raise ValueError(f"expected step {', '.join(get_args(Step))}, got {step!r}")
        self.step: Step = step

    def lacks(self, target: Target) -> str:
        """Any image can be treated."""
        return fits(self.info, target)

    def restore(self, published: Published) -> Image | Failure:
        """The treated image."""
        image, region = published.image, published.region
        box = None if region is None else region_box(region, REACH)
        if region is None or box is None:
            return _STEPS[self.step](image)
        return lay_in(image, box, _STEPS[self.step](image[box]).astype(np.float32), region)


def _jpeg(image: Image) -> Image:
    import cv2

    _, data = cv2.imencode(".jpg", image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    return _as_image(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR))[..., ::-1])


def _median(image: Image) -> Image:
    import cv2

    return _as_image(cv2.medianBlur(image, MEDIAN_SIDE))


def _half(image: Image) -> Image:
    import cv2

    height, width = image.shape[:2]
    small = cv2.resize(image, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
    return _as_image(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC))


def _bits(image: Image) -> Image:
    steps = 2**BITS - 1
    return _as_image(np.rint(np.rint(image / 255.0 * steps) / steps * 255.0))


def _tv(image: Image) -> Image:
    from skimage.restoration import denoise_tv_chambolle

    grey = image.astype(np.float32) / np.float32(255.0)
    smooth = denoise_tv_chambolle(grey, weight=TV_WEIGHT, channel_axis=-1, max_num_iter=30)
    return _as_image(np.clip(np.rint(smooth * 255.0), 0, 255))


def _as_image(pixels: NDArray[np.generic]) -> Image:
    return np.ascontiguousarray(pixels).astype(np.uint8)


_STEPS = {"jpeg": _jpeg, "median": _median, "half": _half, "bits": _bits, "tv": _tv}
