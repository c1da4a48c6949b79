"""From a request to the aligned 112 px face that the face methods change, and from that back to the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..analyzers.base import FaceAnalysis
from ..analyzers.face_alignment import (
    FACE_SIZE,
    align_face,
    move_points,
    moves_nothing,
    put_back,
    similarity_to_template,
)
from ..datasets.types import Failure, Image
from .base import Donor, Request

MIN_EYES = 8.0
"""Px of the image; with eyes nearer to each other a face shows too little to work on. The recognisers agree."""

_SOFT = 3.0
"""Px of the aligned face over which a change sets in inside a mask whose tone is kept."""
_FADE = 10.0
"""Px of the aligned face over which a change fades towards its edge."""

JAW = 17
"""Leading points of the 68 that run along the jaw; the other 51 are brows, nose, eyes and mouth."""


@dataclass(frozen=True, slots=True, eq=False)
class FaceCanvas:
    """The aligned face of one request."""

    request: Request
    face: Image
    """(112, 112, 3) uint8 RGB."""
    transform: NDArray[np.float64]
    """(2, 3), points of the image to points of the aligned face."""

    @property
    def grey(self) -> bool:
        """All three channels are the same; then what comes out shall be grey too."""
        return bool((self.face == self.face[..., :1]).all())

    def finished(self, changed: Image) -> Image:
        """The request's image with its face changed to this one.

        Where the face was cut out of a larger picture, the change fades towards the crop's edge, so that it does not
        end in a line; no change becomes larger by that.
        """
        if not moves_nothing(self.transform, self.request.image.shape):
            away = (changed.astype(np.float32) - self.face) * _fading()[..., None]
            changed = np.clip(np.rint(self.face + away), 0, 255).astype(np.uint8)
        return put_back(self.request.image, self.face, changed, self.transform)


def canvas_of(request: Request) -> FaceCanvas | Failure:
    """Cut the aligned face, or say why it cannot be."""
    problem = _problem(request.face, request.image)
    if problem:
        return Failure(problem)
    transform = similarity_to_template(request.face.landmarks_5)
    return FaceCanvas(request, align_face(request.image, request.face.landmarks_5), transform)


def aligned(donor: Donor) -> Image | None:
    """(112, 112, 3) uint8 RGB of another person's face, or None where it cannot be cut."""
    if _problem(donor.face, donor.image):
        return None
    return align_face(donor.image, donor.face.landmarks_5)


def _problem(analysis: FaceAnalysis, image: Image) -> str | None:
    """Why no face can be cut."""
    points = np.asarray(analysis.landmarks_5, dtype=np.float64)
    if points.shape != (5, 2) or not np.isfinite(points).all():
        return "the five landmarks of the face are not all there"
    if np.hypot(*(points[1] - points[0])) < MIN_EYES:
        return f"the eyes are less than {MIN_EYES:.0f} px apart"
    height, width = image.shape[:2]
    if (points.max(axis=0) < 0).any() or (points.min(axis=0) > (width - 1, height - 1)).any():
        return "the face lies outside the image"
    return None


def feature_mask(canvas: FaceCanvas, radius: float) -> NDArray[np.bool_] | Failure:
    """Pixels of the aligned face near brows, eyes, nose and mouth.

    Args:
        canvas: its analysis needs 68 landmarks; the 17 of the jaw are not looked at.
        radius: px of the aligned face; 0 gives an empty mask.

    Returns:
        (112, 112), true where one of the 51 points is no further away than the radius; or why there is none.
    """
    points = canvas.request.face.landmarks_68
    if points is None:
        return Failure("the analysis has no 68 landmarks, which the mask is made of; take an analyzer that gives them")
    inner = np.asarray(points, dtype=np.float32)[JAW:]
    if inner.shape != (68 - JAW, 2) or not np.isfinite(inner).all():
        return Failure("the landmarks of brows, eyes, nose and mouth are not all there")
    there = move_points(inner, canvas.transform).astype(np.float64)
    rows, columns = np.mgrid[:FACE_SIZE, :FACE_SIZE]
    squared = (columns[..., None] - there[:, 0]) ** 2 + (rows[..., None] - there[:, 1]) ** 2
    return np.asarray((squared.min(axis=-1) <= radius**2) & (radius > 0), dtype=np.bool_)


def on_image(canvas: FaceCanvas, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(H, W) pixels of the image that a change inside a mask (112, 112) of the aligned face can reach."""
    import cv2

    image = canvas.request.image
    if moves_nothing(canvas.transform, image.shape):
        return mask.copy()
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    size = (image.shape[1], image.shape[0])
    back = cv2.warpAffine(mask.astype(np.float32), canvas.transform, size, flags=flags, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(back > 0, dtype=np.bool_)


def keep_tone(face: Image, changed: Image, mask: NDArray[np.bool_], sigma: float) -> Image:
    """The changed face with the original's tone inside the mask, and a soft border there.

    Colour coarser than `sigma` and lightness coarser than twice that come from the original, blurred within the mask
    alone, in CIELAB. Grey faces have no colour to keep and stay grey.

    Args:
        face: (112, 112, 3) uint8 RGB.
        changed: the same face, changed inside the mask.
        mask: (112, 112).
        sigma: px; 0 gives `changed` back.
    """
    import cv2

    if sigma <= 0 or np.array_equal(face, changed):
        return changed
    weight = mask.astype(np.float32)
    before, after = (cv2.cvtColor(each.astype(np.float32) / 255, cv2.COLOR_RGB2LAB) for each in (face, changed))
    apart = (before - after) * weight[..., None]
    wide, narrow = (cv2.GaussianBlur(apart, (0, 0), width) for width in (2 * sigma, sigma))
    around, near = (np.maximum(cv2.GaussianBlur(weight, (0, 0), width), 1e-3) for width in (2 * sigma, sigma))
    tone = np.dstack([wide[..., 0] / around, narrow[..., 1] / near, narrow[..., 2] / near])
    depth = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    share = np.clip(depth / _SOFT, 0, 1)[..., None]
    made = cv2.cvtColor((before + (after + tone - before) * share).astype(np.float32), cv2.COLOR_LAB2RGB) * 255
    if (face == face[..., :1]).all():
        made = np.repeat(made.mean(axis=2, keepdims=True), 3, axis=2)
    result = face.copy()
    result[mask] = np.clip(np.rint(made), 0, 255).astype(np.uint8)[mask]
    return result


def _fading() -> NDArray[np.float32]:
    """(112, 112) shares: 0 at the edge of the aligned face, 1 from `_FADE` px inside it on."""
    steps = np.minimum(np.arange(FACE_SIZE), np.arange(FACE_SIZE)[::-1]) / np.float32(_FADE)
    ramp = np.clip(np.minimum.outer(steps, steps), 0, 1)
    return np.asarray(ramp * ramp * (3 - 2 * ramp), dtype=np.float32)


def to_tensor(face: Image) -> Any:
    """(1, 3, 112, 112) float32, 0..255, of (112, 112, 3) uint8. On the CPU."""
    import torch

    return torch.from_numpy(np.ascontiguousarray(face.transpose(2, 0, 1))[None]).float()


def to_image(face: Any, grey: bool) -> Image:
    """(112, 112, 3) uint8 of (1, 3, 112, 112), 0..255, rounded; with `grey` the channels' mean in all three."""
    values = face[0].detach().cpu().double()
    if grey:
        values = values.mean(dim=0, keepdim=True).expand(3, -1, -1)
    return np.ascontiguousarray(values.round().clamp(0, 255).permute(1, 2, 0).numpy().astype(np.uint8))
