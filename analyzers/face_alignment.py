"""Aligned faces: the 112 x 112 template of ArcFace, cutting a face to it and putting a changed face back."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..datasets.types import Image

FACE_SIZE = 112
"""Side of an aligned face in px."""

TEMPLATE: NDArray[np.float64] = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]]
)
"""(5, 2) px of an aligned face: left eye, right eye, nose tip, left and right mouth corner as seen in the image; the
places that ArcFace (Deng et al., CVPR 2019) and most recognisers since were trained with."""

_STILL = 0.02
"""A map that moves no corner of the aligned face by more px than this counts as none: the image is taken as it is."""


def similarity_to_template(landmarks_5: NDArray[np.float32], size: int = FACE_SIZE) -> NDArray[np.float64]:
    """Least-squares similarity (turn, scale, shift; no mirroring) that brings five landmarks to the template.

    Args:
        landmarks_5: (5, 2) px of the image.
        size: side of the aligned face; the template is scaled with it.

    Returns:
        (2, 3) map of image points to points of the aligned face; the whole-number coordinates are pixel centres.

    Raises:
        ValueError: the landmarks have another shape, are not finite, or fall into one point.
    """
    points = np.asarray(landmarks_5, dtype=np.float64)
    if points.shape != (5, 2) or not np.isfinite(points).all():
        raise ValueError(f"expected five finite landmarks of shape (5, 2), got {points.shape}; detect the face again")
    target = (TEMPLATE + 0.5) * (size / FACE_SIZE) - 0.5
    source_middle, target_middle = points.mean(axis=0), target.mean(axis=0)
    source, goal = points - source_middle, target - target_middle
    spread = float((source**2).sum())
    if spread < 1e-6:
        raise ValueError("expected five landmarks apart from each other, got one point; detect the face again")
    # In the plane the least-squares similarity without mirroring has a closed form (Umeyama, 1991, in two dimensions).
    cosine = float((source * goal).sum()) / spread
    sine = float((source[:, 0] * goal[:, 1] - source[:, 1] * goal[:, 0]).sum()) / spread
    turn = np.array([[cosine, -sine], [sine, cosine]])
    return np.hstack([turn, (target_middle - turn @ source_middle)[:, None]])


def moves_nothing(transform: NDArray[np.float64], shape: tuple[int, ...], size: int = FACE_SIZE) -> bool:
    """Whether an image of this shape already is the aligned face of this map."""
    if tuple(shape[:2]) != (size, size):
        return False
    corners = np.array([[0, 0, 1], [size, 0, 1], [0, size, 1], [size, size, 1]], dtype=np.float64)
    return bool(np.abs(corners @ transform.T - corners[:, :2]).max() <= _STILL)


def align_face(image: Image, landmarks_5: NDArray[np.float32], size: int = FACE_SIZE) -> Image:
    """Cut the aligned face: (size, size, 3) uint8 RGB; outside the image is black, as in the recognisers' training.

    An image that already is aligned comes back as it is.

    Raises:
        ValueError: see `similarity_to_template`.
    """
    transform = similarity_to_template(landmarks_5, size)
    return warp_face(image, transform, size)


def warp_face(image: Image, transform: NDArray[np.float64], size: int = FACE_SIZE) -> Image:
    """As `align_face`, with the map at hand. When shrinking, the image is smoothed first, so that nothing aliases."""
    import cv2

    if moves_nothing(transform, image.shape, size):
        return image.copy()
    scale = float(np.sqrt(abs(np.linalg.det(transform[:, :2]))))
    if scale < 0.8:
        image = cv2.GaussianBlur(image, (0, 0), 0.45 * (1 / scale - 0.6)).astype(np.uint8)
    warped = cv2.warpAffine(image, transform, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.ascontiguousarray(warped, dtype=np.uint8)


def move_points(points: NDArray[np.float32], transform: NDArray[np.float64]) -> NDArray[np.float32]:
    """(n, 2) points through a (2, 3) map."""
    return (points.astype(np.float64) @ transform[:, :2].T + transform[:, 2]).astype(np.float32)


def put_back(image: Image, aligned: Image, changed: Image, transform: NDArray[np.float64]) -> Image:
    """The image with the aligned face's change carried over; pixels where nothing changed keep their bytes.

    The difference of the two aligned faces is warped back and added, so that what the crop lost in sharpness is
    not lost in the image.

    Args:
        image: (H, W, 3) uint8.
        aligned: (size, size, 3) uint8, the face as cut.
        changed: the same face after a method.
        transform: (2, 3), image to aligned face.
    """
    import cv2

    if moves_nothing(transform, image.shape, aligned.shape[0]):
        return changed.copy()
    change = changed.astype(np.float32) - aligned.astype(np.float32)
    height, width = image.shape[:2]
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    back = cv2.warpAffine(change, transform, (width, height), flags=flags, borderMode=cv2.BORDER_CONSTANT)
    restored: Image = np.clip(np.rint(image.astype(np.float32) + back), 0, 255).astype(np.uint8)
    return restored
