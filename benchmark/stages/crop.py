"""The stage that cuts aligned faces: what it stores is both the crop and the analysis moved into it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ...analyzers.base import FaceAnalysis, Missing
from ...analyzers.face_alignment import move_points, similarity_to_template, warp_face
from ...datasets.types import Image
from ..planning.tasks import Task
from ..storage.store import Payload
from .guard import Crash, guarded
from .inputs import Context, Made, analysis_payload, load_analysis, load_image


def crop(tasks: Sequence[Task], context: Context) -> list[Made]:
    """Carry out crop tasks."""
    return [_crop_one(task, context) for task in tasks]


def _crop_one(task: Task, context: Context) -> Made:
    from ...datasets.images import write_png

    image, analysis = load_image(task, 0, context), load_analysis(task.inputs[0], context)
    if analysis is None:
        return Crash("the image's analysis is gone; run the same command again")
    if isinstance(analysis, Missing):
        return Payload({"failure": analysis.reason})
    if not isinstance(image, np.ndarray):
        return image
    if not isinstance(analysis, FaceAnalysis):
        return Crash("expected the analysis of a face to cut by, got that of a hand; name an analyzer for faces")

    def cut() -> Payload:
        try:
            face, moved = cut_face(image, analysis, task.size)
        except ValueError as error:  # a fact about this image, not a mishap
            return Payload({"failure": f"the face cannot be aligned: {error}"})
        payload = analysis_payload(moved, (task.size, task.size))
        return Payload(payload.meta, payload.arrays, {"image.png": write_png(face)})

    return guarded(cut, context.seconds_per_image)


def cut_face(image: Image, analysis: FaceAnalysis, size: int) -> tuple[Image, FaceAnalysis]:
    """The aligned face, and where everything lies in it.

    Args:
        image: (H, W, 3) uint8 RGB.
        analysis: of the image.
        size: side of the crop in px.

    Returns:
        (size, size, 3) uint8, and the analysis in px of the crop. The box is the one around the moved corners of the
        old one, since an aligned face may be turned.

    Raises:
        ValueError: the landmarks cannot be aligned.
    """
    transform = similarity_to_template(analysis.landmarks_5, size)
    x0, y0, x1, y1 = analysis.box
    corners = move_points(np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], dtype=np.float32), transform)
    dense = analysis.landmarks_68
    moved = replace(
        analysis,
        box=np.concatenate([corners.min(axis=0), corners.max(axis=0)]).astype(np.float32),
        landmarks_5=move_points(analysis.landmarks_5, transform),
        landmarks_68=None if dense is None else move_points(dense, transform),
        mask=None if analysis.mask is None else _warped(analysis.mask, transform, size),
    )
    return warp_face(image, transform, size), moved


def _warped(mask: NDArray[np.bool_], transform: NDArray[np.float64], size: int) -> NDArray[np.bool_]:
    import cv2

    found = cv2.warpAffine(mask.astype(np.uint8), transform, (size, size), flags=cv2.INTER_NEAREST)
    return np.asarray(found > 0, dtype=np.bool_)
